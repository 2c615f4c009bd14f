"""Listed records as columns, whatever they turn out to hold."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import polars as pl

_TYPES: dict[frozenset[type], type[pl.DataType]] = {
    frozenset({bool}): pl.Boolean,
    frozenset({int}): pl.Int64,
    frozenset({float}): pl.Float64,
    frozenset({int, float}): pl.Float64,
}


class Columns:
    """The columns of records that come one after another; objects become columns with dotted names."""

    def __init__(self) -> None:
        self._types: dict[str, set[type]] = {}

    def flat(self, record: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the columns of a record, and take note of them; a list becomes JSON text."""
        for name, value in record.items():
            column = f"{above}{name}"
            if isinstance(value, Mapping):
                yield from self.flat(value, f"{column}.")
                continue
            seen = self._types.setdefault(column, set())
            plain = orjson.dumps(value).decode() if isinstance(value, list) else value
            if plain is not None:
                seen.add(type(plain))
            yield column, plain

    @property
    def schema(self) -> pl.Schema:
        """The columns so far; one that holds several kinds of values holds their texts."""
        return pl.Schema({name: _TYPES.get(frozenset(seen), pl.String) for name, seen in self._types.items()})
