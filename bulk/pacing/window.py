"""The requests of the last period, as the server may have counted them."""

from collections import deque
from dataclasses import dataclass

from bulk.pacing.rate import Rate

TRANSIT = 0.018
"""Allowance for different times on the way, as a share of the period. It also is what is left unused."""
_SHORT_PERIOD = 0.5
_TICK = 0.001
"""Clocks of event loops may lag by this much."""
_PATIENCE = 0.2
"""Seconds that a late answer is waited for where answers are usually quick."""
_LEARNING = 1 / 32
"""Weight of one answer in the share of slow ones: a stall holds up a few, a long way all."""
_UNDECIDED = 0.55
"""A few quick answers make the server count as near; until then nobody waits for late ones."""


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

    A request arrives after it is sent and before it is answered. Where answers usually take longer than
    the allowance, it is taken to arrive within that; where they do not, an answer that is late means
    that something stalls, and is waited for with some patience. A request that was let through and not
    sent yet counts, whenever it may arrive.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._allowance = allowance(rate.period)
        self._stamps: deque[Stamp] = deque()
        self._unsent = 0
        self._slow = _UNDECIDED

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
        patience = 0.0 if self._slow > 1 / 2 else _PATIENCE
        stamp = Stamp(now, now + self._allowance + patience)
        self._stamps.append(stamp)
        return stamp

    def answered(self, stamp: Stamp, now: float) -> None:
        """Take note that a request has arrived by now."""
        stamp.arrived = min(stamp.arrived, now + _TICK)
        late = now - stamp.sent > self._allowance
        self._slow += (late - self._slow) * _LEARNING

    def assume_used(self, now: float, spacing: float, count: int) -> None:
        """Assume that somebody paced alike has been sending so many up to this moment."""
        for back in range(count - 1, -1, -1):
            self._stamps.append(Stamp(now - back * spacing, now - back * spacing + self._allowance))
