"""The way to one destination: its pacing, its transport, its retries, its breaker."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from bulk.conversation import Lost, Meaning, Reply, Request, Response
from bulk.destinations.system import Reading
from bulk.errors import StoppedError
from bulk.pacing import Pacer, Slot, has_budget
from bulk.retry import (
    Again,
    Breaker,
    BreakerState,
    GiveUp,
    Moment,
    Permit,
    RetryPolicy,
    decide,
    meaning_of,
    retry_after,
    server_time,
)
from bulk.retry import Tries as RetryTries
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.talk import Caution, Tries


class Sender(Protocol):
    """Sends one request and returns what came back; the transport is one."""

    async def send(self, request: Request, on_sent: Callable[[], None] | None = None) -> Response | Lost:
        """Send it at most once."""


@dataclass(frozen=True, slots=True)
class World:
    """What a run is given from outside: times and chance.

    Attributes:
        unix: Seconds since 1970.
        draw: A random number from 0 (included) to 1 (excluded).
        sleep: Lets seconds pass.
    """

    unix: Callable[[], float]
    draw: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Traffic:
    """Counts for progress and reports."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0


class Lane:
    """One destination of a run; what stops it leaves the other destinations alone."""

    def __init__(  # noqa: PLR0913 - the parts it connects
        self,
        name: str,
        *,
        sender: Sender,
        read: Callable[[Response], Reading | None],
        pacer: Pacer,
        policy: RetryPolicy,
        world: World,
        stop: Stop,
    ) -> None:
        self.name = name
        self.stop = stop
        self.pacer = pacer
        self.traffic = Traffic()
        self.before_wait: Callable[[], None] = _nothing
        self._sender = sender
        self._read = read
        self._policy = policy
        self._world = world
        self._breaker = Breaker(policy, world.draw)
        self._answered = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Let time pass, holding neither a slot nor the rate."""
        self.before_wait()
        with self.stop.interruptible():
            await self._world.sleep(seconds)

    async def exchange(self, request: Request, tries: Tries, caution: Caution | None = None) -> Reply:
        """Send a request until there is an answer, or none is to be had.

        Raises:
            StoppingError: The destination stops; nothing is known about this request.
        """
        so_far = RetryTries(started=asyncio.get_running_loop().time(), repeatable=request.repeatable)
        number = 0
        while True:
            number += 1
            tries.attempts = max(tries.attempts, number)
            reply, meaning, permit = await self._once(request, tries, caution)
            if meaning is Meaning.ANSWER and isinstance(reply, Response):
                return replace(reply, repeated=True) if so_far.ill else reply
            moment = Moment(asyncio.get_running_loop().time(), self._world.unix(), self._world.draw())
            decision = decide(self._policy, so_far, reply, meaning, moment, probe=permit is Permit.PROBE)
            if isinstance(decision, GiveUp):
                return decision.lost
            if not isinstance(decision, Again):
                why = self._why(reply) or decision.why
                raise self._stopped(why, decision.seconds)
            so_far = decision.tries
            self.traffic.retries += 1
            await self.wait(decision.seconds)

    async def _once(
        self, request: Request, tries: Tries, caution: Caution | None
    ) -> tuple[Reply, Meaning, Permit]:
        """Send a request once, when the breaker and the pacer let it through."""
        permit = await self._permit()
        try:
            async with AsyncExitStack() as held:
                with self.stop.interruptible():
                    slot = await held.enter_async_context(self.pacer.slot())
                if caution:
                    await self._declare(caution)
                tries.first_sent_at = tries.first_sent_at or self._world.unix()
                self.traffic.requests += 1
                reply = await self._sender.send(request, slot.mark_sent)
        except BaseException:
            self._breaker.dropped(permit)
            raise
        meaning = self._meaning(reply)
        if caution:
            caution.processed(maybe=_maybe_processed(reply, meaning))
        self._tell_breaker(meaning, permit)
        self._tell_pacer(reply, meaning, slot)
        return reply, meaning, permit

    async def _declare(self, caution: Caution) -> None:
        """Make the intent durable; if the stop came meanwhile, nothing is sent after all."""
        await caution.declare()
        if self.stop.requested:
            caution.processed(maybe=False)
            raise StoppingError

    async def _permit(self) -> Permit:
        loop = asyncio.get_running_loop()
        while (permit := self._breaker.may_send(loop.time())) is None:
            if self._breaker.state is BreakerState.BROKEN:
                raise self._stopped("it has not given a usable answer for too long", None)
            delay = self._breaker.next_try(loop.time())
            with self.stop.interruptible():
                if delay is None:
                    self._answered.clear()
                    await self._answered.wait()
                else:
                    await self._world.sleep(delay)
        return permit

    def _meaning(self, reply: Reply) -> Meaning:
        if isinstance(reply, Lost):
            return Meaning.RETRY
        by_status = meaning_of(reply, self._world.unix())
        if by_status is Meaning.THROTTLED:
            return by_status
        reading = self._read(reply)
        return reading.meaning if reading else by_status

    def _why(self, reply: Reply) -> str:
        reading = self._read(reply) if isinstance(reply, Response) else None
        return reading.why if reading and reading.meaning is Meaning.STOP else ""

    def _tell_breaker(self, meaning: Meaning, permit: Permit) -> None:
        if meaning is Meaning.RETRY:
            self._breaker.ill(permit, asyncio.get_running_loop().time())
        else:
            self._breaker.well(permit)
        if meaning is Meaning.THROTTLED:
            self.traffic.throttled += 1
        self._answered.set()

    def _tell_pacer(self, reply: Reply, meaning: Meaning, slot: Slot) -> None:
        """Let the pacer learn from an answer; if the server asked for patience, everybody waits."""
        if not isinstance(reply, Response):
            return
        ill = meaning in {Meaning.THROTTLED, Meaning.RETRY}
        if not ill and not has_budget(reply.headers):
            self.pacer.observe(slot, {}, 0.0)  # nothing to read: the usual answer
            return
        unix = self._world.unix()
        self.pacer.observe(
            slot,
            reply.headers,
            server_time(reply.headers, unix),
            refused=meaning is Meaning.THROTTLED,
            asked=retry_after(reply.headers, unix, reply.status) if ill else None,
        )

    def _stopped(self, why: str, seconds: float | None) -> StoppingError:
        """Stop this destination, and say why."""
        later = "" if seconds is None else f"; come back in {seconds:,.0f} s"
        self.stop.request(StoppedError(f"{self.name}: {why}{later}; run the same command again to continue"))
        return StoppingError()


def _nothing() -> None:
    """Nobody wants to know."""


def _maybe_processed(reply: Reply, meaning: Meaning) -> bool:
    """Tell whether the server may have done the work: not if it refused even to look at the request."""
    return reply.processed if isinstance(reply, Lost) else meaning not in {Meaning.THROTTLED, Meaning.STOP}
