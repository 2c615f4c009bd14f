"""The budget of requests that everybody who uses one organisation shares, by windows of the clock."""

import math


class Budget:
    """Counts requests in windows that are aligned to the clock; refused ones do not count."""

    def __init__(self, limit: int | None, seconds: float, others_per_minute: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._others = others_per_minute / 60
        self._window = -1
        self._used = 0

    def admit(self, now: float) -> bool:
        """Count a request if the budget still has room for it."""
        window = math.floor(now / self._seconds)
        if window != self._window:
            self._window, self._used = window, 0
        if self._limit is None:
            return True
        if self._left(now) < 1:
            return False
        self._used += 1
        return True

    def headers(self, now: float, *, admitted: bool) -> tuple[tuple[str, str], ...]:
        """Say what is left; when the window ends is said only once the budget is exceeded."""
        if self._limit is None:
            return ()
        said = ("x-ratelimit-limit", str(self._limit)), ("x-ratelimit-remaining", str(self._left(now)))
        reset = math.ceil((self._window + 1) * self._seconds)
        return said if admitted else (*said, ("x-ratelimit-reset", str(reset)))

    def _left(self, now: float) -> int:
        others = math.floor((now - self._window * self._seconds) * self._others)
        return max(0, (self._limit or 0) - self._used - others)
