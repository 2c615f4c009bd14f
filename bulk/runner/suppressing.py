"""The suppression lists, or the holds, of a run: read again when they change."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bulk.conversation import Batch, Status, Verdict
from bulk.errors import SourceError, StoppedError
from bulk.plan.suppression import Index, Listed, standing
from bulk.runner.committer import Work
from bulk.runner.lists import ListFile, State

EVERY = 0.5
"""Seconds between two looks at the files."""
PATIENCE = 10.0
"""Seconds that whoever writes a list has until it can be read again; nothing is sent meanwhile."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The suppression lists of a job, or its holds, as they were when it was made ready.

    Attributes:
        reason: Why whoever stands in them is skipped, as a code.
        files: How they are read.
        states: What their files were like before they were read.
        lists: Who stood in them.
    """

    reason: str
    files: tuple[ListFile, ...] = ()
    states: tuple[State, ...] = ()
    lists: tuple[Listed, ...] = ()


@dataclass(slots=True)
class Suppressing:
    """The lists as they are now; shared by all destinations of a run."""

    given: Lists
    work: Work
    sleep: Callable[[float], Awaitable[None]]
    note: Callable[..., None]
    told: bool = False
    """Whether the pre-pass of this run has told the rows that stood in the lists when it began."""
    _lists: list[Listed] = field(init=False)
    _states: list[State] = field(init=False)
    version: int = field(init=False, default=0)
    _next_look: float = field(init=False, default=0.0)
    _looking: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._lists, self._states = list(self.given.lists), list(self.given.states)

    @property
    def reading(self) -> bool:
        """Whether a list that has changed is being read again, and everybody waits for it."""
        return self._looking.locked()

    async def standing(self, batch: Batch) -> Index | None:
        """Tell the list in which each record of a batch stands now, or -1; None if nothing is new.

        Raises:
            StoppedError: A list has changed and can no longer be read.
        """
        if not self._lists:
            return None
        await self._look()
        if self.told and not self.version:
            return None
        return standing(self._lists, batch.records.frame[batch.start : batch.stop])[0]

    def outdated(self, version: int) -> bool:
        """Tell whether a list has changed since a version; the files are looked at now and then."""
        now = asyncio.get_running_loop().time()
        if self.version != version or self._looking.locked():
            return True
        if now < self._next_look or not self._lists:
            return False
        try:
            changed = [file.state() for file in self.given.files] != self._states
        except SourceError:
            changed = True
        if not changed:
            self._next_look = now + EVERY
        return changed

    def verdict(self, number: int) -> Verdict:
        """Return what becomes of whoever stands in a list."""
        said = self._lists[number].said
        return Verdict(Status.SKIPPED, self.given.reason, error_message=said, ours=True)

    async def naming(self, identifiers: Sequence[str]) -> Verdict | None:
        """Tell what becomes of somebody of these identifiers, whichever field they would stand in.

        Raises:
            StoppedError: A list has changed and can no longer be read.
        """
        await self._look()
        found = (number for number, one in enumerate(self._lists) if one.names(identifiers))
        return next((self.verdict(number) for number in found), None)

    async def _look(self) -> None:
        """Read lists again whose files have changed; everybody waits for that."""
        now = asyncio.get_running_loop().time
        if now() < self._next_look and not self._looking.locked():
            return
        async with self._looking:
            if now() < self._next_look:
                return
            for number, file in enumerate(self.given.files):
                await self._refresh(number, file)
            self._next_look = now() + EVERY

    async def _refresh(self, number: int, file: ListFile) -> None:
        """Read a list again if it has changed; a file that is just being written is given some time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while True:
            try:
                if (state := file.state()) == self._states[number]:
                    return
                read = await self.work(file.read)
                break
            except SourceError as error:
                if loop.time() > deadline:
                    raise StoppedError(f"{file.place}: {error}; run again to continue") from None
            await self.sleep(EVERY)
        self._lists[number] = read.after(self._lists[number])
        self._states[number] = state
        self.version += 1
        self.note("list_read_again", list=read.name, entries=int(read.members.size))
