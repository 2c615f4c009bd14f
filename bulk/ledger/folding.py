"""Folds a pass of the ledger: what holds for each row, and what may have been processed without an answer."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from bulk.conversation import LOST_REASONS, ROW, Status
from bulk.ledger.board import CODE, Board, Mask
from bulk.ledger.columns import LAST, REASON, STATUS, status_codes, told_rows, unpacked_told
from bulk.ledger.file import translated
from bulk.ledger.schema import REMOVED

UNCHANGED, NOT_FOUND = "unchanged", "not_found"
_FRAMES_AT_ONCE = 32


def fold(connection: sqlite3.Connection, path: Path, number: int, step: int, board: Board) -> None:
    """Apply to ``board`` all that the ledger says about one step of a pass, oldest first."""
    with translated(path):
        for frame in _told(connection, number, step, board.codes.size):
            rows, places = told_rows(frame)
            board.tell(rows, status_codes(frame[STATUS])[places])
            counted = frame.group_by(STATUS, REASON).agg((pl.col(LAST) - pl.col(ROW) + 1).sum())
            for status, reason, count in counted.iter_rows():
                board.reasons.tell(count, Status(status), reason)
        entries = connection.execute(
            "SELECT first_row, last_row, status, reason, verification FROM entries"
            " WHERE pass = ? AND step = ? ORDER BY seq",
            (number, step),
        )
        for first, last, status, reason, verification in entries:
            board.settle(first, last, Status(status), reason, verification)
    board.outcomes = 0


def _told(connection: sqlite3.Connection, number: int, step: int, rows: int) -> Iterator[pl.DataFrame]:
    """Yield what the plan told rows (columns of ``TOLD``), many frames as one: most are small."""
    bodies = connection.execute("SELECT body FROM told WHERE pass = ? AND step = ?", (number, step))
    while some := bodies.fetchmany(_FRAMES_AT_ONCE):
        yield pl.concat([unpacked_told(body, rows) for (body,) in some])


def not_there(connection: sqlite3.Connection, number: int, step: int, rows: int) -> Mask:
    """Mark the rows of which the plan told that their people are not there; index 0 is row 1."""
    marks = np.zeros(rows, dtype=np.bool_)
    for (body,) in connection.execute("SELECT body FROM told WHERE pass = ? AND step = ?", (number, step)):
        found, _ = told_rows(unpacked_told(body, rows).filter(pl.col(REASON) == NOT_FOUND))
        marks[found.astype(np.int64) - 1] = True
    return marks


def intended(connection: sqlite3.Connection, path: Path, number: int, step: int, board: Board) -> Mask:
    """Mark the rows whose request may have been processed without an answer; index 0 is row 1."""
    marks, lost = np.zeros((2, board.codes.size), dtype=np.bool_)
    with translated(path):
        intents = connection.execute(
            "SELECT first_row, last_row, withdrawn FROM intents WHERE pass = ? AND step = ? ORDER BY seq",
            (number, step),
        )
        for first, last, withdrawn in intents:
            marks[first - 1 : last] = not withdrawn
        if not marks.any():
            return marks
        failures = connection.execute(
            "SELECT first_row, last_row, reason FROM entries"
            " WHERE pass = ? AND step = ? AND status = 'failed'",
            (number, step),
        )
        for first, last, reason in failures:
            lost[first - 1 : last] |= reason in LOST_REASONS
    pending, failed = board.codes == CODE[Status.PENDING], board.codes == CODE[Status.FAILED]
    open_ended: Mask = marks & ~board.told & (pending | (failed & lost))
    return open_ended


def listed(connection: sqlite3.Connection, path: Path, number: int) -> int:
    """Return how many records the largest step of a pass has: to be sent, or unchanged since they were.

    Who left the list is no record of it.
    """
    with translated(path):
        ((rows,),) = connection.execute("SELECT rows FROM passes WHERE pass = ?", (number,))
        steps = connection.execute(
            "SELECT step FROM steps WHERE pass = ? AND name NOT LIKE ?", (number, f"%{REMOVED}")
        ).fetchall()
        found = [rows - _told_otherwise(connection, number, step, rows) for (step,) in steps]
    return max(found, default=0)


def _told_otherwise(connection: sqlite3.Connection, number: int, step: int, rows: int) -> int:
    bodies = connection.execute("SELECT body FROM told WHERE pass = ? AND step = ?", (number, step))
    otherwise = [unpacked_told(body, rows).filter(pl.col(REASON) != UNCHANGED) for (body,) in bodies]
    return sum(int((frame[LAST] - frame[ROW] + 1).sum()) for frame in otherwise)
