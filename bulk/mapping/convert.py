"""What ``as:`` and ``split:`` make of a column, by its data type."""

from dataclasses import replace

import polars as pl

from bulk.destinations.fields import Kind
from bulk.mapping.dates import date_reading, iso_text
from bulk.mapping.documents import compacted
from bulk.mapping.nested import all_finite, dated, instance, sendable
from bulk.mapping.reading import Reading, Refusal, cast_first, filled, filled_list, finite, same, trimmed
from bulk.mapping.spec import Shaping

_INTEGER = r"^[+-]?[0-9]+$"
_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_TRUTH = {"true": True, "yes": True, "y": True, "t": True, "1": True} | {
    "false": False,
    "no": False,
    "n": False,
    "f": False,
    "0": False,
}
_DOCUMENTS: dict[Kind | None, str] = {
    Kind.OBJECT: "a JSON object",
    Kind.TEXTS: "a JSON list of texts",
    Kind.LIST: "a JSON list",
}
_TRIMMED = frozenset({Kind.EMAIL, Kind.IDENTIFIER, Kind.PHONE, Kind.MOMENT})
_NOT_FINITE = Refusal("is not a finite number")


def reading_of(dtype: pl.DataType, shaping: Shaping, kind: Kind | None) -> Reading | str:
    """Describe how values of a data type are read, or say why they cannot be."""
    fault = _contradiction(shaping)
    if fault is not None:
        return fault
    plain = _plain(dtype)
    if plain is not None:
        read = reading_of(plain, shaping, kind)
        return read if isinstance(read, str) else replace(read, clean=cast_first(plain, read.clean))
    if shaping.split is not None:
        return _splitting(dtype, shaping.split)
    if shaping.convert in {"unix_seconds", "iso8601"}:
        return date_reading(dtype, shaping)
    return _converted(dtype, shaping.convert, kind)


def _converted(dtype: pl.DataType, convert: str | None, kind: Kind | None) -> Reading | str:
    if convert is not None and isinstance(dtype, pl.String):
        return _from_text(convert, kind)
    return _native(dtype, kind) if convert in {None, "json"} else _from_typed(dtype, str(convert))


def _plain(dtype: pl.DataType) -> pl.DataType | None:
    """Return the type that a column of this one is read as, if that is another."""
    if isinstance(dtype, (pl.Categorical, pl.Enum, pl.Null)):
        return pl.String()
    return pl.List(dtype.inner) if isinstance(dtype, pl.Array) else None


def _contradiction(shaping: Shaping) -> str | None:
    if shaping.split is not None and shaping.convert is not None:
        return "`split` and `as` cannot be combined"
    if not (shaping.split is None or shaping.split):
        return "`split` needs a separator"
    if (shaping.format or shaping.timezone) and shaping.convert not in {"unix_seconds", "iso8601"}:
        return "`format` and `timezone` need `as: unix_seconds` or `as: iso8601`"
    return None


def _splitting(dtype: pl.DataType, separator: str) -> Reading | str:
    if not isinstance(dtype, pl.String):
        return f"`split` is for text, not for {dtype}"

    def parts(text: pl.Expr) -> pl.Expr:
        pieces = text.str.split(separator).list.eval(pl.element().str.strip_chars())
        return filled_list(pieces.list.eval(pl.element().filter(pl.element().str.len_bytes() > 0)))

    return Reading(pl.List(pl.String), parts, same)


def _native(dtype: pl.DataType, kind: Kind | None) -> Reading | str:
    if not sendable(dtype):
        return f"its type ({dtype}) cannot be sent as JSON"
    if isinstance(dtype, pl.String):
        return Reading(dtype, trimmed if kind in _TRIMMED else filled, same)
    if dtype.is_float():
        return Reading(dtype, same, finite, (_NOT_FINITE,))
    if dtype.is_temporal():
        return _dates(dtype, kind)
    if isinstance(dtype, pl.List):
        return _list_reading(dtype)
    return Reading(dtype, same, same)


def _dates(dtype: pl.DataType, kind: Kind | None) -> Reading | str:
    placed = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    if kind is Kind.MOMENT and not placed:
        return "its dates have no offset: give `as: iso8601` and `timezone`"
    return Reading(pl.String(), same, iso_text(dtype))


def _list_reading(dtype: pl.List) -> Reading:
    def convert(value: pl.Expr) -> pl.Expr:
        return pl.when(all_finite(value, dtype)).then(dated(value, dtype))

    plain = instance(dtype.inner)
    if isinstance(plain, pl.String) or plain.is_integer():
        return Reading(dtype, filled_list, same)
    final = pl.List(pl.String) if plain.is_temporal() else dtype
    return Reading(final, filled_list, convert, (Refusal("holds a number that is not finite"),))


def _from_text(convert: str, kind: Kind | None) -> Reading:
    if convert == "int":
        return Reading(pl.Int64(), trimmed, _integer, (Refusal("is not a whole number of 64 bits"),))
    if convert == "float":
        return Reading(pl.Float64(), trimmed, _number, (Refusal("is not a finite number such as 12.5"),))
    if convert == "bool":
        told = Refusal("is none of true false yes no y n t f 1 0")
        return Reading(pl.Boolean(), trimmed, _truth, (told,))
    what = _DOCUMENTS.get(kind, "one JSON value")
    return Reading(pl.String(), _present_json, compacted(kind), (Refusal(f"is not {what}"),), json=True)


def _present_json(text: pl.Expr) -> pl.Expr:
    bare = trimmed(text)
    return pl.when(bare != "null").then(bare)


def _integer(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(_INTEGER)).then(text.cast(pl.Int64, strict=False))


def _number(text: pl.Expr) -> pl.Expr:
    return finite(pl.when(text.str.contains(_NUMBER)).then(text.cast(pl.Float64, strict=False)))


def _truth(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)


def _from_typed(dtype: pl.DataType, convert: str) -> Reading | str:
    truth = isinstance(dtype, pl.Boolean)
    if convert == "bool" and truth:
        return Reading(dtype, same, same)
    if not dtype.is_numeric():
        return f"{dtype} cannot be read with `as: {convert}`"
    if convert == "bool":
        return Reading(pl.Boolean(), same, _truth_of_number, (Refusal("is neither 1 nor 0"),))
    if convert == "float":
        return Reading(pl.Float64(), same, lambda value: finite(value.cast(pl.Float64)), (_NOT_FINITE,))
    return Reading(pl.Int64(), same, _whole, (Refusal("is not a whole number of 64 bits"),))


def _truth_of_number(number: pl.Expr) -> pl.Expr:
    return pl.when(number == 1).then(statement=True).when(number == 0).then(statement=False)


def _whole(number: pl.Expr) -> pl.Expr:
    integer = number.cast(pl.Int64, strict=False)
    return pl.when(integer == number).then(integer)
