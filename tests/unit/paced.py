"""Clients in virtual time, to see what a pacer makes of them."""

import asyncio
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from bulk.pacing import Pacer

NOON = 1_800_000_000.0
Delay = Callable[[], float]


class Limit(Protocol):
    """Decides about one request, and says after how many seconds there is room again."""

    limit: int
    left: int

    def admit(self, now: float) -> float: ...


@dataclass
class FixedWindow:
    """So many per period, counted anew at its beginning."""

    limit: int
    period: float = 1.0
    left: int = 0
    number: float = -1.0

    def admit(self, now: float) -> float:
        number = now // self.period
        if number != self.number:
            self.number, self.left = number, self.limit
        if not self.left:
            return (number + 1) * self.period - now
        self.left -= 1
        return 0.0


@dataclass
class SlidingWindow:
    """So many in any period; strict."""

    limit: int
    period: float = 1.0
    left: int = 0
    accepted: deque[float] = field(default_factory=deque)

    def admit(self, now: float) -> float:
        while self.accepted and self.accepted[0] <= now - self.period:
            self.accepted.popleft()
        self.left = self.limit - len(self.accepted)
        if not self.left:
            return self.accepted[0] + self.period - now
        self.accepted.append(now)
        return 0.0


@dataclass
class TokenBucket:
    """Fills evenly; a full one may be emptied at once."""

    limit: int
    period: float = 1.0
    left: int = 0
    level: float = 1.0
    seen: float = 0.0

    def admit(self, now: float) -> float:
        rate = self.limit / self.period
        self.level, self.seen = min(self.limit, self.level + (now - self.seen) * rate), now
        if self.level < 1:
            return (1 - self.level) / rate
        self.level -= 1
        self.left = int(self.level)
        return 0.0


@dataclass
class Seen:
    """What the server saw: arrivals, and whether each was accepted."""

    arrivals: list[float] = field(default_factory=list)
    accepted: list[bool] = field(default_factory=list)

    def after(self, start: float) -> list[bool]:
        return self.accepted[bisect_left(self.arrivals, start) :]


@dataclass(frozen=True)
class Traffic:
    """Clients that always have something to send.

    Attributes:
        clients: How many there are.
        seconds: For how long they send.
        there: How long a request takes to the server.
        back: How long its answer takes back.
        stall: How long the loop is held up between a slot and the sending.
    """

    clients: int
    seconds: float
    there: Delay
    back: Delay
    stall: Delay = float


def jittered(chance: random.Random, low: float, high: float) -> Delay:
    return lambda: chance.uniform(low, high)


async def send_all(
    pacer: Pacer,
    traffic: Traffic,
    limit: Limit | None = None,
    tell: Callable[[float, Limit], Mapping[str, str]] | None = None,
) -> Seen:
    """Send through ``pacer`` as fast as it lets us; the headers are ``tell(wait, limit)``."""
    loop, seen = asyncio.get_running_loop(), Seen()
    end = loop.time() + traffic.seconds

    async def client() -> None:
        while True:
            async with pacer.slot() as slot:
                await asyncio.sleep(traffic.stall())
                if loop.time() >= end:
                    return
                slot.mark_sent()
                await asyncio.sleep(traffic.there())
                wait = limit.admit(loop.time()) if limit else 0.0
                seen.arrivals.append(loop.time())
                seen.accepted.append(not wait)
                headers = tell(wait, limit) if tell and limit else {}
                await asyncio.sleep(traffic.back())
            asked = headers.get("retry-after")
            pacer.observe(
                slot, headers, NOON + loop.time(), refused=wait > 0, asked=float(asked) if asked else None
            )

    async with asyncio.TaskGroup() as group:
        for _ in range(traffic.clients):
            group.create_task(client())
    return seen


def silent(_wait: float, _limit: Limit) -> dict[str, str]:
    return {}


def with_retry_after(wait: float, _limit: Limit) -> dict[str, str]:
    return {"retry-after": str(ceil(wait))} if wait else {}


def most_within(times: list[float], seconds: float) -> int:
    """Return the most of ``times`` (ascending) that lie in any half-open window of that length."""
    return max((bisect_left(times, start + seconds) - at for at, start in enumerate(times)), default=0)
