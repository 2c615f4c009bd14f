"""Text that is one JSON value, to be embedded as it is."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import orjson
import polars as pl

from bulk.destinations.fields import Kind

_LONG_NUMBER = re.compile(r"\d{16}")


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _compact(text: str, change: Callable[[Any], Any] = lambda value: value) -> tuple[Any, str]:
    """Read JSON text and write it, changed, without spaces; numbers beyond 64 bits keep every digit."""
    if _LONG_NUMBER.search(text) is None:
        value = change(orjson.loads(text))
        return value, orjson.dumps(value).decode()
    value = change(json.loads(text, parse_constant=_refuse))
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    orjson.loads(written)  # lone surrogates and absurd depth are refused here as in short documents
    return value, written


def _suits(value: Any, kind: Kind | None) -> bool:
    if kind in {Kind.OBJECT, Kind.LIST}:
        return isinstance(value, dict if kind is Kind.OBJECT else list)
    if kind is Kind.TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return True


def _each(texts: pl.Series, judge: Callable[[str], Any], dtype: type[pl.DataType]) -> pl.Series:
    """Apply a function once to each distinct text."""
    known = {text: judge(text) for text in texts.unique() if text is not None}
    return pl.Series(texts.name, [known.get(text) for text in texts], dtype=dtype)


def compacted(kind: Kind | None) -> Callable[[pl.Expr], pl.Expr]:
    """Return the conversion of text to compact JSON of a kind; null if it is not."""

    def one(text: str) -> str | None:
        try:
            value, written = _compact(text)
        except (ValueError, TypeError, RecursionError):  # TypeError: deeper than orjson writes
            return None
        return written if _suits(value, kind) else None

    return lambda value: value.map_batches(lambda texts: _each(texts, one, pl.String), return_dtype=pl.String)


def changed(change: Callable[[Any], Any]) -> Callable[[pl.Expr], pl.Expr]:
    """Return the change of JSON texts by their value; null where it leaves nothing."""

    def one(text: str) -> str | None:
        value, written = _compact(text, change)
        return None if value is None else written

    return lambda value: value.map_batches(lambda texts: _each(texts, one, pl.String), return_dtype=pl.String)


def mentioning(names: Sequence[str]) -> Callable[[pl.Expr], pl.Expr]:
    """Return a quick test of compact JSON texts: whether any of the names may stand in them."""
    written = [orjson.dumps(name).decode()[1:-1] for name in names]
    return lambda text: text.str.contains_any(written)


def where(predicate: Callable[[Any], bool]) -> Callable[[pl.Expr], pl.Expr]:
    """Return a test of JSON texts, by their value."""

    def one(text: str) -> bool:
        return predicate(orjson.loads(text))

    return lambda value: value.map_batches(
        lambda texts: _each(texts, one, pl.Boolean), return_dtype=pl.Boolean
    )


def texts_of(value: Any) -> list[str]:
    """Return the texts that a limit on length is meant for: itself, a list's, an object's members."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
