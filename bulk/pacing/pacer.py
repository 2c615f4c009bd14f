"""The pacer of one destination: nobody sends before it is their turn."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from aiolimiter import AsyncLimiter

from bulk.pacing.budget import Budget, read_budget
from bulk.pacing.governor import START, UNLIMITED, Governor
from bulk.pacing.rate import Rate
from bulk.pacing.window import Stamp, Window, allowance

_SLACK = 0.010
"""Seconds a wake-up may be late and still be made up for; also the size of the largest burst."""
_NOTABLE = 0.01
"""Share by which the rate must change before the spacing does."""
_ROUNDED = 2.0
"""Resets this near, in seconds, are mostly rounding."""
_SHORT_WINDOW = 5.0
_UNTOLD_RESET = 1.0
"""Seconds to wait when a budget is used up and nobody says until when."""


class Slot:
    """The right to send one request, from entering the context to leaving it."""

    __slots__ = ("_pacer", "granted", "sent", "stamp")

    def __init__(self, pacer: "Pacer") -> None:
        self._pacer = pacer
        self.stamp: Stamp | None = None
        self.granted = 0.0
        self.sent: float | None = None

    async def __aenter__(self) -> Self:
        self.granted = await self._pacer._take_turn()  # noqa: SLF001 - a slot is the pacer's other half
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pacer._leave(self)  # noqa: SLF001 - a slot is the pacer's other half

    def mark_sent(self) -> None:
        """Note that the request goes out now. If never called, it counts as sent when the slot is left."""
        self._pacer._sent(self)  # noqa: SLF001 - a slot is the pacer's other half


class Pacer:
    """Holds back everything that is sent to one destination. Build it in a running loop.

    With a declared rate, requests are spread evenly at just under that rate, and none goes that could be
    one too many in any period. Without, the rate is found by trying. Both heed refusals, requested
    pauses and rate-limit headers. Turns are taken in the order they were asked for.

    Args:
        rate: The declared rate; None if there is none.
        concurrency: The most requests in flight at a time.
        reserve: Share of the declared rate, or of the budget told by headers, that is left to others.
        quiet_for: Seconds since the last known request of a former run. If that may still count, the
            former run is taken to have sent at the full rate until now. None: there was none.
    """

    def __init__(
        self, rate: Rate | None, concurrency: int, reserve: float = 0.0, quiet_for: float | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._concurrency = concurrency
        self._reserve = reserve
        now = self._loop.time()
        self.in_flight = 0
        self.paused_until = now
        """Time of the loop before which nothing is sent."""
        self._line = asyncio.Lock()
        self._waker: asyncio.Future[None] | None = None
        self._cap = float("inf")
        self._cap_until = now
        self._longest_reset = 0.0
        self._window: Window | None = None
        self._governor = Governor(now, START)
        if rate is not None:
            self._declare(rate.without(reserve), quiet_for, now)
        self._limiter_rate = self.rate
        self._limiter = _limiter(self._limiter_rate)
        self._token = False

    def _declare(self, rate: Rate, quiet_for: float | None, now: float) -> None:
        self._window = Window(rate)
        length = rate.period + allowance(rate.period)
        most = rate.limit / length
        self._governor = Governor(now, start=most, most=most)
        if quiet_for is not None and quiet_for < length:
            self._window.assume_used(now, 1 / most)

    @property
    def rate(self) -> float:
        """Requests per second allowed now; infinite if nothing holds them back."""
        own = self._governor.rate
        if own >= UNLIMITED and self._window is None:
            own = float("inf")
        return min(own, self._cap) if self._loop.time() < self._cap_until else own

    @property
    def paused_for(self) -> float:
        """Seconds until something may be sent again; 0 if no pause is in force."""
        return max(0.0, self.paused_until - self._loop.time())

    def slot(self) -> Slot:
        """Return a context to send exactly one request in; entering it waits for its turn."""
        return Slot(self)

    def pause(self, seconds: float) -> None:
        """Let nobody send for so long; of several pauses the longest wins."""
        until = self._loop.time() + seconds
        if until > self.paused_until:
            self.paused_until = until
            self._governor.resumes(until)

    def observe(
        self,
        slot: Slot,
        headers: Mapping[str, str],
        now_unix: float,
        *,
        refused: bool = False,
        asked: float | None = None,
    ) -> None:
        """Learn from an answer.

        Args:
            slot: The slot the request was sent in.
            headers: Headers of the answer, names in lower case.
            now_unix: Seconds since 1970.
            refused: Whether the server refused it because there were too many.
            asked: For how many seconds the server wants no more of them, if it says so.
        """
        now = self._loop.time()
        if refused:
            asked = max(asked or 0.0, self._governor.refused(slot.granted, now, asked or 0.0))
        else:
            self._governor.accepted(now)
        if asked:
            self.pause(asked)
        budget = read_budget(headers, now_unix)
        if budget is not None:
            self._heed(budget, now)

    def _heed(self, budget: Budget, now: float) -> None:
        """Spread what is left over the time until there is more."""
        limit = (budget.limit or 0.0) * (1 - self._reserve)
        left = budget.remaining - (budget.limit or 0.0) * self._reserve
        reset = budget.reset
        if reset is None:
            if left <= 0:
                self.pause(_UNTOLD_RESET)
            return
        self._longest_reset = max(self._longest_reset, reset)
        if reset <= _ROUNDED and self._window is not None:
            return  # within the declared rate, the last request of a short budget is ours to use
        if limit and self._longest_reset <= _SHORT_WINDOW:
            window = max(1.0, self._longest_reset)
            self._hold_to(limit / (window + allowance(window)), now + window + 1)
        elif left <= 0:
            self.pause(reset)
        else:
            self._hold_to(left / max(reset, 1.0), now + max(reset, 1.0))

    def _hold_to(self, rate: float, until: float) -> None:
        self._cap, self._cap_until = rate, until

    async def _take_turn(self) -> float:
        """Wait until one request may go, and count it; return the time."""
        async with self._line:
            while True:
                now = self._loop.time()
                due = self._due(now)
                if due > now:
                    await self._wait(due)
                elif self._token or await self._spaced():
                    break
            self._token = False
            self.in_flight += 1
            self._governor.sent(now)
            if self._window is not None:
                self._window.let_through()
            return now

    def _due(self, now: float) -> float:
        """Return the time before which no request may go, spacing left aside; infinite if nobody knows."""
        if self.in_flight >= self._concurrency:
            return float("inf")
        if self._window is None:
            return self.paused_until
        room = self._window.next_room(now)
        return float("inf") if room is None else max(room, self.paused_until)

    async def _spaced(self) -> bool:
        """Wait for the next place in the even spacing; return whether nothing can have changed meanwhile."""
        rate = self.rate
        if rate == float("inf"):
            return True
        if abs(rate - self._limiter_rate) > _NOTABLE * rate:
            self._limiter_rate = rate
            self._limiter = _limiter(rate)
            await self._limiter.acquire(self._limiter.max_rate)  # full, as the one before
        if self._limiter.has_capacity():
            await self._limiter.acquire()
            return True
        await self._limiter.acquire()
        self._token = True  # kept for whoever goes next if there is a pause now, or this task is cancelled
        return False

    async def _wait(self, until: float) -> None:
        """Wait until then, or until a request is sent, answered or a slot is free."""
        self._waker = waker = self._loop.create_future()
        timer = None if until == float("inf") else self._loop.call_at(until, _wake, waker)
        try:
            await waker
        finally:
            self._waker = None
            if timer is not None:
                timer.cancel()

    def _sent(self, slot: Slot) -> None:
        if slot.sent is None:
            slot.sent = self._loop.time()
            if self._window is not None:
                slot.stamp = self._window.sent(slot.sent)
            self._changed()

    def _leave(self, slot: Slot) -> None:
        self._sent(slot)
        if self._window is not None and slot.stamp is not None:
            self._window.answered(slot.stamp, self._loop.time())
        self.in_flight -= 1
        self._changed()

    def _changed(self) -> None:
        if self._waker is not None:
            _wake(self._waker)


def _limiter(rate: float) -> AsyncLimiter:
    """Return a limiter that hardly knows bursts: one request, and what is due in the slack."""
    capacity = 1 + _SLACK * rate
    return AsyncLimiter(capacity, capacity / rate)


def _wake(waker: asyncio.Future[None]) -> None:
    if not waker.done():
        waker.set_result(None)
