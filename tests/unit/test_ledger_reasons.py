"""Reasons are counted as rows settle, and always say what a reading of the whole ledger would say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import BAD, GOOD, begin, entry

from bulk.conversation import Status, Verdict
from bulk.ledger import Entry
from bulk.ledger.board import Board
from bulk.ledger.reasons import MOST, OTHER
from bulk.ledger.view import View
from bulk.report.summary import reasons

ROWS = 12
TOLD = (("rejected", "bad_value", ""), ("rejected", "missing_field", ""), ("skipped", "filtered", ""))
VERDICTS = (GOOD, BAD, Verdict(Status.UNKNOWN, "timeout"), Verdict(Status.SKIPPED, "earlier_step"))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    first = draw(st.integers(1, ROWS))
    return entry(first, draw(st.integers(first, ROWS)), draw(st.sampled_from(VERDICTS)))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.integers(1, ROWS), st.sampled_from(TOLD)), st.lists(entries(), max_size=8))
def test_they_are_what_a_reading_of_the_ledger_says(
    told: Mapping[int, tuple[str, str, str]], settled: Sequence[Entry]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sync.ledger"
        ledger = begin(path, ROWS, told)
        for one in settled:
            ledger.commit([one])
        live = ledger.boards[0].reasons.counts
        ledger.last_pass()
        folded = ledger.boards[0].reasons.counts
        ledger.close()
        with View(path) as view:
            read = {status: why for status, why in reasons(view.steps[0]).items() if status != "skipped"}

    assert live == folded == read


def test_a_row_that_goes_well_after_all_counts_no_more() -> None:
    board = Board(3)
    board.settle(1, 3, Status.FAILED, "refused")
    board.settle(2, 2, Status.SUCCEEDED)

    assert board.reasons.counts == {"failed": {"refused": 2}}


def test_beyond_so_many_reasons_of_a_status_the_others_count_together() -> None:
    board = Board(300)
    for row in range(1, 301):
        board.settle(row, row, Status.FAILED, f"reason_{row}")
    counts = board.reasons.counts["failed"]

    assert (len(counts), counts[OTHER]) == (MOST + 1, 300 - MOST)


def test_memory_is_not_used_before_a_row_goes_bad() -> None:
    board = Board(8)
    board.settle(1, 8, Status.SUCCEEDED, "read_back")

    assert board.reasons.counts == {}
    assert not np.any(board.reasons._kinds)


def test_outcomes_count_what_settled_since_the_ledger_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "sync.ledger"
    ledger = begin(path, 10, {1: TOLD[0]})
    ledger.commit([entry(1, 5, BAD)])
    accepted = Verdict(Status.PENDING, verification="pending")
    first = ledger.boards[0].outcomes
    ledger.last_pass()
    ledger.commit([entry(6, 6), entry(2, 4), entry(7, 9, accepted)])
    second = ledger.boards[0].outcomes
    ledger.close()

    assert (first, second) == (4, 4)
