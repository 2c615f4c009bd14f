"""How a step went over time: how many rows settled when, and how long they took."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import Status

MOST_BUCKETS = 60
MOST_GAPS = 8
"""A time is divided more coarsely where it would show more gaps than these."""
MOST_ATTEMPTS = 10
"""Rows that took so many tries, or more, are counted together."""
_DAY = 86_400
_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY)
NO_RUN = "no run was under way"
QUIET = "nothing settled"
ASKED = "the destination wanted no requests"
Span = tuple[float, float]
Runs = Sequence[Mapping[str, Any]]
Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nothing settled, in unix seconds, and what the ledger tells of it."""

    start: float
    end: float
    why: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What settled when.

    Attributes:
        width: Seconds of a bucket.
        buckets: Columns start (unix seconds, ascending), well and other (rows that succeeded, or did not),
            median and p95 (seconds from the first try to the outcome; null where nothing was sent). Buckets
            in which nothing settled are not there.
        gaps: Those between the buckets.
        pauses: When the destination wanted no requests.
    """

    width: int
    buckets: pl.DataFrame
    gaps: tuple[Gap, ...]
    pauses: tuple[Span, ...]


def timeline(held: pl.DataFrame, runs: Runs, pauses: Sequence[Span]) -> Timeline:
    """Divide the time in which rows settled into at most ``MOST_BUCKETS`` buckets of equal length.

    Args:
        held: The entries that hold, and ``rows``: for how many.
        runs: Those of the pass, oldest first.
        pauses: When the destination wanted no requests, as far as the ledger tells.
    """
    width = _width(held["finished_at"])
    rows = held.select(
        (pl.col("finished_at") // width * width).alias("start"),
        pl.col("rows").cast(pl.Int64),
        (pl.col("status") == Status.SUCCEEDED.value).alias("good"),
        (pl.col("finished_at") - pl.col("first_sent_at")).clip(lower_bound=0.0).alias("seconds"),
    )
    counts = rows.group_by("start").agg(
        pl.col("rows").filter(pl.col("good")).sum().alias("well"),
        pl.col("rows").filter(~pl.col("good")).sum().alias("other"),
    )
    buckets = counts.join(_latencies(rows), on="start", how="left").sort("start")
    known = {NO_RUN: _between(held, runs), ASKED: pauses}
    gaps = tuple(_gaps(buckets["start"].to_numpy(), width, known))
    return Timeline(width, buckets, gaps, tuple(pauses))


def _width(finished: pl.Series) -> int:
    """Return the smallest length of a bucket with which there are few enough, and few enough gaps."""
    seconds = finished.floor().unique().sort().to_numpy()
    return next(width for width in _widths() if _is_enough(seconds, width))


def _widths() -> Iterator[int]:
    yield from _WIDTHS
    days = 2
    while True:
        yield days * _DAY
        days *= 2


def _is_enough(seconds: Seconds, width: int) -> bool:
    """Tell whether ``seconds``, ascending, fall into few enough buckets and leave few enough gaps."""
    buckets = np.unique(seconds // width)
    return buckets.size <= MOST_BUCKETS and int(np.count_nonzero(np.diff(buckets) > 1)) <= MOST_GAPS


def _latencies(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the median and the 95th percentile of seconds by start, every row counted."""
    timed = rows.drop_nulls("seconds").sort("start", "seconds")
    timed = timed.with_columns(pl.col("rows").cum_sum().over("start").alias("upto"))
    return timed.group_by("start").agg(_quantile(0.5).alias("median"), _quantile(0.95).alias("p95"))


def _quantile(share: float) -> pl.Expr:
    return pl.col("seconds").filter(pl.col("upto") >= share * pl.col("rows").sum()).first()


def _between(held: pl.DataFrame, runs: Runs) -> list[Span]:
    """Return the times from the end of a run to the start of the next; one that was killed ends last seen."""
    between = []
    for former, later in pairwise(runs):
        start = later["started_at"]
        seen = held.filter(pl.col("finished_at") < start)["finished_at"].max()
        ended = former["ended_at"] or max(former["started_at"], seen or 0.0)
        between.append((float(ended), float(start)))
    return between


def _gaps(starts: Seconds, width: int, known: Mapping[str, Sequence[Span]]) -> Iterator[Gap]:
    for index in np.flatnonzero(np.diff(starts) > width).tolist():
        start, end = float(starts[index]) + width, float(starts[index + 1])
        told = (why for why, spans in known.items() if _covered(start, end, spans) > (end - start) / 2)
        yield Gap(start, end, next(told, QUIET))


def _covered(start: float, end: float, spans: Sequence[Span]) -> float:
    """Return how many seconds from ``start`` to ``end`` lie in any of ``spans``, which do not overlap."""
    return sum(max(0.0, min(end, last) - max(start, first)) for first, last in spans)


def attempts(held: pl.DataFrame) -> list[tuple[int, int]]:
    """Return how many rows settled after so many tries, ascending; the last of ``MOST_ATTEMPTS`` or more."""
    counted = held.group_by(pl.col("attempts").clip(0, MOST_ATTEMPTS)).agg(pl.col("rows").sum())
    return counted.sort("attempts").rows()
