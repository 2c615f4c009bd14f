"""Keyed hashes of who is to be erased, and what is noted of the requests."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from erasure_ledgers import KINDS, SECRET, records
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import ROW
from bulk.plan.subjects import found_subjects, given_subjects, month_later, naming, requests

LAST = datetime(9999, 12, 31, tzinfo=UTC)


def keyed(text: str) -> bytes:
    return hmac.digest(SECRET, text.encode(), hashlib.sha256)


def test_everything_given_is_hashed_by_row_and_kind_in_the_form_in_which_it_compares() -> None:
    asked = records(
        {"email": " Ann@Example.com "}, {"user_id": "u/1"}, {"email": "bob@example.com", "user_id": "u2"}
    )

    found = given_subjects(asked, KINDS, naming(SECRET)).sort(ROW, "kind").rows()

    assert found == [
        (1, "email", keyed("ann@example.com"), False),
        (2, "id", keyed("u/1"), False),
        (3, "email", keyed("bob@example.com"), False),
        (3, "id", keyed("u2"), False),
    ]


@pytest.mark.parametrize("written", ["+39 06 123-4567", "+39(06)1234567", "+39061234567"])
def test_phone_numbers_are_one_however_they_are_written(written: str) -> None:
    frame = found_subjects(7, [("phone", written)], {"phone": "phone"}, naming(SECRET))

    assert frame.rows() == [(7, "phone", keyed("+39061234567"), True)]


def test_an_identifier_of_the_system_alone_keeps_its_own_kind() -> None:
    frame = found_subjects(1, [("crmhero_user_id", "17"), ("email", "a@example.com")], KINDS, naming(SECRET))

    assert frame["kind"].to_list() == ["crmhero_user_id", "email"]


def test_requests_are_noted_with_a_deadline_one_month_after_they_were_received() -> None:
    asked = records(
        {"email": "a@example.com"},
        {"reference": "T-2", "received_at": "2026-01-31T10:00:00+01:00"},
        {"received_at": "2026-11-20T00:00:00Z", "due_at": "2027-01-20T00:00:00Z"},
        {"reference": "T-4"},
    )

    noted = requests(asked)

    assert noted[ROW].to_list() == [2, 3, 4]
    assert noted["reference"].to_list() == ["T-2", None, "T-4"]
    moments = [None if at is None else datetime.fromtimestamp(at, UTC).isoformat() for at in noted["due_at"]]
    assert moments == ["2026-02-28T09:00:00+00:00", "2027-01-20T00:00:00+00:00", None]
    assert noted["received_at"][2] is None


@given(st.datetimes(max_value=LAST.replace(month=11, day=30, tzinfo=None)))
def test_a_month_is_the_same_day_of_the_next_one_or_its_last(at: datetime) -> None:
    later = month_later(at)

    assert (later.year * 12 + later.month) - (at.year * 12 + at.month) == 1
    assert later.day == at.day or (later + timedelta(days=1)).day == 1
    assert later.day <= at.day
    assert later.time() == at.time()


def test_the_last_month_of_all_has_no_month_after_it() -> None:
    assert month_later(LAST) == LAST


def test_a_step_that_maps_no_identifier_of_a_kind_has_none() -> None:
    frame = given_subjects(pl.DataFrame({ROW: pl.Series([1], dtype=pl.UInt32)}), KINDS, naming(SECRET))

    assert frame.is_empty()
