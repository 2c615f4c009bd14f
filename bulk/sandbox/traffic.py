"""What arrived at one system and what became of it: its limit, its faults, its counters and its log."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bulk.sandbox.faults import Fault, Faults
from bulk.sandbox.window import Left, Limit

LOG_LENGTH = 500_000
"""Requests that the log remembers; older ones are forgotten, the counters are not."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How one request is to be treated.

    Attributes:
        time: When it arrived, on the server's monotonic clock.
        retry_after: Seconds; not 0 if it is over the limit.
        fault: What goes wrong with it.
        left: What it leaves of the limit, if there is one.
    """

    time: float
    retry_after: int
    fault: Fault | None
    left: Left | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """One request in the log; what it names is kept as digests only."""

    arrival: Arrival
    method: str
    template: str
    target: str
    body: str


class Traffic:
    """The gate every request to one system passes."""

    def __init__(self, limit: Callable[[], Limit], faults: Faults) -> None:
        self._new_limit = limit
        self._faults = faults
        self.reset()

    def reset(self) -> None:
        """Forget everything; faults begin again with the first request."""
        self._limit = self._new_limit()
        self._number = 0
        self._refused = 0
        self._struck: Counter[str] = Counter()
        self._routes: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._log: deque[Logged] = deque(maxlen=LOG_LENGTH)

    def arrive(self, now: float) -> Arrival:
        """Let one request in, or say why not."""
        self._number += 1
        retry_after = self._limit.admit(now)
        left = self._limit.left(now)
        if retry_after:
            self._refused += 1
            return Arrival(now, retry_after, None, left)
        fault = self._faults.strike(self._number)
        if fault:
            self._struck[fault.value] += 1
        return Arrival(now, 0, fault, left)

    def log(self, request: Logged) -> None:
        """Remember a request."""
        self._routes[f"{request.method} {request.template}"] += 1
        self._log.append(request)

    def answered(self, status: int) -> None:
        """Count an answer."""
        self._statuses[status] += 1

    def stats(self) -> dict[str, Any]:
        """Return the counters as JSON values; ``accepted`` are those within the limit, faults among them."""
        limit = self._limit
        return {
            "requests": self._number,
            "accepted": self._number - self._refused,
            "refused": self._refused,
            "faults": dict(self._struck),
            "routes": dict(self._routes),
            "statuses": {str(status): count for status, count in sorted(self._statuses.items())},
            "limiter": limit.kind,
            "rate": {"requests": limit.rate.requests, "seconds": limit.rate.seconds} if limit.rate else None,
            "window_seconds": limit.arrived.seconds,
            "max_accepted_in_window": limit.admitted.most,
            "max_arrived_in_window": limit.arrived.most,
        }

    def requests(self) -> Iterator[dict[str, Any]]:
        """Return the log, oldest first."""
        for entry in self._log:
            arrival = entry.arrival
            yield {
                "time": arrival.time,
                "method": entry.method,
                "path": entry.template,
                "target_sha256": entry.target,
                "body_sha256": entry.body,
                "accepted": not arrival.retry_after,
                "fault": arrival.fault,
            }
