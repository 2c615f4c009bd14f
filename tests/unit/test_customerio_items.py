import re
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from customerio_talk import OPERATIONS, SEED, sent, written
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from bulk.destinations.customerio.ulid import ulids, ulids_of

ULID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"id": "7"}, {"identifiers": {"id": "7"}}),
        (
            {"id": "7", "email": "a@example.com", "phone": "+391234567", "cio_id": "0a"},
            {"identifiers": {"id": "7"}, "attributes": {"email": "a@example.com", "phone": "+391234567"}},
        ),
        (
            {"email": "a@example.com", "phone": "+391234567"},
            {"identifiers": {"email": "a@example.com"}, "attributes": {"phone": "+391234567"}},
        ),
        ({"phone": "+391234567", "cio_id": "0a"}, {"identifiers": {"phone": "+391234567"}}),
        ({"cio_id": "0a"}, {"identifiers": {"cio_id": "0a"}}),
        ({"id": None, "email": "a@example.com"}, {"identifiers": {"email": "a@example.com"}}),
        (
            {"id": "7", "email": None, "unsubscribed": None, "timestamp": None},
            {"identifiers": {"id": "7"}, "attributes": {"email": None}},
        ),
        (
            {"id": "7", "created_at": 5, "timestamp": 6, "unsubscribed": True, "_update": False},
            {
                "identifiers": {"id": "7"},
                "attributes": {"created_at": 5, "unsubscribed": True, "_update": False},
                "timestamp": 6,
            },
        ),
        (
            {"id": "7", "email": "a@example.com", "attributes": {"email": "b@example.com", "a": 1}},
            {"identifiers": {"id": "7"}, "attributes": {"email": "a@example.com", "a": 1}},
        ),
        (
            {"id": "7", "attributes": {"email": "b@example.com", "unsubscribed": True}},
            {"identifiers": {"id": "7"}, "attributes": {"email": "b@example.com", "unsubscribed": True}},
        ),
        ({"id": "7", "attributes": {}}, {"identifiers": {"id": "7"}}),
        (
            {"id": "7", "cio_subscription_preferences": {"topics": {"topic_1": False, "topic_23": True}}},
            {
                "identifiers": {"id": "7"},
                "attributes": {
                    "cio_subscription_preferences.topics.topic_1": False,
                    "cio_subscription_preferences.topics.topic_23": True,
                },
            },
        ),
        ({"id": "7", "cio_subscription_preferences": {"topics": {}}}, {"identifiers": {"id": "7"}}),
        (
            {
                "id": "7",
                "attributes": {"cio_subscription_preferences.topics.topic_1": True},
                "cio_subscription_preferences": {"topics": {"topic_1": False}},
            },
            {
                "identifiers": {"id": "7"},
                "attributes": {"cio_subscription_preferences.topics.topic_1": False},
            },
        ),
    ],
)
def test_a_person_is_named_once_and_everything_else_is_an_attribute(
    record: dict[str, Any], expected: dict[str, Any]
) -> None:
    (text,) = written("upsert_person", record)

    assert orjson.loads(text) == {"type": "person", "action": "identify", **expected}
    assert text.count('":') == orjson.dumps(expected).count(b'":') + 2


def test_without_create_missing_nobody_is_created_whatever_the_record_says() -> None:
    records = sent("upsert_person", {"id": "7"}, {"id": "8", "_update": False}, create_missing=False)

    assert [record["attributes"] for record in records] == [{"_update": True}] * 2


@pytest.mark.parametrize("creates", [False, True])
def test_unsubscribing_creates_nobody_unless_told_to(creates: object) -> None:
    (record,) = sent("unsubscribe_person", {"email": "a@example.com"}, create_missing=creates)

    assert record["attributes"] == {"unsubscribed": True} | ({} if creates else {"_update": True})


@pytest.mark.parametrize("action", ["delete", "suppress", "unsuppress"])
def test_removals_carry_one_identifier_and_nothing_else(action: str) -> None:
    records = sent(f"{action}_person", {"email": "a@example.com", "phone": "+391234567"}, {"cio_id": "0a"})

    assert records == [
        {"type": "person", "action": action, "identifiers": {"email": "a@example.com"}},
        {"type": "person", "action": action, "identifiers": {"cio_id": "0a"}},
    ]


def test_an_event_has_its_own_id_or_a_derived_one() -> None:
    own = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    first, second = sent(
        "track_event",
        {"id": "7", "name": "bought", "attributes": {"items": [1, {"a": None}]}, "timestamp": 5},
        {"email": "a@example.com", "name": "/home", "type": "page", "event_id": own},
    )

    assert ULID.fullmatch(first.pop("id"))
    assert first == {
        "type": "person",
        "action": "event",
        "identifiers": {"id": "7"},
        "name": "bought",
        "timestamp": 5,
        "attributes": {"items": [1, {"a": None}]},
    }
    assert second == {
        "type": "person",
        "action": "page",
        "identifiers": {"email": "a@example.com"},
        "name": "/home",
        "id": own,
    }


def test_devices_and_merges_are_sent_as_the_vendor_has_them() -> None:
    device = {"token": "t", "platform": "ios", "attributes": {"a": 1}}
    both = {"primary": {"email": 'q"@example.com', "id": "7"}, "secondary": {"cio_id": "0a"}}

    assert sent("add_device", {"id": "7", "device": device}) == [
        {"type": "person", "action": "add_device", "identifiers": {"id": "7"}, "device": device}
    ]
    assert sent("merge_people", both) == [
        {"type": "person", "action": "merge", "primary": {"id": "7"}, "secondary": {"cio_id": "0a"}}
    ]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_record_is_within_a_frame_of_one_row_and_of_many(name: str) -> None:
    record = {
        "email": "a@example.com",
        "name": "n",
        "device": {"token": "t"},
        "primary": {"id": "1"},
        "secondary": {"id": "2"},
    }

    assert [len(written(name, *[record] * count)) for count in (1, 3)] == [1, 3]


TEXT = st.text(max_size=12)
VALUE = TEXT | st.integers(-(2**53), 2**53) | st.booleans() | st.none() | st.lists(TEXT, max_size=2)
NAMES = st.text(min_size=1, max_size=6) | st.sampled_from(["email", "unsubscribed", "created_at", "_update"])
PERSON = st.fixed_dictionaries(
    {"id": st.text(min_size=1, max_size=12)},
    optional={
        "email": TEXT,
        "phone": TEXT,
        "cio_id": TEXT,
        "attributes": st.dictionaries(NAMES, VALUE, max_size=4),
        "unsubscribed": st.booleans(),
        "created_at": st.integers(0, 2**40),
        "timestamp": st.integers(0, 2**40),
    },
)


def plainly(record: dict[str, Any]) -> dict[str, Any]:
    """Build what is sent for a person with an id, as one would by hand."""
    names = ("email", "phone", "created_at", "unsubscribed")
    attributes = record.get("attributes", {}) | {name: record[name] for name in names if name in record}
    return {
        "type": "person",
        "action": "identify",
        "identifiers": {"id": record["id"]},
        **({"attributes": attributes} if attributes else {}),
        **({"timestamp": record["timestamp"]} if "timestamp" in record else {}),
    }


@limits(max_examples=100, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=4))
def test_records_are_what_plain_python_would_build(records: list[dict[str, Any]]) -> None:
    texts = written("upsert_person", *records)

    assert [orjson.loads(text) for text in texts] == [plainly(record) for record in records]
    assert [text.count('"identifiers"') for text in texts] == [
        orjson.dumps(plainly(record)).decode().count('"identifiers"') for record in records
    ]


def numbered(*rows: int) -> pl.Series:
    return pl.Series(rows, dtype=pl.UInt32)


@given(TEXT, st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=20, unique=True))
def test_an_event_id_is_a_ulid_that_depends_on_seed_and_row_alone(seed: str, rows: list[int]) -> None:
    together = ulids(seed, numbered(*rows)).to_list()

    assert all(ULID.fullmatch(one) for one in together)
    assert together == [ulids(seed, numbered(row))[0] for row in rows]
    assert len(set(together)) == len(rows)
    assert not set(together) & set(ulids(f"{seed}x", numbered(*rows)))


def test_an_event_id_of_yours_becomes_the_same_ulid_each_time_and_a_ulid_stays_itself() -> None:
    mine = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    found = ulids_of(pl.Series(["order-1", "order-2", "order-1", None, mine, mine.lower()])).to_list()

    assert found[0] == found[2] == "01HPA2BMTFQS3K6Q93J06E263F"
    assert found[3:] == [None, mine, mine]
    assert ULID.fullmatch(str(found[1]))
    assert found[0] != found[1]


def test_event_ids_stay_the_same_from_version_to_version() -> None:
    assert ulids(SEED, numbered(1, 2)).to_list() == [
        "016YRGWQ0WXT974XBACJR75851",
        "01829KY86J22DREJ5TBF5JFEG1",
    ]


def test_the_times_of_event_ids_are_neither_before_2004_nor_after_2039() -> None:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    drawn = ulids(SEED, pl.Series(np.arange(1, 2001), dtype=pl.UInt32))
    times = [sum(alphabet.index(char) << 5 * (9 - at) for at, char in enumerate(one[:10])) for one in drawn]

    assert 1_099_511_627_776 <= min(times) <= max(times) < 2_199_023_255_552


def test_none_of_two_hundred_thousand_event_ids_comes_twice() -> None:
    assert ulids(SEED, pl.Series(np.arange(1, 200_001), dtype=pl.UInt32)).n_unique() == 200_000


def test_no_events_have_no_ids() -> None:
    assert ulids(SEED, numbered()).to_list() == []
