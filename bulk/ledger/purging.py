"""Clears people out of a ledger: keys, ids and messages go, hashes, counts and the chain stay."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from bulk.conversation import CONTENT, IDENTITY, KEY, ROW
from bulk.ledger.board import Board
from bulk.ledger.columns import packed, unpacked
from bulk.ledger.file import Writing, transaction, translated
from bulk.ledger.folding import fold
from bulk.ledger.known import DELIVERED

PURGED = "purged"
"""What stands in place of a message."""
_ROWS_OF_A_PASS = ("keys", "told", "entries", "intents", "memories", "contents", "requests", "found", "jobs")
"""Where the rows of a pass stand; the hashes of erased people are kept, so that nobody imports them again."""
Hash = Callable[[str], str]


@dataclass(slots=True)
class Purged:
    """What a purge did.

    Attributes:
        keys: Keys that were replaced by their hash.
        outcomes: Entries of which ids or messages were cleared.
        passes: Passes of which the rows were dropped, with the counts of each step.
        kept: Passes that were left as they are, because something of them is not settled.
    """

    keys: int = 0
    outcomes: int = 0
    passes: dict[int, dict[str, dict[str, int]]] = field(default_factory=dict)
    kept: list[int] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return it as JSON values."""
        counts = {str(number): steps for number, steps in self.passes.items()}
        return {
            "keys": self.keys,
            "outcomes": self.outcomes,
            "passes": sorted(self.passes),
            "counts": counts,
        }


class Purging:
    """Purges one ledger that is held for writing."""

    def __init__(self, connection: Writing, path: Path) -> None:
        self._connection = connection
        self._path = path

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with translated(self._path):
            return self._connection.execute(sql, values).fetchall()

    def purge(
        self,
        people: Collection[str],
        identities: npt.NDArray[np.uint64],
        hashed: Hash,
        before: float | None,
        now: float,
    ) -> Purged:
        """Replace what names people by its hash, and drop the rows of old passes, in one transaction.

        Args:
            people: Keys in plain, as they are normalised.
            identities: Their hashes among what was delivered.
            hashed: Makes a keyed hash of a text.
            before: Passes that began earlier, in unix seconds, are dropped; None: none.
            now: Unix seconds.
        """
        done = Purged()
        with translated(self._path):
            self._connection.execute("PRAGMA secure_delete=ON")
        with translated(self._path), transaction(self._connection, self._path):
            if people:
                self._clear(frozenset(people), hashed, done)
                self._forget_deliveries(identities)
            if before is not None:
                self._drop(before, done)
            self._connection.execute(
                "INSERT INTO purges (at, facts) VALUES (?,?)", (now, orjson.dumps(done.facts()).decode())
            )
        return done

    def _clear(self, people: frozenset[str], hashed: Hash, done: Purged) -> None:
        """Replace keys, and clear what single outcomes say of their people."""
        rows: dict[int, list[int]] = {}
        frames = self._query("SELECT pass, first_row, body FROM keys")
        for number, first_row, body in frames:
            frame = unpacked(body)
            met = frame[KEY].is_in(list(people)).fill_null(value=False)
            if not met.any():
                continue
            keys = [hashed(key) if found else key for key, found in zip(frame[KEY], met, strict=True)]
            replaced = frame.with_columns(pl.Series(KEY, keys, dtype=pl.String))
            self._connection.execute(
                "UPDATE keys SET body = ? WHERE pass = ? AND first_row = ?",
                (packed(replaced), number, first_row),
            )
            rows.setdefault(number, []).extend(frame.filter(met)[ROW].to_list())
            done.keys += int(met.sum())
        for number, met_rows in rows.items():
            self._clear_outcomes(number, np.array(sorted(met_rows), dtype=np.int64), hashed, done)

    def _clear_outcomes(self, number: int, rows: npt.NDArray[np.int64], hashed: Hash, done: Purged) -> None:
        entries = self._query(
            "SELECT seq, first_row, last_row, object_id, error_message FROM entries"
            " WHERE pass = ? AND (object_id <> '' OR error_message NOT IN ('', ?))",
            number,
            PURGED,
        )
        for seq, first, last, object_id, message in entries:
            if np.searchsorted(rows, first) < np.searchsorted(rows, last, side="right"):
                kept = hashed(object_id) if object_id else ""
                said = PURGED if message else ""
                self._connection.execute(
                    "UPDATE entries SET object_id = ?, error_message = ? WHERE seq = ?", (kept, said, seq)
                )
                done.outcomes += 1
        for step, first, last in self._query(
            "SELECT step, first_row, last_row FROM memories WHERE pass = ?", number
        ):
            held = np.searchsorted(rows, first) < np.searchsorted(rows, last, side="right")
            if held and self._settled(number, step, first, last):
                self._connection.execute(
                    "DELETE FROM memories WHERE pass = ? AND step = ? AND first_row = ? AND last_row = ?",
                    (number, step, first, last),
                )

    def _settled(self, number: int, step: int, first: int, last: int) -> bool:
        board = self._board(number, step)
        return bool((board.codes[first - 1 : last] != 0).all())

    def _board(self, number: int, step: int) -> Board:
        ((rows,),) = self._query("SELECT rows FROM passes WHERE pass = ?", number)
        board = Board(rows or 0)
        fold(self._connection, self._path, number, step, board)
        return board

    def _forget_deliveries(self, identities: npt.NDArray[np.uint64]) -> None:
        """Forget that anything of these people was delivered: their hash could be tried out."""
        for seq, body in self._query("SELECT seq, body FROM delivered"):
            frame = unpacked(body).with_columns(pl.col(IDENTITY).cum_sum())
            kept = frame.filter(~_theirs(frame, identities))
            if kept.height < frame.height:
                apart = kept.with_columns(pl.col(IDENTITY) - pl.col(IDENTITY).shift(fill_value=0))
                self._connection.execute(
                    "UPDATE delivered SET rows = ?, body = ? WHERE seq = ?",
                    (kept.height, packed(apart.select(DELIVERED.names())), seq),
                )
        for rowid, body in self._query("SELECT rowid, body FROM contents"):
            frame = unpacked(body)
            kept = frame.filter(~_theirs(frame, identities))
            if kept.height < frame.height:
                columns = kept.select(ROW, IDENTITY, CONTENT)
                self._connection.execute(
                    "UPDATE contents SET body = ? WHERE rowid = ?", (packed(columns), rowid)
                )

    def _drop(self, before: float, done: Purged) -> None:
        """Drop the rows of old passes; of the last one nothing, and nothing of one that is not settled."""
        dropped = set(self._dropped())
        passes = self._query(
            "SELECT pass FROM passes WHERE started_at < ? AND pass < (SELECT max(pass) FROM passes)", before
        )
        for (number,) in passes:
            if number in dropped:
                continue
            counts = self._counts(number)
            if any(of_step.get("pending") for of_step in counts.values()):
                done.kept.append(number)
                continue
            done.passes[number] = counts
            for table in _ROWS_OF_A_PASS:
                self._connection.execute(f"DELETE FROM {table} WHERE pass = ?", (number,))  # noqa: S608 - fixed names

    def _dropped(self) -> Iterator[int]:
        for (facts,) in self._query("SELECT facts FROM purges"):
            yield from orjson.loads(facts).get("passes", ())

    def _counts(self, number: int) -> dict[str, dict[str, int]]:
        steps = self._query("SELECT step, name FROM steps WHERE pass = ? ORDER BY step", number)
        boards: Mapping[str, Board] = {name: self._board(number, step) for step, name in steps}
        return {
            name: {status.value: count for status, count in board.counts.items() if count}
            for name, board in boards.items()
        }


def _theirs(frame: pl.DataFrame, identities: npt.NDArray[np.uint64]) -> pl.Series:
    """Mark what was delivered to people or, where a step adds, whose content is who they are."""
    columns = (frame[name].to_numpy() for name in (IDENTITY, CONTENT))
    return pl.Series(np.logical_or.reduce([np.isin(column, identities) for column in columns]))
