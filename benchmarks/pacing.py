"""How much of a server's limit is used, how much is refused, and how long so many records take at a limit.

A server in a process of its own keeps the limit; what is told is what it saw.
"""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from typing import get_args
from urllib.request import urlopen

from place import Place
from table import Row

from bulk.conversation import Request, Response
from bulk.pacing import Pacer, Rate, parse_rate
from bulk.retry import retry_after, server_time
from bulk.sandbox import SandboxOptions
from bulk.sandbox.launcher import running_sandbox
from bulk.sandbox.server import LimitHeaders
from bulk.sandbox.window import Kind
from bulk.transport import Endpoint, Transport

CLIENTS = 16
BACK_OFF = 0.5
SETTLED_WITHIN = 0.10
SETTLING = 10.0
"""Seconds after which it is judged, unless a rate that has to be found settles later."""
TOO_MANY = 429
ASKED = Request("GET", "/tags")
NOTHING = "none"
LIMITS = ("10/s", "100/s", "1000/s", "300/min")
MINUTE = "300/min"
"""Undeclared, windows so long are found in a short time only where headers tell of them."""
SLOW = 100.0
"""Requests per second up to which cases leave room for others beside them."""
AT_ONCE = 4


@dataclass(frozen=True)
class Case:
    """One server, and how it is used.

    Attributes:
        limiter: How the server keeps its limit.
        rate: The limit.
        declared: Whether the pacer was told.
        headers: What answers say of it; refusals say when to come back only where they do not.
        reserve: Share left to somebody else, who uses nearly all of it, unpaced.
    """

    limiter: Kind
    rate: str
    declared: bool = False
    headers: LimitHeaders = "none"
    reserve: float = 0.0

    @property
    def limit(self) -> Rate:
        """The limit as numbers."""
        return parse_rate(self.rate)

    @property
    def period(self) -> float | None:
        """What a system would say of its budget."""
        return self.limit.period if self.headers == "kustomer" else None

    def lasts(self, seconds: float) -> float:
        """Return how long it is used: longer than its window."""
        return max(seconds, 1.25 * self.limit.period) if seconds > SETTLING else seconds


@dataclass
class Seen:
    """What came back, in order: when, and whether it was refused."""

    times: list[float]
    refused: list[bool]

    @classmethod
    def nothing(cls) -> "Seen":
        """Return what there is before the first answer."""
        return cls([], [])

    def note(self, start: float, *, refused: bool) -> None:
        """Add an answer."""
        self.times.append(time.monotonic() - start)
        self.refused.append(refused)

    def accepted(self, start: float, end: float) -> int:
        """Return how many were accepted in that time."""
        return sum(start <= at < end and not no for at, no in zip(self.times, self.refused, strict=True))


def cases(*, quick: bool) -> Iterator[Case]:
    """Return every limiter with every limit, declared and not, what headers tell, and shared budgets."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    for limiter in kinds[:1] if quick else kinds:
        for rate in LIMITS[1:2] if quick else LIMITS:
            yield Case(limiter, rate, declared=True)
            yield Case(limiter, rate, headers="kustomer" if rate == MINUTE else "none")
        if not quick:
            yield Case(limiter, "100/s", headers="always")
            yield Case(limiter, "100/s", headers="always", reserve=0.3)
            yield Case(limiter, MINUTE, headers="kustomer", reserve=0.3)


async def paced(case: Case, transport: Transport, seconds: float, start: float) -> Seen:
    """Send as fast as the pacer lets us."""
    rate = case.limit if case.declared else None
    pacer = Pacer(rate, CLIENTS, case.reserve, period=case.period)
    seen = Seen.nothing()

    async def client() -> None:
        while True:
            async with pacer.slot() as slot:
                reply = await transport.send(ASKED, slot.mark_sent)
            if not isinstance(reply, Response):
                raise SystemExit(reply.message)
            refused, unix = reply.status == TOO_MANY, time.time()
            seen.note(start, refused=refused)
            asked = retry_after(reply.headers, unix, reply.status) if refused else None
            moment = server_time(reply.headers, unix)
            pacer.observe(slot, reply.headers, moment, refused=refused, asked=asked)
            if refused:
                await asyncio.sleep(BACK_OFF)

    sending = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    done, waiting = await asyncio.wait(sending, timeout=seconds)
    for task in waiting:  # whoever still waits for a turn has nothing to tell
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for task in done:
        task.result()
    return seen


async def other(case: Case, transport: Transport, seconds: float, start: float) -> Seen:
    """Use nearly the share that is left to others, by a clock of its own."""
    seen, spacing = Seen.nothing(), 1.0 / (0.9 * case.reserve * case.limit.per_second)
    for number in range(int(seconds / spacing)):
        await asyncio.sleep(max(0.0, start + number * spacing - time.monotonic()))
        reply = await transport.send(ASKED)
        seen.note(start, refused=isinstance(reply, Response) and reply.status == TOO_MANY)
    return seen


async def both(case: Case, url: str, token: str, seconds: float) -> tuple[Seen, Seen]:
    """Return what the paced client saw, and what the other user of the budget saw, if there is one."""
    headers, start = {"Authentication": f"AccessToken: {token}"}, time.monotonic()
    async with Transport(Endpoint(url, headers)) as ours, Transport(Endpoint(url, headers)) as theirs:
        user = other(case, theirs, seconds, start) if case.reserve else _nobody()
        mine, others = await asyncio.gather(paced(case, ours, seconds, start), user)
    return mine, others


async def _nobody() -> Seen:
    return Seen.nothing()


def settled_at(case: Case, seen: Seen, seconds: float) -> float | None:
    """Return the second from which on the next three took what is allowed, but for a tenth."""
    aim = 3 * case.limit.per_second * (1 - case.reserve) * (1 - SETTLED_WITHIN)
    return next((at for at in range(int(seconds) - 2) if seen.accepted(at, at + 3) >= aim), None)


def measure(case: Case, asked: float) -> Row:
    """Run one case against a server of its own."""
    options = SandboxOptions(
        rate=case.rate, limiter=case.limiter, limit_headers=case.headers, retry_after=case.headers == NOTHING
    )
    seconds = case.lasts(asked)
    with running_sandbox(options) as urls:
        mine, others = asyncio.run(both(case, urls["customerly"], options.token, seconds))
        with urlopen(f"{urls['control']}/stats") as answer:
            refused = json.load(answer)["customerly"]["refused"]
    settled = None if case.declared else settled_at(case, mine, seconds)
    judged = max(min(SETTLING, seconds / 2), min(settled or 0, seconds / 2))
    allowed = (seconds - judged) * case.limit.per_second * (1 - case.reserve)
    late = [no for at, no in zip(mine.times, mine.refused, strict=True) if at >= judged]
    return {
        "server": case.limiter,
        "limit": case.rate,
        "declared": "yes" if case.declared else "no",
        "headers": case.headers,
        "reserve": f"{case.reserve:.0%}",
        "share used": f"{mine.accepted(judged, seconds) / allowed:.1%}",
        "refused": f"{sum(late) / max(1, len(late)):.2%}",
        "refused in all": f"{refused / (len(mine.times) + len(others.times)):.2%}",
        "settled at s": settled,
        "other refused": sum(others.refused) if case.reserve else None,
    }


def limits(place: Place) -> Iterator[Row]:
    """Run the slow cases several at a time, those that need the processor one by one."""
    every = list(cases(quick=place.quick))
    slow = [case for case in every if case.limit.per_second <= SLOW]
    rows = dict(zip(slow, _side_by_side(slow, place.seconds), strict=True))
    for case in every:
        yield rows[case] if case in rows else measure(case, place.seconds)


def _side_by_side(some: Iterable[Case], seconds: float) -> list[Row]:
    with ProcessPoolExecutor(AT_ONCE, get_context("spawn")) as processes:
        return list(processes.map(measure, some, repeat(seconds)))
