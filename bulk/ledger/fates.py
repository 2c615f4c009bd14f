"""What outcomes say about the place that records were sent to."""

import sqlite3
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bulk.conversation import GONE, LOST_REASONS, NAMELESS, NOT_CONFIGURED, Status
from bulk.ledger.board import CODE, Board
from bulk.ledger.file import translated
from bulk.ledger.folding import intended
from bulk.ledger.known import AS_BEFORE, DOUBTFUL, Hashes, Times

ARRIVED = 4
"""Beside GONE, AS_BEFORE and DOUBTFUL: the place holds the record."""
_MAY_HAVE_ARRIVED = frozenset(LOST_REASONS) - {NOT_CONFIGURED} | {"unanswered", "no_effect", "read_refused"}
"""Why a record failed although the destination took it, or may have."""
Fates = npt.NDArray[np.uint8]


def fate(status: str, reason: str) -> int:
    """Say what one outcome means for the place."""
    if status == Status.SUCCEEDED:
        return ARRIVED
    if status == Status.UNKNOWN or (status == Status.FAILED and reason in _MAY_HAVE_ARRIVED):
        return DOUBTFUL
    return GONE if reason == "not_found" else AS_BEFORE


def fates(
    connection: sqlite3.Connection, path: Path, number: int, step: int, board: Board
) -> tuple[Fates, Times]:
    """Return what became of each row of a step, and when each succeeded: 0 if it did not."""
    found = np.full(board.codes.size, AS_BEFORE, dtype=np.uint8)
    at = np.zeros(board.codes.size, dtype=np.uint32)
    with translated(path):
        entries = connection.execute(
            "SELECT first_row, last_row, status, reason, finished_at FROM entries"
            " WHERE pass = ? AND step = ? ORDER BY seq",
            (number, step),
        )
        for first, last, status, reason, finished_at in entries:
            found[first - 1 : last] = became = fate(status, reason)
            at[first - 1 : last] = max(1, int(finished_at)) if became == ARRIVED else 0
    pending = board.codes == CODE[Status.PENDING]
    found[pending & intended(connection, path, number, step, board)] = DOUBTFUL
    return found, at


def known_by_now(contents: Hashes, found: Fates, at: Times) -> tuple[Hashes, Times]:
    """Return what is known of records that were to be sent: their contents, or what stands in their place.

    A record whose content is GONE asks for a removal; where that succeeded, or nobody was there, nobody is.
    """
    removal, done = contents == GONE, (found == ARRIVED) | (found == GONE)
    instead = np.where(removal, np.where(done, GONE, AS_BEFORE), found).astype(np.uint64)
    stands = ((found == ARRIVED) & ~removal) | (contents == NAMELESS)
    return np.where(stands, contents, instead), np.where(removal, 0, at).astype(np.uint32)
