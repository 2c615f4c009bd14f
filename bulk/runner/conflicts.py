"""Keeps two requests for one key from being in flight together."""

import asyncio

import numpy as np
import numpy.typing as npt

from bulk.conversation import Batch
from bulk.plan.keys import key_hashes

Hashes = npt.NDArray[np.uint64]


class Conflicts:
    """The keys of the batches that are under way, for steps in which keys repeat."""

    def __init__(self) -> None:
        self._held: dict[int, Hashes] = {}
        self._released = asyncio.Event()

    async def hold(self, batch: Batch) -> int:
        """Wait until no batch under way shares a key with this one, then hold its keys; return a ticket."""
        hashes = key_hashes(batch.records.frame[batch.start : batch.stop])
        while self._held and np.isin(hashes, np.concatenate(list(self._held.values()))).any():
            self._released.clear()
            await self._released.wait()
        ticket = id(hashes)
        self._held[ticket] = hashes
        return ticket

    def release(self, ticket: int) -> None:
        """Give the keys of a settled batch free."""
        del self._held[ticket]
        self._released.set()
