"""What is known to have arrived, folded from the outcomes of pass after pass."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl

from bulk.conversation import CONTENT, GONE, IDENTITY, ROW, Status, Verdict
from bulk.ledger.board import CODE, Board, Mask
from bulk.ledger.columns import packed, unpacked
from bulk.ledger.entries import INSERT, Entry, values
from bulk.ledger.fates import fates, known_by_now
from bulk.ledger.file import Writing, connect_reader, transaction, translated
from bulk.ledger.folding import fold, intended, not_there
from bulk.ledger.known import AT, DELIVERED, ROWS_A_FRAME, Hashes, Known, latest, newest

CONTENTS = pl.Schema({ROW: pl.UInt32, IDENTITY: pl.UInt64, CONTENT: pl.UInt64})
MOST_FRAMES = 30
"""Frames of one pass each that stand beside the whole before all are written as one again."""
_LARGE = 4
"""A pass that delivers more than one in so many has the whole written again."""

_SUPERSEDED = Verdict(
    Status.SKIPPED, "superseded", error_message="another pass began before this was settled"
)
_IN_FLIGHT = Verdict(
    Status.UNKNOWN,
    "interrupted",
    error_message="the run ended after this was sent and before its answer; then another pass began",
)


def as_known(path: Path, digest: str, fingerprint: str, scopes: Iterable[str]) -> dict[str, Known]:
    """Return what a run of this job over this source would compare with, without writing anything.

    Raises:
        LedgerError: The file is not a ledger, or damaged.
    """
    connection = connect_reader(path)
    try:
        with translated(path):
            found = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'delivered'")
            if not found.fetchone()[0]:
                return {}
            former = _folded_next(connection, path, digest, fingerprint)
            return {scope: known(connection, path, scope, former) for scope in scopes}
    finally:
        connection.close()


def _folded_next(connection: sqlite3.Connection, path: Path, digest: str, fingerprint: str) -> int | None:
    """Return the last pass, unless a run would go on with it."""
    last = connection.execute(
        "SELECT pass, digest, fingerprint FROM passes WHERE pass IN (SELECT pass FROM runs)"
        " ORDER BY pass DESC LIMIT 1"
    ).fetchone()
    if last is None:
        return None
    number: int = last[0]
    steps = connection.execute("SELECT step FROM steps WHERE pass = ?", (number,)).fetchall()
    boards = [_board(connection, path, number, step) for (step,) in steps]
    goes_on = any(board.unsent for board in boards) and last[1:] == (digest, fingerprint)
    return None if goes_on else number


class Deliveries:
    """What arrived, by scope: one step at one place. Needs the right to write the ledger."""

    def __init__(self, connection: Writing, path: Path) -> None:
        self._connection = connection
        self._path = path

    def write(self, number: int, step: int, scope: str, frame: pl.DataFrame) -> None:
        """Keep the hashes of records that a step of a pass may send (columns of ``CONTENTS``)."""
        if frame.is_empty():
            return
        given = (number, step, scope, packed(frame.select(CONTENTS.names())))
        with transaction(self._connection, self._path):
            self._connection.execute("INSERT INTO contents VALUES (?,?,?,?)", given)

    def known(self, scope: str, former: int | None) -> Known:
        """Return what arrived up to the pass ``former``."""
        with translated(self._path):
            return known(self._connection, self._path, scope, former)

    def take_over(self, former: int, now: float) -> int:
        """End a pass for good, because another begins: return how many of its rows were never sent.

        What arrived is folded into what was known; its pending rows are settled.
        """
        with transaction(self._connection, self._path):
            superseded = _supersede(self._connection, self._path, former, now)
            scopes = self._connection.execute(
                "SELECT DISTINCT step, scope FROM contents WHERE pass = ?", (former,)
            )
            for step, scope in scopes.fetchall():
                ended = _ended(self._connection, self._path, former, step, scope)
                _add(self._connection, scope, latest(ended))
            self._connection.execute("DELETE FROM contents WHERE pass <= ?", (former,))
        return superseded

    def lose(self, scopes: Iterable[str], identities: Hashes) -> None:
        """Forget people whom nobody can name any more (ascending identities), lest they be looked for."""
        size = identities.size
        lost = Known(identities, np.full(size, GONE, np.uint64), np.zeros(size, np.uint32))
        with transaction(self._connection, self._path):
            for scope in scopes:
                _add(self._connection, scope, lost)

    def forget(self) -> None:
        """Forget all: a pass begins that does not compare, after which nobody knows what a place holds."""
        with transaction(self._connection, self._path):
            self._connection.execute("DELETE FROM delivered")
            self._connection.execute("DELETE FROM contents")


def known(connection: sqlite3.Connection, path: Path, scope: str, former: int | None) -> Known:
    """Return what arrived in a scope, up to and with a pass that is not folded yet."""
    steps = connection.execute(
        "SELECT DISTINCT step FROM contents WHERE pass = ? AND scope = ?", (former, scope)
    ).fetchall()
    ended = [_ended(connection, path, former, step, scope) for (step,) in steps if former is not None]
    return newest(chain(_frames(connection, scope), *ended))


def _frames(connection: sqlite3.Connection, scope: str) -> Iterator[pl.DataFrame]:
    found = connection.execute("SELECT body FROM delivered WHERE scope = ? ORDER BY seq", (scope,))
    for (body,) in found:
        yield unpacked(body).with_columns(pl.col(IDENTITY).cum_sum())


def _ended(
    connection: sqlite3.Connection, path: Path, number: int, step: int, scope: str
) -> Iterator[pl.DataFrame]:
    """Yield what is known, after a pass, of what a step was to send (columns of ``DELIVERED``)."""
    board = _board(connection, path, number, step)
    found, at = fates(connection, path, number, step, board)
    gone = not_there(connection, number, step, board.codes.size)
    found[gone] = GONE
    bodies = connection.execute(
        "SELECT body FROM contents WHERE pass = ? AND step = ? AND scope = ? ORDER BY rowid",
        (number, step, scope),
    )
    for (body,) in bodies:
        frame = unpacked(body)
        rows = frame[ROW].to_numpy().astype(np.int64) - 1
        contents, times = known_by_now(frame[CONTENT].to_numpy(), found[rows], at[rows])
        settled = frame.with_columns(pl.Series(CONTENT, contents), pl.Series(AT, times))
        yield settled.filter(pl.Series(~board.told[rows] | gone[rows])).select(DELIVERED.names())


def _board(connection: sqlite3.Connection, path: Path, number: int, step: int) -> Board:
    ((rows,),) = connection.execute("SELECT rows FROM passes WHERE pass = ?", (number,))
    board = Board(rows or 0)
    fold(connection, path, number, step, board)
    return board


def _add(connection: sqlite3.Connection, scope: str, arrived: Known) -> None:
    """Write what arrived beside what was known, or now and then all as one."""
    frames, rows = connection.execute(
        "SELECT count(*), coalesce(sum(rows), 0) FROM delivered WHERE scope = ?", (scope,)
    ).fetchone()
    if arrived.identities.size * _LARGE > rows or frames - rows // ROWS_A_FRAME > MOST_FRAMES:
        former = _frames(connection, scope)
        arrived = newest(chain(former, arrived.frames())) if rows else arrived.there
        connection.execute("DELETE FROM delivered WHERE scope = ?", (scope,))
    for part in arrived.frames():
        # Steps between hashes are smaller numbers than hashes, so they pack better.
        apart = part.with_columns(pl.col(IDENTITY) - pl.col(IDENTITY).shift(fill_value=0))
        connection.execute(
            "INSERT INTO delivered (scope, rows, body) VALUES (?,?,?)", (scope, part.height, packed(apart))
        )


def _supersede(connection: sqlite3.Connection, path: Path, number: int, now: float) -> int:
    """Settle the pending rows of a pass that nobody will go on with."""
    ((run,),) = connection.execute("SELECT coalesce(max(run), 0) FROM runs WHERE pass = ?", (number,))
    steps = connection.execute("SELECT step FROM steps WHERE pass = ?", (number,)).fetchall()
    count = 0
    for (step,) in steps:
        board = _board(connection, path, number, step)
        pending = ~board.told & (board.codes == CODE[Status.PENDING])
        in_flight = pending & intended(connection, path, number, step, board)
        for mask, verdict in ((pending & ~in_flight, _SUPERSEDED), (in_flight, _IN_FLIGHT)):
            ended = _entries(step, board, mask, verdict, now)
            connection.executemany(INSERT, (values(entry, number, run) for entry in ended))
        count += int(pending.sum())
    return count


def _entries(step: int, board: Board, mask: Mask, verdict: Verdict, now: float) -> list[Entry]:
    rows = (np.flatnonzero(mask) + 1).astype(np.uint32)
    return [Entry(step, first, last, verdict, 0, None, now) for first, last in board.runs(rows)]
