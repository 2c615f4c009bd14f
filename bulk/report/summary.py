"""Summaries of a ledger: counts, reasons, rate, time left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from bulk.conversation import LOST_REASONS, ROW, Status
from bulk.ledger.columns import LAST, told_rows
from bulk.ledger.standing import StepView
from bulk.ledger.view import View

LATE = 10.0
"""Seconds over which the present rate is measured."""
MOST_REASONS, MOST_STEPS = 3, 3
MOST_EXAMPLES = 8
"""Rows that are named of those that share a reason."""
MOST_KINDS = 40
_KIND = ("status", "reason", "http_status", "error_code")


def status_facts(view: View) -> dict[str, Any]:
    """Return what ``bulk status --json`` prints."""
    return {
        "job": view.job,
        "rows": view.rows or 0,
        "balanced": view.balanced,
        "state": view.state,
        "pass": view.number,
        "runs": len(view.runs),
        "keys": (view.fact("keys") or "plain").partition(" ")[0],
        "awaiting_verification": view.awaiting_verification,
        "steps": {step.name: step.counts for step in view.steps},
        "reasons": {step.name: reasons(step) for step in view.steps},
        "rate": {step.name: round(rate(step), 1) for step in view.steps},
        "seconds_left": seconds_left(view),
    }


def reasons(step: StepView) -> dict[str, dict[str, int]]:
    """Count a step's rows by status and reason, where there is one."""
    found = step.tally.filter(pl.col("reason") != "").group_by("status", "reason").agg(pl.col("rows").sum())
    counts: dict[str, dict[str, int]] = {}
    for status, reason, rows in found.sort("status", "reason").iter_rows():
        counts.setdefault(status, {})[reason] = rows
    return counts


def rate(step: StepView) -> float:
    """Return records per second over the last seconds in which any settled."""
    if step.entries.is_empty():
        return 0.0
    last = step.entries["finished_at"].max()
    is_late = pl.col("finished_at") > float(last) - LATE  # type: ignore[arg-type]  # floats
    late = step.entries.filter(is_late)
    rows = step.held.filter(is_late)["rows"].sum()
    span = float(late["finished_at"].max()) - float(late["first_sent_at"].fill_null(last).min())  # type: ignore[arg-type]  # floats
    return float(rows) / span if span > 0 else 0.0


def seconds_left(view: View) -> float | None:
    """Return how long the slowest step will take at its present rate; None if that is not known."""
    times = []
    for step in view.steps:
        pending = step.counts[Status.PENDING]
        if pending:
            now = rate(step)
            if not now:
                return None
            times.append(pending / now)
    return round(max(times), 1) if times else 0.0


@dataclass(frozen=True, slots=True)
class Cause:
    """Why some rows failed, were rejected or are unknown.

    Attributes:
        status: What became of them.
        reason: Why, as a code.
        rows: How many there are, over all steps.
        steps: How many there are in each step, the most first.
        row: One of them, in the step that has the most.
        message: What we say of one of them; a destination's own words may name somebody.
    """

    status: str
    reason: str
    rows: int
    steps: dict[str, int]
    row: int
    message: str

    def __str__(self) -> str:
        among = ", ".join(
            [*list(self.steps)[:MOST_STEPS], *(["..."] if len(self.steps) > MOST_STEPS else [])]
        )
        message = f": {self.message}" if self.message else ""
        return f"{among}: {self.rows:,} {self.status}: {self.reason}, such as row {self.row:,}{message}"


def causes(view: View) -> list[Cause]:
    """Return the commonest reasons why rows failed, were rejected or are unknown."""
    bad = [Status.FAILED.value, Status.REJECTED.value, Status.UNKNOWN.value]
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for step in view.steps:
        found = step.tally.filter(pl.col("status").is_in(bad))
        for *why, rows in found.group_by("status", "reason").agg(pl.col("rows").sum()).iter_rows():
            counts.setdefault((why[0], why[1]), {})[step.name] = rows
    common = sorted(counts.items(), key=lambda one: (-sum(one[1].values()), one[0]))
    return [_cause(view, *why, steps) for why, steps in common[:MOST_REASONS]]


def _cause(view: View, status: str, reason: str, counts: Mapping[str, int]) -> Cause:
    steps = dict(sorted(counts.items(), key=lambda one: -one[1]))
    step = next(step for step in view.steps if step.name in steps and steps[step.name] == max(steps.values()))
    row = _first_rows(step, {"status": status, "reason": reason})[0]
    said = step.outcomes(row, row)["error_message"][0] if _is_ours(status, reason) else ""
    return Cause(status, reason, sum(steps.values()), steps, row, said)


def _is_ours(status: str, reason: str) -> bool:
    """Tell whether a message is ours: why a row was rejected, or has no answer; others may name somebody."""
    return status == Status.REJECTED or reason in LOST_REASONS


def kinds(step: StepView) -> tuple[list[dict[str, Any]], int]:
    """Return what became of a step's rows, by kind, the commonest first, and how many kinds are left out.

    A kind is a status, a reason, an HTTP status and a destination's error code. Each has its number of rows,
    the first of them, and what we say of one of them; a destination's own words may name somebody.
    """
    grouped = (
        _outcomes(step)
        .group_by(_KIND)
        .agg(pl.col("rows").sum(), pl.col("error_message").min())
        .filter((pl.col("reason") != "") | (pl.col("status") == Status.PENDING.value))
        .sort(["rows", *_KIND], descending=[True, *(False for _ in _KIND)])
    )
    found = []
    for kind in grouped.head(MOST_KINDS).iter_rows(named=True):
        ours = _is_ours(kind["status"], kind["reason"])
        alike = {name: kind[name] for name in _KIND}
        found.append(
            {
                **kind,
                "first": _first_rows(step, alike),
                "error_message": kind["error_message"] if ours else "",
            }
        )
    return found, max(0, grouped.height - MOST_KINDS)


def _outcomes(step: StepView) -> pl.DataFrame:
    """Return the outcomes there are, and ``rows``: of how many."""
    columns = (*_KIND, "error_message", "rows")
    rows = (pl.col(LAST) - pl.col(ROW) + 1).alias("rows")
    told = _told(step).with_columns(rows, pl.col("message").alias("error_message"))
    return pl.concat([step.held.select(columns), told.select(columns)])


def _told(step: StepView) -> pl.DataFrame:
    return step.told.with_columns(pl.lit(None, pl.Int64).alias("http_status"), pl.lit("").alias("error_code"))


def _first_rows(step: StepView, kind: Mapping[str, Any]) -> list[int]:
    alike = pl.all_horizontal(pl.col(name).eq_missing(pl.lit(value)) for name, value in kind.items())
    told = told_rows(_told(step).filter(alike).sort(ROW).head(MOST_EXAMPLES))[0][:MOST_EXAMPLES].tolist()
    entries = step.entries.with_row_index("index").filter(alike)["index"].to_numpy()
    sent = np.flatnonzero(np.isin(step.winner, entries))[:MOST_EXAMPLES] + 1
    return sorted([*told, *sent.tolist()])[:MOST_EXAMPLES]
