"""Batches: always the same ones from the same records."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import Batch, Records, halves
from bulk.plan.keys import key_hashes

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]


class Packer:
    """Cuts the records a step sends into batches: always the same ones from the same records."""

    def __init__(self, size: int, *, keys_repeat: bool) -> None:
        self._size = size
        self._keys_repeat = keys_repeat
        self._left: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame) -> Iterator[Batch]:
        """Take the next records (ROW, KEY, RECORD, …); yield the batches that are complete."""
        together = frame if self._left is None else pl.concat([self._left, frame], rechunk=True)
        records = Records(together)
        ends = self._ends(together)
        start = 0
        for stop in ends[:-1]:
            yield Batch(records, start, stop)
            start = stop
        self._left = together[start:]

    def end(self) -> Iterator[Batch]:
        """Yield what is left."""
        if self._left is not None and self._left.height:
            records = Records(self._left)
            start = 0
            for stop in self._ends(self._left):
                yield Batch(records, start, stop)
                start = stop
        self._left = None

    def _ends(self, frame: pl.DataFrame) -> list[int]:
        """Return where batches end; the last may be incomplete."""
        count = frame.height
        if not self._keys_repeat:
            return [*range(self._size, count, self._size), count]
        earlier = _earlier_occurrence(frame)
        ends: list[int] = []
        start = 0
        while start < count:
            window = earlier[start : start + self._size] >= start
            start += int(np.argmax(window)) if window.any() else min(self._size, count - start)
            ends.append(start)
        return ends or [0]


def _earlier_occurrence(frame: pl.DataFrame) -> Index:
    """Return per record the position of the record before it with the same key, or -1."""
    hashes = key_hashes(frame)
    order = np.argsort(hashes, kind="stable")
    same = hashes[order[1:]] == hashes[order[:-1]]
    earlier = np.full(frame.height, -1, dtype=np.int64)
    earlier[order[1:][same]] = order[:-1][same]
    return earlier


def wanted_parts(batch: Batch, wanted: Mask) -> Iterator[Batch]:
    """Yield the largest parts of a batch, along its tree of halves, that are wanted in full."""
    if wanted.all():
        yield batch
    elif wanted.any():
        first, second = halves(batch)
        yield from wanted_parts(first, wanted[: len(first)])
        yield from wanted_parts(second, wanted[len(first) :])
