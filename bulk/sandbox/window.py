"""A strict rate limit: never more than so many requests in any window of a length."""

import math
import re
from collections import deque
from dataclasses import dataclass

from bulk.errors import UsageError

_RATE = re.compile(r"(?P<count>[1-9]\d{0,8})/(?P<length>[1-9]\d{0,5})?(?P<unit>s|sec|min|m|h)")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


def parse_rate(text: str) -> Rate | None:
    """Read ``200/s``, ``300/min`` or ``30/3s``; ``none`` means no limit."""
    if text.strip().lower() == "none":
        return None
    found = _RATE.fullmatch(text.strip())
    if not found:
        raise UsageError(f'"{text}" is not a rate; write it as 200/s, 300/min, 30/3s or none')
    length = int(found["length"] or 1) * _SECONDS[found["unit"]]
    return Rate(int(found["count"]), float(length))


class Window:
    """Counts what lies within the last ``seconds``, and the most that ever did."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.most = 0
        self._times: deque[float] = deque()

    def within(self, now: float) -> int:
        """Return how many lie within the window that ends now."""
        times = self._times
        while times and now - times[0] >= self.seconds:
            times.popleft()
        return len(times)

    def add(self, now: float) -> None:
        """Count one more."""
        self.most = max(self.most, self.within(now) + 1)
        self._times.append(now)

    def free_in(self, now: float) -> float:
        """Return the seconds until the oldest leaves the window."""
        return self._times[0] + self.seconds - now if self._times else 0.0


class Limit:
    """Admits requests as long as no window holds more than the rate allows; refused ones do not count."""

    def __init__(self, rate: Rate | None) -> None:
        self.rate = rate
        seconds = rate.seconds if rate else 1.0
        self.arrived = Window(seconds)
        self.admitted = Window(seconds)

    def admit(self, now: float) -> int:
        """Return 0 if a request that arrived now is admitted, else the whole seconds to wait."""
        self.arrived.add(now)
        if self.rate and self.admitted.within(now) >= self.rate.requests:
            return max(1, math.ceil(self.admitted.free_in(now)))
        self.admitted.add(now)
        return 0
