from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.conversation import Status
from bulk.ledger.board import CODE, EARLIER_STEP, Board, code_set


def rows(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array(numbers, dtype=np.uint32)


def board_of(told: Sequence[bool], status: Status = Status.SKIPPED) -> Board:
    board = Board(len(told))
    numbers = rows(*(number for number, is_told in enumerate(told, 1) if is_told))
    board.tell(numbers, np.full(numbers.size, CODE[status], dtype=np.uint8))
    return board


def counted(board: Board) -> dict[Status, int]:
    return {status: count for status, count in board.counts.items() if count}


def test_all_rows_of_a_new_board_are_pending() -> None:
    assert counted(Board(3)) == {Status.PENDING: 3}
    assert Board(3).sendable == 3


def test_a_board_of_no_rows_counts_nothing() -> None:
    assert (counted(Board(0)), Board(0).sendable, Board(0).runs(rows())) == ({}, 0, [])


def test_told_rows_are_counted_and_not_sent() -> None:
    board = board_of([True, False, True], Status.REJECTED)

    assert counted(board) == {Status.REJECTED: 2, Status.PENDING: 1}
    assert board.sendable == 1


def test_a_range_speaks_only_of_rows_that_are_sent() -> None:
    board = board_of([False, True, False])

    board.settle(1, 3, Status.SUCCEEDED)

    assert counted(board) == {Status.SUCCEEDED: 2, Status.SKIPPED: 1}


def test_a_range_of_one_told_row_changes_nothing() -> None:
    board = board_of([False, True])

    board.settle(2, 2, Status.SUCCEEDED)

    assert counted(board) == {Status.PENDING: 1, Status.SKIPPED: 1}


def test_the_newest_entry_wins() -> None:
    board = Board(3)

    board.settle(1, 3, Status.FAILED)
    board.settle(2, 2, Status.SUCCEEDED)

    assert board.codes.tolist() == [CODE[Status.FAILED], CODE[Status.SUCCEEDED], CODE[Status.FAILED]]
    assert counted(board) == {Status.FAILED: 2, Status.SUCCEEDED: 1}


def test_rows_held_back_by_an_earlier_step_count_as_skipped_but_can_be_told_apart() -> None:
    board = Board(2)

    board.settle(1, 1, Status.SKIPPED, "earlier_step")
    board.settle(2, 2, Status.SKIPPED, "not_found")

    assert counted(board) == {Status.SKIPPED: 2}
    assert board.having(rows(1, 2), code_set(EARLIER_STEP)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [((1, 2, 3, 5), [(1, 5)]), ((1, 3), [(1, 1), (3, 3)]), ((3, 5, 7), [(3, 5), (7, 7)]), ((6,), [(6, 6)])],
)
def test_runs_reach_over_told_rows_and_end_before_others(
    wanted: tuple[int, ...], expected: list[tuple[int, int]]
) -> None:
    board = board_of([False, False, False, True, False, False, False])

    assert board.runs(rows(*wanted)) == expected


@settings(deadline=None)
@given(st.data(), st.lists(st.booleans(), min_size=1, max_size=40))
def test_runs_hold_exactly_the_given_rows_and_are_as_few_as_can_be(
    data: st.DataObject, told: list[bool]
) -> None:
    board = board_of(told)
    sent = [number for number, is_told in enumerate(told, 1) if not is_told]
    chosen = [number for number in sent if data.draw(st.booleans())]

    found = board.runs(rows(*chosen))

    covered = [number for first, last in found for number in sent if first <= number <= last]
    assert covered == chosen
    begins = [
        number
        for at, number in enumerate(sent)
        if number in chosen and (at == 0 or sent[at - 1] not in chosen)
    ]
    assert [first for first, _ in found] == begins
