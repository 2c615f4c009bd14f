"""Text that is read line by line: blocks of whole lines, and the format that is nothing but lines."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from bulk.conversation import ROW
from bulk.errors import SourceError
from bulk.source.decoding import Bytes, Utf8
from bulk.source.fields import unreadable
from bulk.source.options import Chunk, Fault, Sizes, malformed_rows
from bulk.source.scanning import complete, unix_lines

LONGEST_LINE = 64 << 20


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file of text: what people call it, and how its bytes are opened."""

    name: str
    open: Callable[[], Bytes]


def too_long(name: str, line: int) -> SourceError:
    """Say that a file seems to have no lines."""
    return SourceError(f"{name} has a line longer than 64 MB (line {line}); is it a text file?")


def place(file: TextFile, files: Sequence[TextFile]) -> str:
    """Return what to add to a message so that it names the file, where there are several."""
    return f" ({file.name})" if len(files) > 1 else ""


@dataclass(frozen=True, slots=True)
class Lines:
    """Some consecutive lines that are not blank, each with its number in the file."""

    texts: list[bytes]
    numbers: Sequence[int]
    where: str


def read_lines(files: Sequence[TextFile], encoding: str | None, size: int) -> Iterator[Lines]:
    """Yield the lines of all files; a file without any is refused."""
    for file in files:
        empty = True
        for text, first in _blocks(file, encoding, size):
            lines = text.split(b"\n")[:-1]
            if all(lines):
                found = Lines(lines, range(first, first + len(lines)), place(file, files))
            else:
                numbers = [number for number, line in enumerate(lines, first) if line]
                found = Lines([line for line in lines if line], numbers, place(file, files))
            if found.texts:
                empty = False
                yield found
        if empty:
            raise SourceError(f"{file.name} holds nothing but blank lines")


def _blocks(file: TextFile, encoding: str | None, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield blocks of whole lines that end in LF, and the number of each block's first line."""
    stream = Utf8(file.open, encoding)
    rest, line, more = b"", 1, True
    try:
        while more:
            data = stream.read(size)
            more = bool(data)
            block = rest + data
            if not more and block and not block.endswith((b"\n", b"\r")):
                block += b"\n"
            end = complete(block, final=not more)
            text, rest = unix_lines(block[:end]), block[end:]
            if len(rest) > LONGEST_LINE:
                raise too_long(file.name, line)
            if text:
                yield text, line
            line += text.count(b"\n")
    finally:
        stream.close()


class PlainLines:
    """The format ``lines``: one column, every line a row."""

    def __init__(self, files: Sequence[TextFile], encoding: str | None, sizes: Sizes) -> None:
        self._files = files
        self._encoding = encoding
        self._sizes = sizes
        self.schema = pl.Schema({"line": pl.String()})
        self.hint = ""
        for file in files:
            next(read_lines([file], encoding, sizes.block))

    def chunks(self) -> Iterator[Chunk]:
        """Yield every line that is not blank."""
        done = 0
        for lines in read_lines(self._files, self._encoding, self._sizes.block):
            yield _chunk(lines, done)
            done += len(lines.texts)


def _chunk(lines: Lines, done: int) -> Chunk:
    rows: Sequence[int] = range(done + 1, done + 1 + len(lines.texts))
    texts = lines.texts
    faults: list[Fault] = []
    if any(b"\0" in text for text in texts):
        kept = []
        for row, number, text in zip(rows, lines.numbers, texts, strict=True):
            if fault := unreadable(text, 0, len(text)):
                faults.append((row, number, fault + lines.where))
            else:
                kept.append((row, text))
        rows, texts = [row for row, _ in kept], [text for _, text in kept]
    strings = pl.Series("line", b"\n".join(texts).decode().split("\n") if texts else [], dtype=pl.String)
    return Chunk(pl.DataFrame([pl.Series(ROW, rows, dtype=pl.UInt32), strings]), malformed_rows(faults))
