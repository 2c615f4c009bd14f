"""Looks for the people of rows in lists while they are read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import ROW

Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]
Standing = Callable[[pl.DataFrame], tuple[Index, Mask]]
"""Tells of each row of a source chunk the list that holds it, or -1; and which lists hold any."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Lists in which the people of each row are looked for.

    Attributes:
        reason: Why their rows are skipped, as a code.
        said: The same in words, by list.
        standing: Tells who stands in which.
    """

    reason: str
    said: Sequence[str]
    standing: Standing


@dataclass(slots=True)
class Watching:
    """What a watch has seen: by chunk, the places of rows and the list of each; and which lists hold any."""

    watch: Watch
    met: Mask
    seen: list[tuple[Index, Index]] = field(default_factory=list)

    def look(self, frame: pl.DataFrame) -> Mask:
        """Look for the people of a chunk's rows; mark who stands in a list."""
        lists, met = self.watch.standing(frame)
        self.met |= met
        held = lists >= 0
        if held.any():
            self.seen.append((frame[ROW].to_numpy()[held].astype(np.int64) - 1, lists[held]))
        return held

    def lists(self, rows: int) -> Index:
        """Return by row the list it stands in, or -1; what was seen is let go."""
        lists = np.full(rows, -1, dtype=np.int16)
        for places, found in self.seen:
            lists[places] = found
        self.seen = []
        return lists.astype(np.int64)
