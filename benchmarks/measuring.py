"""Runs a command to its end and says what it took: time, processor, memory, requests."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fixed_server import Server

LOOK = 0.05
"""Seconds between two looks at a process."""
REPOSITORY = Path(__file__).resolve().parents[1]
BULK = (sys.executable, "-P", "-m", "bulk")


@dataclass(frozen=True)
class Measured:
    """One process.

    Attributes:
        seconds: From its start to its end.
        cpu: Seconds of processor, in user mode and in the kernel, with its children's.
        anonymous_mb: The most anonymous memory it held resident (0 where the system does not tell).
        sending: Seconds from the first request to the last, to a twentieth; 0 without a server.
        requests: How many the server saw.
        output: Its standard output.
    """

    seconds: float
    cpu: float
    anonymous_mb: float
    sending: float
    requests: int
    output: str


class Watch:
    """Looks at a process, and at the server it talks to, twenty times a second."""

    def __init__(self, process: int, server: Server | None) -> None:
        self.server = server
        self.anonymous = 0.0
        self.before = self.seen = server.seen() if server else 0
        self.first = self.last = 0.0
        self._status = Path(f"/proc/{process}/status")
        self._over = threading.Event()

    @contextmanager
    def on(self) -> Iterator[None]:
        """Look until the end of the block, and once more."""
        looking = threading.Thread(target=self._look_on)
        looking.start()
        try:
            yield
        finally:
            self._over.set()
            looking.join()
            self._look()

    def _look_on(self) -> None:
        while not self._over.wait(LOOK):
            self._look()

    def _look(self) -> None:
        self.anonymous = max(self.anonymous, anonymous_mb(self._status))
        seen = self.server.seen() if self.server else 0
        if seen > self.seen:
            self.seen, self.last = seen, time.perf_counter()
            self.first = self.first or self.last


def anonymous_mb(status: Path) -> float:
    """Return the anonymous resident memory that a process' status tells, 0 if it tells none."""
    try:
        lines = status.read_text().splitlines()
    except OSError:  # it is over, or there is no /proc
        return 0.0
    found = next((line for line in lines if line.startswith("RssAnon")), "RssAnon: 0 kB")
    return int(found.split()[1]) / 1024


def surroundings(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of what is measured: this tree's bulk, and nobody's state."""
    return {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "BULK_STATE_DIR": str(folder / "state"),
        "CUSTOMERLY_TOKEN": "anything",
        "BULK_LEDGER_SECRET": "of the benchmark, nobody's; of the benchmark, nobody's",
        **(more or {}),
    }


def measure(
    command: Sequence[str],
    folder: Path,
    server: Server | None = None,
    *,
    expect: Sequence[int] = (0,),
    environ: Mapping[str, str] | None = None,
) -> Measured:
    """Run a command in a folder; an exit code that is not expected ends the benchmark."""
    output, log = folder / "output", folder / "log"
    with output.open("wb") as out, log.open("wb") as err:
        started = time.perf_counter()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder,
            env=surroundings(folder, environ),
        )  # fmt: skip
        watch = Watch(child.pid, server)
        with watch.on():
            _, status, used = os.wait4(child.pid, 0)
            ended = time.perf_counter()
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in expect:
        sys.stderr.write(log.read_text(errors="replace")[-3000:])
        raise SystemExit(f"{' '.join(command[:6])} … ended with {child.returncode}")
    return Measured(
        ended - started,
        used.ru_utime + used.ru_stime,
        watch.anonymous,
        watch.last - watch.first,
        watch.seen - watch.before,
        output.read_text(errors="replace"),
    )


Side = Callable[[], Measured]


def in_turn(times: int, **sides: Side) -> dict[str, list[Measured]]:
    """Run every side ``times`` times, in turn."""
    runs: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(times):
        for name, side in sides.items():
            runs[name].append(side())
    return runs


def seconds_of(runs: Sequence[Measured]) -> float:
    """Return the median of what they took."""
    return median(run.seconds for run in runs)


def cpu_of(runs: Sequence[Measured]) -> float:
    """Return the median of the processor they took."""
    return median(run.cpu for run in runs)


def sending_of(runs: Sequence[Measured]) -> float:
    """Return the median of the time in which they sent; the whole time where that is too short to tell."""
    sending = median(run.sending for run in runs)
    return sending if sending > 10 * LOOK else seconds_of(runs)


def memory_of(runs: Sequence[Measured]) -> float:
    """Return the most anonymous memory of any of them."""
    return max(run.anonymous_mb for run in runs)
