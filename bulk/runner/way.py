"""The way to one surface of a destination: its connections, its pacing, its breaker."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from bulk.conversation import Lost, Meaning, Reply, Request, Response
from bulk.pacing import Pacer, Slot, has_budget
from bulk.retry import Breaker, BreakerState, Permit, RetryPolicy, retry_after, server_time
from bulk.runner.stop import Stop


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


class Way:
    """Lets requests through to one surface, and learns from its answers.

    Attributes:
        requests: How many were let through.
    """

    def __init__(
        self, sender: Sender, pacer: Pacer, policy: RetryPolicy, *, world: World, stop: Stop
    ) -> None:
        self.sender = sender
        self.pacer = pacer
        self.requests = 0
        self._world = world
        self._stop = stop
        self._breaker = Breaker(policy, world.draw)
        self._why_ill = ""
        self._answered = asyncio.Event()

    @property
    def illness(self) -> str:
        """Why it has given no usable answer of late; empty if it has."""
        return self._why_ill if self._breaker.suspicious else ""

    @property
    def left_alone_for(self) -> float | None:
        """Seconds until it is probed again, as ill as it is; None if it is not left alone."""
        if self._breaker.state is not BreakerState.OPEN:
            return None
        return self._breaker.next_try(asyncio.get_running_loop().time()) or 0.0

    async def permit(self) -> Permit | None:
        """Wait until the breaker lets a request through; None if it never will."""
        loop = asyncio.get_running_loop()
        while (permit := self._breaker.may_send(loop.time())) is None:
            if self._breaker.state is BreakerState.BROKEN:
                return None
            delay = self._breaker.next_try(loop.time())
            with self._stop.interruptible():
                if delay is None:
                    self._answered.clear()
                    await self._answered.wait()
                else:
                    await self._world.sleep(delay)
        return permit

    def dropped(self, permit: Permit) -> None:
        """Take note that a request that was let through was not sent, or its answer not waited for."""
        self._breaker.dropped(permit)

    def learn(self, reply: Reply, meaning: Meaning, slot: Slot, permit: Permit, why: str) -> None:
        """Take note of what came back, and ``why`` it means that."""
        if meaning is Meaning.RETRY:
            self._why_ill = why
            self._breaker.ill(permit, asyncio.get_running_loop().time())
        else:
            self._breaker.well(permit)
        self._answered.set()
        if isinstance(reply, Response):
            self._tell_pacer(reply, meaning, slot)
        else:
            self.pacer.lost()

    def _tell_pacer(self, reply: Response, meaning: Meaning, slot: Slot) -> None:
        """Let the pacer learn from an answer; if the server asked for patience, everybody waits."""
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
