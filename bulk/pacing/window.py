"""The requests of the last period, as the server may have counted them."""

from collections import deque
from dataclasses import dataclass

from bulk.pacing.rate import Rate

TRANSIT = 0.018
"""Allowance for different times on the way, as a share of the period. It also is what is left unused."""
_SHORT_PERIOD = 0.5
_TICK = 0.001
"""Clocks of event loops may lag by this much."""


def allowance(period: float) -> float:
    """Return by how many seconds two requests' times on the way to the server may differ.

    Ways do not get quicker because periods are short; so short ones give up a larger share.
    """
    return period * TRANSIT if period > _SHORT_PERIOD else min(_SHORT_PERIOD * TRANSIT * 2, period * 0.035)


@dataclass(slots=True, eq=False)
class Stamp:
    """When one request was sent and at the latest arrived."""

    sent: float
    arrived: float


class Window:
    """A log that leaves room for a request only if it cannot be one too many.

    A request arrives after it is sent, before it is answered, and, if the answer takes long, within the
    allowance. One that was let through and not sent yet counts, whenever it may arrive. So, as long as the
    allowance holds, no window of the server ever holds more than the limit.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._allowance = allowance(rate.period)
        self._stamps: deque[Stamp] = deque()
        self._unsent = 0

    def next_room(self, now: float) -> float | None:
        """Return the time from which one more may go; None: not before one of those let through is sent."""
        expired = now - self._rate.period
        stamps = self._stamps
        while stamps and stamps[0].arrived <= expired:
            stamps.popleft()
        if self._unsent + len(stamps) < self._rate.limit:
            return now
        return stamps[0].arrived + self._rate.period if stamps else None

    def let_through(self) -> None:
        """Count a request that is about to be sent."""
        self._unsent += 1

    def sent(self, now: float) -> Stamp:
        """Count a request from the moment it is sent."""
        self._unsent -= 1
        stamp = Stamp(now, now + self._allowance)
        self._stamps.append(stamp)
        return stamp

    @staticmethod
    def answered(stamp: Stamp, now: float) -> None:
        """Take note that a request has arrived by now."""
        stamp.arrived = min(stamp.arrived, now + _TICK)

    def assume_used(self, now: float, spacing: float) -> None:
        """Assume that somebody paced alike has been sending up to this moment."""
        for back in range(self._rate.limit - 1, -1, -1):
            self._stamps.append(Stamp(now - back * spacing, now - back * spacing + self._allowance))
