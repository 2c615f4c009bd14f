"""What a field's kind asks of its values: the type they are sent as."""

from dataclasses import replace

import polars as pl

from bulk.destinations.fields import Kind
from bulk.mapping.dates import NO_MOMENT, moment
from bulk.mapping.nested import instance
from bulk.mapping.reading import Reading, Refusal, filled_list, finite, same, whole_text

_DOCUMENTED = frozenset({Kind.OBJECT, Kind.TEXTS, Kind.LIST})
_PHONE = r"^\+[0-9\s.()/\p{Pd}]+$"
_NATIONAL_ZERO = "(0)"
_SEPARATORS = r"[\s.()/\p{Pd}]"
_INTERNATIONAL = r"^\+[1-9][0-9]{6,14}$"
_NO_PHONE = (
    Refusal(
        "leave out (0): it is not dialled from everywhere",
        lambda value: value.cast(pl.String).str.contains(_NATIONAL_ZERO, literal=True),
    ),
    Refusal("is not an international phone number such as +39 02 1234567"),
)


def fitted(read: Reading, kind: Kind | None) -> Reading | str:
    """Bring a reading to the type its field is sent as (None: any JSON), or say why that cannot be."""
    if kind is None:
        return _textual(read) if read.dtype.is_decimal() else read
    if read.json:
        return read if kind in _DOCUMENTED else f"takes {kind}, not JSON; leave out `as: json`"
    if kind is Kind.OBJECT:
        return "takes an object: map its members one by one, or give `as: json`"
    if kind is Kind.LIST:
        listed = isinstance(read.dtype, pl.List)
        return read if listed else "takes a list: give `split`, or a JSON list with `as: json`"
    if kind is Kind.TEXTS:
        return _listed(read)
    return _scalar(read, kind)


def _scalar(read: Reading, kind: Kind) -> Reading | str:
    if isinstance(read.dtype, (pl.List, pl.Struct)):
        return f"takes {kind}, not {read.dtype}"
    if kind is Kind.MOMENT:
        return _moment(read)
    if kind is Kind.PHONE:
        return _phone(_textual(read))
    return _typed(read, kind) if kind in {Kind.BOOLEAN, Kind.INTEGER, Kind.NUMBER} else _textual(read)


def _moment(read: Reading) -> Reading | str:
    if not isinstance(read.dtype, pl.String):
        return f"takes {Kind.MOMENT}: give `as: iso8601`"
    plain = read.convert is same  # what was converted is one already
    return replace(read, convert=moment, refusals=NO_MOMENT) if plain else read


def _phone(read: Reading) -> Reading:
    """Send numbers with their digits alone, after the plus."""
    convert = read.convert
    return replace(read, convert=lambda value: dialled(convert(value)), refusals=_NO_PHONE)


def dialled(text: pl.Expr) -> pl.Expr:
    """Return the digits of an international phone number after its plus; null if it is none."""
    digits = text.str.replace_all(_SEPARATORS, "")
    clear = text.str.contains(_PHONE) & ~text.str.contains(_NATIONAL_ZERO, literal=True)
    return pl.when(clear & digits.str.contains(_INTERNATIONAL)).then(digits)


def _textual(read: Reading) -> Reading:
    """Send what is not text as text."""
    convert = read.convert
    if isinstance(read.dtype, pl.String):
        return read
    if read.dtype.is_float():
        return replace(read, dtype=pl.String(), convert=lambda value: whole_text(convert(value)))
    return replace(read, dtype=pl.String(), convert=lambda value: convert(value).cast(pl.String))


def _listed(read: Reading) -> Reading | str:
    convert = read.convert
    if not isinstance(read.dtype, pl.List):
        single = _textual(read)
        to_text = single.convert
        return replace(single, dtype=pl.List(pl.String), convert=lambda value: _alone(to_text(value)))
    inner = instance(read.dtype.inner)
    if inner.is_nested():
        return f"takes {Kind.TEXTS}, not {read.dtype}"
    clean = read.clean
    texts = replace(
        read, dtype=pl.List(pl.String), clean=lambda raw: filled_list(clean(raw).list.drop_nulls())
    )
    if isinstance(inner, pl.String):
        return texts
    return replace(texts, convert=lambda value: convert(value).list.eval(_item_text(inner)))


def _item_text(inner: pl.DataType) -> pl.Expr:
    return whole_text(pl.element()) if inner.is_float() else pl.element().cast(pl.String)


def _alone(text: pl.Expr) -> pl.Expr:
    return pl.when(text.is_not_null()).then(pl.concat_list(text))


def _typed(read: Reading, kind: Kind) -> Reading | str:
    convert = read.convert
    if kind is Kind.BOOLEAN:
        return read if isinstance(read.dtype, pl.Boolean) else f"takes {kind}: give `as: bool`"
    if kind is Kind.INTEGER:
        return read if read.dtype.is_integer() else f"takes {kind}: give `as: int`"
    if not read.dtype.is_numeric():
        return f"takes {kind}: give `as: float` or `as: int`"
    if not read.dtype.is_decimal():
        return read
    told = (Refusal("is not a finite number"),)
    return replace(
        read, dtype=pl.Float64(), convert=lambda value: finite(convert(value).cast(pl.Float64)), refusals=told
    )
