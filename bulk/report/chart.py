"""Geometry of the charts: what a template needs to draw a timeline, in parts of its width and height.

A column is a bucket or a gap, and as wide as any other. Heights are per cent, counted from the top.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from bulk.report.timeline import ASKED, Timeline

FEWEST = 12
MOST_TICKS = 5
_LAST_TICK = 0.88
"""Share of the width behind which no moment is told: its text would stand outside."""
_DAY = 86_400
Json = dict[str, Any]


def drawn(line: Timeline) -> Json | None:
    """Return two charts over the same time, of rows and of seconds, and their figures; None without any."""
    if line.buckets.is_empty():
        return None
    columns = _columns(line)
    return {
        "width": duration(line.width),
        "columns": _width(columns),
        "gaps": [
            {"x": column + 1, "label": f"{clock(gap.start)} to {clock(gap.end)}: {gap.why}"}
            for column, gap in zip(_before_gaps(columns), line.gaps, strict=True)
        ],
        "pauses": list(_bands(line, columns)),
        "paused": {
            "times": len(line.pauses),
            "together": duration(sum(end - start for start, end in line.pauses)),
        },
        "ticks": list(_ticks(line, columns)),
        "rows": _bars(line.buckets, columns),
        "seconds": _latencies(line.buckets, columns),
        "figures": list(_figures(line)),
    }


def _columns(line: Timeline) -> list[int]:
    """Return the column of each bucket; a gap takes one before the bucket that ends it."""
    starts = line.buckets["start"].to_numpy()
    after_gap = np.diff(starts, prepend=starts[:1] - line.width) > line.width
    columns: list[int] = (np.arange(starts.size) + np.cumsum(after_gap)).tolist()
    return columns


def _width(columns: Sequence[int]) -> int:
    """Return how many columns wide the charts are: a few buckets do not become broad."""
    return max(FEWEST, columns[-1] + 1)


def _before_gaps(columns: Sequence[int]) -> Iterator[int]:
    """Yield the column of the bucket before each gap."""
    for column, following in pairwise(columns):
        if following > column + 1:
            yield column


def _bands(line: Timeline, columns: Sequence[int]) -> Iterator[Json]:
    """Yield where the pauses stand that the destination asked for, as far as the columns reach."""
    starts = line.buckets["start"].to_numpy()
    moments = np.column_stack((starts, starts + line.width)).ravel()
    places = np.column_stack((columns, np.array(columns) + 1)).ravel()
    for start, end in line.pauses:
        first, last = np.interp((start, end), moments, places).round(3).tolist()
        if last > first:
            label = f"{clock(start)} for {duration(end - start)}: {ASKED}"
            yield {"x": first, "width": round(last - first, 3), "label": label}


def _ticks(line: Timeline, columns: Sequence[int]) -> Iterator[Json]:
    """Yield a few moments, and where they stand, in per cent of the width."""
    starts = line.buckets["start"].to_list()
    shape = "%H:%M:%S" if starts[0] // _DAY == starts[-1] // _DAY else "%m-%d %H:%M"
    width = _width(columns)
    free = 0.0
    for column, start in zip(columns, starts, strict=True):
        if free <= column <= _LAST_TICK * width:
            free = column + width / MOST_TICKS
            yield {"left": round(100 * column / width, 2), "text": clock(start, shape)}


def _bars(buckets: pl.DataFrame, columns: Sequence[int]) -> Json:
    """Return a bar for each bucket: what succeeded below, what did not on top of it."""
    top = ceiling(max(1, int((buckets["well"] + buckets["other"]).max())))  # type: ignore[arg-type]  # integers
    bars = [
        {"x": column, "well": round(100 * well / top, 3), "other": round(100 * other / top, 3)}
        for column, well, other in zip(columns, buckets["well"], buckets["other"], strict=True)
    ]
    return {"top": f"{top:,.0f}", "half": f"{top / 2:,.10g}", "bars": bars}


def _latencies(buckets: pl.DataFrame, columns: Sequence[int]) -> Json | None:
    """Return the lines of the latencies; None if nothing was sent."""
    highest = buckets["p95"].max()
    if highest is None:
        return None
    top = ceiling(max(0.001, float(highest)))  # type: ignore[arg-type]  # a float
    lines = {name: _path(columns, buckets[name].to_list(), top) for name in ("median", "p95")}
    return {"top": duration(top), "half": duration(top / 2), **lines}


def _path(columns: Sequence[int], values: Sequence[float | None], top: float) -> str:
    """Return an SVG path through the middles of columns, broken where there is a gap or no value."""
    points = zip(columns, values, strict=True)
    known = [(column, round(100 - 100 * value / top, 3)) for column, value in points if value is not None]
    found = {column for column, _ in known}
    parts = []
    for column, y in known:
        lone = column - 1 not in found and column + 1 not in found
        begins = column - 1 not in found
        parts.append(
            f"M{column + 0.2:g} {y:g}h.6" if lone else f"{'M' if begins else 'L'}{column + 0.5:g} {y:g}"
        )
    return "".join(parts)


def _figures(line: Timeline) -> Iterator[Json]:
    """Yield the figures behind both charts, gaps between them."""
    gaps = {gap.start: gap for gap in line.gaps}
    for start, well, other, median, p95 in line.buckets.iter_rows():
        yield {
            "from": clock(start),
            "well": well,
            "other": other,
            "rate": f"{(well + other) / line.width:,.4g}",
            "median": "—" if median is None else duration(median),
            "p95": "—" if p95 is None else duration(p95),
            "why": "",
        }
        gap = gaps.get(start + line.width)
        if gap is not None:
            yield {"from": clock(gap.start), "why": f"{gap.why} for {duration(gap.end - gap.start)}"}


def ceiling(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)))


def clock(seconds: float, shape: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return unix seconds as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime(shape)


def duration(seconds: float) -> str:
    """Return so many seconds in the unit that suits them."""
    units = ((1, 1e-3, "ms"), (120, 1, "s"), (7200, 60, "min"), (2 * _DAY, 3600, "h"))
    size, unit = next(((size, unit) for below, size, unit in units if seconds < below), (_DAY, "days"))
    return f"{seconds / size:.3g} {unit}"
