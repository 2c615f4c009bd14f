"""One destination of a run: its surfaces, its retries, its stop."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bulk.conversation import NOT_CONFIGURED, Lost, Meaning, Reply, Request, Response
from bulk.destinations.system import Reading
from bulk.destinations.verdicts import is_2xx
from bulk.errors import StoppedError
from bulk.retry import Again, GiveUp, Moment, Permit, RetryPolicy, decide, meaning_of
from bulk.retry import Tries as RetryTries
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.talk import Caution, Tries
from bulk.runner.way import Way, World


@dataclass(slots=True)
class Traffic:
    """Counts for progress and reports."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0


class Lane:
    """One destination of a run; what stops it leaves the other destinations alone.

    Attributes:
        ways: The ways to its surfaces; that to the main one has no name.
        step: Index of the step under way, of all steps of the job; -1 before the first.
        stage: What holds up its requests, in words; mostly empty.
    """

    def __init__(
        self,
        name: str,
        *,
        ways: Mapping[str, Way],
        read: Callable[[Response], Reading | None],
        policy: RetryPolicy,
        world: World,
        stop: Stop,
    ) -> None:
        self.name = name
        self.stop = stop
        self.traffic = Traffic()
        self.before_wait: Callable[[], None] = _nothing
        self.ways = ways
        self.step = -1
        self.stage = ""
        self._waits: dict[object, float] = {}
        self._read = read
        self._policy = policy
        self._world = world

    @property
    def paused_for(self) -> float:
        """Seconds until something may be sent again; 0 if no pause is in force."""
        return max(way.pacer.paused_for for way in self.ways.values())

    @property
    def pauses(self) -> list[tuple[float, float]]:
        """When its main surface wanted no requests, in unix seconds: starts and ends, oldest first."""
        behind = self._world.unix() - asyncio.get_running_loop().time()
        pauses = self.ways[""].pacer.pauses
        return [(round(start + behind, 3), round(end + behind, 3)) for start, end in pauses]

    @property
    def illness(self) -> str:
        """Why it has given no usable answer of late, in our own words; empty if it has."""
        return next((way.illness for way in self.ways.values() if way.illness), "")

    @property
    def found_rate(self) -> float | None:
        """Requests per second that its main surface was found to allow; None if it never refused any."""
        return self.ways[""].pacer.found

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return sum(way.pacer.in_flight for way in self.ways.values())

    @property
    def goes_on_in(self) -> float | None:
        """Seconds until the first of those who let time pass goes on; None if nobody does."""
        if not self._waits:
            return None
        return max(0.0, min(self._waits.values()) - asyncio.get_running_loop().time())

    @contextmanager
    def at_stage(self, stage: str) -> Iterator[None]:
        """Say what holds up requests while the context lasts."""
        self.stage = stage
        try:
            yield
        finally:
            self.stage = ""

    async def wait(self, seconds: float) -> None:
        """Let time pass, holding neither a slot nor the rate."""
        self.before_wait()
        one = object()
        self._waits[one] = asyncio.get_running_loop().time() + seconds
        try:
            with self.stop.interruptible():
                await self._world.sleep(seconds)
        finally:
            del self._waits[one]

    async def exchange(self, request: Request, tries: Tries, caution: Caution | None = None) -> Reply:
        """Send a request until there is an answer, or none is to be had.

        Raises:
            StoppingError: The destination stops; nothing is known about this request.
        """
        way = self.ways.get(request.surface)
        if way is None:
            message = f"the credential for its {request.surface} surface is not set"
            return Lost(NOT_CONFIGURED, message, processed=False)
        so_far = RetryTries(started=asyncio.get_running_loop().time(), repeatable=request.repeatable)
        number = 0
        while True:
            number += 1
            tries.attempts = max(tries.attempts, number)
            reply, meaning, permit = await self._once(way, request, tries, caution)
            if meaning is Meaning.ANSWER and isinstance(reply, Response):
                return replace(reply, repeated=True) if so_far.ill else reply
            moment = Moment(asyncio.get_running_loop().time(), self._world.unix(), self._world.draw())
            decision = decide(self._policy, so_far, reply, meaning, moment, probe=permit is Permit.PROBE)
            if isinstance(decision, GiveUp):
                return decision.lost
            if not isinstance(decision, Again):
                why = self._why(reply) or decision.why
                raise self._stopped(f"{why}; mend that" if meaning is Meaning.STOP else why, decision.seconds)
            so_far = decision.tries
            self.traffic.retries += 1
            await self.wait(decision.seconds)

    async def _once(
        self, way: Way, request: Request, tries: Tries, caution: Caution | None
    ) -> tuple[Reply, Meaning, Permit]:
        """Send a request once, when the breaker and the pacer let it through."""
        permit = await way.permit()
        if permit is None:
            raise self._stopped(f"it has given no usable answer for too long ({way.illness})", None)
        try:
            slot = way.pacer.slot()
            with self.stop.interruptible():
                await slot.take()
            try:
                tries.check()
                if caution:
                    await self._declare(caution, way)
                tries.first_sent_at = tries.first_sent_at or self._world.unix()
                self.traffic.requests += 1
                way.requests += 1
                reply = await way.sender.send(request, slot.mark_sent)
            finally:
                slot.leave()
        except BaseException:
            way.dropped(permit)
            raise
        meaning, why = self._meaning(reply)
        if caution:
            caution.processed(maybe=_maybe_processed(reply, meaning))
        self.traffic.throttled += meaning is Meaning.THROTTLED
        way.learn(reply, meaning, slot, permit, why)
        if meaning is Meaning.RETRY and isinstance(reply, Response) and is_2xx(reply):
            return Lost("broken_answer", why, reply.status), meaning, permit
        return reply, meaning, permit

    async def _declare(self, caution: Caution, way: Way) -> None:
        """Make the intent durable; a pause asked for meanwhile is kept, and after a stop nothing is sent."""
        await caution.declare()
        try:
            with self.stop.interruptible():
                while way.pacer.paused_for:
                    await self._world.sleep(way.pacer.paused_for)
        except StoppingError:
            caution.processed(maybe=False)
            raise

    def _meaning(self, reply: Reply) -> tuple[Meaning, str]:
        """Return what a reply means, and why in our own words."""
        if isinstance(reply, Lost):
            return Meaning.RETRY, reply.message
        why = f"the server answered {reply.status}"
        by_status = meaning_of(reply, self._world.unix())
        if by_status is Meaning.THROTTLED:
            return by_status, why
        reading = self._read(reply)
        return (reading.meaning, reading.why or why) if reading else (by_status, why)

    def _why(self, reply: Reply) -> str:
        reading = self._read(reply) if isinstance(reply, Response) else None
        return reading.why if reading and reading.meaning is Meaning.STOP else ""

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
