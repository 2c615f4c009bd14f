"""The `bulk` command run many times without paying for its imports each time.

A helper process imports what the command imports and forks once per command line. A child is a process of its
own: its own folder, environment, streams and exit code.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 60
IN, OUT, ERR = ".stdin", ".stdout", ".stderr"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


class ForkedBulk:
    """Runs commands in the helper process."""

    def __init__(self, helper: "subprocess.Popen[str]") -> None:
        self._helper = helper

    def run(
        self, args: Sequence[str], folder: Path, environ: Mapping[str, str], stdin: bytes = b""
    ) -> Ended:
        """Run `bulk` with `args` in `folder`, and with no other environment than `environ`."""
        (folder / IN).write_bytes(stdin)
        assert self._helper.stdin is not None
        assert self._helper.stdout is not None
        asked = {"args": list(args), "folder": str(folder), "environ": dict(environ)}
        self._helper.stdin.write(json.dumps(asked) + "\n")
        self._helper.stdin.flush()
        code = int(self._helper.stdout.readline())
        said = [(folder / name).read_bytes().decode() for name in (OUT, ERR)]
        for name in (IN, OUT, ERR):
            (folder / name).unlink()
        return Ended(code, *said)


@contextmanager
def forked_bulk() -> Iterator[ForkedBulk]:
    """Start the helper process, and end it."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve())]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True
    ) as helper:
        yield ForkedBulk(helper)
        assert helper.stdin is not None
        helper.stdin.close()


def _serve() -> None:
    import bulk.cli.checking
    import bulk.cli.exporting
    import bulk.cli.running
    import bulk.cli.telling  # noqa: F401 - imported so that the children need not do it

    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _become(asked["args"], asked["folder"], asked["environ"])
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _become(args: list[str], folder: str, environ: dict[str, str]) -> None:
    """Be the command; never returns."""
    from bulk.cli import main

    signal.alarm(LIMIT_SECONDS)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for descriptor, name in enumerate((IN, OUT, ERR)):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115, PTH123 - the old one has read ahead
    sys.argv = ["bulk", *args]
    code: object = 0
    try:
        main()
    except SystemExit as exit_:
        code = exit_.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    _serve()
