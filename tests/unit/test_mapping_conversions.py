import datetime as dt
import decimal
import json
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.mapping.convert import reading_of
from bulk.mapping.spec import Shaping


def converted(values: list[Any], dtype: Any = pl.String, **shaping: Any) -> list[Any]:
    """Return each value as converted, or the sentence that says why it was not."""
    series = pl.Series("raw", values, dtype=dtype)
    read = reading_of(series.dtype, Shaping(**shaping), None)
    assert not isinstance(read, str), read
    frame = (
        series.to_frame()
        .select(cleaned=read.clean(pl.col("raw")))
        .with_columns(final=read.convert(pl.col("cleaned")))
    )
    results = []
    for row in frame.iter_slices(1):
        cleaned, final = row.row(0)
        told = [
            r.why
            for r in read.refusals
            if r.applies is None or row.select(r.applies(pl.col("cleaned"))).item()
        ]
        results.append(told[0] if cleaned is not None and final is None else final)
    return results


def problem(dtype: pl.DataType, **shaping: Any) -> object:
    return reading_of(dtype, Shaping(**shaping), None)


NO_INT = "is not a whole number of 64 bits"
NO_FLOAT = "is not a finite number such as 12.5"
NO_BOOL = "is none of true false yes no y n t f 1 0"
NO_DATE = "is not a date of the form 2026-01-31T10:00:00Z"
NO_ZONE = "the date has no offset: set `timezone`"
SWAPPED = "day and month could be swapped: give `format`"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("+7", 7),
        ("-0", 0),
        ("007", 7),
        (" 7 ", 7),
        ("", None),
        ("  ", None),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", NO_INT),
        ("1.0", NO_INT),
        ("1e5", NO_INT),
        ("1,000", NO_INT),
        ("0x10", NO_INT),
        ("--1", NO_INT),
        ("٣", NO_INT),
    ],
)
def test_text_as_int(text: str, number: Any) -> None:
    assert converted([text], convert="int") == [number]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e5", 1e5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-12.25", -12.25),
        (" 1 ", 1.0),
        ("", None),
        ("1,000.5", NO_FLOAT),
        ("nan", NO_FLOAT),
        ("inf", NO_FLOAT),
        ("-Infinity", NO_FLOAT),
        ("1e999", NO_FLOAT),
        ("1_0", NO_FLOAT),
        ("1 0", NO_FLOAT),
    ],
)
def test_text_as_float(text: str, number: Any) -> None:
    assert converted([text], convert="float") == [number]


@pytest.mark.parametrize("text", ["true", "YES", "y", "T", "1", " True "])
def test_text_as_bool_is_true(text: str) -> None:
    assert converted([text], convert="bool") == [True]


@pytest.mark.parametrize("text", ["false", "No", "N", "f", "0"])
def test_text_as_bool_is_false(text: str) -> None:
    assert converted([text], convert="bool") == [False]


@pytest.mark.parametrize("text", ["maybe", "2", "on", "ja", "1.0"])
def test_other_text_is_no_bool(text: str) -> None:
    assert converted([text], convert="bool") == [NO_BOOL]


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_64_bit_integer_survives(number: Any) -> None:
    assert converted([str(number)], convert="int") == [number]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_survives(number: Any) -> None:
    assert converted([repr(number)], convert="float") == [number]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-31T10:00:00Z", 1769853600),
        ("2026-01-31 10:00:00z", 1769853600),
        ("2026-01-31T12:00:00+02:00", 1769853600),
        ("2026-01-31T12:00+02", 1769853600),
        ("2026-01-31T04:30:00.999 -0530", 1769853600),
        ("1970-01-01T00:00:00Z", 0),
        ("1769853600", 1769853600),
        ("", None),
        ("2026-01-31", NO_ZONE),
        ("2026-01-31T10:00:00", NO_ZONE),
        ("03/04/2026", SWAPPED),
        ("3.4.26 10:00", SWAPPED),
        ("2026-02-30T00:00:00Z", NO_DATE),
        ("2026-01-31T25:00:00Z", NO_DATE),
        ("2026-01-31T10:00:60Z", NO_DATE),
        ("2026-01-31T10:00:00+15:00", NO_DATE),
        ("20260131", NO_DATE),
        ("1769853600000", NO_DATE),
        ("yesterday", NO_DATE),
    ],
)
def test_text_as_unix_seconds(text: str, seconds: Any) -> None:
    assert converted([text], convert="unix_seconds") == [seconds]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-31", 1769814000),
        ("2026-01-31T10:00:00", 1769850000),
        ("2026-01-31T10:00:00Z", 1769853600),
        ("2026-10-25T02:30:00", 1792888200),
        ("2026-03-29T02:30:00", "this local time does not exist in Europe/Rome"),
        ("2026-02-30", NO_DATE),
    ],
)
def test_dates_without_an_offset_are_placed_in_their_zone(text: str, seconds: Any) -> None:
    assert converted([text], convert="unix_seconds", timezone="Europe/Rome") == [seconds]


def test_a_format_decides_between_day_and_month() -> None:
    dates = converted(
        ["03/04/2026 09:30", "2026-04-03"], convert="iso8601", format="%d/%m/%Y %H:%M", timezone="UTC"
    )

    assert dates == ["2026-04-03T09:30:00Z", "is not a date of the given `format`"]


def test_a_format_without_a_time_means_midnight() -> None:
    assert converted(["03/04/2026"], convert="iso8601", format="%m/%d/%Y", timezone="Europe/Rome") == [
        "2026-03-03T23:00:00Z"
    ]


def test_a_format_may_hold_the_offset() -> None:
    assert converted(["31.01.2026 12:00 +0200"], convert="iso8601", format="%d.%m.%Y %H:%M %z") == [
        "2026-01-31T10:00:00Z"
    ]


def test_iso8601_is_written_in_utc_and_keeps_fractions() -> None:
    texts = ["2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.25Z", "1769853600"]

    assert converted(texts, convert="iso8601") == [
        "2026-01-31T10:00:00Z",
        "2026-01-31T10:00:00.250Z",
        "2026-01-31T10:00:00Z",
    ]


@given(st.integers(-62135510400, 253402214400), st.integers(-14 * 60, 14 * 60))
def test_any_date_with_an_offset_gives_the_seconds_it_was_made_from(seconds: int, minutes: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    moment = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)).astimezone(zone)

    assert converted([moment.isoformat()], convert="unix_seconds") == [seconds]


@pytest.mark.parametrize(
    "shaping",
    [
        {"convert": "unix_seconds", "timezone": "Mars/Olympus"},
        {"convert": "unix_seconds", "format": "%Q", "timezone": "UTC"},
        {"convert": "unix_seconds", "format": "no directive", "timezone": "UTC"},
        {"convert": "unix_seconds", "format": "%d/%m/%Y"},
        {"convert": "int", "timezone": "UTC"},
        {"convert": "int", "split": ";"},
        {"split": ""},
    ],
)
def test_settings_that_cannot_work_are_problems(shaping: dict[str, Any]) -> None:
    assert isinstance(problem(pl.String(), **shaping), str)


@pytest.mark.parametrize(
    ("dtype", "shaping"),
    [
        (pl.Date(), {"convert": "unix_seconds"}),
        (pl.Datetime(), {"convert": "iso8601"}),
        (pl.Boolean(), {"convert": "unix_seconds"}),
        (pl.Date(), {"convert": "int"}),
        (pl.Int64(), {"split": ";"}),
        (pl.Binary(), {}),
        (pl.List(pl.Binary), {}),
    ],
)
def test_types_that_cannot_be_read_so_are_problems(dtype: pl.DataType, shaping: dict[str, Any]) -> None:
    assert isinstance(problem(dtype, **shaping), str)


def test_typed_values_are_converted_too() -> None:
    assert converted([1.0, 2.5, math.nan, 1e30], pl.Float64, convert="int") == [1, NO_INT, NO_INT, NO_INT]
    assert converted([2**64 - 1, 1], pl.UInt64, convert="int") == [NO_INT, 1]
    assert converted([0, 1, 2], pl.Int8, convert="bool") == [False, True, "is neither 1 nor 0"]
    assert converted([decimal.Decimal("1.50")], pl.Decimal(10, 2), convert="float") == [1.5]
    assert converted([1769853600, 1769853600000], pl.Int64, convert="iso8601") == [
        "2026-01-31T10:00:00Z",
        "is not a time in unix seconds",
    ]
    assert converted([dt.date(2026, 1, 31)], pl.Date, convert="unix_seconds", timezone="Europe/Rome") == [
        1769814000
    ]


def test_typed_values_without_a_conversion_are_sent_as_they_are() -> None:
    moment = dt.datetime(2026, 1, 31, 10, 0, 0, 5000, tzinfo=dt.UTC)

    assert converted([1.5, math.inf], pl.Float64) == [1.5, "is not a finite number"]
    assert converted([moment], pl.Datetime("us", "UTC")) == ["2026-01-31T10:00:00.005Z"]
    assert converted([moment.replace(tzinfo=None)], pl.Datetime("ms")) == ["2026-01-31T10:00:00.005"]
    assert converted([moment.date()], pl.Date) == ["2026-01-31"]
    assert converted(["a", ""], pl.Categorical) == ["a", None]
    assert converted([None], pl.Null) == [None]
    lists = converted([[1.0], [], [math.nan]], pl.List(pl.Float64))
    assert lists[0] == [1.0]
    assert lists[1:] == [None, "holds a number that is not finite"]


def test_split_trims_and_drops_empty_texts() -> None:
    lists = converted([" a ;; b", ";", "", None], split=";")

    assert lists[0] == ["a", "b"]
    assert lists[1:] == [None, None, None]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (' {"a": [1, 2.50, "é"]} ', '{"a":[1,2.5,"é"]}'),
        ('"text"', '"text"'),
        ("null", None),
        ("", None),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("NaN", "is not one JSON value"),
        ('{"a":NaN}', "is not one JSON value"),
        ('{"a":12345678901234567890, "b":Infinity}', "is not one JSON value"),
        ("1e400", "is not one JSON value"),
        ('"\\ud800"', "is not one JSON value"),
        ("{} {}", "is not one JSON value"),
        ("{'a': 1}", "is not one JSON value"),
        ("[" * 5000 + "]" * 5000, "is not one JSON value"),
        ("[" * 300 + "]" * 300, "is not one JSON value"),
    ],
)
def test_text_as_json(text: str, written: Any) -> None:
    assert converted([text], convert="json") == [written]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_json_keeps_its_value(value: Any) -> None:
    written = converted([json.dumps(value)], convert="json")[0]

    assert (None if written is None else json.loads(written)) == value
