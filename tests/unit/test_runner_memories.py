from hypothesis import given
from hypothesis import strategies as st

from bulk.runner.memories import Memories

JOB = {"job": "j1"}
OTHER = {"job": "j2"}


def test_what_is_remembered_about_the_very_same_rows_is_found() -> None:
    assert Memories({(1, 100): JOB, (101, 200): OTHER}).of(101, 200) == OTHER


def test_a_part_of_a_remembered_batch_knows_what_the_batch_knew() -> None:
    assert Memories({(1, 100): JOB, (101, 200): OTHER}).of(26, 50) == JOB


def test_the_smallest_batch_that_holds_the_rows_is_the_one_that_counts() -> None:
    memories = Memories({(1, 100): JOB, (51, 100): OTHER, (26, 50): {}})

    assert memories.of(76, 100) == OTHER
    assert memories.of(30, 40) == {}
    assert memories.of(1, 10) == JOB


def test_rows_that_reach_beyond_a_batch_are_not_its_part() -> None:
    assert Memories({(1, 100): JOB}).of(90, 101) == {}
    assert Memories({(50, 100): JOB}).of(40, 60) == {}


def test_what_was_cleared_is_no_longer_remembered() -> None:
    memories = Memories({(1, 3): {}, (4, 5): JOB})

    assert memories.of(1, 3) == {}
    assert memories.mask(5).tolist() == [False, False, False, True, True]


def test_nothing_remembered_is_false_and_marks_nothing() -> None:
    assert not Memories({})
    assert Memories({}).mask(3).tolist() == [False] * 3


@given(st.sets(st.integers(0, 30)), st.integers(1, 10))
def test_the_mask_marks_exactly_the_rows_of_remembered_batches(batches: set[int], size: int) -> None:
    ends = {(at * size + 1, (at + 1) * size) for at in batches}
    rows = 31 * size

    mask = Memories(dict.fromkeys(ends, JOB)).mask(rows)

    assert [bool(mark) for mark in mask] == [(row // size) in batches for row in range(rows)]
