"""What a field's kind asks of its values: the type they are sent as, and the tests they must pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import polars as pl

from bulk.destinations.fields import Field, Kind
from bulk.mapping.documents import misnamed, texts_of, where
from bulk.mapping.nested import instance
from bulk.mapping.reading import Reading, Refusal, filled_list, finite, same, whole_text

# Local part and labels hold anything but spaces, control and invisible characters, quotes, commas, <>; one @.
_EMAIL = r'^[^\s@"<>,\p{Cc}\p{Cf}]+@[^\s@"\'<>,.\p{Cc}\p{Cf}]+(?:\.[^\s@"\'<>,.\p{Cc}\p{Cf}]+)+$'
_LONGEST_EMAIL = 254
_NO_IDENTIFIER = r"^\.{1,2}$|\p{Cc}"


@dataclass(frozen=True, slots=True)
class Test:
    """A test that final values fail where ``fails`` holds."""

    fails: Callable[[pl.Expr], pl.Expr]
    reason: str
    why: str


def fitted(read: Reading, kind: Kind | None) -> Reading | str:
    """Bring a reading to the type its field is sent as (None: any JSON), or say why that cannot be."""
    if kind is None:
        return _textual(read) if read.dtype.is_decimal() else read
    if read.json:
        return read if kind in {Kind.OBJECT, Kind.TEXTS} else f"takes {kind}, not JSON; leave out `as: json`"
    if kind is Kind.OBJECT:
        return "takes an object: map its members one by one, or give `as: json`"
    if kind is Kind.TEXTS:
        return _listed(read)
    return _scalar(read, kind)


def _scalar(read: Reading, kind: Kind) -> Reading | str:
    if isinstance(read.dtype, (pl.List, pl.Struct)):
        return f"takes {kind}, not {read.dtype}"
    return _typed(read, kind) if kind in {Kind.BOOLEAN, Kind.INTEGER, Kind.NUMBER} else _textual(read)


def tests_of(read: Reading, field: Field | None, kind: Kind | None) -> Iterator[Test]:
    """Yield what final values must pass, in the order a fault is told."""
    if kind is Kind.EMAIL:
        yield Test(_no_email, "bad_value", "is not an e-mail address")
    if kind is Kind.IDENTIFIER:
        yield Test(lambda value: value.str.contains(_NO_IDENTIFIER), "bad_value", "cannot name anybody")
    if field is None:
        return
    if read.json:
        yield from _document_tests(field, whole=kind is not None)
    else:
        yield from _length_tests(read, field)


def constant_fault(value: Any, field: Field | None, kind: Kind | None) -> str | None:
    """Say what is wrong with a constant, or None."""
    try:
        written = orjson.dumps(value)
    except TypeError:
        return "the value cannot be written as JSON"
    plain = orjson.loads(written)
    if plain is None:
        return "the value is not a finite number" if value is not None else None
    if kind is not None and not _is_of(plain, kind):
        return f"takes {kind}"
    frame = pl.DataFrame({"value": [plain if isinstance(plain, str) else written.decode()]})
    text = isinstance(plain, str)
    checks = tests_of(Reading(pl.String(), same, same, json=not text), field, kind)
    return next((test.why for test in checks if frame.select(test.fails(pl.col("value"))).item()), None)


def _is_of(value: Any, kind: Kind) -> bool:
    if kind is Kind.TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is Kind.BOOLEAN or isinstance(value, bool):
        return isinstance(value, bool) and kind is Kind.BOOLEAN
    types: dict[Kind, tuple[type, ...]] = {
        Kind.INTEGER: (int,),
        Kind.NUMBER: (int, float),
        Kind.OBJECT: (dict,),
        Kind.IDENTIFIER: (str, int),
    }
    return isinstance(value, types.get(kind, (str,)))


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


def _no_email(text: pl.Expr) -> pl.Expr:
    return ~text.str.contains(_EMAIL) | (text.str.len_chars() > _LONGEST_EMAIL)


def _length_tests(read: Reading, field: Field) -> Iterator[Test]:
    listed = isinstance(read.dtype, pl.List)
    limits = ((field.max_chars, "characters"), (field.max_bytes, "bytes"))
    textual = read.dtype in (pl.String, pl.List(pl.String))
    for limit, unit in limits if textual else ():
        if limit is not None:
            yield Test(_longer(limit, unit, listed=listed), "too_long", f"is longer than {limit} {unit}")
    most = field.max_items
    if listed and most is not None and field.kind is Kind.TEXTS:
        yield Test(lambda value: value.list.len() > most, "too_many", f"has more than {most} items")


def _longer(limit: int, unit: str, *, listed: bool) -> Callable[[pl.Expr], pl.Expr]:
    def length(text: pl.Expr) -> pl.Expr:
        return text.str.len_chars() if unit == "characters" else text.str.len_bytes()

    if listed:
        return lambda value: value.list.eval(length(pl.element())).list.max() > limit
    return lambda value: length(value) > limit


def _document_tests(field: Field, *, whole: bool) -> Iterator[Test]:
    if whole and field.member_pattern is not None and field.kind is Kind.OBJECT:
        yield Test(
            where(lambda value: isinstance(value, dict) and bool(misnamed(field, value))),
            "bad_value",
            "has a member whose name is not allowed",
        )
    chars, size, most = field.max_chars, field.max_bytes, field.max_items
    if chars is not None:
        too_long = where(lambda value: any(len(text) > chars for text in texts_of(value)))
        yield Test(too_long, "too_long", f"has a text longer than {chars} characters")
    if size is not None:
        too_large = where(lambda value: any(len(text.encode()) > size for text in texts_of(value)))
        yield Test(too_large, "too_long", f"has a text longer than {size} bytes")
    if whole and most is not None:
        crowded = where(lambda value: isinstance(value, (dict, list)) and len(value) > most)
        yield Test(crowded, "too_many", f"has more than {most} items")
