"""The rate to send at when nobody has declared one, found by trying."""

import math
from collections import deque

START = 5.0
"""Requests per second to begin with."""
UNLIMITED = 2000.0
"""From this rate on, holding back costs more than it is worth."""
_INTERVAL = 1.0
"""Seconds after which the rate is looked at again, unless the server counts long windows."""
_LOWEST = 0.2
_BUSY = 0.85
"""Share of the rate that must have been used before it is raised: only then was it the bottleneck."""
_AGREE = 0.06
"""Two ceilings that differ by no more than this share are one."""
_LOWEST_START = 0.5
"""Share of a newly found ceiling from which to go on at the least; what went well before may be more."""
_APPROACH = 1 / 3
"""Share of the way to the ceiling that is gone at a time: a limit that was overestimated is met early."""
_NEAR = 0.97
_SETTLED_FALL = 0.98
_BLOCKS = 100.0
"""A known ceiling is touched again after so many times what the last touch cost: that costs little."""
_TURNS = 500.0
"""It is touched again after so many requests at the least: refusals stay rare."""
_FEWEST_LOOKS = 20.0
_MOST_LOOKS = 120.0
_GROWTH = 1.5
_ROUGH_GROWTH = 1.15
"""How steps grow, look by look, beyond a ceiling, and near one that is known roughly only."""
_LARGEST_STEP = 0.05
_ABOVE = 1.02
"""From this multiple of the ceiling on it has risen, and is looked for with longer and longer steps."""
_FAR_ABOVE = 1.25
_SOON = 5.0
_SOON_TURNS = 100.0
"""Seconds, or requests, within which a second fall shows that the first was not deep enough."""
_LONG_BLOCK = 3.0
"""Seconds of refusals from which on the server is taken to count windows longer than that."""
_LOOKS = 10
"""How often the rate is looked at while such a window passes."""
_SHORTEST_HOLD = 0.05
_LONGEST_HOLD = 8.0
_HELD_TURNS = 1.5
"""How many requests are left out when one was refused, so that there is room for the next."""
_PATIENCE = 5.0
"""Seconds after which a trial request that is not answered is no longer waited for."""
_COUNTABLE = 30
_FEWEST = 10
"""Accepted requests below which nothing is concluded from how many they were."""
_LIKELY = (0.8, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 8.0, 10.0)
"""Leading digits of limits that people set."""
_UNEVEN = 1.06
"""So much below a likely limit, refusals come from the unevenness of the way."""
_OVERLAP = 0.03
"""So much above a likely limit, a rate went well only while one window was used up and the next begun."""
_EXACT = 0.011
"""So little below a likely limit, what was achieved is that limit, found at once."""
_LONGEST_MEASURE = 20.0


class Governor:
    """A rate that doubles until the first refusal, falls to what was achieved, and then climbs gently.

    From a refusal until a request sent after it is accepted, all hold still but for single trials.
    ``ceiling`` is what the server was found to allow, None until it has refused something.

    Args:
        now: Seconds on the caller's clock.
        start: Requests per second to begin with.
        most: Never more than this many per second.
    """

    def __init__(self, now: float, start: float = START, most: float = float("inf")) -> None:
        self.rate = min(start, most)
        self._most = most
        self.ceiling: float | None = None
        self._proved = 0.0
        self._step = 0.0
        self._growth = 1.0
        self._interval = _INTERVAL
        self._looked = now
        self._sent = 0
        self._refused = False
        self._fell = now - _SOON
        self._cut = now
        self._blocked: float | None = None
        self._cost = 0.0
        self._hold = 0.0
        self._tried: float | None = None
        self._resumed = now
        self._accepted: deque[float] = deque()
        self._cycle = now
        self._accepted_in_cycle = 0

    def limit_to(self, most: float) -> None:
        """Never go beyond ``most`` from now on."""
        self._most = most
        self.rate = min(self.rate, most)

    def sent(self, now: float) -> None:
        """Count a request that was let through."""
        self._sent += 1
        if self._blocked is not None:
            self._tried = now
        if now - self._looked >= self._interval:
            self._look(now)

    def next_turn(self, now: float) -> float:
        """Return the time from which one may be sent, spacing left aside: while refused, one at a time."""
        return now if self._blocked is None or self._tried is None else self._tried + _PATIENCE

    def accepted(self, sent: float, now: float) -> None:
        """Count an answer that was not a refusal."""
        self._accepted.append(now)
        self._accepted_in_cycle += 1
        self._forget(now)
        if self._blocked is not None and sent >= self._cut:
            self._recover(now, now - self._blocked)

    def refused(self, sent: float, now: float, pause: float = 0.0) -> float:
        """Fall, unless the request was sent before the last refusal; return for how long all hold still.

        Args:
            sent: When the refused request was sent.
            now: Now.
            pause: For how long the server wants no requests.
        """
        self._refused = True
        if sent < self._cut:
            return pause
        self._cut, self._tried = now, None
        if self._blocked is None:
            self._blocked = now
            self._fall(now)
            self._hold = min(max(_SHORTEST_HOLD, _HELD_TURNS / self.rate), _INTERVAL)
        else:
            # Still the same window that is used up: wait for the next, and think no worse of the rate.
            self._hold = min(self._hold * 2, _LONGEST_HOLD)
        return max(self._hold, pause)

    def lost(self) -> None:
        """Take note of a request without an answer: a trial that was lost says nothing, the next may go."""
        self._tried = None

    def resumes(self, then: float) -> None:
        """Take note that nothing will be sent before then."""
        self._resumed = then

    def _forget(self, now: float) -> None:
        oldest = now - self._measured()
        while self._accepted and self._accepted[0] <= oldest:
            self._accepted.popleft()

    def _measured(self) -> float:
        """Return over how many seconds to count: enough of them to have something to count."""
        return min(max(_INTERVAL, _COUNTABLE / self.rate), _LONGEST_MEASURE)

    def _achieved(self, now: float) -> float:
        """Return how many a second were accepted lately, pauses left aside."""
        self._forget(now)
        active = min(max(now - self._resumed, _INTERVAL / 4), self._measured())
        return len(self._accepted) / active

    def _fall(self, now: float) -> None:
        soon = now - self._fell < max(_SOON, _SOON_TURNS / self.rate)
        self._fell = now
        if not soon and self._proved >= self.rate * (1 - _AGREE):
            self._settle_at(_likely_near(self._proved))
            return
        achieved = min(self._achieved(now), self.rate)
        if self.ceiling is None and len(self._accepted) < _FEWEST:  # says hardly anything about the ceiling
            self.rate = max(_LOWEST, self.rate / 2)
            return
        if not soon:
            achieved = max(achieved, self._proved)  # what went well for a while is possible
        if not achieved:  # nothing at all is accepted: says nothing about the ceiling
            self.rate = max(_LOWEST, self.rate / 2)
        elif soon and self.ceiling is not None and self._interval == _INTERVAL:
            self._settle_at(_likely_below(achieved))
        elif self._is_ceiling(achieved) or _is_likely(achieved):
            self._settle_at(achieved)
        else:
            self._approach(achieved)

    def _is_ceiling(self, rate: float) -> bool:
        return self.ceiling is not None and abs(rate - self.ceiling) <= _AGREE * self.ceiling

    def _approach(self, ceiling: float) -> None:
        """Start below a ceiling that was found roughly."""
        self._settle_at(ceiling)
        self._growth = _ROUGH_GROWTH
        start = min(max(self._proved, ceiling * _LOWEST_START), ceiling * _SETTLED_FALL)
        self._proved = min(self._proved, start)
        self.rate = max(_LOWEST, start + (ceiling - start) * _APPROACH)

    def _settle_at(self, ceiling: float) -> None:
        """Stay just below a ceiling that is well known, and touch it now and then."""
        self.ceiling, self._growth = ceiling, 1.0
        self.rate = max(_LOWEST, ceiling * _SETTLED_FALL)
        looks = max(_BLOCKS * self._cost, _TURNS / self.rate) / self._interval
        self._step = (1 - _SETTLED_FALL) / min(max(looks, _FEWEST_LOOKS), _MOST_LOOKS)

    def _recover(self, now: float, blocked_for: float) -> None:
        """Go on after a refusal; a long one tells what the server takes in a long window."""
        self._blocked = self._tried = None
        self._resumed = now
        self._cost = min(blocked_for, _LONG_BLOCK)
        if blocked_for < _LONG_BLOCK or self._accepted_in_cycle < _FEWEST:
            return
        self._interval = max(self._interval, blocked_for / _LOOKS)
        mean = self._accepted_in_cycle / (now - self._cycle)
        self._cycle, self._accepted_in_cycle = now, 0
        if mean < self.rate or self._is_ceiling(mean):
            self._settle_at(mean)
            self._growth = _ROUGH_GROWTH
            self._proved = 0.0

    def _look(self, now: float) -> None:
        """Raise the rate if it was used up and nothing was refused."""
        # Of few requests one more or less is a matter of when one looks.
        busy = self._sent + 1 >= _BUSY * self.rate * (now - self._looked)
        if busy and not self._refused:
            self._proved = self.rate
            self.rate = min(self._most, self._raised())
        self._looked, self._sent, self._refused = now, 0, False

    def _raised(self) -> float:
        ceiling = self.ceiling
        if ceiling is None or self.rate < ceiling * _LOWEST_START:
            return self.rate * 2
        if self.rate < ceiling * _NEAR:
            return self.rate + (ceiling - self.rate) * _APPROACH
        if self.rate > ceiling * _FAR_ABOVE:
            self.ceiling = self.rate
        growth = _GROWTH if self.rate > ceiling * _ABOVE else self._growth
        self._step = min(self._step * growth, _LARGEST_STEP)
        return self.rate + ceiling * self._step


def _is_likely(rate: float) -> bool:
    """Say whether people are likely to have set that: where any second counts, a limit is met exactly."""
    return any(rate <= one <= rate * (1 + _EXACT) for one in _likely_beside(rate * (1 + _EXACT)))


def _likely_near(rate: float) -> float:
    """Return the ceiling that people are likely to have set, if ``rate`` is hardly more than that."""
    below = max(one for one in _likely_beside(rate) if one <= rate)
    return below if rate <= below * (1 + _OVERLAP) else rate


def _likely_below(rate: float) -> float:
    """Return the ceiling that people are likely to have set, given that ``rate`` was refused again and again.

    Just below such a number it was the unevenness of the way; else the next one below is meant.
    """
    likely = _likely_beside(rate)
    if any(rate <= one <= rate * _UNEVEN for one in likely):
        return rate
    return max(one for one in likely if one < rate)


def _likely_beside(rate: float) -> list[float]:
    """Return the limits that people set, of about that size."""
    scale = 10.0 ** math.floor(math.log10(rate))
    return [one * scale for one in _LIKELY]
