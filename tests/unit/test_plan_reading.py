from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.conversation import KEY, RECORD, ROW, Status, Verdict
from bulk.plan.changes import Changes, Delivered, stable_hash
from bulk.plan.reading import Reading, StepPlan, withheld
from bulk.plan.watching import Watch

Told = tuple[str, str, str]
"""Status, reason, message."""
MALFORMED = "malformed_row"


@dataclass(frozen=True)
class Row:
    """What a row is: its key, whether it opted out, and what each step's mapping says of it."""

    key: str | None = None
    opted_out: bool = False
    faults: tuple[str | None, ...] = (None, None, None)
    malformed: bool = False


@dataclass(frozen=True)
class ColumnJudge:
    """A mapping whose verdicts stand in the source itself."""

    step: int

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        fault = pl.col(f"fault_{self.step}")
        message = pl.when(fault == "filtered").then(None).otherwise(fault + " it is")
        return frame.select(ROW, KEY, "opted_out", fault.alias("reason"), message.alias("message"))


@dataclass
class Kept:
    """A sink that keeps what it is given."""

    keys: list[tuple[int, str | None]] = field(default_factory=list)
    told: dict[int, dict[int, Told]] = field(default_factory=dict)
    contents: dict[int, list[int]] = field(default_factory=dict)
    asked: dict[int, list[int]] = field(default_factory=dict)

    def write_keys(self, frame: pl.DataFrame) -> None:
        self.keys += frame.select(ROW, KEY).rows()

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        rows = frame[ROW].to_list()
        assert rows == sorted(rows)
        of_step = self.told.setdefault(step, {})
        for row, status, reason, message in frame.select(ROW, "status", "reason", "message").iter_rows():
            assert row not in of_step
            of_step[row] = (status, reason, message)

    def write_contents(self, step: int, frame: pl.DataFrame) -> None:
        self.contents.setdefault(step, []).extend(frame[ROW].to_list())

    def write_asked(self, step: int, frame: pl.DataFrame, asked: Any) -> None:
        self.asked.setdefault(step, []).extend(frame.filter(pl.Series(asked))[ROW].to_list())


def step(
    number: int = 0, *, at: str = "here", duplicates: str = "keep_last", opted_out: str = "exclude"
) -> StepPlan:
    return StepPlan(at, ColumnJudge(number), duplicates, opted_out)


def chunk(rows: Sequence[tuple[int, Row]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    good = [(number, row) for number, row in rows if not row.malformed]
    bad = [number for number, row in rows if row.malformed]
    faults = {
        f"fault_{index}": pl.Series([row.faults[index] for _, row in good], dtype=pl.String)
        for index in range(3)
    }
    frame = pl.DataFrame(
        {
            ROW: pl.Series([number for number, _ in good], dtype=pl.UInt32),
            KEY: pl.Series([row.key for _, row in good], dtype=pl.String),
            "opted_out": pl.Series([row.opted_out for _, row in good], dtype=pl.Boolean),
            **faults,
        }
    )
    malformed = pl.DataFrame(
        {
            ROW: pl.Series(bad, dtype=pl.UInt32),
            "line": pl.Series([number + 1 for number in bad], dtype=pl.Int64),
            "reason": pl.Series([MALFORMED] * len(bad), dtype=pl.String),
            "message": pl.Series(["too few fields"] * len(bad), dtype=pl.String),
        }
    )
    return frame, malformed


def read(rows: Sequence[Row], steps: Sequence[StepPlan], cuts: Iterable[int] = ()) -> tuple[Reading, Kept]:
    kept = Kept()
    reading = Reading(steps, kept)
    numbered = list(enumerate(rows, 1))
    edges = [0, *sorted(cut for cut in cuts if cut <= len(rows)), len(rows)]
    for start, stop in pairwise(edges):
        reading.take(*chunk(numbered[start:stop]))
    reading.finish()
    return reading, kept


def reasons(rows: Sequence[Row], *steps: StepPlan) -> list[list[str | None]]:
    _, kept = read(rows, steps)
    return [
        [kept.told.get(index, {}).get(number, ("", None, ""))[1] for number in range(1, len(rows) + 1)]
        for index in range(len(steps))
    ]


def unchanged(*keys: str) -> Changes:
    """What compares: people of these keys are as they were delivered."""
    hashed = stable_hash(None)
    found = np.unique(hashed(pl.Series(keys, dtype=pl.String)))
    same = hashed(pl.Series(["same"])).repeat(found.size)
    delivered = Delivered(found, same, np.ones(found.size, np.uint32))
    return Changes(
        lambda frame: frame.select(KEY, pl.lit("same").alias(RECORD)), hashed, delivered, since=0.0
    )


def test_unchanged_comes_after_duplicate_and_before_an_earlier_step() -> None:
    rows = [
        Row("a", faults=("filtered", None, None)),
        Row(malformed=True),
        Row("b", opted_out=True),
        Row("a"),
        Row("a"),
        Row("c", faults=("bad_value", None, None)),
        Row("d"),
        Row("d"),
    ]
    everybody = [replace(step(number), changes=unchanged("a", "b", "c")) for number in range(2)]
    told = [["filtered", MALFORMED, "suppressed", "duplicate", "unchanged", "bad_value", "duplicate", None]]
    told += [["duplicate", MALFORMED, "suppressed", "duplicate", "unchanged", "unchanged", "duplicate", None]]
    for cuts in ([], [1, 4], range(9)):
        reading, kept = read(rows, everybody, cuts)
        found = [
            [kept.told[index].get(number, ("", None, ""))[1] for number in range(1, len(rows) + 1)]
            for index in range(2)
        ]
        assert found == told
        assert [reading.sendable(index) for index in range(2)] == [1, 1]
        assert kept.contents == {0: [7, 8], 1: [7, 8]}


def test_a_row_is_told_the_first_that_applies_of_filtered_rejected_suppressed_and_duplicate() -> None:
    rows = [
        Row("a", opted_out=True, faults=("filtered", None, None)),
        Row("a", faults=("bad_value", None, None)),
        Row("a"),
        Row("b"),
        Row("b"),
    ]

    assert reasons(rows, step()) == [["filtered", "bad_value", "suppressed", "duplicate", None]]


def test_a_row_is_told_that_it_is_a_duplicate_before_that_an_earlier_step_rejected_it() -> None:
    rows = [Row("a"), Row("a"), Row("b", faults=("bad_value", None, None))]

    assert reasons(rows, step(0), step(1)) == [
        ["duplicate", None, "bad_value"],
        ["duplicate", None, "earlier_step"],
    ]


def test_a_later_step_has_filters_and_faults_of_its_own() -> None:
    rows = [Row("a", faults=(None, "filtered", None)), Row("b", faults=(None, "bad_value", None)), Row("c")]

    assert reasons(rows, step(0), step(1), step(2)) == [
        [None, None, None],
        ["filtered", "bad_value", None],
        [None, "earlier_step", None],
    ]


def test_a_filtered_row_may_still_be_sent_by_the_next_step() -> None:
    rows = [Row("a", faults=("filtered", None, None))]

    assert reasons(rows, step(0), step(1)) == [["filtered"], [None]]


def test_a_rejection_at_one_destination_does_not_reach_another() -> None:
    rows = [Row("a", faults=("bad_value", None, None))]

    assert reasons(rows, step(0), step(1, at="elsewhere")) == [["bad_value"], [None]]


@pytest.mark.parametrize(
    ("duplicates", "expected"),
    [
        ("keep_last", ["duplicate", None, "duplicate", None, None]),
        ("keep_first", [None, None, "duplicate", "duplicate", None]),
        ("keep_all", [None] * 5),
    ],
)
def test_each_policy_keeps_its_rows(duplicates: str, expected: list[str | None]) -> None:
    rows = [Row("a"), Row("b"), Row("a"), Row("a"), Row("c")]

    assert reasons(rows, step(duplicates=duplicates)) == [expected]


def test_a_dropped_row_names_the_row_that_is_kept() -> None:
    _, kept = read([Row("a"), Row("b"), Row("a")], [step()])

    assert kept.told == {0: {1: ("skipped", "duplicate", "row 3 is sent instead")}}


def test_rows_without_a_key_are_never_duplicates() -> None:
    assert reasons([Row(None), Row(None)], step()) == [[None, None]]


def test_a_row_that_is_invalid_for_the_first_step_yields_to_nobody_and_displaces_nobody() -> None:
    rows = [Row("a"), Row("a", faults=("bad_value", None, None))]

    assert reasons(rows, step(0), step(1)) == [[None, "bad_value"], [None, "earlier_step"]]


def test_rows_that_only_a_later_step_sends_are_compared_among_themselves() -> None:
    leads = ("filtered", None, None)
    rows = [Row("a", faults=leads), Row("a", faults=leads), Row("b")]

    assert reasons(rows, step(0), step(1)) == [["filtered", "filtered", None], ["duplicate", None, None]]


def test_one_opted_out_row_makes_every_row_of_its_key_opted_out() -> None:
    rows = [Row("a"), Row("b"), Row("a", opted_out=True), Row("a")]

    assert reasons(rows, step(duplicates="keep_all")) == [["suppressed", None, "suppressed", "suppressed"]]


def test_an_opted_out_row_counts_even_if_it_is_not_sent_itself() -> None:
    rows = [Row("a"), Row("a", opted_out=True, faults=("bad_value", None, None))]

    assert reasons(rows, step()) == [["suppressed", "bad_value"]]


def test_an_opted_out_row_without_a_key_speaks_for_itself_only() -> None:
    assert reasons([Row(None, opted_out=True), Row(None)], step()) == [["suppressed", None]]


@pytest.mark.parametrize(
    ("opted_out", "expected"),
    [
        ("exclude", ["suppressed", None]),
        ("include", [None, None]),
        ("only", [None, "filtered"]),
    ],
)
def test_each_step_says_what_opting_out_means_for_it(opted_out: str, expected: list[str | None]) -> None:
    assert reasons([Row("a", opted_out=True), Row("b")], step(opted_out=opted_out)) == [expected]


def test_malformed_rows_stand_in_row_order_among_the_others_with_their_line() -> None:
    reading, kept = read([Row("a"), Row(malformed=True), Row("b")], [step(0), step(1)])

    assert kept.keys == [(1, "a"), (2, None), (3, "b")]
    assert kept.told == {index: {2: ("rejected", MALFORMED, "line 3: too few fields")} for index in range(2)}
    assert (reading.rows, reading.sendable(0), reading.sendable(1)) == (3, 2, 2)


def test_a_malformed_row_without_a_line_is_told_without_one() -> None:
    frame, malformed = chunk([(1, Row(malformed=True))])
    kept = Kept()
    reading = Reading([step()], kept)

    reading.take(frame, malformed.with_columns(pl.lit(None, pl.Int64).alias("line")))
    reading.finish()

    assert kept.told[0][1][2] == "too few fields"


def test_a_source_without_rows_is_read_to_its_end() -> None:
    reading, kept = read([], [step()])

    assert (reading.rows, reading.sendable(0), kept.told) == (0, 0, {})


def test_what_is_told_is_counted_by_status_and_reason() -> None:
    rows = [Row("a"), Row("a"), Row("b", faults=("bad_value", None, None)), Row(malformed=True)]

    reading, _ = read(rows, [step()])

    assert reading.told == [
        {("skipped", "duplicate"): 1, ("rejected", "bad_value"): 1, ("rejected", MALFORMED): 1}
    ]


# The same, one row at a time.


class Slow:
    """The plan as one would say it of single rows."""

    def __init__(self, rows: Sequence[Row], steps: Sequence[StepPlan]) -> None:
        self.rows = dict(enumerate(rows, 1))
        self.steps = steps
        self.told: list[dict[int, Told]] = [{} for _ in steps]
        for index in range(len(steps)):
            self.judge(index)
            self.consent(index)
        for index in range(len(steps)):
            self.duplicates(index)
        for index in range(len(steps)):
            self.earlier(index)

    def alive(self, index: int) -> list[int]:
        return [number for number in self.rows if number not in self.told[index]]

    def judge(self, index: int) -> None:
        for number, row in self.rows.items():
            fault = row.faults[index]
            if row.malformed:
                self.told[index][number] = ("rejected", MALFORMED, f"line {number + 1}: too few fields")
            elif fault == "filtered":
                self.told[index][number] = ("skipped", "filtered", "")
            elif fault is not None:
                self.told[index][number] = ("rejected", fault, f"{fault} it is")

    def name(self, number: int) -> Any:
        row = self.rows[number]
        return number if row.malformed or row.key is None else row.key

    def consent(self, index: int) -> None:
        opted = {
            self.name(number) for number, row in self.rows.items() if row.opted_out and not row.malformed
        }
        policy = self.steps[index].opted_out
        for number in self.alive(index):
            if policy == "exclude" and self.name(number) in opted:
                self.told[index][number] = ("skipped", "suppressed", "this person has opted out")
            if policy == "only" and self.name(number) not in opted:
                self.told[index][number] = ("skipped", "filtered", "this person has not opted out")

    def same_place(self, index: int) -> list[int]:
        place = self.steps[index].destination
        return [other for other in range(index) if self.steps[other].destination == place]

    def rejected(self, number: int, steps: Iterable[int]) -> bool:
        return any(self.told[other].get(number, ("",))[0] == "rejected" for other in steps)

    def duplicates(self, index: int) -> None:
        if self.steps[index].duplicates == "keep_all":
            return
        before = self.same_place(index)
        first = self.first_alive(before[0] if before else index)
        self.drop(index, first)
        rest = [number for number in self.alive(index) if not self.rejected(number, before)]
        if set(rest) - set(first):
            self.drop(index, rest)

    def first_alive(self, first: int) -> list[int]:
        told = self.told[first]
        return [number for number in self.rows if told.get(number, ("", "duplicate"))[1] == "duplicate"]

    def drop(self, index: int, among: Sequence[int]) -> None:
        last = self.steps[index].duplicates == "keep_last"
        kept: dict[Any, int] = {}
        for number in among if last else reversed(among):
            kept[self.name(number)] = number
        for number in among:
            winner = kept[self.name(number)]
            if winner != number and number not in self.told[index]:
                self.told[index][number] = ("skipped", "duplicate", f"row {winner} is sent instead")

    def earlier(self, index: int) -> None:
        message = "an earlier step of this destination rejected this row"
        for number in self.alive(index):
            if self.rejected(number, self.same_place(index)):
                self.told[index][number] = ("skipped", "earlier_step", message)


FAULT = st.sampled_from([None, None, None, "filtered", "bad_value"])
ROWS = st.lists(
    st.builds(
        Row,
        key=st.sampled_from(["a", "b", "c", "d", None]),
        opted_out=st.sampled_from([False, False, False, True]),
        faults=st.tuples(FAULT, FAULT, FAULT),
        malformed=st.sampled_from([False] * 6 + [True]),
    ),
    max_size=14,
)


@st.composite
def step_plans(draw: st.DrawFn) -> list[StepPlan]:
    return [
        step(
            number,
            at=draw(st.sampled_from(["here", "there"])),
            duplicates=draw(st.sampled_from(["keep_last", "keep_first", "keep_all"])),
            opted_out=draw(st.sampled_from(["exclude", "include", "only"])),
        )
        for number in range(draw(st.integers(1, 3)))
    ]


@settings(max_examples=250, deadline=None)
@given(ROWS, step_plans(), st.lists(st.integers(0, 14), max_size=4))
def test_rows_are_told_the_same_as_one_by_one_wherever_the_chunks_end(
    rows: list[Row], steps: list[StepPlan], cuts: list[int]
) -> None:
    slow = Slow(rows, steps)

    reading, kept = read(rows, steps, cuts)

    assert [kept.told.get(index, {}) for index in range(len(steps))] == slow.told
    assert [reading.sendable(index) for index in range(len(steps))] == [
        len(slow.alive(index)) for index in range(len(steps))
    ]
    assert kept.keys == [(number, None if row.malformed else row.key) for number, row in enumerate(rows, 1)]


@settings(max_examples=100, deadline=None)
@given(ROWS, step_plans())
def test_a_step_that_keeps_one_row_of_a_key_never_sends_two(rows: list[Row], steps: list[StepPlan]) -> None:
    _, kept = read(rows, steps)

    for index, plan in enumerate(steps):
        sent = [
            row.key
            for number, row in enumerate(rows, 1)
            if number not in kept.told.get(index, {}) and row.key is not None
        ]
        assert plan.duplicates == "keep_all" or len(sent) == len(set(sent))


def told_with_lists(
    rows: Sequence[Row], steps: Sequence[StepPlan], held: Mapping[int, int]
) -> tuple[Reading, Kept]:
    """Read rows of which some stand in suppression lists: numbers of lists by row."""

    def standing(frame: pl.DataFrame) -> tuple[Any, Any]:
        numbers = np.array([held.get(row, -1) for row in frame[ROW]], dtype=np.int64)
        return numbers, np.isin(np.arange(2), numbers)

    kept = Kept()
    lists = ["stands in one.csv", "stands in two.csv"]
    reading = Reading(steps, kept, [Watch("suppressed", lists, standing)])
    for start in range(0, len(rows), 2):
        reading.take(*chunk(list(enumerate(rows, 1))[start : start + 2]))
    reading.finish()
    return reading, kept


def test_who_stands_in_a_list_is_told_after_filtered_and_rejected_and_before_duplicate() -> None:
    rows = [
        Row("a", faults=("filtered", None, None)),
        Row("a", faults=("bad_value", None, None)),
        Row("a"),
        Row("a"),
        Row("a"),
        Row("b", opted_out=True),
    ]
    plan = replace(step(), heeds="suppressed")

    reading, kept = told_with_lists(rows, [plan], dict.fromkeys((1, 2, 5, 6), 1))

    assert {row: (reason, message) for row, (_, reason, message) in kept.told[0].items()} == {
        1: ("filtered", ""),
        2: ("bad_value", "bad_value it is"),
        3: ("duplicate", "row 4 is sent instead"),
        5: ("suppressed", "stands in two.csv"),
        6: ("suppressed", "this person has opted out"),
    }
    assert reading.told[0]["skipped", "suppressed"] == 2
    assert (reading.sendable(0), reading.met("suppressed")) == (1, [False, True])


def test_a_step_that_reaches_everybody_keeps_the_last_row_and_one_that_holds_back_the_last_that_may_go() -> (
    None
):
    rows = [Row("a"), Row("a"), Row("b")]
    reaching, holding = step(0), replace(step(1), heeds="suppressed")

    _, kept = told_with_lists(rows, [reaching, holding], {2: 0})

    assert {row: (reason, message) for row, (_, reason, message) in kept.told[0].items()} == {
        1: ("duplicate", "row 2 is sent instead")
    }
    assert {row: (reason, message) for row, (_, reason, message) in kept.told[1].items()} == {
        2: ("suppressed", "stands in one.csv")
    }


def test_being_held_back_is_no_fault_that_holds_back_the_next_step() -> None:
    reached = replace(step(1), opted_out="include")

    _, kept = told_with_lists([Row("a")], [replace(step(0), heeds="suppressed"), reached], {1: 0})

    assert {index: sorted(told) for index, told in kept.told.items() if told} == {0: [1]}


def test_who_is_not_there_is_skipped_who_may_be_two_is_rejected_and_neither_displaces_anybody() -> None:
    rows = [
        Row("a"),
        Row("a", faults=("not_found", None, None)),
        Row("b", faults=("ambiguous", None, None)),
        Row("c", opted_out=True, faults=("not_found", None, None)),
    ]
    _, kept = read(rows, [step(0), step(1)])
    assert {number: told[:2] for number, told in kept.told[0].items()} == {
        2: ("skipped", "not_found"),
        3: ("rejected", "ambiguous"),
        4: ("skipped", "not_found"),
    }
    assert kept.told[1][3][:2] == ("skipped", "earlier_step")
    assert 2 not in kept.told[1] or kept.told[1][2][1] != "earlier_step"


def test_a_row_whose_contact_is_another_now_is_told_what_it_would_have_been_told_before() -> None:
    assert withheld("not_found", "no contact has this") == Verdict(
        Status.SKIPPED, "not_found", error_message="no contact has this"
    )
    assert withheld("filtered", None) == Verdict(Status.SKIPPED, "filtered")
    assert withheld("bad_value", "no") == Verdict(Status.REJECTED, "bad_value", error_message="no")
