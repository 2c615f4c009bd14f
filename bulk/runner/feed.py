"""A step's batches, read from the source a chunk at a time."""

from collections.abc import Iterator
from typing import Protocol

import polars as pl

from bulk.conversation import ROW, Batch
from bulk.errors import SourceError
from bulk.ledger.board import Mask
from bulk.plan.packing import Packer
from bulk.source import Source


class Encode(Protocol):
    """Turns source rows that are to be sent into records."""

    def __call__(self, frame: pl.DataFrame, /) -> pl.DataFrame:
        """Return ROW, KEY, RECORD and the fields the operation keeps."""


def check_unchanged(source: Source) -> None:
    """Refuse rows that were read after the source had changed."""
    if source.changed():
        raise SourceError(
            "the source changed while it was being read; rows that were not sent yet stay pending:"
            " put the former file back and run again, or begin anew with --fresh"
        )


def feed(source: Source, encode: Encode, told: Mask, packer: Packer) -> Iterator[list[Batch]]:
    """Yield the batches of each chunk: every row that was not told otherwise, in source order.

    Raises:
        SourceError: The source is not what it was when the run began; row numbers would be wrong.
    """
    for chunk in source.chunks():
        check_unchanged(source)
        rows = chunk.frame[ROW].to_numpy()
        frame = chunk.frame.filter(pl.Series(~told[rows - 1]))
        if frame.height:
            yield list(packer.add(encode(frame)))
    yield list(packer.end())
