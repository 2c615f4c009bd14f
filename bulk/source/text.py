"""Text that is read line by line: blocks of whole lines, and the format that is nothing but lines."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from bulk.conversation import ROW
from bulk.errors import SourceError
from bulk.source.decoding import Bytes, Utf8
from bulk.source.fields import unreadable
from bulk.source.options import Chunk, Fault, Mark, Sizes, malformed_rows
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
    """Some consecutive lines that are not blank, each with its number in the file.

    ``mark`` is where they begin, if known, as if they were the first rows.
    """

    texts: list[bytes]
    numbers: Sequence[int]
    where: str
    mark: Mark | None

    def marked(self, done: int) -> Mark | None:
        """Return where they begin, if known, after so many rows."""
        return None if self.mark is None else self.mark._replace(rows=done)


def read_lines(
    files: Sequence[TextFile], encoding: str | None, size: int, start: Mark | None = None
) -> Iterator[Lines]:
    """Yield the lines of all files, or those from a mark on; a file without any is refused."""
    for number in range(start.file if start else 0, len(files)):
        file, empty = files[number], start is None
        for text, first, offset in _blocks(file, encoding, size, start):
            lines, mark = text.split(b"\n")[:-1], None if offset is None else Mark(0, number, offset, first)
            if all(lines):
                found = Lines(lines, range(first, first + len(lines)), place(file, files), mark)
            else:
                numbers = [number for number, line in enumerate(lines, first) if line]
                found = Lines([line for line in lines if line], numbers, place(file, files), mark)
            if found.texts:
                empty = False
                yield found
        if empty:
            raise SourceError(f"{file.name} holds nothing but blank lines")
        start = None


def _blocks(
    file: TextFile, encoding: str | None, size: int, start: Mark | None
) -> Iterator[tuple[bytes, int, int | None]]:
    """Yield blocks of whole lines that end in LF, their first lines, and the bytes before them if known."""
    stream = Utf8(file.open, encoding)
    rest, line, more = b"", 1, True
    try:
        if start is not None:
            stream.skip(start.offset)
            line = start.line
        while more:
            data = stream.read(size)
            more = bool(data)
            block = rest + data
            offset = None if stream.position is None else stream.position - len(block)
            if not more and block and not block.endswith((b"\n", b"\r")):
                block += b"\n"
            end = complete(block, final=not more)
            text, rest = unix_lines(block[:end]), block[end:]
            if len(rest) > LONGEST_LINE:
                raise too_long(file.name, line)
            if text:
                yield text, line, offset
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

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """Yield every line that is not blank, or those from a mark on."""
        done = start.rows if start else 0
        for lines in read_lines(self._files, self._encoding, self._sizes.block, start):
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
    frame = pl.DataFrame([pl.Series(ROW, rows, dtype=pl.UInt32), strings])
    return Chunk(frame, malformed_rows(faults), lines.marked(done))
