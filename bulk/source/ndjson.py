"""JSON objects, one a line, as chunks whose columns are the same throughout."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import orjson
import polars as pl

from bulk.conversation import ROW
from bulk.errors import SourceError
from bulk.source.fields import unreadable
from bulk.source.json_types import Seen, Written, column, observe_records, plain_column
from bulk.source.options import Chunk, Fault, Mark, Sizes, malformed_rows, named_columns, with_nulls
from bulk.source.text import Lines, TextFile, read_lines

_WIDE: Final = re.compile(rb"\d{19}")
"""orjson makes floats of integers this long."""
_MOST_COLUMNS: Final = 10_000
Record = dict[str, Any]
Parse = Callable[[bytes], Any]


class NdJson:
    """Rows of ndjson files; a first reading finds all keys and their types."""

    def __init__(
        self, files: Sequence[TextFile], encoding: str | None, null_values: Sequence[str], sizes: Sizes
    ) -> None:
        self._files = files
        self._encoding = encoding
        self._nulls = null_values
        self._sizes = sizes
        self.hint = ""
        seen = self._look()
        names = named_columns(list(seen), "the source")
        self._types = {key: found.dtype() for key, found in seen.items()}
        self._names = dict(zip(seen, names, strict=True))
        self.schema = pl.Schema(
            {self._names[key]: dtype or pl.String() for key, dtype in self._types.items()}
        )
        self._parse = orjson.loads if all(self._types.values()) else parse_written

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """Yield all objects in order, or those from a mark on."""
        done = start.rows if start else 0
        for lines in read_lines(self._files, self._encoding, self._sizes.block, start):
            rows, records, faults = parse_lines(lines, done, self._parse)
            frame = self._frame(records).insert_column(0, pl.Series(ROW, rows, dtype=pl.UInt32))
            yield Chunk(with_nulls(frame, self._nulls), malformed_rows(faults), lines.marked(done))
            done += len(lines.texts)

    def _look(self) -> dict[str, Seen]:
        seen: dict[str, Seen] = {}
        any_good = False
        for lines in read_lines(self._files, self._encoding, self._sizes.block):
            _rows, records, _faults = parse_lines(lines, 0, orjson.loads)
            any_good = any_good or bool(records)
            observe_records(records, seen)
            if len(seen) > _MOST_COLUMNS:
                raise SourceError(
                    f"the objects have more than {_MOST_COLUMNS} keys between them; are keys values?"
                )
        if not any_good:
            raise SourceError("no line of the source is a JSON object; is its format: ndjson?")
        return seen

    def _frame(self, records: Sequence[Record]) -> pl.DataFrame:
        written = self._parse is not orjson.loads
        columns = []
        for key, dtype in self._types.items():
            values = [record.get(key) for record in records]
            name = self._names[key]
            plain = dtype is not None and not written
            columns.append(
                plain_column(name, values, dtype) if plain and dtype else column(name, values, dtype)
            )
        return pl.DataFrame(columns)


def parse_lines(lines: Lines, done: int, parse: Parse) -> tuple[list[int], list[Record], list[Fault]]:
    """Parse lines to objects; return the rows that are good, their objects, and the other rows' faults."""
    rows: list[int] = []
    records: list[Record] = []
    faults: list[Fault] = []
    for row, (text, number) in enumerate(zip(lines.texts, lines.numbers, strict=True), done + 1):
        record, fault = _parse_line(text, parse)
        if fault:
            faults.append((row, number, fault + lines.where))
        else:
            rows.append(row)
            records.append(record)
    return rows, records, faults


def _parse_line(text: bytes, parse: Parse) -> tuple[Any, str]:
    try:
        record = parse_wide(text) if parse is orjson.loads and _WIDE.search(text) else parse(text)
    except (ValueError, RecursionError):
        return None, unreadable(text, 0, len(text)) or "the line is not valid JSON"
    return (record, "") if type(record) is dict else (None, "the line is not a JSON object")


def parse_wide(text: bytes) -> Any:
    """Parse JSON whose integers may be of any size."""
    orjson.loads(text)  # the stricter one says what is JSON
    return json.loads(text)


def parse_written(text: bytes) -> Any:
    """Parse JSON with its numbers as they are written."""
    orjson.loads(text)
    return json.loads(text, parse_int=Written, parse_float=Written)
