"""The network of a life: what is sent, what becomes of it on the way, and what nobody may ever see there."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from faults import ANSWERED_AMISS, BEFORE_WORK, THROTTLES, Fault, Weather, amiss, throttled
from multidict import CIMultiDict
from virtual import Crash

from bulk.conversation import Lost, Reply, Request, Response
from bulk.pacing import Rate
from bulk.sandbox.exchange import Asked, System

TIMEOUT = 30.0
"""Seconds after which a request is given up, as the real transport does."""
EPSILON = 1e-6
HTTP_REFUSED = 300
_MARK = re.compile(r"row(\d+)x")
"""How a record says which row of which night it is of: each is sent with a text of its own."""
_KEY = re.compile(r"p\d+@example\.com")


@dataclass
class Seen:
    """A request as it went out.

    Attributes:
        at: Seconds since the life began.
        run: The number of the process that sent it.
        rows: The rows whose marks it holds.
        keys: The addresses it holds.
    """

    at: float
    run: int
    surface: str
    method: str
    path: str
    repeatable: bool
    rows: tuple[int, ...]
    keys: tuple[str, ...]


@dataclass
class Wire:
    """One surface of one destination, as the outside sees it, over all runs.

    Attributes:
        rate: What is declared, if anything is.
        blocked_until: Before when the server said that nothing may be sent.
    """

    name: str
    system: System
    rate: Rate | None
    seen: list[Seen] = field(default_factory=list)
    blocked_until: float = 0.0
    in_flight: Counter[str] = field(default_factory=Counter)
    worked: Counter[int] = field(default_factory=Counter)
    """By row, how often the destination did what a request asked for that must not be repeated."""
    late: list[tuple[float, Request, Mapping[str, str]]] = field(default_factory=list)
    """What the destination will still do, and when, although nobody waits for it any more."""
    closed_rows: frozenset[int] = frozenset()
    """Rows that were settled when this run began, and are not to be sent again."""

    def begins(self, closed_rows: Iterable[int]) -> None:
        """Another process begins, which knows nothing but what was durable."""
        self.closed_rows = frozenset(closed_rows)
        self.in_flight.clear()
        self.blocked_until = 0.0

    def works(self, request: Request, headers: Mapping[str, str], now: float) -> Response:
        """Do what is asked for, after all that was to be done before; ``now`` is unix time."""
        due = [one for one in self.late if one[0] <= now]
        self.late = [one for one in self.late if one[0] > now]
        for at, earlier, own in sorted(due, key=lambda one: one[0]):
            self._work(earlier, own, at)
        return self._work(request, headers, now)

    def ends(self, now: float) -> None:
        """Do all that is still to be done."""
        for at, request, headers in sorted(self.late, key=lambda one: one[0]):
            self._work(request, headers, min(at, now))
        self.late = []

    def _work(self, request: Request, headers: Mapping[str, str], now: float) -> Response:
        url = urlsplit(request.path)
        route = self.system.routes.find(request.method, url.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        told = (route.parameter, route.parameters) if route else ("", {})
        given = CIMultiDict(headers)
        given.update(dict(request.headers))
        asked = Asked(request.method, url.path, query, given, request.body or b"", now, *told)
        answer = self.system.answer(asked, route)
        if not request.repeatable and answer.status < HTTP_REFUSED:
            self.worked.update({int(row) for row in _MARK.findall((request.body or b"").decode())})
        found = {name.lower(): value for name, value in answer.headers}
        return Response(answer.status, {"content-type": answer.content_type, **found}, answer.body)


@dataclass
class Network:
    """Everything on the wire of a life.

    Attributes:
        chance: What draws faults and delays.
        weather: How bad it is.
        unix: What clocks show at second 0 of the life.
        run: The number of the process that is alive.
        dead: Whether it is gone: then nothing goes out any more.
        problems: What was seen that must never happen.
    """

    chance: random.Random
    weather: Weather
    unix: float
    run: int = 0
    dead: bool = False
    end: tuple[int, str] = (0, "")
    """At which request of this run the process is gone, and how far that has come; 0: at none."""
    sent: int = 0
    """Requests of this run so far."""
    problems: list[str] = field(default_factory=list)
    say: Callable[[str], None] = lambda _what: None
    wires: dict[tuple[str, str], Wire] = field(default_factory=dict)
    in_order: bool = False
    """Whether records of one key come several times, and must be sent in source order."""

    def sender(self, wire: Wire, headers: Mapping[str, str]) -> "Sender":
        """Return what sends to a surface."""
        return Sender(self, wire, headers)

    def passes(self, number: int, moment: str) -> None:
        """Pull the plug if a request that has come so far is where the process ends."""
        if self.end == (number, moment):
            raise Crash

    def complain(self, what: str) -> None:
        """Take note of something that must never happen."""
        if what not in self.problems:
            self.problems.append(what)

    def check_rates(self) -> Iterable[str]:
        """Say where a declared rate was exceeded, in any window, over all runs."""
        for wire in self.wires.values():
            if wire.rate is None:
                continue
            times = [one.at for one in wire.seen]
            limit, period = round(wire.rate.limit), wire.rate.period
            for first, last in zip(times, times[limit:], strict=False):
                if last - first < period - EPSILON:
                    yield f"{wire.name}: {limit + 1} requests within {last - first:.3f} s at {wire.rate}"
                    break


class Sender:
    """Sends in the stead of the transport, through weather."""

    def __init__(self, network: Network, wire: Wire, headers: Mapping[str, str]) -> None:
        self._network = network
        self._wire = wire
        self._headers = CIMultiDict(headers)

    async def send(self, request: Request, on_sent: Callable[[], None] | None = None) -> Response | Lost:
        """Send it at most once."""
        network, chance = self._network, self._network.chance
        if network.dead:
            await asyncio.Event().wait()
        wait = self._wire.blocked_until - asyncio.get_running_loop().time()
        if wait > EPSILON:
            network.complain(
                f"{self._wire.name}: a request began {wait:.3f} s before the server's Retry-After"
            )
        fault = network.weather.strike(chance)
        network.say(f"{self._wire.name}: {request.method} {request.path} {fault or ''}")
        if fault is Fault.LATE_WORK and request.method != "GET" and network.in_order:
            fault = Fault.LOST_ANSWER  # nobody can undo what a later record of the same key did meanwhile
        if fault is Fault.DUPLICATE and not request.repeatable:
            fault = None
        if fault is Fault.NO_CONNECTION:
            await asyncio.sleep(chance.choice((0.0, 0.01, 3.0)))
            return Lost("connection", "no connection", processed=False)
        await asyncio.sleep(chance.choice((0.0, 0.0, 0.001)))
        seen = self._goes_out(request)
        if on_sent is not None:
            on_sent()
        network.sent += 1
        number = network.sent
        network.passes(number, "sent")
        try:
            reply = await self._travels(request, fault, number)
            network.passes(number, "answered")
            return reply
        finally:
            self._wire.in_flight.subtract(seen.keys if request.method != "GET" else ())

    def _goes_out(self, request: Request) -> Seen:
        """Take note of what goes out, and look whether it may."""
        network, wire = self._network, self._wire
        loop = asyncio.get_running_loop()
        text = unquote(request.path) + (request.body or b"").decode()
        seen = Seen(
            loop.time(),
            network.run,
            request.surface,
            request.method,
            request.path,
            request.repeatable,
            tuple(sorted({int(row) for row in _MARK.findall(text)})),
            tuple(sorted(set(_KEY.findall(text)))),
        )
        wire.seen.append(seen)
        if request.method != "GET":
            self._check(seen)
        return seen

    def _check(self, seen: Seen) -> None:
        network, wire = self._network, self._wire
        twice = [key for key in seen.keys if wire.in_flight[key] > 0]
        if twice:
            network.complain(f"{wire.name}: two requests of {twice[0]} in flight together")
        wire.in_flight.update(seen.keys)
        again = wire.closed_rows.intersection(seen.rows)
        if again:
            network.complain(
                f"{wire.name}: row {min(again)} was settled, and was sent again by run {seen.run}"
            )

    async def _travels(self, request: Request, fault: Fault | None, number: int) -> Response | Lost:
        network, chance, loop = self._network, self._network.chance, asyncio.get_running_loop()
        there, back = chance.choice((0.0, 0.005, 0.05)), chance.choice((0.0, 0.005, 0.05, 0.4))
        await asyncio.sleep(there)
        if fault in BEFORE_WORK:
            return await self._refused(fault, back)
        if fault is Fault.LATE_WORK:
            later = network.unix + loop.time() + TIMEOUT + chance.uniform(0.0, 2.0)
            self._wire.late.append((later, request, self._headers))
            await asyncio.sleep(TIMEOUT)
            return Lost("timeout", f"no answer within {TIMEOUT:g} s")
        answer = self._works(request)
        network.passes(number, "worked")
        if fault is Fault.DUPLICATE:
            answer = self._works(request)
        await asyncio.sleep(back if fault is not Fault.DELAY else chance.uniform(1.0, TIMEOUT - 1))
        return self._arrives(answer, fault)

    async def _refused(self, fault: Fault, back: float) -> Response | Lost:
        network, wire, loop = self._network, self._wire, asyncio.get_running_loop()
        chance = network.chance
        if fault is Fault.LOST_REQUEST:
            if chance.random() < 0.5:
                return Lost("connection", "the connection was lost before the answer came")
            await asyncio.sleep(TIMEOUT)
            return Lost("timeout", f"no answer within {TIMEOUT:g} s")
        if fault is Fault.ERROR_BEFORE:
            await asyncio.sleep(back)
            return Response(chance.choice((500, 502, 503, 504)), {}, b"oops")
        assert fault in THROTTLES
        refusal = throttled(fault, chance, network.unix + loop.time())
        until = loop.time() + refusal.seconds
        await asyncio.sleep(back)
        wire.blocked_until = max(wire.blocked_until, until if refusal.seconds else 0.0)
        network.say(f"{wire.name}: refused, until {wire.blocked_until:.3f} {refusal.response.headers}")
        return refusal.response

    def _arrives(self, answer: Response, fault: Fault | None) -> Response | Lost:
        chance = self._network.chance
        if fault is Fault.LOST_ANSWER:
            return Lost("connection", "the connection was lost before the answer came")
        if fault is Fault.ERROR_AFTER:
            return Response(chance.choice((500, 502, 504)), {}, b"oops")
        if fault is Fault.HALF_ANSWER or fault in ANSWERED_AMISS:
            reply: Reply = amiss(fault, answer, chance)
            return reply
        return answer

    def _works(self, request: Request) -> Response:
        now = self._network.unix + asyncio.get_running_loop().time()
        return self._wire.works(request, self._headers, now)


def opener(
    network: Network, wire: Wire, headers: Mapping[str, str]
) -> Callable[[], AbstractAsyncContextManager[Sender]]:
    """Return what opens the connections to a surface."""

    @asynccontextmanager
    async def open_sender() -> AsyncIterator[Sender]:
        yield network.sender(wire, headers)

    return open_sender
