"""What a plan told rows is kept once for neighbours that were told alike, and is the same for every row."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import add_pass, begin, told_frame

from bulk.conversation import ROW, Status
from bulk.ledger import Ledger
from bulk.ledger.columns import MESSAGE, REASON, STATUS, as_told, packed, told_rows, unpacked_told
from bulk.ledger.view import View

Told = tuple[str, str, str]
FILTERED: Told = ("skipped", "filtered", "")
UNCHANGED: Told = ("skipped", "unchanged", "the same was delivered before")
BAD: Told = ("rejected", "bad_value", "no")


def each(frame: pl.DataFrame) -> dict[int, Told]:
    """What every row was told."""
    rows, places = told_rows(frame)
    said = frame.select(STATUS, REASON, MESSAGE).rows()
    return {row: said[place] for row, place in zip(rows.tolist(), places.tolist(), strict=True)}


@given(st.dictionaries(st.integers(1, 2**32 - 1) | st.integers(1, 9), st.sampled_from([FILTERED, BAD])))
def test_every_row_is_told_what_it_was_told(told: Mapping[int, Told]) -> None:
    kept = unpacked_told(packed(as_told(told_frame(told))), 2**32 - 1)

    assert each(kept) == dict(sorted(told.items()))


def test_neighbours_told_alike_share_a_line() -> None:
    told = dict.fromkeys(range(1, 50), FILTERED) | {7: BAD} | dict.fromkeys(range(60, 70), FILTERED)

    assert as_told(told_frame(told)).select(pl.exclude(STATUS, MESSAGE)).rows() == [
        (1, 6, "filtered"),
        (7, 7, "bad_value"),
        (8, 49, "filtered"),
        (60, 69, "filtered"),
    ]


@pytest.mark.parametrize("chunk", [1, 3, 4, 100])
def test_an_export_tells_every_row_whatever_the_chunks(tmp_path: Path, chunk: int) -> None:
    told = {row: FILTERED if row < 5 else UNCHANGED for row in range(2, 9)} | {6: BAD}
    begin(tmp_path / "told.ledger", 10, told, chunk=chunk).close()

    with View(tmp_path / "told.ledger") as view:
        columns = ("row", "status", "reason", "error_message")
        lines = {row: said for row, *said in pl.concat(view.lines()).select(columns).iter_rows()}
        assert lines == {row: list(told.get(row, ("pending", "", ""))) for row in range(1, 11)}
        assert view.steps[0].counts == {
            "succeeded": 0, "failed": 0, "rejected": 1, "skipped": 6, "unknown": 0, "pending": 3,
        }  # fmt: skip


def test_what_an_older_version_wrote_row_by_row_is_read_all_the_same(tmp_path: Path) -> None:
    told = {1: UNCHANGED, 2: UNCHANGED, 3: BAD}
    ledger = Ledger(tmp_path / "old.ledger")
    add_pass(ledger, 4, told)
    with ledger._transaction() as connection:
        connection.execute("UPDATE told SET body = ?", (packed(told_frame(told)),))
    ledger.last_pass()

    assert (ledger.boards[0].sendable, ledger.boards[0].counts[Status.SKIPPED]) == (1, 2)
    assert ledger.listed(ledger.number) == 3
    ledger.close()
    with View(tmp_path / "old.ledger") as view:
        assert each(view.steps[0].told) == told
        assert view.balanced


def test_nothing_told_is_nothing_kept() -> None:
    assert as_told(told_frame({})).is_empty()
    assert told_rows(as_told(told_frame({})))[0].size == 0
    assert as_told(told_frame({5: BAD}))[ROW].to_list() == [5]
