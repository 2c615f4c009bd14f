"""How the dates of a column are written, found by reading them as a job would."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import polars as pl

from bulk.mapping.convert import reading_of
from bulk.mapping.spec import Shaping
from bulk.starting.meanings import Form
from bulk.starting.seen import MOST, Seen

_LOOKED_AT_FIRST = 50
_MOSTLY = 0.8
"""The share of the first values that must look so, for all to be read."""
_EARLIEST, _LATEST = -2_208_988_800, 4_102_444_800
"""Seconds of 1900 and of 2100: what lies outside was misread."""
_LIKE_A_DATE = (
    r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:\D.*)?$"
    r"|^(?:\p{L}{3,9},? )?\p{L}{3,9}\.? \d{1,2},? \d{4}|^(?:\p{L}{3,9}, )?\d{1,2} \p{L}{3,9}\.? \d{4}"
)
_EPOCH = r"^\d{10}$"
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %I:%M %p", " at %I:%M %p")
_WITH_NAMES = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%a, %d %b %Y", "%a %b %d %Y")
_NUMBERS = ("%d{0}%m{0}%y", "%d{0}%m{0}%Y"), ("%m{0}%d{0}%y", "%m{0}%d{0}%Y")
"""Day first, month first; years of two digits are tried before years of four, which take them for 26 AD."""


@dataclass(frozen=True, slots=True)
class Written:
    """How the dates of a column are written.

    Attributes:
        format: Their ``strptime`` format; None for ISO 8601.
        local: Whether they have no offset, so that their zone must be known.
        other: The format with day and month swapped, if that reads all of them as well.
    """

    format: str | None = None
    local: bool = True
    other: str | None = None

    def shaping(self, convert: str, zone: str) -> Shaping:
        """Return how a job reads them."""
        given = zone if self.local else None
        return Shaping("unix_seconds" if convert == "unix_seconds" else "iso8601", None, self.format, given)

    def swapped(self) -> "Written":
        """Return the other reading."""
        return Written(self.other, self.local, self.format)


def written(seen: Seen, column: str, form: Form) -> Written | None:
    """Return how a column's dates are written; None if it does not hold dates alone."""
    dtype = seen.schema[column]
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        return Written(local=getattr(dtype, "time_zone", None) is None)
    values = seen.filled(column)
    if not isinstance(dtype, pl.String) or values.is_empty():
        return None
    first = values.head(_LOOKED_AT_FIRST)
    epochs = form is Form.DATE and _share_of(first, _EPOCH) >= MOST
    if epochs or _share_of(first, _LIKE_A_DATE) >= _MOSTLY:
        return _iso(values) or (None if epochs else _formatted(values, first))
    return None


def _iso(values: pl.Series) -> Written | None:
    for local in (False, True):
        if _read(values, None, "UTC" if local else None) >= MOST:
            return Written(local=local)
    return None


def _formatted(values: pl.Series, first: pl.Series) -> Written | None:
    for plain in _plain_formats():
        if _reads(values, first, plain):
            return Written(plain)
    return _by_numbers(values, first)


def _by_numbers(values: pl.Series, first: pl.Series) -> Written | None:
    """Read dates whose day and month are numbers, either of which may stand first."""
    for mark, year, time in product("/.-", (0, 1), _TIMES):
        forms = [order[year].format(mark) + time for order in _NUMBERS]
        shares = {form: share for form in forms if (share := _reads(values, first, form))}
        if shares:
            best = max(shares, key=lambda form: shares[form])
            equal = [form for form, share in shares.items() if share == shares[best] and form != best]
            return Written(best, other=equal[0] if equal and mark != "." else None)
    return None


def _plain_formats() -> Iterator[str]:
    yield "%Y-%m-%d %H:%M:%S UTC"
    for day, time in product(("%Y/%m/%d", "%Y.%m.%d", *_WITH_NAMES), _TIMES):
        yield day + time


def _reads(values: pl.Series, first: pl.Series, form: str) -> float:
    """Return the share of values that a format reads, if it reads most."""
    share = _read(values, form, "UTC") if _read(first, form, "UTC") >= _MOSTLY else 0.0
    return share if share >= MOST else 0.0


def _read(values: pl.Series, form: str | None, zone: str | None) -> float:
    """Return the share of values that become dates that may have been meant."""
    reading = reading_of(pl.String(), Shaping("unix_seconds", None, form, zone), None)
    if isinstance(reading, str):
        return 0.0
    seconds = values.to_frame("text").select(reading.convert(pl.col("text")).alias("read"))["read"]
    return int(seconds.is_between(_EARLIEST, _LATEST).sum()) / len(values)


def _share_of(values: pl.Series, pattern: str) -> float:
    return int(values.str.contains(pattern).sum()) / len(values)
