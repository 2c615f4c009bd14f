"""Listed records as a file: one column for each value, whatever the records turn out to hold."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import orjson
import polars as pl

from bulk.cli.output import format_of, private, write
from bulk.runner.records import Columns

LINES_AT_ONCE = 20_000


class Listed:
    """Takes records as they come and keeps them aside until their columns are known.

    Objects become columns with dotted names, lists become JSON text; ndjson keeps records as they are.
    """

    def __init__(self, aside: IO[bytes], *, as_they_are: bool) -> None:
        self.records = 0
        self._aside = aside
        self._as_they_are = as_they_are
        self._columns = Columns()

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take records."""
        lines = records if self._as_they_are else [dict(self._columns.flat(record)) for record in records]
        self._aside.writelines(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        self.records += len(records)

    def lines(self) -> Iterator[bytes]:
        """Yield what was taken, a good many lines at a time."""
        self._aside.seek(0)
        while lines := self._aside.readlines(LINES_AT_ONCE * 200):
            yield b"".join(lines)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield what was taken as frames, all with the same columns."""
        schema = self._columns.schema
        if not self.records:
            yield schema.to_frame()
        for lines in self.lines():
            yield pl.read_ndjson(lines, schema=schema)


@contextmanager
def listed_file(output: Path) -> Iterator[Listed]:
    """Yield what takes records; the file is written when the context ends well, else nothing is."""
    kind = format_of(output)
    folder = output.parent if os.access(output.parent, os.W_OK) else None
    with TemporaryFile(dir=folder) as aside:  # unlinked from the start, and only its owner could read it
        listed = Listed(aside, as_they_are=kind == "ndjson")
        yield listed
        with private(output) as file:
            if kind == "ndjson":
                file.writelines(listed.lines())
                return
            write(file, kind, listed.frames())
