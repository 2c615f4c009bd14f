"""How fast a run goes, what holds it back, and how long it will take: measured from look to look."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from bulk.api.waiting import NOTABLE, waits
from bulk.runner.lane import Lane
from bulk.runner.setup import StepSetup, WaySetup
from bulk.runner.way import Way

LOOK_BACK = 10.0
"""Seconds over which a rate is measured that is shown."""
LOOK_FAR_BACK = 60.0
"""Seconds over which a rate is measured from which the time left is told: many records settle in lumps."""
_AS_DECLARED = 0.96
"""A rate that is lower by no more than this is the declared one: the rest is kept as an allowance."""


class Speed:
    """Tells from a count that is looked at now and then how much it grows a second.

    Args:
        look_back: Seconds over which it is measured, if looks are not farther apart.
    """

    def __init__(self, look_back: float = LOOK_BACK) -> None:
        self._look_back = look_back
        self._seen: deque[tuple[float, int]] = deque()

    def of_late(self, now: float, count: int) -> float:
        """Return by how much it grew a second over the last seconds, or since the last look."""
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[1][0] >= self._look_back:  # noqa: PLR2004 - two make a rate
            self._seen.popleft()
        start, before = self._seen[0]
        return (count - before) / (now - start) if now > start else 0.0


def time_left(remaining: int, rate: float, requests: float = 0.0, limit: float | None = None) -> float | None:
    """Return how many seconds a step will take; None if that is not known, or nothing is left.

    It goes on as of late, unless that took more requests a second than are allowed now: then the limit says
    how long the requests of the rest will take.

    Args:
        remaining: Records that are not settled.
        rate: Records per second; 0 if it is not known.
        requests: Requests per second that this took.
        limit: How many are allowed now; None if nothing holds them back.
    """
    if not remaining or rate <= 0:
        return None
    return remaining / rate * max(1.0, requests / limit if limit else 0.0)


@dataclass(slots=True)
class Surface:
    """One surface of a destination as it was seen."""

    way: Way
    declared: float | None
    speed: Speed = field(default_factory=Speed)
    long_speed: Speed = field(default_factory=lambda: Speed(LOOK_FAR_BACK))
    per_second: float = 0.0
    active_per_second: float = 0.0

    def look(self, now: float, active: float) -> None:
        """Take note of what was sent."""
        self.per_second = self.speed.of_late(now, self.way.requests)
        self.active_per_second = self.long_speed.of_late(active, self.way.requests)

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
        if not self.lane.paused_for:
            self.active += now - self._seen  # time in which nothing may be sent tells nothing of the rest
        for surface in self.surfaces:
            surface.look(now, self.active)
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
        self.speed, self._long_speed = Speed(), Speed(LOOK_FAR_BACK)
        self._began: float | None = None

    def left(self, place: Place, remaining: int, outcomes: int) -> float | None:
        """Return how long a step that is under way will take, and take note of where it began."""
        if self._began is None:
            self._began = place.active
        took = place.active - self._began
        rate = self._long_speed.of_late(place.active, outcomes)
        if rate:
            all_surfaces = ((surface.active_per_second, surface.limit) for surface in place.surfaces)
            times = [time_left(remaining, rate, *one) for one in all_surfaces]
        else:
            times = [time_left(remaining, outcomes / took if took else 0.0)]
        known = [seconds for seconds in times if seconds is not None]
        return max(known) + place.lane.paused_for if known else None


def _declared(setup: WaySetup) -> float | None:
    return setup.rate.without(setup.reserve).per_second if setup.rate else None
