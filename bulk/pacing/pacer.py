"""The pacer of one destination: nobody sends before it is their turn."""

import asyncio
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from aiolimiter import AsyncLimiter

from bulk.pacing.budget import read_budget
from bulk.pacing.governor import START, UNLIMITED, Governor
from bulk.pacing.rate import Rate
from bulk.pacing.shared import Advice, Shared
from bulk.pacing.window import Stamp, Window, allowance

_SLACK = 0.010
"""Seconds a wake-up may be late and still be made up for; also the size of the largest burst."""
_NOTABLE = 0.005
"""Share by which the rate must change before the spacing does."""
_TRUSTED = 0.8
"""Share of what a former run found that is tried at once."""
MOST_PAUSES = 200
"""Pauses that are remembered."""


class Slot:
    """The right to send one request, from entering the context to leaving it."""

    __slots__ = ("_pacer", "granted", "sent", "stamps", "windows")

    def __init__(self, pacer: "Pacer") -> None:
        self._pacer = pacer
        self.granted = 0.0
        self.windows: tuple[Window, ...] = ()
        self.stamps: tuple[Stamp, ...] = ()
        self.sent: float | None = None

    async def __aenter__(self) -> Self:
        await self.take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    async def take(self) -> None:
        """Wait for its turn, as entering the context does."""
        await self._pacer._take_turn(self)  # noqa: SLF001 - a slot is the pacer's other half

    def leave(self) -> None:
        """Give it back, as leaving the context does; once for each that was taken."""
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
        period: Seconds over which the server counts a budget that its headers tell of, if they do not
            say when it is renewed. Such a budget is then used as if it had been declared.
        found: Requests per second that a former run found the server to allow; None if none did.
    """

    def __init__(
        self,
        rate: Rate | None,
        concurrency: int,
        reserve: float = 0.0,
        quiet_for: float | None = None,
        *,
        period: float | None = None,
        found: float | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._concurrency = concurrency
        now = self._loop.time()
        self.in_flight = 0
        self.paused_until = now
        """Time of the loop before which nothing is sent."""
        self.pauses: deque[tuple[float, float]] = deque(maxlen=MOST_PAUSES)
        """Times of the loop between which the server wanted nothing, oldest first; only the last of many."""
        self._line = asyncio.Lock()
        self._waker: asyncio.Future[None] | None = None
        self._cap = float("inf")
        self._cap_until = now
        self._shared = Shared(reserve, period, declared=rate is not None)
        self._even: Rate | None = None
        self._windows: tuple[Window, ...] = ()
        self._most = float("inf")
        self._governor = Governor(now, START if found is None else max(START, _TRUSTED * found))
        if rate is not None:
            self._declare(rate.without(reserve), quiet_for, now)
        self._declared = self._windows, self._most
        self._limiter_rate = self.rate
        self._limiter = _limiter(self._limiter_rate)
        self._token = False

    def _declare(self, rate: Rate, quiet_for: float | None, now: float) -> None:
        window, self._most = Window(rate), _most(rate)
        self._windows = (window,)
        self._governor = Governor(now, start=self._most, most=self._most)
        if quiet_for is not None and quiet_for < rate.limit / self._most:
            window.assume_used(now, 1 / self._most, rate.limit)

    @property
    def rate(self) -> float:
        """Requests per second allowed now; infinite if nothing holds them back."""
        own = self._governor.rate
        if own >= UNLIMITED and not self._windows:
            own = float("inf")
        return min(own, self._cap) if self._loop.time() < self._cap_until else own

    @property
    def found(self) -> float | None:
        """Requests per second that the server was found to allow; None if it never refused any."""
        return self._governor.ceiling

    @property
    def paused_for(self) -> float:
        """Seconds until something may be sent again; 0 if no pause is in force."""
        return max(0.0, self.paused_until - self._loop.time())

    @property
    def full_for(self) -> float:
        """Seconds until every period that is counted has room for one more; 0 if they have."""
        now = self._loop.time()
        rooms = (window.next_room(now) for window in self._windows)
        return max((room - now for room in rooms if room is not None), default=0.0)

    def slot(self) -> Slot:
        """Return a context to send exactly one request in; entering it waits for its turn."""
        return Slot(self)

    def pause(self, seconds: float) -> None:
        """Let nobody send for so long; of several pauses the longest wins."""
        now = self._loop.time()
        until = now + seconds
        if until > self.paused_until:
            start = self.pauses.pop()[0] if self.pauses and now <= self.paused_until else now
            self.pauses.append((start, until))
            self.paused_until = until
            self._governor.resumes(until)

    def lost(self) -> None:
        """Take note of a request without an answer."""
        self._governor.lost()
        self._changed()

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
            asked = self._governor.refused(slot.granted, now, asked or 0.0)
        else:
            self._governor.accepted(slot.granted, now)
        if asked:
            self.pause(asked)
        self._changed()
        budget = read_budget(headers, now_unix) if headers else None
        if budget is not None:
            used = (budget.limit or 0.0) - budget.remaining
            self._heed(self._shared.heed(budget, now), used, now)

    def _heed(self, advice: Advice, used: float, now: float) -> None:
        if advice.pause:
            self.pause(advice.pause)
        if advice.until > now:
            self._cap, self._cap_until = advice.most, advice.until
        if advice.even is not None and advice.even != self._even:
            self._keep_to(advice.even, used, now)
            if advice.sure and not self._declared[0]:
                self._governor = Governor(now, start=self._most, most=self._most)
            self._governor.limit_to(self._most)

    def _keep_to(self, rate: Rate, used: float, now: float) -> None:
        """Keep to a rate that headers tell, beside the declared one; so much of it may be ours already."""
        windows, declared = self._declared
        window, most = Window(rate), _most(rate)
        window.assume_used(now, 1 / most, min(rate.limit, max(0, int(used)) + self.in_flight))
        self._even, self._windows, self._most = rate, (*windows, window), min(most, declared)

    async def _take_turn(self, slot: Slot) -> None:
        """Wait until one request may go, and count it."""
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
            slot.granted, slot.windows = now, self._windows
            for window in slot.windows:
                window.let_through()

    def _due(self, now: float) -> float:
        """Return the time before which no request may go, spacing left aside; infinite if nobody knows."""
        if self.in_flight >= self._concurrency:
            return float("inf")
        due = max(self.paused_until, self._governor.next_turn(now))
        for window in self._windows:
            room = window.next_room(now)
            due = float("inf") if room is None else max(due, room)
        return due

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
            slot.stamps = tuple(window.sent(slot.sent) for window in slot.windows)
            self._changed()

    def _leave(self, slot: Slot) -> None:
        self._sent(slot)
        for window, stamp in zip(slot.windows, slot.stamps, strict=True):
            window.answered(stamp, self._loop.time())
        self.in_flight -= 1
        self._changed()

    def _changed(self) -> None:
        if self._waker is not None:
            _wake(self._waker)


def _most(rate: Rate) -> float:
    """Return how many a second may be sent if they are spread evenly."""
    return rate.limit / (rate.period + allowance(rate.period))


def _limiter(rate: float) -> AsyncLimiter:
    """Return a limiter that hardly knows bursts: one request, and what is due in the slack."""
    capacity = 1 + _SLACK * rate
    return AsyncLimiter(capacity, capacity / rate)


def _wake(waker: asyncio.Future[None]) -> None:
    if not waker.done():
        waker.set_result(None)
