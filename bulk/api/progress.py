"""How far a run is, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bulk.api.measuring import Place, Speed, StepPace
from bulk.conversation import Status
from bulk.ledger import Board
from bulk.runner.lane import Lane
from bulk.runner.run import Run
from bulk.runner.setup import StepSetup

BEFORE, SENDING, OVER = "before", "sending", "over"


@dataclass(frozen=True, slots=True)
class StepProgress:
    """How far a step is.

    Attributes:
        name: The step.
        destination: Where it sends to.
        sendable: How many records it sends in all.
        counts: Rows by status; every status is there.
        per_second: Records settled per second of late.
        seconds_left: How long it will take at the rate of late, or longer where the limit in force says so;
            None if that is not known, or nothing is left.
        waiting: What its destination is waiting for; mostly empty.
        state: ``before``: steps before it at its destination are not over; ``sending``; ``over``.
        remaining: How many records this run is still to settle; with ``limit`` or ``retry`` that is another
            number than those that are pending.
        reasons: Rows that failed, were rejected or are unknown, by status and reason.
        requests_per_second: Requests per second of late, at the surface that is nearest to its limit.
        limit: How many that surface is allowed now; None if nothing holds them back, or it is not sending.
        limit_learned: Whether that limit was not declared, but found by trying or told by the server.
    """

    name: str
    destination: str
    sendable: int
    counts: Mapping[str, int]
    per_second: float
    seconds_left: float | None
    waiting: tuple[str, ...]
    state: str = SENDING
    remaining: int = 0
    reasons: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    requests_per_second: float = 0.0
    limit: float | None = None
    limit_learned: bool = False

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
        rows_per_second: Rows of the source that were read per second of late, while it is reading.
    """

    phase: str
    rows_read: int
    steps: tuple[StepProgress, ...] = ()
    destinations: tuple[DestinationProgress, ...] = ()
    rows_per_second: float = 0.0


class Meter:
    """Looks at a run again and again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reading = Speed()
        self._places: dict[str, Place] = {}
        self._steps = [StepPace(step) for step in run.setup.steps]

    def look(self, now: float) -> Progress:
        """Return how far the run is; ``now`` is in seconds of any clock that never goes back."""
        run = self._run
        if run.phase == "reading":
            rate = self._reading.of_late(now, run.rows_read)
            return Progress(run.phase, run.rows_read, rows_per_second=rate)
        self._look_at_places(now)
        return Progress(
            run.phase,
            run.rows_read,
            tuple(self._step(*pair, now) for pair in zip(self._steps, run.ledger.boards, strict=False)),
            tuple(_sent(lane) for lane in run.lanes.values()),
        )

    def _look_at_places(self, now: float) -> None:
        for setup in self._run.setup.lanes:
            lane = self._run.lanes.get(setup.name)
            if lane is not None and setup.name not in self._places:
                self._places[setup.name] = Place(lane, setup.ways, now)
        for place in self._places.values():
            place.look(now)

    def _step(self, step: StepPace, board: Board, now: float) -> StepProgress:
        setup, place = step.setup, self._places.get(step.setup.destination)
        remaining, outcomes = self._remaining(setup.index, board), board.outcomes
        sending = place is not None and place.lane.step == setup.index and self._run.phase != "done"
        shown = place.nearest if place is not None and sending else None
        return StepProgress(
            name=setup.name,
            destination=setup.destination,
            sendable=board.sendable,
            counts={status.value: count for status, count in board.counts.items()},
            per_second=step.speed.of_late(now, outcomes),
            seconds_left=step.left(place, remaining, outcomes) if place is not None and sending else None,
            waiting=self._waiting(setup, place) if sending else (),
            state=SENDING if sending else _state(setup, place),
            remaining=remaining,
            reasons=board.reasons.counts,
            requests_per_second=shown.per_second if shown else 0.0,
            limit=shown.limit if shown else None,
            limit_learned=shown.learned if shown else False,
        )

    def _remaining(self, index: int, board: Board) -> int:
        """Return how many records are to be settled; rows that an earlier step held back come on top."""
        asked = self._run.asked[index] - board.outcomes
        pending = 0 if self._run.setup.options.limit else board.counts[Status.PENDING]
        return max(asked, pending)

    def _waiting(self, setup: StepSetup, place: Place | None) -> tuple[str, ...]:
        lists = ("a list that changed is read again",) if self._run.reads_lists(setup.heeds) else ()
        return (*lists, *(place.waiting if place else ()))


def _state(setup: StepSetup, place: Place | None) -> str:
    """Tell whether a step that is not sending is over."""
    return OVER if place is not None and place.lane.step >= setup.index else BEFORE


def _sent(lane: Lane) -> DestinationProgress:
    sent = lane.traffic
    return DestinationProgress(lane.name, sent.requests, sent.retries, sent.throttled)
