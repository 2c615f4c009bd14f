"""Who has left the list: people known to be at a place whom no row of the source names any more."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

import numpy as np
import polars as pl

from bulk.conversation import CONTENT, GONE, IDENTITY, KEY, ROW
from bulk.plan.changes import UNCHANGED, Hash, Hashes, Mask
from bulk.plan.suppression import among

ROWS_AT_ONCE = 65_536
Named = Callable[[Hashes], pl.Series]
"""Returns the keys of identities (ascending hashes), as far as it knows them, always in the same order."""
_FILTERED = pl.lit("filtered")


class Judge(Protocol):
    """The part of a step's mapping that is needed here."""

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW, KEY, opted_out, reason, message for every row of a frame."""


@dataclass(slots=True)
class Removal:
    """Whom one step removes.

    Attributes:
        mapping: What the step makes of the rows of those who left (ROW, KEY).
        hashed: Hashes text.
        people: Identities of those who may be at its place, ascending.
        missing: Which of them no row has named so far.
    """

    mapping: Judge
    hashed: Hash
    people: Hashes
    missing: Mask = field(init=False)

    def __post_init__(self) -> None:
        self.missing = np.ones(self.people.size, dtype=np.bool_)

    def see(self, present: Hashes) -> None:
        """Take note of people whom rows name (identities, ascending)."""
        if self.people.size:
            place = np.minimum(np.searchsorted(self.people, present), self.people.size - 1)
            self.missing[place[self.people[place] == present]] = False

    @property
    def left(self) -> Hashes:
        """Identities of those whom no row has named, ascending."""
        return self.people[self.missing]

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Judge rows of people who left (ROW, KEY): not everybody was brought to this place."""
        brought = pl.Series(among(self.hashed(frame[KEY]), self.left))
        judged = self.mapping.judge(frame)
        return judged.with_columns(
            pl.when(brought).then("reason").otherwise(_FILTERED).alias("reason"),
            pl.when(brought).then("message").otherwise(pl.lit("was not delivered here")).alias("message"),
        )

    def compare(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW, IDENTITY, CONTENT and UNCHANGED of rows that may be sent: each asks for a removal."""
        return frame.select(
            ROW,
            pl.Series(IDENTITY, self.hashed(frame[KEY])),
            pl.lit(GONE, pl.UInt64).alias(CONTENT),
            pl.lit(value=False).alias(UNCHANGED),
        )

    def gone(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW, IDENTITY and CONTENT of nobody: those who left are not among contacts."""
        return frame.clear().select(
            ROW, pl.lit(0, pl.UInt64).alias(IDENTITY), pl.lit(GONE, pl.UInt64).alias(CONTENT)
        )


class Leaving:
    """Everybody who has left, whatever the place: their keys become rows behind those of the source.

    Attributes:
        removals: By the number of the step.
        unnamed: Identities of people who left and of whom no pass holds a key any more; they are left alone.
    """

    def __init__(self, removals: Mapping[int, Removal], hashed: Hash, named: Named) -> None:
        self.removals = removals
        self.unnamed = np.zeros(0, dtype=np.uint64)
        self._hashed = hashed
        self._named = named

    def see(self, keys: pl.Series) -> None:
        """Take note of people whom rows name."""
        present = np.sort(self._hashed(keys.drop_nulls()))
        for removal in self.removals.values():
            removal.see(present)

    @property
    def left(self) -> Hashes:
        """Identities of all who left one of the places, ascending."""
        return reduce(np.union1d, (removal.left for removal in self.removals.values()))

    def rows(self, after: int) -> Iterator[pl.DataFrame]:
        """Yield ROW and KEY of all who left, numbered from the row after ``after``."""
        left = self.left
        keys = self._named(left) if left.size else pl.Series(KEY, [], dtype=pl.String)
        self.unnamed = np.setdiff1d(left, self._hashed(keys), assume_unique=True)
        numbers = pl.int_range(after + 1, after + 1 + keys.len(), dtype=pl.UInt32, eager=True)
        yield from pl.DataFrame([numbers.alias(ROW), keys.alias(KEY)]).iter_slices(ROWS_AT_ONCE)


def not_concerned(frame: pl.DataFrame, *, left: bool) -> pl.DataFrame:
    """Judge rows that are none of a step's: the source's where it removes, else those who left."""
    return frame.select(
        ROW,
        pl.col(KEY) if left else pl.lit(None, pl.String).alias(KEY),
        pl.lit(value=False).alias("opted_out"),
        _FILTERED.alias("reason"),
        pl.lit("this person has left the list" if left else "still on the list").alias("message"),
    )
