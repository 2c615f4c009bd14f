"""What a sandbox may be told when it is started, as values and as a command line."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import orjson
from pydantic import TypeAdapter, ValidationError

from bulk.errors import UsageError
from bulk.sandbox.customerly import SANDBOX_TOKEN
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.window import Rate, parse_rate

HIGHEST_PORT = 65535
Urls = dict[str, str]
"""The base URL of each system by its name, and ``control``."""


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How the local servers behave.

    Attributes:
        port: 0 picks a free one.
        host: The address to listen on; other machines cannot reach the default.
        rate: The limit of each system, or None for no limit.
        retry_after: Whether refusals for the rate say when to come back.
        faults: The share of requests that go wrong.
        fault_delay: Seconds that a delayed answer is late.
        seed: Which requests go wrong, and how.
        token: What the systems accept as a credential.
    """

    port: int = 0
    host: str = "127.0.0.1"
    rate: str | None = None
    retry_after: bool = True
    faults: float = 0.0
    fault_delay: float = 1.0
    seed: int = 0
    token: str = SANDBOX_TOKEN
    customerly: CustomerlyBehaviour = field(default_factory=CustomerlyBehaviour)

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 0 <= self.port <= HIGHEST_PORT:
            raise UsageError(f"a port lies between 0 and {HIGHEST_PORT}; {self.port} does not")
        if not 0 <= self.faults <= 1:
            raise UsageError(f"the share of faults lies between 0 and 1; {self.faults} does not")
        if self.fault_delay < 0:
            raise UsageError("a delay cannot be negative")
        _ = self.limit

    @property
    def limit(self) -> Rate | None:
        """The rate as numbers."""
        return parse_rate(self.rate) if self.rate is not None else None


DEMONSTRATION = SandboxOptions(rate="50/s")
"""What ``bulk run --sandbox`` starts: strict, but quick enough for a sample of a few thousand rows."""


def arguments(options: SandboxOptions) -> list[str]:
    """Write options as the command line that ``read_arguments`` reads."""
    behaviour = orjson.dumps(asdict(options.customerly), default=sorted).decode()
    return [
        f"--port={options.port}",
        f"--host={options.host}",
        f"--rate={options.rate or 'none'}",
        *(() if options.retry_after else ("--no-retry-after",)),
        f"--faults={options.faults}",
        f"--fault-delay={options.fault_delay}",
        f"--seed={options.seed}",
        f"--token={options.token}",
        f"--customerly={behaviour}",
    ]


def read_arguments(argv: Sequence[str]) -> tuple[SandboxOptions, bool]:
    """Read a command line; the second value is whether to end when standard input does."""
    read = _parser().parse_args(argv)
    return _options(read), read.with_parent


def _options(read: Namespace) -> SandboxOptions:
    return SandboxOptions(
        port=read.port,
        host=read.host,
        rate=read.rate,
        retry_after=read.retry_after,
        faults=read.faults,
        fault_delay=read.fault_delay,
        seed=read.seed,
        token=read.token,
        customerly=read.customerly,
    )


def _parser() -> ArgumentParser:
    usual = SandboxOptions()
    parser = ArgumentParser("python -m bulk.sandbox", description="Run the local systems until interrupted.")
    parser.add_argument("--port", type=int, default=usual.port)
    parser.add_argument("--host", default=usual.host)
    parser.add_argument("--rate", default=usual.rate, help="200/s, 300/min, 30/3s or none")
    parser.add_argument("--no-retry-after", dest="retry_after", action="store_false")
    parser.add_argument("--faults", type=float, default=usual.faults, help="share of requests that go wrong")
    parser.add_argument("--fault-delay", type=float, default=usual.fault_delay, help="seconds")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--token", default=usual.token)
    parser.add_argument("--customerly", type=_behaviour, default=usual.customerly, help="behaviour as JSON")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser


def _behaviour(text: str) -> CustomerlyBehaviour:
    try:
        given = orjson.loads(text)
        unknown = set(given) - set(CustomerlyBehaviour.__dataclass_fields__)
        if unknown:
            raise ArgumentTypeError(f"Customerly's behaviour has no {', '.join(sorted(unknown))}")
        return TypeAdapter(CustomerlyBehaviour).validate_python(given)
    except (orjson.JSONDecodeError, TypeError, ValidationError) as error:
        raise ArgumentTypeError(f"Customerly's behaviour cannot be read: {error}") from error
