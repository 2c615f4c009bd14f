"""What final values must pass beyond their type: lengths, counts, choices, patterns, member names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from bulk.destinations.fields import Field, Kind
from bulk.mapping.documents import mentioning, texts_of, where
from bulk.mapping.reading import Reading
from bulk.mapping.values import LONGEST_EMAIL, fits, misnamed
from bulk.mapping.wanted import Wanted

# Local part and labels hold anything but spaces, control and invisible characters, quotes, commas, <>; one @.
_EMAIL = r'^[^\s@"<>,\p{Cc}\p{Cf}]+@[^\s@"\'<>,.\p{Cc}\p{Cf}]+(?:\.[^\s@"\'<>,.\p{Cc}\p{Cf}]+)+$'
_NO_IDENTIFIER = r"^\.{1,2}$|\p{Cc}"


@dataclass(frozen=True, slots=True)
class Test:
    """A test that final values fail where ``fails`` holds."""

    fails: Callable[[pl.Expr], pl.Expr]
    reason: str
    why: str


def tests_of(read: Reading, wanted: Wanted) -> Iterator[Test]:
    """Yield what final values must pass, in the order a fault is told."""
    if wanted.kind is Kind.EMAIL:
        yield Test(_no_email, "bad_value", "is not an e-mail address")
    if wanted.kind is Kind.IDENTIFIER:
        yield Test(lambda value: value.str.contains(_NO_IDENTIFIER), "bad_value", "cannot name anybody")
    field = wanted.field
    if field is None:
        return
    if read.json:
        yield from _document_tests(field, wanted)
        return
    if read.dtype in (pl.String, pl.List(pl.String)):
        yield from _text_tests(field, wanted, listed=isinstance(read.dtype, pl.List))
    most = field.max_items
    if isinstance(read.dtype, pl.List) and most is not None and wanted.kind in {Kind.TEXTS, Kind.LIST}:
        yield Test(lambda value: value.list.len() > most, "too_many", f"has more than {most} items")


def _no_email(text: pl.Expr) -> pl.Expr:
    return ~text.str.contains(_EMAIL) | (text.str.len_chars() > LONGEST_EMAIL)


def _text_tests(field: Field, wanted: Wanted, *, listed: bool) -> Iterator[Test]:
    """Yield tests of a text, or of each text of a list."""
    chars, size = field.max_chars, field.max_bytes
    if chars is not None:
        longer = _of_each(lambda text: text.str.len_chars() > chars, listed=listed)
        yield Test(longer, "too_long", f"is longer than {chars} characters")
    if size is not None:
        larger = _of_each(lambda text: text.str.len_bytes() > size, listed=listed)
        yield Test(larger, "too_long", f"is longer than {size} bytes")
    if wanted.whole is None:
        return
    if field.choices:
        other = _of_each(lambda text: ~text.is_in(list(field.choices)), listed=listed)
        yield Test(other, "bad_value", f"is none of {', '.join(field.choices)}")
    if field.pattern is not None:
        form = f"^(?:{field.pattern})$"
        misshapen = _of_each(lambda text: ~text.str.contains(form), listed=listed)
        yield Test(misshapen, "bad_value", f"is not of the form {field.pattern}")


def _of_each(fails: Callable[[pl.Expr], pl.Expr], *, listed: bool) -> Callable[[pl.Expr], pl.Expr]:
    if not listed:
        return fails
    return lambda value: value.list.eval(fails(pl.element())).list.any()


def _document_tests(field: Field, wanted: Wanted) -> Iterator[Test]:
    whole = wanted.whole is not None
    if whole and field.kind is Kind.OBJECT:
        wrong_name = where(lambda value: misnamed(value, field))
        if field.member_pattern is not None or field.member_max_bytes is not None or field.suffixes:
            yield Test(wrong_name, "bad_value", "has a member whose name is not allowed")
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
    if field.special or field.suffixes or field.consent is not None or _lists_texts(wanted):
        yield Test(_unfit(field, wanted), "bad_value", f"holds what is not allowed: {_said(field)}")


def _unfit(field: Field, wanted: Wanted) -> Callable[[pl.Expr], pl.Expr]:
    """Return the test of documents by their values; most need not be read if only some names matter."""
    unfit = where(lambda value: not fits(value, wanted))
    if field.suffixes or field.consent is not None or not field.special:
        return unfit
    concerned = mentioning([known.name for known in field.special])
    return lambda text: unfit(pl.when(concerned(text)).then(text))


def _lists_texts(wanted: Wanted) -> bool:
    """Tell whether a list has texts that must be of some form."""
    field = wanted.whole
    return field is not None and bool(field.choices or field.pattern)


def _said(field: Field) -> str:
    """Say what members, or items, must be."""
    if field.consent is not None and field.kind is Kind.OBJECT:
        return "everything inside is true or false"
    members = [f'"{known.name}" takes {known.kind}' for known in field.special]
    members += [f"…{suffix} takes {known.kind}" for suffix, known in field.suffixes.items()]
    items = [f"one of {', '.join(field.choices)}"] if field.choices else []
    items += [f"of the form {field.pattern}"] if field.pattern else []
    return ", ".join(members or items)
