"""How values of one data type are read: emptied, converted, and refused."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

Step = Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value could not be converted, where ``applies`` (a test of the cleaned value) holds."""

    why: str
    applies: Step | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The way from a raw value to the one that is sent.

    Attributes:
        dtype: What ``convert`` gives.
        clean: Raw to cleaned: null if there is nothing to send.
        convert: Cleaned to final: null if it cannot be converted.
        refusals: Why not; the first that applies is told.
        json: Whether the final value is text that already is JSON.
    """

    dtype: pl.DataType
    clean: Step
    convert: Step
    refusals: tuple[Refusal, ...] = ()
    json: bool = False


def same(value: pl.Expr) -> pl.Expr:
    """Leave a value as it is."""
    return value


def filled(text: pl.Expr) -> pl.Expr:
    """Make empty text null; the expression is computed once only."""
    return text.replace("", None)


def trimmed(text: pl.Expr) -> pl.Expr:
    """Trim text, and make it null if nothing is left."""
    return filled(text.str.strip_chars())


def filled_list(texts: pl.Expr) -> pl.Expr:
    """Make an empty list null."""
    return pl.when(texts.list.len() > 0).then(texts)


def cast_first(dtype: pl.DataType, clean: Step) -> Step:
    """Clean values of a column as if it were of another type."""
    return lambda raw: clean(raw.cast(dtype))


def finite(number: pl.Expr) -> pl.Expr:
    """Make NaN and infinity null."""
    return pl.when(number.is_finite()).then(number)


def whole_text(number: pl.Expr) -> pl.Expr:
    """Write floating numbers as text, whole ones without a fraction."""
    whole = (number == number.floor()) & (number.abs() < 2**53)
    return (
        pl.when(whole)
        .then(number.cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(number.cast(pl.String))
    )
