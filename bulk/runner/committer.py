"""Commits outcomes to the ledger in groups, a few milliseconds after they are known."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bulk.ledger import Entry, Intent, Ledger, Memory, Person

GATHER = 0.02
"""Seconds a group waits for company: with the commit itself well under the promised 50 ms."""
FULL = 20_000
"""Entries waiting at which those who settle more have to wait as well."""

T = TypeVar("T")


class Work(Protocol):
    """Runs blocking work somewhere and waits for it: a thread in production, inline in a simulation."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """Run ``function`` and return what it returns."""


@dataclass(slots=True)
class _Group:
    entries: list[Entry] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.entries or self.intents or self.waiters)


class Committer:
    """The only writer of a run's outcomes."""

    def __init__(self, ledger: Ledger, work: Work) -> None:
        self._ledger = ledger
        self._work = work
        self._group = _Group()
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()
        self._closing = False

    def settle(self, entry: Entry) -> None:
        """Take an outcome; it is durable at most 50 ms later."""
        self._group.entries.append(entry)
        self._something.set()

    async def room(self) -> None:
        """Wait while too many outcomes are waiting."""
        if len(self._group.entries) > FULL:
            await self._committed()

    async def intend(self, intents: list[Intent]) -> None:
        """Return once it is durable that these requests may be sent."""
        self._group.intents += intents
        await self._committed()

    def withdraw(self, intents: list[Intent]) -> None:
        """Take note that these requests were certainly not processed."""
        self._group.intents += intents
        self._something.set()

    async def remember(self, memory: Memory) -> None:
        """Return once ``memory`` is durable."""
        self._group.memories.append(memory)
        await self._committed()

    async def recognise(self, people: list[Person]) -> None:
        """Return once it is durable who was found."""
        self._group.people += people
        await self._committed()

    async def flush(self) -> None:
        """Return once everything taken so far is durable."""
        await self._committed()

    async def _committed(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._group.waiters.append(waiter)
        self._something.set()
        self._urgent.set()
        await waiter

    def close(self) -> None:
        """Let ``run`` end once everything is committed."""
        self._closing = True
        self._something.set()
        self._urgent.set()

    async def run(self) -> None:
        """Commit groups until closed."""
        while True:
            await self._something.wait()
            await self._gather()
            if self._group:
                await self._commit()
            elif self._closing:
                return

    async def _gather(self) -> None:
        try:
            async with asyncio.timeout(GATHER):
                await self._urgent.wait()
        except TimeoutError:
            pass

    async def _commit(self) -> None:
        group, self._group = self._group, _Group()
        if not self._closing:
            self._something.clear()
            self._urgent.clear()
        await self._work(
            lambda: self._ledger.commit(group.entries, group.intents, group.memories, group.people)
        )
        for waiter in group.waiters:
            if not waiter.done():
                waiter.set_result(None)
