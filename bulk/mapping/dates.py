"""Dates and times: any documented form to an instant, and that to unix seconds or ISO 8601 text."""

import datetime as dt
from functools import partial

import polars as pl

from bulk.mapping.expression import POLARS_ERRORS
from bulk.mapping.reading import Reading, Refusal, Step, same, trimmed
from bulk.mapping.spec import Shaping

_NAIVE = pl.Datetime("us")
_INSTANT = pl.Datetime("us", "UTC")
_ISO_OUT = "%Y-%m-%dT%H:%M:%S%.fZ"
_ISO = (
    r"^(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<minute>\d{2}:\d{2})(?::(?P<second>[0-5]\d(?:\.\d{1,9})?))?"
    r" ?(?P<offset>[Zz]|(?P<sign>[+-])(?P<hours>0\d|1[0-4])(?::?(?P<minutes>[0-5]\d))?)?)?$"
)
_MOMENT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)$"
_SWAPPABLE = r"^\d{1,2}[/.\-]\d{1,2}[/.\-]\d{2,4}(?:\D|$)"
_LARGEST_EPOCH = 9_999_999_999
_OWN_OFFSET = ("%z", "%:z", "%#z", "%+", "%s")


def date_reading(dtype: pl.DataType, shaping: Shaping) -> Reading | str:
    """Describe how a column's dates become unix seconds or ISO 8601 text, or say why they cannot."""
    fault = _setting_fault(shaping)
    if fault is not None:
        return fault
    instants = _instants(dtype, shaping)
    if isinstance(instants, str):
        return instants
    clean, instant, refusals = instants
    if shaping.convert == "unix_seconds":
        return Reading(pl.Int64(), clean, lambda value: instant(value).dt.epoch("s"), refusals)
    return Reading(pl.String(), clean, lambda value: instant(value).dt.strftime(_ISO_OUT), refusals)


def iso_text(dtype: pl.DataType) -> Step:
    """Write dates and times of a typed column as ISO 8601, in UTC if they have a zone."""
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return lambda value: value.dt.convert_time_zone("UTC").dt.strftime(_ISO_OUT)
    if isinstance(dtype, pl.Datetime):
        return lambda value: value.dt.strftime(_ISO_OUT.removesuffix("Z"))
    return lambda value: value.dt.to_string("iso")


def moment(text: pl.Expr) -> pl.Expr:
    """Leave text that is a date and time of ISO 8601 with an offset; null if it is another."""
    return pl.when(text.str.contains(_MOMENT) & _iso_naive(text).is_not_null()).then(text)


Instants = tuple[Step, Step, tuple[Refusal, ...]]


def _instants(dtype: pl.DataType, shaping: Shaping) -> Instants | str:
    zone = shaping.timezone
    if isinstance(dtype, pl.String):
        return _from_format(shaping.format, zone) if shaping.format else _from_iso(zone)
    if shaping.format:
        return "`format` is for text; this column is typed already"
    if dtype.is_numeric():
        return same, _from_epoch, (Refusal("is not a time in unix seconds"),)
    return _from_typed(dtype, zone)


def _from_typed(dtype: pl.DataType, zone: str | None) -> Instants | str:
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return same, lambda value: value.cast(_INSTANT), ()
    if not isinstance(dtype, (pl.Date, pl.Datetime)):
        return f"holds no dates ({dtype})"
    if zone is None:
        return "its dates have no offset: set `timezone`"
    return same, lambda value: _placed(value.cast(_NAIVE), zone), (_missing_hour(zone),)


def _from_epoch(seconds: pl.Expr) -> pl.Expr:
    whole = seconds.cast(pl.Float64).floor().cast(pl.Int64, strict=False)
    return pl.when(whole.abs() <= _LARGEST_EPOCH).then((whole * 1_000_000).cast(_INSTANT))


def _placed(naive: pl.Expr, zone: str) -> pl.Expr:
    """Place local times in their zone: the earlier one in autumn, null for the hour that spring skips."""
    local = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _missing_hour(zone: str, naive: Step | None = None) -> Refusal:
    applies = None if naive is None else partial(_exists, naive)
    return Refusal(f"this local time does not exist in {zone}", applies)


def _exists(naive: Step, value: pl.Expr) -> pl.Expr:
    return naive(value).is_not_null()


def _from_format(form: str, zone: str | None) -> Instants | str:
    not_a_date = Refusal("is not a date of the given `format`")
    if any(directive in form for directive in _OWN_OFFSET):
        return trimmed, lambda text: text.str.strptime(_INSTANT, form, strict=False), (not_a_date,)
    if zone is None:
        return "dates in this `format` have no offset: set `timezone`"

    def naive(text: pl.Expr) -> pl.Expr:
        return text.str.strptime(_NAIVE, form, strict=False)

    return trimmed, lambda text: _placed(naive(text), zone), (_missing_hour(zone, naive), not_a_date)


def _from_iso(zone: str | None) -> Instants:
    refusals = (
        Refusal("day and month could be swapped: give `format`", lambda text: text.str.contains(_SWAPPABLE)),
        Refusal("the date has no offset: set `timezone`", _iso_local)
        if zone is None
        else _missing_hour(zone, _iso_local_time),
        Refusal("is not a date of the form 2026-01-31T10:00:00Z"),
    )
    return trimmed, lambda text: _iso_instant(text, zone), refusals


def _part(text: pl.Expr, name: str) -> pl.Expr:
    return text.str.extract_groups(_ISO).struct.field(name)


def _iso_naive(text: pl.Expr) -> pl.Expr:
    minute = _part(text, "minute").fill_null("00:00")
    second = _part(text, "second").fill_null("00")
    written = pl.concat_str(_part(text, "date"), pl.lit("T"), minute, pl.lit(":"), second)
    return written.str.strptime(_NAIVE, "%Y-%m-%dT%H:%M:%S%.f", strict=False)


def _iso_local_time(text: pl.Expr) -> pl.Expr:
    return pl.when(_part(text, "offset").is_null()).then(_iso_naive(text))


def _iso_local(text: pl.Expr) -> pl.Expr:
    return _iso_local_time(text).is_not_null()


NO_MOMENT = (
    Refusal("the date has no offset: give `as: iso8601` and `timezone`", _iso_local),
    Refusal("is not a date and time of the form 2026-01-31T10:00:00Z"),
)
"""Why text is no date and time with an offset."""


def _iso_instant(text: pl.Expr, zone: str | None) -> pl.Expr:
    naive = _iso_naive(text)
    hours = _part(text, "hours").cast(pl.Int64).fill_null(0)
    minutes = _part(text, "minutes").cast(pl.Int64).fill_null(0)
    east = pl.when(_part(text, "sign") == "-").then(-1).otherwise(1)
    ahead = pl.duration(minutes=east * (hours * 60 + minutes))
    aware = naive.dt.replace_time_zone("UTC") - ahead
    local = pl.lit(None, _INSTANT) if zone is None else _placed(_iso_local_time(text), zone)
    epoch = _from_epoch(text.str.extract(r"^(\d{10})$").cast(pl.Int64))
    return pl.coalesce(epoch, pl.when(_part(text, "offset").is_not_null()).then(aware), local)


def _setting_fault(shaping: Shaping) -> str | None:
    if shaping.timezone is not None and not _zone_exists(shaping.timezone):
        return f'unknown timezone "{shaping.timezone}"; give an IANA name such as Europe/Rome'
    if shaping.format is not None and not _format_works(shaping.format):
        return "`format` cannot be read back into a date; use strptime directives such as %d/%m/%Y %H:%M"
    return None


def _zone_exists(zone: str) -> bool:
    try:
        pl.Series([dt.datetime(2026, 1, 31)]).dt.replace_time_zone(zone)  # noqa: DTZ001 - the zone is applied next
    except POLARS_ERRORS:
        return False
    return True


def _format_works(form: str) -> bool:
    """Try the format on a date, because polars takes a wrong one silently and then reads nothing."""
    if "%" not in form:
        return False
    aware = any(directive in form for directive in _OWN_OFFSET)
    dtype = _INSTANT if aware else _NAIVE
    moment = pl.Series([dt.datetime(2026, 1, 31, 13, 5, 7, tzinfo=dt.UTC)], dtype=_INSTANT).cast(dtype)
    try:
        back = moment.dt.strftime(form).str.strptime(dtype, form, strict=False)
    except POLARS_ERRORS:
        return False
    return back.null_count() == 0
