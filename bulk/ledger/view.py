"""Reading a ledger, also while a run writes it: counts, reasons, and one line per row and step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from bulk.conversation import KEY, ROW, Status, Verification
from bulk.errors import LedgerError
from bulk.ledger.board import Board
from bulk.ledger.columns import KEYS, LAST, TOLD, told_rows, unpacked, unpacked_told
from bulk.ledger.file import connect_reader, translated
from bulk.ledger.folding import fold
from bulk.ledger.shape import LAST_ROW

ENTRIES = pl.Schema(
    {
        "first_row": pl.Int64,
        "last_row": pl.Int64,
        "status": pl.String,
        "reason": pl.String,
        "http_status": pl.Int64,
        "error_code": pl.String,
        "error_message": pl.String,
        "attempts": pl.Int64,
        "request_id": pl.String,
        "first_sent_at": pl.Float64,
        "finished_at": pl.Float64,
        "verification": pl.String,
        "verified_at": pl.Float64,
        "object_id": pl.String,
    }
)
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
_TOLD, _PENDING = -1, -2
_AT_ONCE = 65_536
_VERIFIED_AT = "CASE WHEN verification IN ('absent', 'still_present') THEN finished_at END"
_ENTRY_COLUMNS = ", ".join(_VERIFIED_AT if name == "verified_at" else name for name in ENTRIES)


@dataclass(frozen=True)
class StepView:
    """One step of a pass: what the plan told, what was answered, and which entry holds for each row."""

    index: int
    name: str
    destination: str
    operation: str
    told: pl.DataFrame
    entries: pl.DataFrame
    winner: npt.NDArray[np.int32]
    """Per row the index of the entry that holds: -1 for a row that is told, -2 for a pending one."""

    @cached_property
    def held(self) -> pl.DataFrame:
        """The entries that hold for any row (columns of ENTRIES, and ``rows``: for how many)."""
        rows = np.bincount(self.winner[self.winner >= 0], minlength=self.entries.height)
        return self.entries.with_columns(pl.Series("rows", rows, dtype=pl.UInt32)).filter(pl.col("rows") > 0)

    @cached_property
    def tally(self) -> pl.DataFrame:
        """Rows by status, reason and message (columns status, reason, error_message, rows)."""
        answered = self.held.select("status", "reason", "error_message", "rows")
        told = self.told.select(
            "status",
            "reason",
            pl.col("message").alias("error_message"),
            (pl.col(LAST) - pl.col(ROW) + 1).alias("rows"),
        )
        groups = ["status", "reason", "error_message"]
        together: pl.DataFrame = pl.concat([answered, told])
        return together.group_by(groups).agg(pl.col("rows").sum()).sort(groups)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows by status; every status is there."""
        counts = {status.value: 0 for status in Status}
        counts |= dict(self.tally.group_by("status").agg(pl.col("rows").sum()).iter_rows())
        counts[Status.PENDING] += int(np.count_nonzero(self.winner == _PENDING))
        return counts

    @cached_property
    def awaiting(self) -> int:
        """How many rows were accepted and not read back yet."""
        accepted = (self.entries["verification"] == Verification.PENDING).to_numpy()
        return int(np.count_nonzero(accepted[self.winner[self.winner >= 0]]))

    def outcomes(self, first_row: int, last_row: int) -> pl.DataFrame:
        """Return the outcomes of a range of rows, one line each, without keys (columns of EXPORT but key)."""
        winner = self.winner[first_row - 1 : last_row]
        rows = pl.int_range(first_row, last_row + 1, dtype=pl.UInt32, eager=True).alias(ROW)
        pointers = pl.DataFrame({ROW: rows, "entry": pl.Series(winner, dtype=pl.Int32)})
        holding = pl.Series("entry", np.unique(winner[winner >= 0]), dtype=pl.Int32)
        entries = self.entries.drop("first_row", "last_row")[holding].with_columns(holding)
        lines = pointers.join(entries, on="entry", how="left", maintain_order="left")
        lines = lines.join(
            self._told_each(first_row, last_row), on=ROW, how="left", suffix="_told", maintain_order="left"
        )
        return lines.with_columns(
            pl.coalesce("status", "status_told", pl.lit(Status.PENDING.value)).alias("status"),
            pl.coalesce("reason", "reason_told", pl.lit("")).alias("reason"),
            pl.coalesce("error_message", "error_message_told", pl.lit("")).alias("error_message"),
            pl.col(ROW).alias("row"),
            pl.lit(self.name).alias("step"),
            pl.lit(self.destination).alias("destination"),
            pl.lit(self.operation).alias("operation"),
        )

    def _told_each(self, first_row: int, last_row: int) -> pl.DataFrame:
        """Return what a range of rows was told, one line each (ROW, status, reason, error_message)."""
        within = self.told.filter((pl.col(ROW) <= last_row) & (pl.col(LAST) >= first_row)).with_columns(
            pl.col(ROW).clip(lower_bound=first_row), pl.col(LAST).clip(upper_bound=last_row)
        )
        rows, places = told_rows(within)
        each = within.select("status", "reason", pl.col("message").alias("error_message"))[places]
        return each.with_columns(pl.Series(ROW, rows, dtype=pl.UInt32))


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

    def _winners(self, told: pl.DataFrame, entries: pl.DataFrame) -> npt.NDArray[np.int32]:
        winner = np.full(self.rows or 0, _PENDING, dtype=np.int32)
        if self.rows is None:
            return winner
        edges = np.zeros(winner.size + 1, dtype=np.int8)
        edges[told[ROW].to_numpy().astype(np.int64) - 1] += 1
        edges[told[LAST].to_numpy().astype(np.int64)] -= 1
        sent = np.cumsum(edges[:-1], dtype=np.int8) == 0
        winner[~sent] = _TOLD
        for index, (first, last) in enumerate(entries.select("first_row", "last_row").iter_rows()):
            segment = winner[first - 1 : last]
            segment[sent[first - 1 : last]] = index
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
    def newest(self) -> int:
        """The number of the newest entry of this pass; 0 if there is none."""
        return int(self._query("SELECT max(seq) FROM entries WHERE pass = ?", self.number)[0][0] or 0)

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
            pl.col(KEY).alias(name)
            if name == "key"
            else _time(name)
            if name.endswith("_at")
            else pl.col(name)
            for name in EXPORT
        )


def _time(name: str) -> pl.Expr:
    """Write unix seconds as ISO 8601 in UTC, to the millisecond."""
    moment = pl.from_epoch((pl.col(name) * 1000).round().cast(pl.Int64), time_unit="ms")
    return moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").alias(name)
