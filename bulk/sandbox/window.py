"""Rate limits as servers keep them: any window, windows by the clock, or a bucket that is refilled."""

import math
import re
from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

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

    def empty_in(self, now: float) -> float:
        """Return the seconds until all of them have left the window."""
        return self._times[-1] + self.seconds - now if self._times else 0.0


Kind = Literal["sliding", "fixed", "bucket"]


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a limit after a request.

    Attributes:
        limit: Requests that the whole of it allows.
        remaining: Requests that would be admitted at once.
        more_in: Seconds until one more than that would be.
        renewed_in: Seconds until all of them would be.
    """

    limit: int
    remaining: int
    more_in: float
    renewed_in: float


class Limiter(Protocol):
    """Admits requests one by one; the times it is told never go back."""

    def take(self, now: float) -> bool:
        """Admit a request that arrived now, if the limit allows it; refused ones do not count."""

    def left(self, now: float) -> Left:
        """Return what is left."""


class Sliding:
    """Never more than so many in any window of that length: the strictest."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._window = Window(rate.seconds)

    def take(self, now: float) -> bool:
        """Admit a request if the window that ends now has room."""
        if self._window.within(now) >= self._rate.requests:
            return False
        self._window.add(now)
        return True

    def left(self, now: float) -> Left:
        """Return the room in the window that ends now."""
        remaining = self._rate.requests - self._window.within(now)
        return Left(self._rate.requests, remaining, self._window.free_in(now), self._window.empty_in(now))


class Fixed:
    """So many in each window, and windows follow each other by the server's clock."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._number = -1
        self._taken = 0

    def take(self, now: float) -> bool:
        """Admit a request if the present window has room."""
        if self.left(now).remaining == 0:
            return False
        self._taken += 1
        return True

    def left(self, now: float) -> Left:
        """Return the room in the present window, which ends when all of it is renewed."""
        number = math.floor(now / self._rate.seconds)
        if number != self._number:
            self._number, self._taken = number, 0
        ends = (number + 1) * self._rate.seconds
        return Left(self._rate.requests, self._rate.requests - self._taken, ends - now, ends - now)


class Bucket:
    """A bucket that holds so many, full at first, and is refilled evenly."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._filled = float(rate.requests)
        self._looked = -math.inf

    def take(self, now: float) -> bool:
        """Admit a request if the bucket holds one."""
        if self.left(now).remaining == 0:
            return False
        self._filled -= 1
        return True

    def left(self, now: float) -> Left:
        """Return what the bucket holds."""
        per_second = self._rate.requests / self._rate.seconds
        self._filled = min(float(self._rate.requests), self._filled + (now - self._looked) * per_second)
        self._looked = now
        # Floats: a bucket whose refill is due this very moment holds one.
        whole = math.floor(self._filled + _ROUNDING)
        full_in = (self._rate.requests - self._filled) / per_second
        return Left(self._rate.requests, whole, (whole + 1 - self._filled) / per_second, full_in)


_ROUNDING = 1e-9
_LIMITERS: dict[Kind, type[Sliding] | type[Fixed] | type[Bucket]] = {
    "sliding": Sliding,
    "fixed": Fixed,
    "bucket": Bucket,
}


class Limit:
    """A limit and what came of it: the most that arrived, and were admitted, in any window of its length."""

    def __init__(self, rate: Rate | None, kind: Kind = "sliding") -> None:
        self.rate = rate
        self.kind = kind
        seconds = rate.seconds if rate else 1.0
        self.arrived = Window(seconds)
        self.admitted = Window(seconds)
        self._limiter: Limiter | None = _LIMITERS[kind](rate) if rate else None

    def admit(self, now: float) -> int:
        """Return 0 if a request that arrived now is admitted, else the whole seconds to wait."""
        self.arrived.add(now)
        if self._limiter and not self._limiter.take(now):
            return max(1, math.ceil(self._limiter.left(now).more_in))
        self.admitted.add(now)
        return 0

    def left(self, now: float) -> Left | None:
        """Return what is left, or None if there is no limit."""
        return self._limiter.left(now) if self._limiter else None
