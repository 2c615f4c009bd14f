"""The `bulk` command run many times without paying for its imports each time.

A helper process imports what the command imports and forks once per command line. A child is a process of its
own: its own folder, environment, streams and exit code.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IN, OUT, ERR = ".stdin", ".stdout", ".stderr"
NOWHERE = (os.devnull,) * 3
LIMIT_SECONDS = 60
"""The helper ends a command that takes longer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


class Started:
    """A command that goes on by itself: what is needed of `subprocess.Popen`."""

    def __init__(self, pid: int, reap: Callable[[], int]) -> None:
        self.pid = pid
        self._reap = reap
        self._ended = os.pidfd_open(pid)
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None if it goes on."""
        if self._code is None and select.select([self._ended], [], [], 0)[0]:
            os.close(self._ended)
            self._code = self._reap()
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return the exit code."""
        if self._code is None:
            select.select([self._ended], [], [], timeout or LIMIT_SECONDS)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"process {self.pid} goes on")
        return code

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it goes on."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """Let it end at once, whatever it is about."""
        self.send_signal(signal.SIGKILL)


class ForkedBulk:
    """Runs commands in children of the helper process."""

    def __init__(self, helper: "subprocess.Popen[str]") -> None:
        self._helper = helper

    def run(self, args: Sequence[str], folder: Path, environ: Mapping[str, str], stdin: bytes = b"") -> Ended:
        """Run `bulk` with `args` in `folder`, and with no other environment than `environ`."""
        (folder / IN).write_bytes(stdin)
        code = self._ask(self._start(args, folder, environ, (IN, OUT, ERR)))
        said = [(folder / name).read_bytes().decode() for name in (OUT, ERR)]
        for name in (IN, OUT, ERR):
            (folder / name).unlink()
        return Ended(code, *said)

    @contextmanager
    def running(self, args: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Iterator[Started]:
        """Start `bulk`, without input, and let nobody hear what it says; at the end it is gone."""
        pid = self._start(args, folder, environ, NOWHERE)
        started = Started(pid, lambda: self._ask(pid))
        try:
            yield started
        finally:
            started.kill()
            started.wait()

    def _start(
        self, args: Sequence[str], folder: Path, environ: Mapping[str, str], streams: Sequence[str]
    ) -> int:
        asked = {"args": args, "folder": str(folder), "environ": dict(environ), "streams": streams}
        return self._ask(asked)

    def _ask(self, what: object) -> int:
        """Ask for a command to be started, or for the end of one, and return what is answered."""
        assert self._helper.stdin is not None
        assert self._helper.stdout is not None
        self._helper.stdin.write(json.dumps(what) + "\n")
        self._helper.stdin.flush()
        return int(self._helper.stdout.readline())


@contextmanager
def forked_bulk() -> Iterator[ForkedBulk]:
    """Start the helper process, and end it."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("bulk_forker.py"))]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True
    ) as helper:
        yield ForkedBulk(helper)
        assert helper.stdin is not None
        helper.stdin.close()
