"""Listed records as columns, whatever they turn out to hold."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from bulk.destinations.operation import Naming
from bulk.plan.matching import LISTING, NAMES

_TYPES: dict[frozenset[type], type[pl.DataType]] = {
    frozenset({bool}): pl.Boolean,
    frozenset({int}): pl.Int64,
    frozenset({float}): pl.Float64,
    frozenset({int, float}): pl.Float64,
}
_INT64 = 1 << 63
_PART = 10_000
"""Records that are kept as Python objects at the most."""
Record = Mapping[str, Any]


class Columns:
    """The columns of records that come one after another; objects become columns with dotted names."""

    def __init__(self) -> None:
        self._types: dict[str, set[type]] = {}

    def flat(self, record: Record, above: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the columns of a record, and take note of them; a list becomes JSON text."""
        for name, value in record.items():
            column = f"{above}{name}"
            if isinstance(value, Mapping):
                yield from self.flat(value, f"{column}.")
                continue
            seen = self._types.setdefault(column, set())
            plain = _plain(value)
            if plain is not None:
                seen.add(type(plain))
            yield column, plain

    @property
    def schema(self) -> pl.Schema:
        """The columns so far; one that holds several kinds of values holds their texts."""
        return pl.Schema({name: _TYPES.get(frozenset(seen), pl.String) for name, seen in self._types.items()})


def _plain(value: Any) -> Any:
    """Return a value that stands in a column: a list as JSON text, a number of more than 64 bits as text."""
    if isinstance(value, list):
        return orjson.dumps(value).decode()
    return str(value) if type(value) is int and not -_INT64 <= value < _INT64 else value


class Kept:
    """Some columns of listed records, kept in memory while the records come.

    Attributes:
        columns: All columns there are.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self.columns = Columns()
        self._wanted = wanted
        self._rows: list[dict[str, Any]] = []
        self._listings: list[int] = []
        self._names: list[list[str]] = []
        self._named = False
        self._parts: list[pl.DataFrame] = []

    def add(self, records: Sequence[Record], listing: int, naming: Naming | None = None) -> None:
        """Take records of a listing, which is told by its number, and what names them if that is wanted."""
        if naming is not None:
            self._named = True
            self._names += [list(dict.fromkeys(name for _, name in naming(record))) for record in records]
        for record in records:
            flat = self.columns.flat(record)
            self._rows.append({name: value for name, value in flat if name in self._wanted})
        self._listings += [listing] * len(records)
        if len(self._rows) >= _PART:
            self._close_part()

    @property
    def schema(self) -> pl.Schema:
        """The wanted columns that there are so far."""
        return pl.Schema({name: dtype for name, dtype in self.columns.schema.items() if name in self._wanted})

    def frame(self) -> pl.DataFrame:
        """Return what was kept, a row for each record, beside it LISTING, and NAMES if they were wanted."""
        self._close_part()
        return pl.concat([self._whole(part) for part in self._parts])

    def _close_part(self) -> None:
        columns = [_series(name, [row.get(name) for row in self._rows]) for name in self.schema]
        if self._named:
            columns.insert(0, pl.Series(NAMES, self._names, dtype=pl.List(pl.String)))
        self._parts.append(pl.DataFrame([pl.Series(LISTING, self._listings, dtype=pl.UInt8), *columns]))
        self._rows, self._listings, self._names = [], [], []

    def _whole(self, part: pl.DataFrame) -> pl.DataFrame:
        """Return a part with all columns, as they turned out to be."""
        known = set(part.columns)
        columns = [
            (pl.col(name) if name in known else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in self.schema.items()
        ]
        return part.select(LISTING, *(NAMES for _ in known & {NAMES}), *columns)


def _series(name: str, values: list[Any]) -> pl.Series:
    """Build a column of a part; one that holds several kinds of values holds their texts."""
    types = {type(value) for value in values if value is not None}
    if len(types) < 2:  # noqa: PLR2004 - one kind
        return pl.Series(name, values, dtype=_TYPES.get(frozenset(types), pl.String))
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
