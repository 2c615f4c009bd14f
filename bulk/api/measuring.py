"""How fast a run goes, what holds it back, and how long it will take: measured from look to look."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from bulk.api.waiting import NOTABLE, waits
from bulk.runner.lane import Lane
from bulk.runner.setup import StepSetup, WaySetup
from bulk.runner.way import Way

LOOK_BACK = 10.0
"""Seconds over which a rate is measured, if looks are not farther apart."""
_AS_DECLARED = 0.96
"""A rate that is lower by no more than this is the declared one: the rest is kept as an allowance."""


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


def time_left(remaining: int, rate: float, fewest_requests: float, limit: float | None) -> float | None:
    """Return how many seconds a step will take at least; None if that is not known, or nothing is left.

    Args:
        remaining: Records that are not settled.
        rate: Records per second of late; 0 if it is not known.
        fewest_requests: How many requests they will take, as far as one can tell.
        limit: How many requests a second are allowed; None if nothing holds them back.
    """
    if not remaining:
        return None
    by_rate = [remaining / rate] if rate > 0 else []
    by_limit = [fewest_requests / limit] if limit else []
    return max([*by_rate, *by_limit], default=None)


@dataclass(slots=True)
class Surface:
    """One surface of a destination as it was seen."""

    way: Way
    declared: float | None
    speed: Speed = field(default_factory=Speed)
    per_second: float = 0.0

    def look(self, now: float) -> None:
        """Take note of what was sent."""
        self.per_second = self.speed.of_late(now, self.way.requests)

    @property
    def learned(self) -> bool:
        """Whether the limit is another one than was declared."""
        return self.declared is None or self.way.pacer.rate < self.declared * _AS_DECLARED

    @property
    def limit(self) -> float | None:
        """How many requests a second are allowed now; None if nothing holds them back."""
        allowed = self.way.pacer.rate if self.learned else self.declared
        return None if allowed == float("inf") else allowed

    @property
    def share(self) -> float:
        """How much of what is allowed was used of late."""
        return self.per_second / self.limit if self.limit else 0.0


class Place:
    """A destination as it was seen."""

    def __init__(self, lane: Lane, setups: Mapping[str, WaySetup], now: float) -> None:
        self.lane = lane
        self.surfaces = [Surface(way, _declared(setups[name])) for name, way in lane.ways.items()]
        self.active = 0.0
        self._seen = self._busy = now
        self._requests = 0

    def look(self, now: float) -> None:
        """Take note of what was sent, and of whether anything may be."""
        for surface in self.surfaces:
            surface.look(now)
        if not self.lane.paused_for:
            self.active += now - self._seen  # time in which nothing may be sent tells nothing of the rest
        if self.lane.traffic.requests != self._requests:
            self._busy, self._requests = now, self.lane.traffic.requests
        self._seen = now

    @property
    def nearest(self) -> Surface:
        """The surface that is nearest to its limit."""
        return max(self.surfaces, key=lambda surface: surface.share)

    @property
    def waiting(self) -> tuple[str, ...]:
        """What it is waiting for."""
        return tuple(waits(self.lane, idle=self._seen - self._busy >= NOTABLE))


class StepPace:
    """A step as it was seen."""

    def __init__(self, setup: StepSetup) -> None:
        self.setup = setup
        self.speed, self.active_speed = Speed(), Speed()
        self._requests: list[int] | None = None

    def left(self, place: Place, remaining: int, outcomes: int) -> float | None:
        """Return how long a step that is under way will take at least, and take note of where it began."""
        rate = self.active_speed.of_late(place.active, outcomes)
        counts = [surface.way.requests for surface in place.surfaces]
        self._requests = self._requests or counts
        times = []
        for surface, count, before in zip(place.surfaces, counts, self._requests, strict=True):
            fewest = remaining / self.setup.batch_size if surface is place.surfaces[0] else 0.0
            sent = remaining * (count - before) / outcomes if outcomes else 0.0
            times.append(time_left(remaining, rate, max(fewest, sent), surface.limit))
        known = [seconds for seconds in times if seconds is not None]
        return max(known) + place.lane.paused_for if known else None


def _declared(setup: WaySetup) -> float | None:
    return setup.rate.without(setup.reserve).per_second if setup.rate else None
