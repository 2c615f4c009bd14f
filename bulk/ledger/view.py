"""Reading a ledger, also while a run writes it: counts, reasons, and one line per row and step."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import orjson
import polars as pl

from bulk.conversation import KEY, ROW, Status
from bulk.errors import LedgerError
from bulk.ledger.board import Board, Mask
from bulk.ledger.columns import KEYS, LAST, TOLD, unpacked, unpacked_told
from bulk.ledger.file import connect_reader, translated
from bulk.ledger.folding import fold
from bulk.ledger.shape import LAST_ROW
from bulk.ledger.standing import ENTRIES, PLANNED, UNSETTLED, StepView, Winners

EXPORT = (
    "row",
    "key",
    "step",
    "destination",
    "operation",
    "status",
    "reason",
    "http_status",
    "error_code",
    "error_message",
    "attempts",
    "request_id",
    "first_sent_at",
    "finished_at",
    "verification",
    "verified_at",
    "object_id",
)
"""The contract's columns, in its order."""
_AT_ONCE = 65_536
_VERIFIED_AT = "CASE WHEN verification IN ('absent', 'still_present') THEN finished_at END"
_ENTRY_COLUMNS = ", ".join(_VERIFIED_AT if name == "verified_at" else name for name in ENTRIES)


class View:
    """One pass of a ledger as it stands now; a context manager.

    Raises:
        LedgerError: The file is not a ledger, holds no pass, or not the pass asked for.
    """

    def __init__(self, path: Path, number: int | None = None) -> None:
        self.path = path
        self._connection = connect_reader(path)
        try:
            found = self._find(number)
        except BaseException:
            self.close()
            raise
        self.number, self.job, self.digest, self.fingerprint, source, self.rows = found
        self.source: dict[str, Any] = orjson.loads(source)

    def _find(self, number: int | None) -> Any:
        found = self._query(
            "SELECT pass, job, digest, fingerprint, source, rows FROM passes"
            " WHERE ? IS NULL OR pass = ? ORDER BY pass DESC LIMIT 1",
            number,
            number,
        )
        if not found:
            asked = "" if number is None else f" {number}"
            raise LedgerError(f"{self.path}: this ledger has no pass{asked} yet")
        if found[0][0] in self.purged:
            raise LedgerError(
                f"{self.path}: the rows of pass {found[0][0]} were purged; its counts were kept"
            )
        return found[0]

    @cached_property
    def purged(self) -> dict[int, dict[str, dict[str, int]]]:
        """The passes of which the rows were dropped, with the counts of each step."""
        known = self._query("SELECT count(*) FROM sqlite_schema WHERE name = 'purges'")
        told = self._query("SELECT facts FROM purges ORDER BY seq") if known[0][0] else []
        counts = (orjson.loads(facts).get("counts", {}) for (facts,) in told)
        return {int(number): steps for one in counts for number, steps in one.items()}

    @cached_property
    def awaiting_verification(self) -> int:
        """How many outcomes of erasures, over all passes, were accepted and not read back yet."""
        passes = self._query("SELECT DISTINCT pass, step FROM entries WHERE verification = 'pending'")
        return sum(self._awaiting(number, step) for number, step in passes)

    def _awaiting(self, number: int, step: int) -> int:
        with translated(self.path):
            ((rows,),) = self._query("SELECT rows FROM passes WHERE pass = ?", number)
        board = Board(rows or 0)
        fold(self._connection, self.path, number, step, board)
        return board.awaiting

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def fact(self, name: str) -> str | None:
        """Return a fact of the whole ledger."""
        found = self._query("SELECT value FROM facts WHERE name = ?", name)
        return str(found[0][0]) if found else None

    @cached_property
    def runs(self) -> list[dict[str, Any]]:
        """The runs of this pass, oldest first."""
        names = ("run", "started_at", "ended_at", "exit_code", "facts")
        found = self._query(
            "SELECT run, started_at, ended_at, exit_code, facts FROM runs WHERE pass = ? ORDER BY run",
            self.number,
        )
        return [dict(zip(names, (*values[:4], orjson.loads(values[4])), strict=True)) for values in found]

    @cached_property
    def all_runs(self) -> list[tuple[int, dict[str, Any]]]:
        """The pass and the facts of every run, over all passes, oldest first."""
        found = self._query("SELECT pass, facts FROM runs ORDER BY run")
        return [(number, orjson.loads(facts)) for number, facts in found]

    def pauses(self, destination: str) -> list[tuple[float, float]]:
        """Return when a destination wanted no requests, as far as runs that came to an end tell."""
        with translated(self.path):
            return [
                (float(start), min(float(end), run["ended_at"]))
                for run in self.runs
                if run["ended_at"] is not None
                for start, end in run["facts"].get("pauses", {}).get(destination, ())
            ]

    @cached_property
    def steps(self) -> list[StepView]:
        """The steps of this pass, in the order of the job."""
        named = self._query(
            "SELECT step, name, destination, operation FROM steps WHERE pass = ? ORDER BY step", self.number
        )
        return [self._step(*values) for values in named]

    def _step(self, index: int, name: str, destination: str, operation: str) -> StepView:
        bodies = self._query("SELECT body FROM told WHERE pass = ? AND step = ?", self.number, index)
        with translated(self.path):
            rows = LAST_ROW if self.rows is None else self.rows
            told = pl.concat([TOLD.to_frame(), *(unpacked_told(body, rows) for (body,) in bodies)])
            entries = self._entries(index)
            return StepView(index, name, destination, operation, told, entries, self._winners(told, entries))

    def _entries(self, step: int) -> pl.DataFrame:
        """Return the entries of a step, oldest first; only so many at a time are objects of Python."""
        lines = self._connection.execute(
            f"SELECT {_ENTRY_COLUMNS} FROM entries WHERE pass = ? AND step = ? ORDER BY seq",  # noqa: S608 - fixed names
            (self.number, step),
        )
        parts = iter(lambda: lines.fetchmany(_AT_ONCE), [])
        frames = (pl.DataFrame(part, schema=ENTRIES, orient="row") for part in parts)
        return pl.concat([ENTRIES.to_frame(), *frames], rechunk=True)

    def _winners(self, told: pl.DataFrame, entries: pl.DataFrame) -> Winners:
        small = entries.height <= np.iinfo(np.int16).max
        winner: Winners = np.full(self.rows or 0, UNSETTLED, dtype=np.int16 if small else np.int32)
        if self.rows is None:
            return winner
        sent = _sent(told, winner.size) if told.height else None
        if sent is not None:
            winner[~sent] = PLANNED
        for index, (first, last) in enumerate(entries.select("first_row", "last_row").iter_rows()):
            segment = winner[first - 1 : last]
            segment[slice(None) if sent is None else sent[first - 1 : last]] = index
        return winner

    @property
    def balanced(self) -> bool:
        """Whether the counts of every step sum up to the rows of the source."""
        return self.rows is not None and all(sum(step.counts.values()) == self.rows for step in self.steps)

    @property
    def state(self) -> str:
        """``reading``, ``sending`` (something is pending), ``verifying`` (only read-backs), ``finished``."""
        if self.rows is None:
            return "reading"
        pending = sum(step.counts[Status.PENDING] for step in self.steps)
        if not pending:
            return "finished"
        return "verifying" if pending == sum(step.awaiting for step in self.steps) else "sending"

    def keys(self) -> Iterator[tuple[int, int, pl.DataFrame]]:
        """Yield the first and last row of each chunk of the pre-pass, and its keys (columns ROW, KEY)."""
        with translated(self.path):
            found = self._connection.execute(
                "SELECT first_row, last_row, body FROM keys WHERE pass = ? ORDER BY first_row", (self.number,)
            )
            for first, last, body in found:
                yield first, last, unpacked(body)

    @cached_property
    def newest(self) -> dict[int, int]:
        """The number of the newest entry of each pass that has any."""
        return dict(self._query("SELECT pass, max(seq) FROM entries GROUP BY pass"))

    def lines(self, after: int | None = None) -> Iterator[pl.DataFrame]:
        """Yield one line per row and step, in row order, in chunks (columns of EXPORT).

        Args:
            after: The number of an entry: only rows for which a newer one holds.

        Raises:
            LedgerError: The source is still being read.
        """
        if self.rows is None:
            raise LedgerError(
                f"{self.path}: this pass is still reading its source; there are no outcomes yet"
            )
        until = "SELECT count(*) FROM entries WHERE pass = ? AND step = ? AND seq <= ?"
        steps = [] if after is None else self.steps
        known = [self._query(until, self.number, step.index, after)[0][0] for step in steps]
        for first, last, keys in self.keys():
            with translated(self.path):
                lines = self._lines(first, last, keys, known)
            yield lines

    def _lines(self, first: int, last: int, keys: pl.DataFrame, known: Sequence[int]) -> pl.DataFrame:
        frames = [step.outcomes(first, last) for step in self.steps]
        if known:  # entries stand in the order in which they were written
            pairs = zip(frames, known, strict=True)
            frames = [frame.filter(pl.col("entry") >= count) for frame, count in pairs]
        together = pl.concat(frames).sort("row", maintain_order=True)
        return together.join(keys.select(KEYS.names()), on=ROW, how="left", maintain_order="left").select(
            pl.col(KEY).alias(name) if name == "key" else pl.col(name) for name in EXPORT
        )


def _sent(told: pl.DataFrame, rows: int) -> Mask:
    """Mark the rows that the plan told nothing."""
    edges = np.zeros(rows + 1, dtype=np.int8)
    edges[told[ROW].to_numpy().astype(np.int64) - 1] += 1
    edges[told[LAST].to_numpy().astype(np.int64)] -= 1
    sent: Mask = np.cumsum(edges[:-1], dtype=np.int8) == 0
    return sent
