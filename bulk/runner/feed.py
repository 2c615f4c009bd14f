"""A step's batches, read from the source a chunk at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from bulk.conversation import ROW, Batch
from bulk.errors import SourceError
from bulk.ledger.board import Mask
from bulk.plan.packing import Packer
from bulk.source import Chunk


class Rows(Protocol):
    """Rows, numbered and in order; the same ones however often they are read."""

    def chunks(self, needed: Mask | None = None) -> Iterator[Chunk]:
        """Yield them in chunks; those without rows that are needed (by row) may be left out."""

    def changed(self) -> bool:
        """Tell whether they are no longer what they were."""


@dataclass(frozen=True, slots=True)
class Left:
    """Rows of people who have left the source: their keys alone."""

    frames: Sequence[pl.DataFrame]

    def chunks(self, needed: Mask | None = None) -> Iterator[Chunk]:
        """Yield them in chunks; those without rows that are needed (by row) may be left out."""
        for frame in self.frames:
            if needed is None or needed[frame[ROW].to_numpy() - 1].any():
                yield Chunk(frame, frame.clear())

    def changed(self) -> bool:
        """They stand in the ledger and stay what they are."""
        return False


class Encode(Protocol):
    """Turns source rows that are to be sent into records."""

    def __call__(self, frame: pl.DataFrame, /) -> pl.DataFrame:
        """Return ROW, KEY, RECORD and the fields the operation keeps."""


def check_unchanged(source: Rows) -> None:
    """Refuse rows that were read after the source had changed."""
    if source.changed():
        raise SourceError(
            "the source changed while it was being read; rows that were not sent yet stay pending:"
            " put the former file back and run again, or begin anew with --fresh"
        )


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a source is fed.

    Attributes:
        limit: Only the first so many sendable records, or all.
        canary: The first so many are packed apart from those after them.
    """

    limit: int | None = None
    canary: int = 0


EVERYTHING = Extent()


def feed(
    source: Rows,
    encode: Encode,
    told: Mask,
    packer: Packer,
    extent: Extent = EVERYTHING,
    wanted: Mask | None = None,
) -> Iterator[list[Batch]]:
    """Yield the batches of each chunk: every row that was not told otherwise, in source order.

    Where some rows are ``wanted``, batches without any of them are left out as far as that can be known
    without their records, and their rows are not read.

    Raises:
        SourceError: The source is not what it was when the run began; row numbers would be wrong.
    """
    needed = _sendable(told, extent)
    if wanted is not None:
        needed, wanted = packer.needed(needed, wanted, extent.canary), None
    passed = 0
    for chunk in source.chunks(needed):
        check_unchanged(source)
        rows = chunk.frame[ROW].to_numpy()
        frame = chunk.frame.filter(pl.Series(needed[rows - 1]))
        head, rest = _parted(frame, extent.canary - passed)
        passed += frame.height
        batches = list(packer.add(encode(head))) if head.height else []
        if head.height and passed >= extent.canary:
            batches += packer.end()
        if rest.height:
            batches += packer.add(encode(rest))
        _join(batches)
        yield batches
    yield list(packer.end())


def _join(batches: list[Batch]) -> None:
    """Have records that share a request joined by the thread that reads, not by the loop that sends."""
    for batch in batches:
        if len(batch) > 1:
            _ = batch.records.joined  # once for all batches of the same records


def _sendable(told: Mask, extent: Extent) -> Mask:
    """Return the rows that were not told otherwise, or the first of them."""
    sendable = ~told
    if extent.limit is not None:
        sendable[np.flatnonzero(sendable)[extent.limit :]] = False
    return sendable


def _parted(frame: pl.DataFrame, at: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    return frame.head(max(at, 0)), frame.slice(max(at, 0))
