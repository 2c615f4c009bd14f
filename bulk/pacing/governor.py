"""The rate to send at when nobody has declared one, found by trying."""

from collections import deque

START = 5.0
"""Requests per second to begin with."""
UNLIMITED = 2000.0
"""From this rate on, holding back costs more than it is worth."""
_INTERVAL = 1.0
"""Seconds after which the rate is looked at again."""
_LOWEST = 0.2
_BUSY = 0.85
"""Share of the rate that must have been used before it is raised: only then was it the bottleneck."""
_FALL = 0.9
_SETTLED_FALL = 0.96
_AGREE = 0.06
"""Two ceilings that differ by no more than this share are one."""
_STEP = 0.02
_SMALLEST_STEP = 0.001
_LARGEST_STEP = 0.05
_LONG_PAUSE = 5.0
_SHORTEST_HOLD = 0.05
_COUNTABLE = 30
_LONGEST_MEASURE = 20.0


class Governor:
    """A rate that doubles until the first refusal, falls to what was achieved, and then climbs gently.

    Args:
        now: Seconds on the caller's clock.
        start: Requests per second to begin with.
        most: Never more than this many per second.
    """

    def __init__(self, now: float, start: float = START, most: float = float("inf")) -> None:
        self.rate = min(start, most)
        self._most = most
        self._ceiling = None if most == float("inf") else most
        self._step = _STEP
        self._looked = now
        self._cut = now
        self._fell = now - _INTERVAL
        self._hold = 0.0
        self._resumed = now
        self._sent = 0
        self._refused = False
        self._accepted: deque[float] = deque()
        self._accepted_since_fall = 0

    def sent(self, now: float) -> None:
        """Count a request that was let through."""
        self._sent += 1
        if now - self._looked >= _INTERVAL:
            self._look(now)

    def accepted(self, now: float) -> None:
        """Count an answer that was not a refusal."""
        self._accepted.append(now)
        self._accepted_since_fall += 1
        self._hold = 0.0
        self._forget(now)

    def refused(self, sent: float, now: float, pause: float = 0.0) -> float:
        """Fall, unless the request was sent before the last fall; return for how long all should hold still.

        Args:
            sent: When the refused request was sent.
            now: Now.
            pause: For how long the server wants no requests.
        """
        self._refused = True
        if sent < self._cut:
            return 0.0
        self._cut = now
        if now - self._fell < _INTERVAL:
            # Still the same window that is used up: wait for the next, and think no worse of the rate.
            self._hold = min(max(self._hold * 2, _SHORTEST_HOLD), _INTERVAL)
            return self._hold
        achieved = self._achieved(now)
        if pause >= _LONG_PAUSE:
            # The server counts long windows: what it takes in short ones says nothing.
            achieved = min(achieved, self._accepted_since_fall / (now - self._fell + pause))
        self._fall(min(achieved, self.rate))
        self._fell = now
        self._accepted_since_fall = 0
        return self._hold

    def resumes(self, then: float) -> None:
        """Take note that nothing will be sent before then."""
        self._resumed = then

    def _measured(self) -> float:
        """Return over how many seconds to count: enough of them to have something to count."""
        return min(max(_INTERVAL, _COUNTABLE / self.rate), _LONGEST_MEASURE)

    def _forget(self, now: float) -> None:
        oldest = now - self._measured()
        while self._accepted and self._accepted[0] <= oldest:
            self._accepted.popleft()

    def _achieved(self, now: float) -> float:
        """Return how many a second were accepted lately, pauses left aside."""
        self._forget(now)
        active = min(max(now - self._resumed, _INTERVAL / 4), self._measured())
        return len(self._accepted) / active

    def _fall(self, achieved: float) -> None:
        if not achieved:  # nothing at all is accepted: says nothing about the ceiling
            self.rate = max(_LOWEST, self.rate / 2)
            return
        settled = self._ceiling is not None and abs(achieved - self._ceiling) <= _AGREE * self._ceiling
        self._step = max(_SMALLEST_STEP, self._step / 4) if settled else _STEP
        self._ceiling = achieved
        self.rate = max(_LOWEST, achieved * (_SETTLED_FALL if settled else _FALL))

    def _look(self, now: float) -> None:
        """Raise the rate if it was used up and nothing was refused."""
        busy = self._sent >= _BUSY * self.rate * (now - self._looked)
        if busy and not self._refused:
            self.rate = min(self._most, self._raised())
        self._looked, self._sent, self._refused = now, 0, False

    def _raised(self) -> float:
        if self._ceiling is None or self.rate < self._ceiling / 2:
            return self.rate * 2
        if self.rate > self._ceiling:
            # It has risen since: look for the new one with longer and longer steps.
            self._step = min(self._step * 1.5, _LARGEST_STEP)
        return self.rate + self._ceiling * self._step
