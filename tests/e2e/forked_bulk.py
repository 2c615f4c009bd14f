"""The `bulk` command run many times without paying for its imports each time.

A helper process imports what the command imports and forks once per command line. A child is a process of its
own: its own folder, environment, streams and exit code.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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

    def run(self, args: Sequence[str], folder: Path, environ: Mapping[str, str], stdin: bytes = b"") -> Ended:
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
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("bulk_forker.py"))]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True
    ) as helper:
        yield ForkedBulk(helper)
        assert helper.stdin is not None
        helper.stdin.close()
