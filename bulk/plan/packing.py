"""Batches: always the same ones from the same records."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import RECORD, ROW, Batch, Records, halves
from bulk.plan.keys import key_hashes, shared

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

WINDOW = 10_000
"""Records that are put in order of their groups together."""
STRETCH = 100
"""Batches whose records are packed apart from those around them, where keys or bytes end batches."""
_GROUP = "group"


class Packer:
    """Cuts the records a step sends into batches: always the same ones from the same records.

    A batch ends when it holds ``size`` records, before its records and the commas between them would be
    longer than ``max_bytes`` (a record that alone is longer stands alone), and before a key it holds
    already. Where one of the latter two matters, it ends after each stretch of records, too, counted from the
    first: so batches can be found without the records of other stretches. With ``group``, text over the frame
    of records, a batch holds records of one group only: within each window of so many records, counted alike,
    records are put in another order, in which those of one key keep theirs.
    """

    def __init__(
        self,
        size: int,
        *,
        keys_repeat: bool,
        max_bytes: int | None = None,
        group: pl.Expr | None = None,
    ) -> None:
        self._size = size
        self._keys_repeat = keys_repeat and size > 1
        self._max_bytes = max_bytes if size > 1 else None
        self._group = group
        self._by_count = not self._keys_repeat and self._max_bytes is None
        self._together = size if self._by_count else size * STRETCH
        if group is not None:
            self._together = WINDOW
        self._left: pl.DataFrame | None = None
        self._given = 0

    def needed(self, sendable: Mask, wanted: Mask, apart: int = 0) -> Mask:
        """Return which records have to be packed, so that those wanted stand in the same batches as ever.

        Args:
            sendable: By row, whether there is a record of it.
            wanted: By row, whether its batch is wanted.
            apart: So many records at the beginning are packed apart from the others, and always wanted.
        """
        wanted = sendable & wanted
        if not wanted.any():
            return wanted
        if np.count_nonzero(wanted) == np.count_nonzero(sendable):
            return sendable
        numbers = np.cumsum(sendable, dtype=np.int32)  # of records, from 1; then of those packed together
        numbers += self._together - apart - 1
        numbers //= self._together
        np.maximum(numbers, 0, out=numbers)
        hit = np.zeros(int(numbers[-1]) + 1, dtype=np.bool_)
        hit[numbers[wanted]] = True
        hit[0] = True
        return sendable & hit[numbers]

    def add(self, frame: pl.DataFrame) -> Iterator[Batch]:
        """Take the next records (ROW, KEY, RECORD, …); yield the batches that are complete."""
        together = frame if self._left is None else pl.concat([self._left, frame], rechunk=True)
        if self._group is not None:
            whole = together.height // self._together * self._together
            self._left = together[whole:]
            for window in together[:whole].iter_slices(self._together):
                yield from _cut(*self._regrouped(window, self._group))
            return
        ends = self._ends(together, self._given)
        given = ends[-2] if len(ends) > 1 else 0
        self._left = together[given:]
        self._given += given
        yield from _cut(together, ends[:-1])

    def end(self) -> Iterator[Batch]:
        """Yield what is left."""
        (left, self._left), (given, self._given) = (self._left, None), (self._given, 0)
        if left is None or left.is_empty():
            return
        if self._group is not None:
            yield from _cut(*self._regrouped(left, self._group))
        else:
            yield from _cut(left, self._ends(left, given))

    def _regrouped(self, window: pl.DataFrame, group: pl.Expr) -> tuple[pl.DataFrame, list[int]]:
        """Sort a window by group, beginning with the first record of each key, then the second of each."""
        groups = window.select(ROW, group.rank("dense").fill_null(0).alias(_GROUP))[_GROUP].to_numpy()
        levels = _occurrences(key_hashes(window))
        order = np.lexsort((groups, levels))
        apart = (np.diff(groups[order]) != 0) | (np.diff(levels[order]) != 0)
        edges = np.append(np.flatnonzero(apart) + 1, window.height)
        furthest = edges[np.searchsorted(edges, np.arange(window.height), side="right")]
        ordered = window[order]
        return ordered, self._greedy(np.minimum(furthest, self._furthest_by_bytes(ordered)))

    def _ends(self, frame: pl.DataFrame, given: int) -> list[int]:
        """Return where batches end after so many records in others; the last may be incomplete."""
        count = frame.height
        if self._by_count:
            return [*range(self._size, count, self._size), count]
        furthest = np.minimum(self._furthest_by_bytes(frame), self._stretch_ends(given, count))
        if self._keys_repeat:
            furthest = np.minimum(furthest, _next_repeat(frame))
        return self._greedy(furthest) or [0]

    def _stretch_ends(self, given: int, count: int) -> Index:
        """Return for each of ``count`` records after those ``given`` where its stretch ends among them."""
        numbers = np.arange(given, given + count, dtype=np.int64)
        return (numbers // self._together + 1) * self._together - given

    def _furthest_by_bytes(self, frame: pl.DataFrame) -> Index:
        """Return for each record where a batch that begins with it must end at the latest."""
        count = frame.height
        if self._max_bytes is None:
            return np.full(count, count, dtype=np.int64)
        lengths = frame[RECORD].str.len_bytes().to_numpy().astype(np.int64) + 1  # with a comma each
        total = np.concatenate(([0], np.cumsum(lengths)))
        fitting = np.searchsorted(total, total[:-1] + self._max_bytes + 1, side="right") - 1
        return np.maximum(fitting, np.arange(1, count + 1))

    def _greedy(self, furthest: Index) -> list[int]:
        """Return where batches end, each as long as it may be."""
        limits = furthest.tolist()
        ends: list[int] = []
        start = 0
        while start < len(limits):
            start = min(start + self._size, limits[start])
            ends.append(start)
        return ends


def _cut(frame: pl.DataFrame, ends: Sequence[int]) -> Iterator[Batch]:
    """Yield the batches that end at these places."""
    records = Records(frame)
    for start, stop in pairwise((0, *ends)):
        yield Batch(records, start, stop)


def _earlier_occurrence(hashes: Hashes) -> Index:
    """Return per record the position of the record before it with the same key, or -1."""
    order = np.argsort(hashes, kind="stable")
    same = hashes[order[1:]] == hashes[order[:-1]]
    earlier = np.full(hashes.size, -1, dtype=np.int64)
    earlier[order[1:][same]] = order[:-1][same]
    return earlier


def _next_repeat(frame: pl.DataFrame) -> Index:
    """Return for each record where a batch that begins with it comes to a key it holds already."""
    hashes = key_hashes(frame)
    if not shared(hashes).any():
        return np.full(hashes.size, hashes.size, dtype=np.int64)
    earlier = _earlier_occurrence(hashes)
    repeats = np.full(earlier.size + 1, earlier.size, dtype=np.int64)
    again = np.flatnonzero(earlier >= 0)
    np.minimum.at(repeats, earlier[again], again)
    return np.minimum.accumulate(repeats[::-1])[::-1][:-1]


def _occurrences(hashes: Hashes) -> Index:
    """Return for each record how many before it have the same key."""
    order = np.argsort(hashes, kind="stable")
    grouped = hashes[order]
    first = np.concatenate(([True], grouped[1:] != grouped[:-1]))
    starts = np.flatnonzero(first)
    counted = np.empty(hashes.size, dtype=np.int64)
    counted[order] = np.arange(hashes.size) - starts[np.cumsum(first) - 1]
    return counted


def without(batch: Batch, left_out: Mask) -> Batch:
    """Return a batch of the other records: those left out were never to share a request with them."""
    frame = batch.records.frame[batch.start : batch.stop].filter(pl.Series(~left_out))
    return replace(batch, records=Records(frame), start=0, stop=frame.height)


def wanted_parts(batch: Batch, wanted: Mask) -> Iterator[Batch]:
    """Yield the largest parts of a batch, along its tree of halves, that are wanted in full."""
    if not wanted.any():
        return
    if wanted.all():
        yield batch
    else:
        first, second = halves(batch)
        yield from wanted_parts(first, wanted[: len(first)])
        yield from wanted_parts(second, wanted[len(first) :])
