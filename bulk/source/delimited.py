"""Delimited text (csv, tsv) as chunks of text columns, every row checked before it is parsed."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from bulk.conversation import ROW
from bulk.errors import SourceError
from bulk.source.decoding import Utf8
from bulk.source.fields import Fields, Shape, read_fields, unreadable
from bulk.source.options import Chunk, Mark, Sizes, malformed_rows, named_columns, same_columns, with_nulls
from bulk.source.scanning import Scan, complete, scan, seems_plain
from bulk.source.text import LONGEST_LINE, TextFile, place, too_long

_BOM: Final = b"\xef\xbb\xbf"
_UNLIKELY: Final = ";\t|,"


@dataclass(frozen=True, slots=True)
class Header:
    """The names in a file's first line, the bytes and lines it takes, and the file's encoding."""

    columns: tuple[str, ...]
    skipped: int
    lines: int


@dataclass(frozen=True, slots=True)
class _Block:
    """The rows of a block, the good ones parsed; its first line, and the bytes before it if known."""

    found: Scan
    frame: pl.DataFrame
    line: int
    offset: int | None


class Delimited:
    """Rows of csv and tsv files."""

    def __init__(
        self,
        files: Sequence[TextFile],
        separator: str,
        encoding: str | None,
        null_values: Sequence[str],
        sizes: Sizes,
    ) -> None:
        if len(separator) != 1 or not separator.isascii() or separator in '"\r\n\0':
            raise SourceError("the separator must be one ASCII character, such as ; or a tab", "separator")
        self._files = files
        self._separator = separator
        self._encoding = encoding
        self._nulls = null_values
        self._sizes = sizes
        headers = [self._header(file) for file in files]
        self._headers = headers
        for file, header in zip(files, headers, strict=True):
            same_columns(files[0].name, headers[0].columns, file.name, header.columns)
        self._columns = headers[0].columns

    @cached_property
    def schema(self) -> pl.Schema:
        """Every column is text."""
        return pl.Schema(dict.fromkeys(self._columns, pl.String()))

    @property
    def hint(self) -> str:
        """Ask whether another separator is meant, if there is but one column."""
        if len(self._columns) > 1:
            return ""
        likely = [mark for mark in _UNLIKELY if mark != self._separator and mark in self._columns[0]]
        if not likely:
            return ""
        name = "a tab" if likely[0] == "\t" else f"'{likely[0]}'"
        written = '"\\t"' if likely[0] == "\t" else f'"{likely[0]}"'
        return f"the header has one column and contains {name}: is separator: {written} meant?"

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """Yield the rows of all files, or those from a mark on, numbered on from file to file."""
        done, first = (start.rows, start.file) if start else (0, 0)
        for number in range(first, len(self._files)):
            where = place(self._files[number], self._files)
            for block in self._blocks(number, start):
                if block.found.rows:
                    yield self._chunk(block, done, number, where)
                done += block.found.rows
            start = None

    def _header(self, file: TextFile) -> Header:
        """Read a file's header, its first line that is not blank."""
        stream = Utf8(file.open, self._encoding)
        try:
            return self._read_header(file.name, stream)
        finally:
            stream.close()

    def _read_header(self, name: str, stream: Utf8) -> Header:
        block = b""
        shape = Shape(ord(self._separator), 1 << 30, self._sizes.longest)
        while True:
            data = stream.read(self._sizes.block)
            block += data
            text = block if data or block.endswith((b"\r", b"\n")) else block + b"\n"
            start = len(text) - len(text.lstrip(b"\r\n"))
            fields = read_fields(text, start, shape, final=not data) if start < len(text) else None
            if fields:
                return self._named(name, text[:start], text, fields)
            if not data:
                what = "empty" if not block else "nothing but blank lines"
                raise SourceError(f"{name} is {what}; a header line is needed")
            if len(block) > LONGEST_LINE:
                raise too_long(name, 1)

    def _named(self, name: str, blank: bytes, text: bytes, fields: Fields) -> Header:
        lines = line_ends(blank)
        end = fields.end or complete(text, final=True)
        fault = fields.fault or unreadable(text, len(blank), end)
        if fault:
            sure = (
                "check the encoding and the format"
                if "NUL" in fault or "bytes" in fault
                else "mend that line"
            )
            raise SourceError(f"the header of {name} (line {lines + 1}) cannot be read, {fault}; {sure}")
        columns = [unquoted(part).decode() for part in fields.parts]
        return Header(
            named_columns(columns, name), fields.end, lines + line_ends(text[len(blank) : fields.end])
        )

    def _blocks(self, number: int, start: Mark | None) -> Iterator[_Block]:
        """Yield the blocks of a file, or those from a mark on, checked and parsed."""
        file, header = self._files[number], self._headers[number]
        shape = Shape(ord(self._separator), len(header.columns), self._sizes.longest)
        stream = Utf8(file.open, self._encoding)
        skip, line, rest, more = header.skipped, header.lines + 1, b"", True
        try:
            if start is not None:
                stream.skip(start.offset)
                skip, line = 0, start.line
            while more:
                data = stream.read(self._sizes.block)
                more = bool(data)
                data, skip = data[skip:], max(0, skip - len(data))
                block = rest + data if rest else data
                offset = None if stream.position is None else stream.position - len(block)
                found, frame = self._parsed(block, shape, final=not more)
                rest = block[found.consumed :]
                if len(rest) > LONGEST_LINE + shape.width * shape.longest:
                    raise too_long(file.name, line)
                yield _Block(found, frame, line, offset)
                line += found.lines
        finally:
            stream.close()

    def _parsed(self, block: bytes, shape: Shape, *, final: bool) -> tuple[Scan, pl.DataFrame]:
        """Check a block and parse its good rows."""
        found = seems_plain(block, shape, final=final)
        if found is not None:
            with suppress(pl.exceptions.PolarsError):  # a row has more fields than columns
                frame = parse(found.text, self._columns, self._separator)
                if frame.height == found.rows:
                    return found, frame
        found = scan(block, shape, final=final)
        return found, parse(found.text, self._columns, self._separator)

    def _chunk(self, block: _Block, done: int, number: int, where: str) -> Chunk:
        """Number the rows of a block of a file."""
        found, frame, line = block.found, block.frame, block.line
        good = np.arange(found.rows) if found.good is None else found.good
        if frame.height != good.size:
            raise SourceError(
                f"the rows after line {line}{where} were parsed into another number of rows; report this"
            )
        numbers = pl.Series(ROW, good + (done + 1), dtype=pl.UInt32)
        faults = [(done + row + 1, line + at, f"{message}{where}") for row, at, message in found.faults]
        mark = None if block.offset is None else Mark(done, number, block.offset, line)
        return Chunk(with_nulls(frame, self._nulls).insert_column(0, numbers), malformed_rows(faults), mark)


def parse(text: bytes, columns: Sequence[str], separator: str) -> pl.DataFrame:
    """Parse checked text into text columns, empty fields being empty."""
    schema = dict.fromkeys(columns, pl.String)
    if not text:
        return pl.DataFrame(schema=schema)
    if text.startswith(_BOM):
        text = _BOM + text  # polars takes one away, and this one is text
    quote = '"' if b'"' in text else None
    return pl.read_csv(
        text,
        has_header=False,
        schema=schema,
        separator=separator,
        quote_char=quote,
        empty_string_is_null=False,
    )


def line_ends(text: bytes) -> int:
    """Count line ends: LF, CRLF and CR."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def unquoted(field: bytes) -> bytes:
    """Return what a raw field says."""
    return field[1:-1].replace(b'""', b'"') if field.startswith(b'"') else field
