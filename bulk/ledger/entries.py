"""Outcomes as ledger entries: rows that settled alike share one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from bulk.conversation import Verdict
from bulk.ledger.board import Board

INSERT = """INSERT INTO entries (pass, step, run, first_row, last_row, status, reason, http_status,
error_code, error_message, attempts, request_id, object_id, verification, first_sent_at, finished_at)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of the rows from ``first_row`` to ``last_row`` that ``step`` was to send.

    Times are unix seconds; rows that share an entry share the earliest and the latest of theirs.
    """

    step: int
    first_row: int
    last_row: int
    verdict: Verdict
    attempts: int
    first_sent_at: float | None
    finished_at: float


def values(entry: Entry, number: int, run: int) -> tuple[Any, ...]:
    """Return what ``INSERT`` takes, for an entry of a pass written by a run."""
    verdict = entry.verdict
    return (
        number,
        entry.step,
        run,
        entry.first_row,
        entry.last_row,
        verdict.status.value,
        verdict.reason,
        verdict.http_status,
        verdict.error_code,
        verdict.error_message,
        entry.attempts,
        verdict.request_id,
        verdict.object_id,
        verdict.verification,
        entry.first_sent_at,
        entry.finished_at,
    )


def coalesce(entries: Iterable[Entry], boards: list[Board]) -> list[Entry]:
    """Merge neighbours that settled alike; entries that speak of the same row are left in their order."""
    given = list(entries)
    merged: list[Entry] = []
    for entry in sorted(given, key=lambda entry: (entry.step, entry.first_row)):
        last = merged[-1] if merged else None
        if last is not None and last.step == entry.step and entry.first_row <= last.last_row:
            return given
        if last is not None and _alike(last, entry) and _adjacent(last, entry, boards[entry.step]):
            merged[-1] = _merge(last, entry)
        else:
            merged.append(entry)
    return merged


def _alike(one: Entry, other: Entry) -> bool:
    return one.step == other.step and one.verdict == other.verdict and one.attempts == other.attempts


def _adjacent(one: Entry, other: Entry, board: Board) -> bool:
    """Tell whether the plan sends no row between the two."""
    between = (one.last_row + 1, other.first_row - 1)
    return between[1] < between[0] or board.spans(*between, 0)


def _merge(one: Entry, other: Entry) -> Entry:
    sent = [at for at in (one.first_sent_at, other.first_sent_at) if at is not None]
    return replace(
        one,
        last_row=other.last_row,
        first_sent_at=min(sent, default=None),
        finished_at=max(one.finished_at, other.finished_at),
    )
