"""Records are compared with what was delivered by hashes that must mean the same for years."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import CONTENT, GONE, IDENTITY, KEY, NAMELESS, RECORD, ROW
from bulk.plan.changes import UNCHANGED, Changes, Delivered, Hash, stable_hash

Record = tuple[str | None, str]
"""Key and record."""
PLAIN = stable_hash(None)
KEYED = stable_hash(b"made up")


def frame(records: Sequence[Record]) -> pl.DataFrame:
    schema = {KEY: pl.String, RECORD: pl.String}
    rows = pl.Series(ROW, range(1, len(records) + 1), dtype=pl.UInt32)
    return pl.DataFrame(records, schema=schema, orient="row").with_columns(rows)


def compare(
    records: Sequence[Record],
    before: Sequence[Record] = (),
    *,
    at: int = 100,
    since: float = 0.0,
    adds: bool = False,
    hashed: Hash = PLAIN,
) -> list[bool]:
    """Say of each record whether it is unchanged since those before were delivered."""
    none = np.zeros(0, np.uint64)
    nothing = Delivered(none, none, np.zeros(0, np.uint32))
    first = Changes(_contents, hashed, nothing, adds=adds).compare(frame(before)).sort(IDENTITY)
    known = first.unique(IDENTITY, keep="last").sort(IDENTITY)
    delivered = Delivered(
        known[IDENTITY].to_numpy(), known[CONTENT].to_numpy(), np.full(known.height, at, np.uint32)
    )
    compared = Changes(_contents, hashed, delivered, since=since, adds=adds).compare(frame(records))
    assert compared[ROW].to_list() == list(range(1, len(records) + 1))
    return compared[UNCHANGED].to_list()


def _contents(given: pl.DataFrame) -> pl.DataFrame:
    return given.select(KEY, RECORD)


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0x2D06800538D394C2), ("a@example.com", 0x39580B4DC3DCB86E)]
)
def test_a_hash_is_the_same_for_ever(text: str, expected: int) -> None:
    assert hex(PLAIN(pl.Series([text]))[0]) == hex(expected)


def test_with_a_secret_nobody_else_can_hash() -> None:
    text = pl.Series(["a@example.com", "a@example.com", "b@example.com"])
    one, again, other = KEYED(text)
    assert one == again != other
    assert one not in {PLAIN(text)[0], stable_hash(b"another")(text)[0]}
    assert stable_hash(b"x" * 65)(text)[0] != stable_hash(b"x" * 64)(text)[0]


@pytest.mark.parametrize("hashed", [PLAIN, KEYED])
def test_only_the_same_record_of_the_same_key_is_unchanged(hashed: Hash) -> None:
    before = [("a", "{1}"), ("b", "{1}"), ("c", "{1}")]
    asked = [("d", "{1}"), ("c", "{1}"), ("a", "{2}"), ("b", "{1}")]
    assert compare(asked, before, hashed=hashed) == [False, True, False, True]


def test_where_things_are_added_each_is_compared_for_itself() -> None:
    before = [("a", "{1}"), ("a", "{2}"), ("b", "{1}")]
    assert compare([("a", "{2}"), ("a", "{1}"), ("b", "{2}")], before, adds=True) == [True, True, False]


def test_a_record_without_a_key_is_compared_by_what_it_says() -> None:
    assert compare([(None, "{2}"), (None, "{1}"), ("", "{1}")], [(None, "{1}")]) == [False, True, False]


def test_an_addition_says_who_has_it_and_a_record_without_a_key_that_nobody_does() -> None:
    none = np.zeros(0, np.uint64)
    nothing = Delivered(none, none, np.zeros(0, np.uint32))
    records = frame([("a", "{1}"), ("a", "{2}"), (None, "{1}")])

    added = Changes(_contents, PLAIN, nothing, adds=True).compare(records)[CONTENT].to_list()
    set_ = Changes(_contents, PLAIN, nothing).compare(records)

    assert added == [set_[IDENTITY][0], set_[IDENTITY][0], NAMELESS]
    assert set_[CONTENT][2] == NAMELESS


@pytest.mark.parametrize(("since", "unchanged"), [(99.0, True), (100.0, False), (101.0, False)])
def test_what_was_delivered_too_long_ago_does_not_count(since: float, *, unchanged: bool) -> None:
    assert compare([("a", "{1}")], [("a", "{1}")], since=since) == [unchanged]


def test_what_did_not_certainly_arrive_is_never_unchanged() -> None:
    assert compare([("a", "{1}")], [("a", "{1}")], at=0) == [False]


@given(
    st.dictionaries(st.text("abc", max_size=3), st.sampled_from("123")),
    st.dictionaries(st.text("abc", max_size=3), st.sampled_from("123")),
)
def test_whatever_the_lists_exactly_the_same_is_unchanged(
    before: dict[str, str], now: dict[str, str]
) -> None:
    expected = [before.get(key) == value for key, value in now.items()]
    assert compare(list(now.items()), list(before.items())) == expected


def gone(
    keys: Sequence[str | None], before: Sequence[Record] = (), *, at: int = 100, adds: bool = False
) -> list[int]:
    """Rows of people who are not there any more, and to whom something was delivered."""
    none = np.zeros(0, np.uint64)
    nothing = Delivered(none, none, np.zeros(0, np.uint32))
    known = Changes(_contents, PLAIN, nothing, adds=adds).compare(frame(before)).sort(IDENTITY)
    delivered = Delivered(
        known[IDENTITY].to_numpy(), known[CONTENT].to_numpy(), np.full(known.height, at, np.uint32)
    )
    found = Changes(_contents, PLAIN, delivered, adds=adds).gone(
        frame([(key, "") for key in keys]).drop(RECORD)
    )
    assert found[CONTENT].to_list() == [GONE] * found.height
    return found[ROW].to_list()


def test_who_is_not_there_any_more_is_forgotten_if_anything_was_known() -> None:
    before = [("a", "1"), ("b", "2")]
    assert gone(["c", "b", None, "a"], before) == [2, 4]
    assert gone(["b"], before, at=0) == [1], "it may have arrived"
    assert gone(["b"]) == []
    assert gone([], before) == []
    assert gone(["a"], before, adds=True) == []


HASHES = st.integers(0, 2**64 - 1) | st.integers(0, 40) | st.integers(2**64 - 40, 2**64 - 1)


@given(st.sets(HASHES, max_size=60), st.lists(HASHES, max_size=20))
def test_what_is_known_is_found_however_the_hashes_are_spread(known: set[int], others: list[int]) -> None:
    identities = np.array(sorted(known), dtype=np.uint64)
    wanted = [*others, *known]

    found = Delivered(identities, identities, np.ones(len(known), np.uint32)).places(
        np.array(wanted, dtype=np.uint64)
    )

    places = {identity: place for place, identity in enumerate(sorted(known))}
    assert found.tolist() == [places.get(identity, -1) for identity in wanted]
