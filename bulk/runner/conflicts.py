"""Keeps two requests for one key from being in flight together."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bulk.conversation import Batch, Records
from bulk.plan.keys import key_hashes, shared

Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class _Chunk:
    """Records of which some are under way: their keys, which of these are there twice, and the batches."""

    records: Records
    hashes: Hashes
    shared: Mask
    held: dict[int, Batch] = field(default_factory=dict)

    def keys(self, batch: Batch) -> set[int]:
        """Return the keys of a batch that other records have as well."""
        part = slice(batch.start, batch.stop)
        return set(self.hashes[part][self.shared[part]].tolist())


class Conflicts:
    """The keys of the batches that are under way, for steps in which keys repeat.

    Which keys repeat is looked up for all records of a chunk at once, and again when another chunk comes
    while some of its records are still under way; a batch without such a key has nobody to wait for.
    """

    def __init__(self) -> None:
        self._chunks: dict[int, _Chunk] = {}
        self._busy: set[int] = set()
        self._tickets = 0
        self._holders: dict[int, _Chunk] = {}
        self._released = asyncio.Event()

    async def hold(self, batch: Batch) -> int:
        """Wait until no batch under way shares a key with this one, then hold its keys; return a ticket."""
        chunk = self._chunks.get(id(batch.records)) or self._enter(batch.records)
        while not self._busy.isdisjoint(keys := chunk.keys(batch)):
            self._released.clear()
            await self._released.wait()
        self._busy |= keys
        self._tickets += 1
        chunk.held[self._tickets] = batch
        self._holders[self._tickets] = chunk
        return self._tickets

    def release(self, ticket: int) -> None:
        """Give the keys of a settled batch free."""
        chunk = self._holders.pop(ticket)
        self._busy -= chunk.keys(chunk.held.pop(ticket))
        self._released.set()

    def _enter(self, records: Records) -> _Chunk:
        """Take note of further records; those before them that are settled no longer count."""
        chunks = [chunk for chunk in self._chunks.values() if chunk.held]
        hashes = key_hashes(records.frame)
        chunks.append(_Chunk(records, hashes, np.zeros(hashes.size, dtype=np.bool_)))
        self._chunks = {id(chunk.records): chunk for chunk in chunks}
        several = shared(np.concatenate([chunk.hashes for chunk in chunks]))
        ends = np.cumsum([chunk.hashes.size for chunk in chunks])
        for chunk, part in zip(chunks, np.split(several, ends[:-1]), strict=True):
            chunk.shared = part
        self._busy = {key for chunk in chunks for batch in chunk.held.values() for key in chunk.keys(batch)}
        return chunks[-1]
