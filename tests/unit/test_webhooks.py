"""Whom a webhook names, whether it comes from the vendor, and what nobody can make use of."""

import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from webhooks import KEY, SECRET, customerio_event, customerly_event, signed

from bulk.mapping import limits, values
from bulk.webhooks import customerio, customerly
from bulk.webhooks.judging import Count, Delivery, Door, Judged, Proof, Vendor, door_at, judge
from bulk.webhooks.people import Unsubscribed
from bulk.webhooks.reading import address

NOW = 1764280000.0
DAY = 86400.0
BODY = (
    b'{"event_id":"01E4C4CT6YDC7Y5M7FE1GWWPQJ","object_type":"customer","metric":"unsubscribed",'
    b'"timestamp":1613063089,"data":{"customer_id":"42","email_address":"test@example.com",'
    b'"identifiers":{"id":"42","email":"test@example.com","cio_id":"d9c106000001"}}}'
)
BY_OPENSSL = "0ba1abc1f31b6d18b01e7d65bd9015f53db24c319abe0a8be40cbfd98da87701"
"""What `openssl dgst -sha256 -hmac made-up-signing-key` says of `v0:1613063089:` and the body."""
ADA = "ada@example.com"
IN_PATH = Proof((SECRET,), 0.0)


def judged(vendor: Vendor, event: Any) -> Judged:
    """Judge an event that anybody may send."""
    return judge(Door(vendor, Proof((), DAY)), Delivery("", {}, orjson.dumps(event), NOW))


def at_customerio(headers: Mapping[str, str], body: bytes = BODY, max_age: float = DAY) -> Judged:
    return judge(
        Door(customerio.CUSTOMERIO, Proof(("another key", KEY), max_age)), Delivery("", headers, body, NOW)
    )


def test_a_signature_is_what_openssl_computes() -> None:
    assert customerio.signature_of(KEY, "1613063089", BODY) == BY_OPENSSL


def test_a_delivery_that_is_signed_by_one_of_the_keys_names_the_person() -> None:
    expected = Unsubscribed(
        "test@example.com",
        "42",
        "customerio",
        "customer_unsubscribed",
        "2021-02-11T17:04:49Z",
        "01E4C4CT6YDC7Y5M7FE1GWWPQJ",
    )
    assert at_customerio(signed(BODY, NOW)) == Judged(200, (expected,))


def test_a_signature_may_name_its_version_and_be_in_capitals() -> None:
    headers = signed(BODY, NOW)
    headers["X-CIO-Signature"] = f"v0={headers['X-CIO-Signature'].upper()}"
    assert at_customerio(headers).status == 200


UNPROVEN: dict[str, dict[str, str]] = {
    "by another key": signed(BODY, NOW, "not the key"),
    "of another body": signed(BODY + b" ", NOW),
    "of another time": signed(BODY, NOW) | {"X-CIO-Timestamp": str(int(NOW) - 1)},
    "that is missing": {"X-CIO-Timestamp": str(int(NOW))},
    "without a time": {"X-CIO-Signature": signed(BODY, NOW)["X-CIO-Signature"]},
    "with a time that is no number": signed(BODY, NOW) | {"X-CIO-Timestamp": "²"},
    "that is empty": signed(BODY, NOW) | {"X-CIO-Signature": ""},
    "that is no ASCII": signed(BODY, NOW) | {"X-CIO-Signature": "ü\udcff"},
}


@pytest.mark.parametrize("headers", UNPROVEN.values(), ids=UNPROVEN)
def test_a_signature_is_refused(headers: dict[str, str]) -> None:
    assert at_customerio(headers) == Judged(401, counts=(Count.UNPROVEN,))


@pytest.mark.parametrize(
    ("age", "status"), [(DAY, 200), (DAY + 1, 401), (-300.0, 200), (-301.0, 401)], ids=str
)
def test_a_delivery_is_stale_after_its_age_and_not_before(age: float, status: int) -> None:
    found = at_customerio(signed(BODY, NOW - age))
    assert found.status == status
    assert (Count.STALE in found.counts) == (status == 401)


@pytest.mark.parametrize(
    ("rest", "status"), [(SECRET, 200), (SECRET[:-1], 401), ("", 401), (f"{SECRET}/x", 401), ("ü", 401)]
)
def test_customerly_is_let_in_by_the_secret_in_the_path_alone(rest: str, status: int) -> None:
    body = orjson.dumps(customerly_event(ADA))
    assert judge(Door(customerly.CUSTOMERLY, IN_PATH), Delivery(rest, {}, body, NOW)).status == status


def test_a_path_leads_to_the_vendor_it_names_and_to_nobody_else() -> None:
    doors = {"customerly": Door(customerly.CUSTOMERLY, IN_PATH)}
    found = door_at(doors, f"/customerly/{SECRET}/")
    assert found == (doors["customerly"], SECRET)
    assert door_at(doors, "/customerio") is None
    assert door_at(doors, "/") is None
    assert door_at(doors, "/customerly-too") is None


def test_a_secret_is_not_in_what_is_shown_of_a_door() -> None:
    assert SECRET not in repr(Door(customerly.CUSTOMERLY, IN_PATH))


def test_a_webhook_of_customerly_names_the_person() -> None:
    expected = Unsubscribed(ADA, "1", "customerly", "unsubscribe", "2020-05-11T10:44:05Z", "")
    assert judged(customerly.CUSTOMERLY, customerly_event(ADA)) == Judged(200, (expected,))


NAMES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "by the link in a message": (customerio_event(ADA, object_type="email"), [(ADA, "42")]),
    "without a type": (customerio_event(ADA, object_type=None), [(ADA, "42")]),
    "in the former form": (
        {"event_type": "email_unsubscribed", "data": {"customer_id": "7", "email_address": ADA}},
        [(ADA, "7")],
    ),
    "by a message to a former address": (
        customerio_event(None, data={"identifiers": {"email": ADA}, "recipient": "old@example.com"}),
        [(ADA, ""), ("old@example.com", "")],
    ),
    "in capitals, and with spaces": (customerio_event(" Ada@Example.com "), [("Ada@Example.com", "42")]),
    "by the id alone": (customerio_event(None, data={"identifiers": {"id": 7}}), [("", "7")]),
    "by an id that is an address": (customerio_event(None, data={"customer_id": ADA}), [(ADA, ADA)]),
    "with an address that is none": (customerio_event("Ada <ada@example.com>"), [("", "42")]),
    "with a line break": (customerio_event("ada@example.com\r\nbob@example.com"), [("", "42")]),
    "as a formula would be": (customerio_event("=1+1@example.com"), [("=1+1@example.com", "42")]),
}


@pytest.mark.parametrize(("event", "names"), NAMES.values(), ids=NAMES)
def test_everything_that_names_a_person_is_found(event: dict[str, Any], names: list[tuple[str, str]]) -> None:
    people = judged(customerio.CUSTOMERIO, event).people
    assert [(person.email, person.user_id) for person in people] == names


COUNTED: dict[str, tuple[Vendor, dict[str, Any], Count]] = {
    "who comes back": (customerio.CUSTOMERIO, customerio_event(ADA, metric="subscribed"), Count.SUBSCRIBED),
    "a message that was opened": (
        customerio.CUSTOMERIO,
        customerio_event(ADA, object_type="email", metric="opened"),
        Count.OTHER,
    ),
    "who leaves one topic": (
        customerio.CUSTOMERIO,
        customerio_event(ADA, metric="cio_subscription_preferences_changed"),
        Count.OTHER,
    ),
    "who is named by nothing": (customerio.CUSTOMERIO, customerio_event(None, data=None), Count.NAMELESS),
    "who is named by a hidden character": (
        customerio.CUSTOMERIO,
        customerio_event("\u200bada@example.com", data={"customer_id": "a\x00b"}),
        Count.NAMELESS,
    ),
    "who is named between marks of direction": (
        customerly.CUSTOMERLY,
        customerly_event("\u2068ada@example.com\u2069", None),
        Count.NAMELESS,
    ),
    "another topic": (customerly.CUSTOMERLY, customerly_event(ADA, topic="tag"), Count.OTHER),
    "a customer without a name": (customerly.CUSTOMERLY, customerly_event("", None), Count.NAMELESS),
    "a topic without data": (customerly.CUSTOMERLY, {"topic": "unsubscribe", "data": [1]}, Count.NAMELESS),
}


@pytest.mark.parametrize(("vendor", "event", "count"), COUNTED.values(), ids=COUNTED)
def test_what_records_nobody_is_taken_and_counted(vendor: Vendor, event: Any, count: Count) -> None:
    assert judged(vendor, event) == Judged(200, counts=(count,))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"[1]", b"\xff", b"[" * 5000])
def test_a_body_without_an_event_is_malformed(body: bytes) -> None:
    expected = Judged(400, counts=(Count.MALFORMED,))
    assert expected == judge(Door(customerly.CUSTOMERLY, IN_PATH), Delivery(SECRET, {}, body, NOW))


def test_a_list_of_events_is_read_event_by_event() -> None:
    found = judged(customerio.CUSTOMERIO, [customerio_event(ADA), customerio_event(ADA, metric="opened")])
    assert ([person.email for person in found.people], found.counts) == ([ADA], (Count.OTHER,))


@pytest.mark.parametrize("when", [None, "1613063089", -1, True, 10**18, NOW + 2 * DAY])
def test_a_time_that_makes_no_sense_is_when_it_was_received(when: Any) -> None:
    (person,) = judged(customerio.CUSTOMERIO, customerio_event(ADA, timestamp=when)).people
    assert person.at == "2025-11-27T21:46:40Z"


@given(st.text(st.sampled_from("ab@.\"'<>, \n\x00\u200b\u2068\u061c\ufff9\u180e+=-é"), max_size=12))
@example("\u2068a@b.a\u2069")
def test_what_is_recorded_as_an_address_is_what_the_steps_of_a_job_take_for_one(text: str) -> None:
    trimmed = text.strip()
    refused = pl.select(limits._no_email(pl.lit(trimmed))).item()
    assert address(text) == ("" if refused else trimmed)
    assert values._is_email(trimmed) is not refused


def test_no_character_that_is_not_seen_is_recorded_within_an_address() -> None:
    """Every one that this Python knows: it may know fewer than polars, and no more."""
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    hidden = [one for one in characters if unicodedata.category(one) in {"Cc", "Cf"}]
    texts = [f"a{one}da@example.com" for one in hidden]
    assert pl.DataFrame({"text": texts}).select(limits._no_email(pl.col("text")).all()).item()
    assert not [text for text in texts if address(text) or values._is_email(text)]
