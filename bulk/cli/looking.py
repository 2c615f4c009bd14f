"""Looks for erased people among the contacts of a destination, listed or in a file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from bulk.cli.output import private, spreadsheet_safe
from bulk.destinations.listing import Query
from bulk.destinations.operation import Erasing
from bulk.errors import UsageError
from bulk.job.resolved import Destination
from bulk.plan.suppression import Recipe
from bulk.runner.lane import Lane
from bulk.runner.pull import Pull
from bulk.source import SourceOptions, open_source
from bulk.verify.people import Asked, hashed

PULL = "pull"
Record = Mapping[str, Any]
Met = tuple[str, int, int, str, str, str]
"""Who was met: destination, pass, row, the request's reference, kind and keyed hash of what told it."""


class Looking:
    """Looks for whom steps of one destination were asked to erase."""

    def __init__(self, asked: Sequence[tuple[Asked, Erasing]], recipe: Recipe) -> None:
        self.seen = 0
        self._asked = asked
        self._recipe = recipe
        self._present: list[dict[int, tuple[str, bytes]]] = [{} for _ in asked]

    async def look(self, where: str, place: Destination, lane: Lane) -> bool:
        """Look at all contacts of a destination, or at those in a file; tell whether these are all.

        Raises:
            BulkError: They cannot be listed, or the file cannot be read.
        """
        if where != PULL:
            for record in _in_file(Path(where)):
                self._take(None, [record])
            return False
        for listing in dict.fromkeys(name for _, erasing in self._asked for name in erasing.contacts):
            pull = Pull(lane, place.system.listings[listing], Query(), place.settings, None)
            while (page := await pull.next_page()) is not None:
                self._take(listing, page)
        return True

    def _take(self, listing: str | None, records: Sequence[Record]) -> None:
        """Look for people among contacts of a listing, or of a file, which may be of any."""
        self.seen += len(records)
        for place, (asked, erasing) in enumerate(self._asked):
            named = [
                name
                for record in records
                for known, names in erasing.contacts.items()
                if listing in {None, known}
                for name in names(record)
            ]
            found = asked.rows_of(hashed(dict.fromkeys(named), erasing.kinds, self._recipe))
            self._present[place].update(found)

    def present(self, asked: Asked) -> list[int]:
        """Return the rows whose people were met."""
        return [row for one, rows in self._pairs() if one is asked for row in rows]

    def met(self, destination: str) -> Iterator[Met]:
        """Yield everybody who was met at a destination."""
        for one, rows in self._pairs():
            references = one.references
            for row, (kind, digest) in sorted(rows.items()):
                yield destination, one.number, row, references.get(row, ""), kind, digest.hex()

    def _pairs(self) -> Iterator[tuple[Asked, dict[int, tuple[str, bytes]]]]:
        for (one, _), rows in zip(self._asked, self._present, strict=True):
            yield one, rows


def _in_file(path: Path) -> Iterator[Record]:
    """Yield the contacts in a file; what bulk pull wrote as JSON text is read as that."""
    if not path.exists():
        raise UsageError(f"--contacts {path}: there is no such file; say `pull`, or name a file of contacts")
    with open_source(SourceOptions((str(path.resolve()),), path.parent)) as source:
        for chunk in source.chunks():
            for record in chunk.frame.iter_rows(named=True):
                yield {name: _plain(value) for name, value in record.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def write_met(output: Path, met: Sequence[Met]) -> None:
    """Write who was met as csv: people are named by keyed hashes alone.

    Raises:
        UsageError: The file cannot be written.
    """
    columns = ("destination", "pass", "row", "reference", "kind", "hash")
    frame = pl.DataFrame(sorted(met), schema=dict.fromkeys(columns, pl.String), orient="row", strict=False)
    with private(output) as file:
        file.write(spreadsheet_safe(frame, columns).write_csv().encode())
