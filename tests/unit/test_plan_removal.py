"""Who has left is found by comparing identities, and told in rows behind those of the source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import CONTENT, GONE, IDENTITY, KEY, ROW
from bulk.plan.changes import UNCHANGED, Hashes, stable_hash
from bulk.plan.reading import Reading, StepPlan
from bulk.plan.removal import Leaving, Removal

HASHED = stable_hash(None)
BAD_KEY = "x"
"""A key that the removing step rejects."""


@dataclass(frozen=True)
class ByKey:
    """The mapping of a step whose only field is the key."""

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select(
            ROW,
            KEY,
            pl.lit(value=False).alias("opted_out"),
            pl.when(pl.col(KEY) == BAD_KEY).then(pl.lit("bad_value")).alias("reason"),
            pl.lit("no").alias("message"),
        )


@dataclass
class Kept:
    """A sink that keeps what it is given."""

    keys: dict[int, str | None]
    told: dict[int, dict[int, tuple[str, str]]]
    contents: dict[int, dict[int, tuple[int, int]]]

    def write_keys(self, frame: pl.DataFrame) -> None:
        self.keys |= dict(frame.select(ROW, KEY).iter_rows())

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        rows = frame.select(ROW, "reason", "message").iter_rows()
        self.told.setdefault(step, {}).update({row: (reason, message) for row, reason, message in rows})

    def write_contents(self, step: int, frame: pl.DataFrame) -> None:
        rows = frame.select(ROW, IDENTITY, CONTENT).iter_rows()
        self.contents.setdefault(step, {}).update({row: (one, other) for row, one, other in rows})

    def write_asked(self, step: int, frame: pl.DataFrame, asked: object) -> None:
        raise AssertionError("nobody is erased here", step, frame, asked)


def hashes(keys: Sequence[str]) -> Hashes:
    return np.sort(HASHED(pl.Series(KEY, sorted(keys), dtype=pl.String)))


def leaving(people: Mapping[int, Sequence[str]], forgotten: Sequence[str] = ()) -> Leaving:
    """Whoever may be at the places of steps; the ledger has forgotten the keys of some."""
    every = {HASHED(pl.Series([key]))[0]: key for keys in people.values() for key in keys}

    def named(wanted: Hashes) -> pl.Series:
        keys = [every[identity] for identity in wanted]
        return pl.Series(KEY, sorted(key for key in keys if key not in forgotten), dtype=pl.String)

    return Leaving(
        {step: Removal(ByKey(), HASHED, hashes(keys)) for step, keys in people.items()}, HASHED, named
    )


def read(
    source: Sequence[str | None], left: Leaving, *, malformed: bool = False, chunk: int = 2
) -> tuple[Reading, Kept]:
    """Read a source of keys in a job of one ordinary step and those that remove."""
    plans = [StepPlan("here", ByKey(), "keep_last", "include")]
    plans += [
        StepPlan("here", removal, "keep_all", "include", removal, removes=True)
        for removal in left.removals.values()
    ]
    kept = Kept({}, {}, {})
    reading = Reading(plans, kept, leaving=left)
    frame = pl.DataFrame({KEY: pl.Series(source, dtype=pl.String)}).select(
        pl.int_range(1, len(source) + 1, dtype=pl.UInt32).alias(ROW), KEY
    )
    for start in range(0, frame.height, chunk):
        reading.take(frame[start : start + chunk], pl.DataFrame())
    if malformed:
        row = {ROW: [len(source) + 1], "line": [9], "reason": ["malformed_row"], "message": ["no"]}
        reading.take(frame.clear(), pl.DataFrame(row, schema_overrides={ROW: pl.UInt32, "line": pl.Int64}))
    reading.finish()
    return reading, kept


def test_who_left_is_a_row_of_the_removing_step_and_of_no_other() -> None:
    reading, kept = read(["b", None, "b"], leaving({1: ["a", "b", "c"]}))

    assert (reading.rows, kept.keys) == (5, {1: "b", 2: None, 3: "b", 4: "a", 5: "c"})
    here, gone = ("filtered", "still on the list"), ("filtered", "this person has left the list")
    assert kept.told == {
        0: {1: ("duplicate", "row 3 is sent instead"), 4: gone, 5: gone},
        1: dict.fromkeys((1, 2, 3), here),
    }
    assert kept.contents == {
        1: {4: (int(HASHED(pl.Series(["a"]))[0]), GONE), 5: (int(HASHED(pl.Series(["c"]))[0]), GONE)}
    }
    assert (reading.sendable(0), reading.sendable(1)) == (2, 2)


def test_each_place_loses_only_whom_it_was_brought() -> None:
    _, kept = read(["d"], leaving({1: ["a", "d"], 2: ["b", "d"]}))

    assert [kept.keys[row] for row in (2, 3)] == ["a", "b"]
    elsewhere = ("filtered", "was not delivered here")
    assert (kept.told[1][3], kept.told[2][2]) == (elsewhere, elsewhere)
    assert [list(kept.contents[step]) for step in (1, 2)] == [[2], [3]]


def test_a_key_that_the_operation_does_not_take_is_rejected_and_asks_for_nothing() -> None:
    reading, kept = read(["a"], leaving({1: [BAD_KEY, "b"]}))

    assert kept.told[1][3] == ("bad_value", "no")
    assert (list(kept.contents[1]), reading.sendable(1)) == ([2], 1)


@pytest.mark.parametrize(("source", "malformed"), [(["a"], True), ([], False)])
def test_where_the_list_may_name_people_that_cannot_be_read_nobody_has_left(
    source: Sequence[str], *, malformed: bool
) -> None:
    reading, kept = read(source, leaving({1: ["a", "b"]}), malformed=malformed)

    assert (reading.rows, reading.spared) == (len(source) + malformed, 2 - len(source))
    assert not kept.contents


def test_whose_key_the_ledger_has_forgotten_is_counted_and_left_alone() -> None:
    left = leaving({1: ["a", "b", "c"]}, forgotten=["b"])
    reading, kept = read(["d"], left)

    assert (reading.rows, left.unnamed.tolist()) == (3, hashes(["b"]).tolist())
    assert [kept.keys[row] for row in (2, 3)] == ["a", "c"]


@given(
    st.sets(st.text("abc", max_size=3), max_size=30),
    st.lists(st.none() | st.text("abc", max_size=3), min_size=1, max_size=30),
    st.integers(1, 40),
)
def test_whatever_the_chunks_those_have_left_who_were_there_and_are_not_named(
    people: set[str], source: list[str | None], chunk: int
) -> None:
    reading, kept = read(source, leaving({1: sorted(people)}), chunk=chunk)

    gone = sorted(people - set(source))
    assert [kept.keys[len(source) + place] for place in range(1, len(gone) + 1)] == gone
    assert reading.rows == len(source) + len(gone) == len(kept.keys)


def test_removals_are_compared_with_nothing() -> None:
    removal = Removal(ByKey(), HASHED, hashes(["a"]))
    frame = pl.DataFrame({ROW: pl.Series([7], dtype=pl.UInt32), KEY: ["a"]})

    assert removal.compare(frame)[UNCHANGED].to_list() == [False]
