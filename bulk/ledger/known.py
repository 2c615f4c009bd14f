"""What is known to be at a place: the newest word about each identity, over millions of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import CONTENT, GONE, IDENTITY
from bulk.ledger.board import Mask

AT = "at"
DELIVERED = pl.Schema({IDENTITY: pl.UInt64, CONTENT: pl.UInt64, AT: pl.UInt32})
ROWS_A_FRAME = 1_000_000
AS_BEFORE, DOUBTFUL = 2, 3
"""In the place of a content that did not arrive, beside GONE: what is there is what was there before; or it
may be the record."""
Hashes = npt.NDArray[np.uint64]
Times = npt.NDArray[np.uint32]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Known:
    """What may be there, by ascending identity: twenty bytes each.

    Attributes:
        identities: Hashes of what the records are about.
        contents: Hashes of what they say; where a step adds to people, of their keys.
        at: When they arrived, in unix seconds; 0 if what was sent last did not certainly arrive.
    """

    identities: Hashes
    contents: Hashes
    at: Times

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield it in parts (columns of ``DELIVERED``)."""
        for start in range(0, self.identities.size, ROWS_A_FRAME):
            part = slice(start, start + ROWS_A_FRAME)
            columns = (self.identities[part], self.contents[part], self.at[part])
            yield pl.DataFrame(dict(zip(DELIVERED.names(), columns, strict=True)), schema=DELIVERED)


def newest(frames: Iterable[pl.DataFrame]) -> Known:
    """Return what may be there after all that was said (columns of ``DELIVERED``, oldest first)."""
    found = latest(frames)
    there = (found.at > 0) | ((found.contents != GONE) & (found.contents != AS_BEFORE))
    if there.all():
        return found
    return Known(found.identities[there], found.contents[there], found.at[there])


def latest(frames: Iterable[pl.DataFrame]) -> Known:
    """Return the newest word about each identity, also that nothing is there, or what was there before.

    A column at a time, because there may be millions.
    """
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in DELIVERED}
    for frame in frames:
        for name, found in columns.items():
            found.append(frame[name].to_numpy())
    identities, contents, at = (_joined(columns, name) for name in DELIVERED)
    gone_along = _gone_along(identities, contents, at)
    if gone_along.any():
        identities, contents, at = identities[~gone_along], contents[~gone_along], at[~gone_along]
    ascending = identities[1:] > identities[:-1]
    if ascending.all():
        return Known(identities, contents, at)
    first = int(np.argmin(ascending)) + 1
    if first < identities.size // 2:
        return _last_words(identities, contents, at)
    return _told_since(identities, contents, at, first)


def _last_words(identities: Hashes, contents: Hashes, at: Times) -> Known:
    """Return the newest word about each identity."""
    order = np.argsort(identities, kind="stable")
    identities = identities[order]
    others = identities[1:] != identities[:-1]
    if others.all():  # nothing was before anything, which takes less memory to say
        return Known(identities, contents[order], at[order])
    last = np.flatnonzero(np.append(others, True))
    newest_of = order[last]
    contents = _decided(identities, contents, at, order, last)[newest_of]
    return Known(identities[last], contents, at[newest_of])


def _told_since(identities: Hashes, contents: Hashes, at: Times, first: int) -> Known:
    """Return the newest word about each identity, where the ``first`` so many ascend and few have come since.

    Only those of whom something was said since are looked at; their places among the first are written over.
    """
    before = identities[:first]
    since = np.unique(identities[first:])
    places = np.minimum(np.searchsorted(before, since), first - 1)
    known = before[places] == since
    told = np.concatenate((places[known], np.arange(first, identities.size)))
    words = _last_words(identities[told], contents[told], at[told])
    contents[places[known]], at[places[known]] = words.contents[known], words.at[known]
    contents, at, new = contents[:first], at[:first], ~known
    if not new.any():
        return Known(before, contents, at)
    where = np.searchsorted(before, since[new])
    return Known(
        np.insert(before, where, since[new]),
        np.insert(contents, where, words.contents[new]),
        np.insert(at, where, words.at[new]),
    )


def _joined(columns: dict[str, list[npt.NDArray[Any]]], name: str) -> npt.NDArray[Any]:
    dtype = np.uint32 if name == AT else np.uint64
    return np.concatenate([np.zeros(0, dtype), *columns.pop(name)])


def _gone_along(identities: Hashes, contents: Hashes, at: Times) -> Mask:
    """Mark what was added to people who were removed later; its content says whom it was added to."""
    removals = np.flatnonzero((at == 0) & (contents == GONE))
    if not removals.size:
        return np.zeros(contents.size, dtype=np.bool_)
    removals = removals[np.argsort(identities[removals], kind="stable")]
    people = identities[removals]
    place = np.maximum(np.searchsorted(people, contents, side="right") - 1, 0)  # somebody's last removal
    along: Mask = (people[place] == contents) & (np.arange(contents.size) < removals[place]) & (at > 0)
    return along


def _decided(identities: Hashes, contents: Hashes, at: Times, order: Index, last: Index) -> Hashes:
    """Say of those about whom the newest word is AS_BEFORE what was before: nobody, or what is now doubtful.

    Args:
        identities: Ascending.
        contents: In the order in which it was said, like ``at``; ``order`` brings it to that of identities.
        at: When, or 0.
        order: Places of what was said, in the order of the identities, the newest last.
        last: Places of the newest word about each, among the identities.
    """
    undecided = last[(contents[order[last]] == AS_BEFORE) & (at[order[last]] == 0)]
    if not undecided.size:
        return contents
    decided, now = contents.copy(), undecided
    while undecided.size:
        now = now - 1
        same = (now >= 0) & (identities[now] == identities[undecided])
        said = order[now]
        firm = same & ((at[said] > 0) | (contents[said] != AS_BEFORE))
        there = (at[said[firm]] > 0) | (contents[said[firm]] != GONE)
        decided[order[undecided[firm]]] = np.where(there, DOUBTFUL, GONE)
        undecided, now = undecided[same & ~firm], now[same & ~firm]
    return decided
