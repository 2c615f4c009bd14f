"""Writes down together what arrived together, so that many deliveries wait for one write to the disk."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bulk.webhooks.judging import Count
from bulk.webhooks.people import Unsubscribed

Append = Callable[[list[Unsubscribed]], Awaitable[int]]
"""Carries out ``SuppressionFile.append`` where it holds nobody up."""
Prove = Callable[[], Awaitable[None]]
"""Carries out ``SuppressionFile.prove_room`` there."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Who is to be written down, and what becomes of it."""

    people: Sequence[Unsubscribed]
    done: asyncio.Future[None]


class NotWrittenError(Exception):
    """Somebody could not be written down; the vendor has to send again."""


class Committer:
    """One writer; while it waits for the disk, the next group gathers.

    Attributes:
        healthy: Whether what was last to be written was written; who was known already proves nothing.
    """

    def __init__(self, append: Append, prove: Prove) -> None:
        self.healthy = True
        self._append = append
        self._prove = prove
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._ended = False
        self._counts: Counter[Count] = Counter()

    async def record(self, people: Sequence[Unsubscribed]) -> None:
        """Return once everybody is in the file and on disk.

        Raises:
            NotWrittenError: They are not.
        """
        if self._ended:
            raise NotWrittenError
        waiting = _Waiting(people, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake.set()
        await waiting.done

    async def check(self) -> bool:
        """Tell whether the file can be written; if it could not, that is tried anew."""
        if not self.healthy:
            with suppress(NotWrittenError):
                await self.record(())
        return self.healthy

    async def run(self) -> None:
        """Write group after group, until cancelled.

        Raises:
            BulkError: The file cannot be used any more; whoever waited was told that they are not recorded.
        """
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                group, self._waiting = self._waiting, []
                await self._commit(group)
        finally:
            self._ended = True
            _settle(self._waiting, written=False)

    def take_counts(self) -> Counter[Count]:
        """Return how many were recorded, or known already, since this was last called."""
        taken, self._counts = self._counts, Counter()
        return taken

    async def _commit(self, group: list[_Waiting]) -> None:
        people = [person for waiting in group for person in waiting.people]
        written = room = False
        try:
            new = await self._append(people)
            written = True
            self._counts.update({Count.RECORDED: new, Count.KNOWN: len(people) - new})
            if not (new or self.healthy):
                await self._prove()
            room = True
        except OSError:
            pass  # the file is as it was; perhaps there is room on the disk the next time
        finally:
            self.healthy = room
            _settle(group, written=written)


def _settle(group: list[_Waiting], *, written: bool) -> None:
    for waiting in group:
        if waiting.done.done():  # nobody waits any more
            continue
        if written:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(NotWrittenError())
