"""What a sandbox may be told when it is started, as values and as a command line."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_args

import orjson
from pydantic import TypeAdapter, ValidationError

from bulk.errors import UsageError
from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerly import SANDBOX_TOKEN
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.faults import Faults
from bulk.sandbox.http_behaviour import HttpBehaviour
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.server import LimitHeaders
from bulk.sandbox.window import Kind, Limit, Rate, parse_rate

HIGHEST_PORT = 65535
Urls = dict[str, str]
"""The base URL of each system by its name, and ``control``."""
SYSTEMS = ("customerly", "customerio", "customerio_app", "kustomer", "http")
"""What is served, each with a limit, faults, counters and a log of its own."""


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How the local servers behave.

    Attributes:
        port: 0 picks a free one.
        host: The address to listen on; other machines cannot reach the default.
        rate: The limit of each system, or None for no limit.
        rates: Other limits of single systems, by name.
        limiter: How limits are kept: in any window, in windows by the server's clock, or as a bucket.
        retry_after: Whether refusals for the rate say when to come back.
        limit_headers: Whether answers say what is left of a limit: never, always, or as Kustomer does.
        faults: The share of requests that go wrong.
        system_faults: Other shares of single systems, by name.
        down: Systems that answer 503 to everything.
        fault_delay: Seconds that a delayed answer is late.
        seed: Which requests go wrong, and how.
        token: What the systems accept as a credential.
    """

    port: int = 0
    host: str = "127.0.0.1"
    rate: str | None = None
    rates: Mapping[str, str] = field(default_factory=dict)
    limiter: Kind = "sliding"
    retry_after: bool = True
    limit_headers: LimitHeaders = "none"
    faults: float = 0.0
    system_faults: Mapping[str, float] = field(default_factory=dict)
    down: tuple[str, ...] = ()
    fault_delay: float = 1.0
    seed: int = 0
    token: str = SANDBOX_TOKEN
    customerly: CustomerlyBehaviour = field(default_factory=CustomerlyBehaviour)
    customerio: CustomerioBehaviour = field(default_factory=CustomerioBehaviour)
    kustomer: KustomerBehaviour = field(default_factory=KustomerBehaviour)
    http: HttpBehaviour = field(default_factory=HttpBehaviour)

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 0 <= self.port <= HIGHEST_PORT:
            raise UsageError(f"a port lies between 0 and {HIGHEST_PORT}; {self.port} does not")
        for share in (self.faults, *self.system_faults.values()):
            if not 0 <= share <= 1:
                raise UsageError(f"the share of faults lies between 0 and 1; {share} does not")
        if self.fault_delay < 0:
            raise UsageError("a delay cannot be negative")
        for name in (*self.rates, *self.system_faults, *self.down):
            if name not in SYSTEMS:
                raise UsageError(f'the sandbox has no "{name}"; it has {", ".join(SYSTEMS)}')
        for name in SYSTEMS:
            _ = self.rate_of(name)

    def rate_of(self, system: str) -> Rate | None:
        """Return a system's limit as numbers."""
        rate = self.rates.get(system, self.rate)
        return parse_rate(rate) if rate is not None else None

    def limit_of(self, system: str) -> Callable[[], Limit]:
        """Return what makes a system's limit, unused."""
        rate = self.rate_of(system)
        return lambda: Limit(rate, self.limiter)

    def faults_of(self, system: str) -> Faults:
        """Return what goes wrong with a system's requests."""
        share = self.system_faults.get(system, self.faults)
        return Faults(share, self.seed, system in self.down)


DEMONSTRATION = SandboxOptions(rate="50/s", rates={"customerio_app": "10/s"})
"""What ``bulk run --sandbox`` starts: strict, but quick enough for a sample of a few thousand rows."""
_BEHAVIOURS = {
    "customerly": CustomerlyBehaviour,
    "customerio": CustomerioBehaviour,
    "kustomer": KustomerBehaviour,
    "http": HttpBehaviour,
}


def arguments(options: SandboxOptions) -> list[str]:
    """Write options as the command line that ``read_arguments`` reads."""
    behaviours = {name: asdict(getattr(options, name)) for name in _BEHAVIOURS}
    return [
        f"--port={options.port}",
        f"--host={options.host}",
        f"--rate={options.rate or 'none'}",
        *(f"--rate={name}={rate}" for name, rate in options.rates.items()),
        f"--limiter={options.limiter}",
        *(() if options.retry_after else ("--no-retry-after",)),
        f"--limit-headers={options.limit_headers}",
        f"--faults={options.faults}",
        *(f"--faults={name}={share}" for name, share in options.system_faults.items()),
        *(f"--down={name}" for name in options.down),
        f"--fault-delay={options.fault_delay}",
        f"--seed={options.seed}",
        f"--token={options.token}",
        *(f"--{name}={orjson.dumps(told, default=sorted).decode()}" for name, told in behaviours.items()),
    ]


def read_arguments(argv: Sequence[str]) -> tuple[SandboxOptions, bool]:
    """Read a command line; the second value is whether to end when standard input does."""
    read = vars(_parser().parse_args(argv))
    rate, rates = general_and_single(read["rate"])
    share, shares = general_and_single(read["faults"])
    read |= {"rate": rate, "rates": rates, "down": tuple(read["down"])}
    read |= {
        "faults": as_share(share or "0"),
        "system_faults": {name: as_share(text) for name, text in shares.items()},
    }
    return SandboxOptions(**{name.name: read[name.name] for name in fields(SandboxOptions)}), read[
        "with_parent"
    ]


def general_and_single(given: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Part values for all systems, of which the last counts, from those for a single one: ``NAME=VALUE``."""
    single = dict(text.split("=", 1) for text in given if "=" in text)
    general = [text for text in given if "=" not in text]
    return (general[-1] if general else None), single


def as_share(text: str) -> float:
    """Read a share of requests."""
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f'"{text}" is not a share; write it as 0.01') from error


def _parser() -> ArgumentParser:
    usual = SandboxOptions()
    parser = ArgumentParser("python -m bulk.sandbox", description="Run the local systems until interrupted.")
    parser.add_argument("--port", type=int, default=usual.port)
    parser.add_argument("--host", default=usual.host)
    parser.add_argument("--rate", action="append", default=[], help="[SYSTEM=]200/s, 300/min, 30/3s or none")
    parser.add_argument("--limiter", choices=get_args(Kind), default=usual.limiter)
    parser.add_argument("--no-retry-after", dest="retry_after", action="store_false")
    parser.add_argument("--limit-headers", choices=get_args(LimitHeaders), default=usual.limit_headers)
    parser.add_argument("--faults", action="append", default=[], help="[SYSTEM=]share of requests")
    parser.add_argument("--down", action="append", default=[], metavar="SYSTEM", help="answers 503")
    parser.add_argument("--fault-delay", type=float, default=usual.fault_delay, help="seconds")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--token", default=usual.token)
    for name, behaviour in _BEHAVIOURS.items():
        parser.add_argument(
            f"--{name}", type=_reader(behaviour), default=behaviour(), help="behaviour as JSON"
        )
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser


def _reader(kind: type[Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            given = orjson.loads(text)
            unknown = set(given) - {known.name for known in fields(kind)}
            if unknown:
                raise ArgumentTypeError(f"this behaviour has no {', '.join(sorted(unknown))}")
            return TypeAdapter(kind).validate_python(given)
        except (orjson.JSONDecodeError, TypeError, ValidationError) as error:
            raise ArgumentTypeError(f"the behaviour cannot be read: {error}") from error

    return read
