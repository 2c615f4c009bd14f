"""A real pseudo-terminal with a command in it, and what a person would have seen on its screen."""

import codecs
import os
import pty
import re
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PART = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]+")
REDRAWN = "\r\x1b[2K"
"""What a frame begins with that takes the place of another."""
PATIENCE = 60.0
_UNFINISHED = re.compile(r"\r?(\x1b(\[[?0-9;]*)?)?$")


class Screen:
    """As much of a terminal as is needed: lines that wrap, and a cursor that goes up."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Show what was written."""
        for part in _PART.finditer(text):
            if part[2] == "A":
                self._row = max(0, self._row - int(part[1] or 1))
            elif part[2] == "K":
                self.lines[self._row] = ""
            elif part[0] == "\r":
                self._column = 0
            elif part[0] == "\n":
                self._down()
            elif part[2] is None:
                self._write(part[0])

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.lines):
            self.lines.append("")

    def _write(self, text: str) -> None:
        for sign in text:
            if self._column == self.width:
                self._column = 0
                self._down()
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + sign + line[self._column + 1 :]
            self._column += 1

    @property
    def shown(self) -> list[str]:
        """The lines on which anything stands."""
        return [line.rstrip() for line in self.lines if line.strip()]


@dataclass(frozen=True)
class Watched:
    """A command on a terminal: its exit code, what it wrote, the screen before each redrawing and at last."""

    code: int
    raw: str
    frames: list[list[str]]
    last: list[str]


def watched(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    width: int = 120,
    *,
    resized: tuple[int, int] | None = None,
) -> Watched:
    """Run a command whose standard error is a terminal, and watch it.

    Args:
        command: The command line.
        folder: Where it works.
        environ: Its environment.
        width: Columns of the terminal.
        resized: After how many frames it gets another width, and which.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, width))
    screen, frames, raw = Screen(width), list[list[str]](), ""
    null = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdin=null, stdout=null, stderr=theirs
    ) as process:
        os.close(theirs)
        try:
            for text in _written(ours):
                raw += text
                if text.startswith(REDRAWN):
                    frames.append(screen.shown)
                    if resized and resized[0] == len(frames):
                        termios.tcsetwinsize(ours, (24, resized[1]))
                        screen.width = resized[1]
                screen.feed(text)
            code = process.wait(PATIENCE)
        finally:
            process.kill()
            os.close(ours)
    return Watched(code, raw, frames, screen.shown)


def _written(terminal: int) -> Iterator[str]:
    """Yield what is written to a terminal until nobody writes any more; each redrawing begins a text."""
    decoder, waiting = codecs.getincrementaldecoder("utf-8")(), ""
    while True:
        try:
            waiting += decoder.decode(os.read(terminal, 65536))
        except OSError:  # how a terminal says that nobody is there any more
            break
        whole = waiting[: _UNFINISHED.search(waiting).start()]  # type: ignore[union-attr]  # it may match nothing
        yield from filter(None, re.split(f"(?={re.escape(REDRAWN)})", whole))
        waiting = waiting[len(whole) :]
    yield waiting
