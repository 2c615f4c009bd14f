"""What a destination is waiting for, in words; every one of them is something the runner knows."""

import math
from collections.abc import Iterator

from bulk.runner.lane import Lane

NOTABLE = 1.0
"""Seconds from which on a wait is told, and nothing being sent is told to be one."""
_UNITS = ((2 * 86_400, 86_400, "days"), (2 * 3600, 3600, "h"), (120, 60, "min"))


def lasting(seconds: float) -> str:
    """Return so many seconds in words as coarse as suit them: 38 s, 12 min, 5.2 h, 3.1 days."""
    for least, size, unit in _UNITS:
        if seconds >= least:
            return f"{seconds / size:,.{0 if unit == 'min' else 1}f} {unit}"
    return f"{math.ceil(seconds):,} s"


def waits(lane: Lane, *, idle: bool) -> Iterator[str]:
    """Yield what a destination is waiting for; nothing if it goes on.

    Args:
        lane: The destination.
        idle: Whether it has sent nothing for a while.
    """
    paused, full = lane.paused_for, max(way.pacer.full_for for way in lane.ways.values())
    if paused > 0:
        yield f"paused by server {lasting(paused)}"
    elif full >= NOTABLE:
        yield f"next window in {lasting(full)}"
    yield from _illness(lane, idle=idle)
    if lane.stop.requested:
        yield f"stopping, waits for {_answers(lane.in_flight)}" if lane.in_flight else "stopping"
    elif idle and lane.stage:
        yield lane.stage
    if idle and not paused and not lane.illness:
        yield from _patience(lane)


def _illness(lane: Lane, *, idle: bool) -> Iterator[str]:
    """Say why no answer is usable, and when the next request shows whether that has changed."""
    way = next((way for way in lane.ways.values() if way.illness), None)
    if way is not None:
        alone = way.left_alone_for
        next_try = lane.goes_on_in if alone is None and idle else alone
        yield f"no usable answer: {way.illness}{f', next try in {lasting(next_try)}' if next_try else ''}"


def _patience(lane: Lane) -> Iterator[str]:
    """Say when those go on who let time pass: to try again, to ask how a job goes, to read back."""
    seconds = lane.goes_on_in
    if seconds is not None and seconds >= NOTABLE:
        yield f"next request in {lasting(seconds)}"
    elif seconds is None and lane.in_flight:
        yield f"waits for {_answers(lane.in_flight)}"


def _answers(count: int) -> str:
    return f"{count:,} answer{'' if count == 1 else 's'}"
