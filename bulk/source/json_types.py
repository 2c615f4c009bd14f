"""Which column type holds JSON values without changing them, and columns built from such values."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import NoneType
from typing import Any, Final

import polars as pl

_EXACT: Final = 1 << 53
"""Beyond it, Float64 does not hold every integer."""
_INT64: Final = 1 << 63


class Written(str):
    """A JSON number as it is written."""

    __slots__ = ()


@dataclass(slots=True)
class Seen:
    """What values of a column, or of a place within them, have been seen."""

    types: set[type] = field(default_factory=set)
    widest: int = 0
    items: "Seen | None" = None
    members: dict[str, "Seen"] = field(default_factory=dict)

    def observe(self, values: Sequence[Any]) -> None:
        """Take note of more values."""
        types = set(map(type, values))
        self.types |= types
        if int in types:
            integers = [value for value in values if type(value) is int]
            self.widest = max(self.widest, *integers, -1 - min(integers))
        if list in types:
            self.items = self.items or Seen()
            self.items.observe(list(chain.from_iterable(value for value in values if type(value) is list)))
        if dict in types:
            _observe_members([value for value in values if type(value) is dict], self.members)

    def dtype(self) -> pl.DataType | None:
        """Return the type that holds all of them unchanged, or None if only their text does."""
        types = self.types - {NoneType}
        if types == {list}:
            return self._list()
        if types == {dict}:
            return self._struct()
        if types <= {int, float} and types:
            return self._number(types)
        plain: dict[frozenset[type], pl.DataType] = {
            frozenset(): pl.String(),
            frozenset({str}): pl.String(),
            frozenset({bool}): pl.Boolean(),
        }
        return plain.get(frozenset(types))

    def _number(self, types: set[type]) -> pl.DataType | None:
        if float in types:
            return pl.Float64() if self.widest <= _EXACT else None
        return pl.Int64() if self.widest < _INT64 else None

    def _list(self) -> pl.DataType | None:
        item = self.items.dtype() if self.items else None
        return pl.List(item) if item is not None else None

    def _struct(self) -> pl.DataType | None:
        members = {name: seen.dtype() for name, seen in self.members.items()}
        known = [pl.Field(name, dtype) for name, dtype in members.items() if dtype is not None]
        return pl.Struct(known) if known and len(known) == len(members) else None


def _observe_members(records: Sequence[dict[str, Any]], members: dict[str, Seen]) -> None:
    for name in dict.fromkeys(chain.from_iterable(records)):
        members.setdefault(name, Seen()).observe([record.get(name) for record in records])


def observe_records(records: Sequence[dict[str, Any]], columns: dict[str, Seen]) -> None:
    """Take note of the members of some objects."""
    _observe_members(records, columns)


def column(name: str, values: Iterable[Any], dtype: pl.DataType | None) -> pl.Series:
    """Build a column; without a type it holds the values' texts."""
    if dtype is None:
        return pl.Series(name, [as_text(value) for value in values], dtype=pl.String)
    return pl.Series(name, [as_value(value) for value in values], dtype=dtype, strict=False)


def plain_column(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    """Build a column of values none of which is ``Written``."""
    return pl.Series(name, values, dtype=dtype, strict=False)


def as_text(value: Any) -> str | None:
    """Return a value's JSON text, numbers as they were written, a string as itself."""
    if value is None or type(value) is str:
        return value
    return _json(value)


def as_value(value: Any) -> Any:
    """Return a value with its numbers as numbers."""
    if type(value) is Written:
        return json.loads(value)
    if type(value) is list:
        return [as_value(item) for item in value]
    if type(value) is dict:
        return {name: as_value(item) for name, item in value.items()}
    return value


def _json(value: Any) -> str:
    if type(value) is Written:
        return str(value)
    if type(value) is list:
        return "[" + ",".join(map(_json, value)) + "]"
    if type(value) is dict:
        return "{" + ",".join(f"{_json(name)}:{_json(item)}" for name, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
