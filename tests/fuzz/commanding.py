"""The command run in this process, many times a second: what it says, its exit code, and a limit of time."""

import io
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from unittest.mock import patch

from bulk.cli import main

SECONDS = 20.0
"""What nothing hostile may take, far beyond what anything does."""


class TooLongError(BaseException):
    """A command, or a part of it, did not end in time; no handler of errors may swallow that."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr


@contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """Give up on what takes too long, unless it is deaf to signals."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def command(*arguments: str, folder: Path, environ: Mapping[str, str]) -> Said:
    """Run `bulk` in a folder, and with no other environment than ``environ``."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2)]
    code: object = 0
    with (
        chdir(folder),
        patch.dict(os.environ, environ, clear=True),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO())),
        redirect_stdout(streams[0]),
        redirect_stderr(streams[1]),
        in_time(),
    ):
        try:
            main(list(arguments))
        except SystemExit as ended:
            code = ended.code
    said = [stream.detach().read() for stream in streams if not stream.seek(0)]
    return Said(code if isinstance(code, int) else int(code is not None), *(text.decode() for text in said))
