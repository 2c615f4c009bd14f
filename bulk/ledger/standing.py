"""How one step of a pass stands: what was told, what was answered, and what holds for each row."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import ROW, Status, Verification
from bulk.ledger.columns import LAST, told_rows

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
PLANNED, UNSETTLED = -1, -2
"""In the place of an entry: the plan told the row, or nothing became of it yet."""
_ROWS_AT_ONCE, _TOLD_AT_ONCE = 1 << 20, 1 << 17
Winners = npt.NDArray[np.int16] | npt.NDArray[np.int32]
"""Two bytes a row where there are few entries, which is where there are many rows."""


@dataclass(frozen=True)
class StepView:
    """One step of a pass: what the plan told, what was answered, and which entry holds for each row."""

    index: int
    name: str
    destination: str
    operation: str
    told: pl.DataFrame
    entries: pl.DataFrame
    winner: Winners
    """Per row the index of the entry that holds; PLANNED: it was told; UNSETTLED: it is pending."""

    @cached_property
    def held(self) -> pl.DataFrame:
        """The entries that hold for any row (columns of ENTRIES, and ``rows``: for how many)."""
        parts = (self.winner[at : at + _ROWS_AT_ONCE] for at in range(0, self.winner.size, _ROWS_AT_ONCE))
        rows = np.zeros(self.entries.height, dtype=np.int64)
        for part in parts:
            rows += np.bincount(part[part >= 0], minlength=rows.size)
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
        rows = pl.col("rows").sum()
        parts = [part.group_by(groups).agg(rows) for part in told.iter_slices(_TOLD_AT_ONCE)]
        together: pl.DataFrame = pl.concat([answered, *parts])
        return together.group_by(groups).agg(rows).sort(groups)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows by status; every status is there."""
        counts = {status.value: 0 for status in Status}
        counts |= dict(self.tally.group_by("status").agg(pl.col("rows").sum()).iter_rows())
        counts[Status.PENDING] += int(np.count_nonzero(self.winner == UNSETTLED))
        return counts

    @cached_property
    def awaiting(self) -> int:
        """How many rows were accepted and not read back yet."""
        return int(self.held.filter(pl.col("verification") == Verification.PENDING)["rows"].sum())

    def outcomes(self, first_row: int, last_row: int) -> pl.DataFrame:
        """Return the outcomes of a range of rows, one line each, without keys (columns of EXPORT but key)."""
        winner = self.winner[first_row - 1 : last_row]
        rows = pl.int_range(first_row, last_row + 1, dtype=pl.UInt32, eager=True).alias(ROW)
        pointers = pl.DataFrame({ROW: rows, "entry": pl.Series(winner, dtype=pl.Int32)})
        holding = pl.Series("entry", np.unique(winner[winner >= 0]), dtype=pl.Int32)
        entries = self.entries.drop("first_row", "last_row")[holding].with_columns(
            holding, *(_time(name) for name in ENTRIES if name.endswith("_at"))
        )
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


def _time(name: str) -> pl.Expr:
    """Write unix seconds as ISO 8601 in UTC, to the millisecond."""
    moment = pl.from_epoch((pl.col(name) * 1000).round().cast(pl.Int64), time_unit="ms")
    return moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").alias(name)
