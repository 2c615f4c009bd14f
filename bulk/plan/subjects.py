"""Who is to be erased: keyed hashes of everything that names a person, and what is noted of the request."""

import calendar
from collections.abc import Iterable, Mapping
from datetime import MAXYEAR, UTC, datetime

import polars as pl

from bulk.conversation import ROW, Name
from bulk.plan.suppression import VALUE, Recipe, usual

KIND, HASH, FOUND = "kind", "hash", "found"
REFERENCE, RECEIVED_AT, DUE_AT = "reference", "received_at", "due_at"
COMPARABLE = frozenset({"email", "phone", "id"})
"""Kinds that mean the same in every system; identifiers of other kinds are one system's own."""
NOTED = (REFERENCE, RECEIVED_AT, DUE_AT)


def naming(secret: bytes) -> Recipe:
    """Return how identifiers are hashed that name erased people, in the form in which they compare."""
    return Recipe("hmac-sha256", secret, usual(pl.col(VALUE)))


def given_subjects(records: pl.DataFrame, kinds: Mapping[str, str], recipe: Recipe) -> pl.DataFrame:
    """Return ROW, kind, hash and whether it was only found, for every identifier that records give.

    Args:
        records: ROW and a column for each identifier that is mapped.
        kinds: By identifier, what it is everywhere.
        recipe: How they are hashed.
    """
    frames = [
        _hashed(records[ROW], records[name].cast(pl.String), kind, recipe)
        for name, kind in kinds.items()
        if name in records.columns
    ]
    return pl.concat([_frame([], "", [], found=False), *frames])


def found_subjects(row: int, names: Iterable[Name], kinds: Mapping[str, str], recipe: Recipe) -> pl.DataFrame:
    """Return the same for the identifiers that a destination showed of one row's person."""
    frames = [
        _hashed(
            pl.Series(ROW, [row], dtype=pl.UInt32),
            pl.Series([value], dtype=pl.String),
            kinds.get(kind, kind),
            recipe,
            found=True,
        )
        for kind, value in names
    ]
    return pl.concat([_frame([], "", [], found=True), *frames])


def _hashed(
    rows: pl.Series, values: pl.Series, kind: str, recipe: Recipe, *, found: bool = False
) -> pl.DataFrame:
    places, digests = recipe.digests(values)
    return _frame(rows.gather(places).to_list(), kind, digests, found=found)


def _frame(rows: list[int], kind: str, digests: list[bytes], *, found: bool) -> pl.DataFrame:
    return pl.DataFrame(
        {
            ROW: pl.Series(rows, dtype=pl.UInt32),
            KIND: pl.Series([kind] * len(rows), dtype=pl.String),
            HASH: pl.Series(digests, dtype=pl.Binary),
            FOUND: pl.Series([found] * len(rows), dtype=pl.Boolean),
        }
    )


def requests(records: pl.DataFrame) -> pl.DataFrame:
    """Return ROW, reference, received_at and due_at (unix seconds) of rows of which any is noted."""
    noted = records.select(ROW, *(_column(records, name) for name in NOTED)).filter(
        pl.any_horizontal(pl.col(REFERENCE, RECEIVED_AT, DUE_AT).is_not_null())
    )
    received = [_moment(text) for text in noted[RECEIVED_AT]]
    due = [
        _moment(text) or (None if at is None else month_later(at))
        for text, at in zip(noted[DUE_AT], received, strict=True)
    ]
    return pl.DataFrame(
        {
            ROW: noted[ROW],
            REFERENCE: noted[REFERENCE],
            RECEIVED_AT: pl.Series([_seconds(at) for at in received], dtype=pl.Float64),
            DUE_AT: pl.Series([_seconds(at) for at in due], dtype=pl.Float64),
        }
    )


def _column(records: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name) if name in records.columns else pl.lit(None, pl.String).alias(name)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.astimezone(UTC).timestamp()


def month_later(at: datetime) -> datetime:
    """Return the same day of the next month, or its last: Article 12(3) GDPR gives one month."""
    if (at.year, at.month) == (MAXYEAR, 12):
        return at
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)  # noqa: PLR2004 - December
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
