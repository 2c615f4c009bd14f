"""How far a run is, as values."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from bulk.conversation import Status
from bulk.ledger import Board
from bulk.runner.lane import Lane
from bulk.runner.run import Run
from bulk.runner.setup import StepSetup

LOOK_BACK = 10.0
"""Seconds over which a rate is measured, if looks are not farther apart."""


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How far a step is.

    Attributes:
        name: The step.
        destination: Where it sends to.
        sendable: How many records it sends in all.
        counts: Rows by status; every status is there.
        per_second: Records settled per second of late.
        seconds_left: At this rate; None if there is none, or nothing is left.
        waiting: What its destination is waiting for; mostly empty.
    """

    name: str
    destination: str
    sendable: int
    counts: Mapping[str, int]
    per_second: float
    seconds_left: float | None
    waiting: tuple[str, ...]

    @property
    def settled(self) -> int:
        """How many of the records it sends have a final outcome."""
        return self.sendable - self.counts[Status.PENDING]


@dataclass(frozen=True, slots=True)
class DestinationProgress:
    """What this run has sent to a destination: requests, retries among them, refusals for going too fast."""

    name: str
    requests: int
    retries: int
    throttled: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        phase: ``reading``, ``sending`` or ``done``.
        rows_read: Rows of the source that were read so far.
        steps: Its steps; none while it is reading.
        destinations: Its destinations; none while it is reading.
    """

    phase: str
    rows_read: int
    steps: tuple[StepProgress, ...] = ()
    destinations: tuple[DestinationProgress, ...] = ()


class Speed:
    """Tells from a count that is looked at now and then how much it grows a second."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def of_late(self, now: float, count: int) -> float:
        """Return by how much it grew a second over the last ``LOOK_BACK`` seconds, or since the last look."""
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[1][0] >= LOOK_BACK:  # noqa: PLR2004 - two make a rate
            self._seen.popleft()
        start, before = self._seen[0]
        return (count - before) / (now - start) if now > start else 0.0


class Meter:
    """Looks at a run again and again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._speeds: dict[int, Speed] = {}

    def look(self, now: float) -> Progress:
        """Return how far the run is; ``now`` is in seconds of any clock that never goes back."""
        run = self._run
        if run.phase == "reading":
            return Progress(run.phase, run.rows_read)
        steps = zip(run.setup.steps, run.ledger.boards, strict=False)
        return Progress(
            run.phase,
            run.rows_read,
            tuple(self._step(step, board, now) for step, board in steps),
            tuple(_sent(lane) for lane in run.lanes.values()),
        )

    def _step(self, step: StepSetup, board: Board, now: float) -> StepProgress:
        counts = {status.value: count for status, count in board.counts.items()}
        pending = counts[Status.PENDING]
        rate = self._speeds.setdefault(step.index, Speed()).of_late(now, board.sendable - pending)
        return StepProgress(
            name=step.name,
            destination=step.destination,
            sendable=board.sendable,
            counts=counts,
            per_second=rate,
            seconds_left=pending / rate if rate and pending else None,
            waiting=_waits(self._run.lanes.get(step.destination)),
        )


def _sent(lane: Lane) -> DestinationProgress:
    sent = lane.traffic
    return DestinationProgress(lane.name, sent.requests, sent.retries, sent.throttled)


def _waits(lane: Lane | None) -> tuple[str, ...]:
    """Say what a destination is waiting for, if it is."""
    if lane is None:
        return ()
    paused = (f"paused by server {lane.paused_for:,.0f} s",) if lane.paused_for > 0 else ()
    return (*paused, f"no usable answer: {lane.illness}") if lane.illness else paused
