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

    @property
    def there(self) -> "Known":
        """The same without those of whom the newest word is that nothing is there."""
        there = (self.at > 0) | ((self.contents != GONE) & (self.contents != AS_BEFORE))
        if there.all():
            return self
        return Known(self.identities[there], self.contents[there], self.at[there])

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield it in parts (columns of ``DELIVERED``)."""
        for start in range(0, self.identities.size, ROWS_A_FRAME):
            part = slice(start, start + ROWS_A_FRAME)
            columns = (self.identities[part], self.contents[part], self.at[part])
            yield pl.DataFrame(dict(zip(DELIVERED.names(), columns, strict=True)), schema=DELIVERED)


@dataclass(slots=True)
class _Said:
    """All that was said, oldest first, of what ``Known`` tells the newest.

    Millions of words, so that each column is let go as soon as there is another in its place.
    """

    identities: Hashes
    contents: Hashes
    at: Times

    def keep(self, which: Index | Mask) -> None:
        """Keep those at some places, in that order, or those that are marked."""
        self.identities = self.identities[which]
        self.contents = self.contents[which]
        self.at = self.at[which]

    @property
    def known(self) -> Known:
        """The same, where it is one word about each and identities ascend."""
        return Known(self.identities, self.contents, self.at)


def newest(frames: Iterable[pl.DataFrame]) -> Known:
    """Return what may be there after all that was said (columns of ``DELIVERED``, oldest first)."""
    return latest(frames).there


def latest(frames: Iterable[pl.DataFrame]) -> Known:
    """Return the newest word about each identity, also that nothing is there, or what was there before."""
    said = _all_said(frames)
    gone_along = _gone_along(said)
    if gone_along.any():
        said.keep(~gone_along)
    ascending = said.identities[1:] > said.identities[:-1]
    if ascending.all():
        return said.known
    first = int(np.argmin(ascending)) + 1
    return _last_words(said) if first < said.identities.size // 2 else _told_since(said, first)


def _all_said(frames: Iterable[pl.DataFrame]) -> _Said:
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in DELIVERED}
    for frame in frames:
        for name, found in columns.items():
            found.append(frame[name].to_numpy())
    return _Said(*(_joined(columns, name) for name in DELIVERED))


def _last_words(said: _Said) -> Known:
    """Return the newest word about each identity."""
    said.keep(np.argsort(said.identities, kind="stable"))
    others = said.identities[1:] != said.identities[:-1]
    if not others.all():
        last = np.flatnonzero(np.append(others, True))
        _decide(said, last)
        said.keep(last)
    return said.known


def _told_since(said: _Said, first: int) -> Known:
    """Return the newest word about each identity, where the ``first`` so many ascend and few have come since.

    Only those of whom something was said since are looked at; their places among the first are written over.
    """
    before = said.identities[:first]
    since = np.unique(said.identities[first:])
    places = np.minimum(np.searchsorted(before, since), first - 1)
    known = before[places] == since
    told = np.concatenate((places[known], np.arange(first, said.identities.size)))
    words = _last_words(_Said(said.identities[told], said.contents[told], said.at[told]))
    contents, at, new = said.contents[:first], said.at[:first], ~known
    contents[places[known]], at[places[known]] = words.contents[known], words.at[known]
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


def _gone_along(said: _Said) -> Mask:
    """Mark what was added to people who were removed later; its content says whom it was added to."""
    removals = np.flatnonzero((said.at == 0) & (said.contents == GONE))
    if not removals.size:
        return np.zeros(said.contents.size, dtype=np.bool_)
    removals = removals[np.argsort(said.identities[removals], kind="stable")]
    people = said.identities[removals]
    # Somebody's last removal.
    place = np.maximum(np.searchsorted(people, said.contents, side="right") - 1, 0)
    later = np.arange(said.contents.size) < removals[place]
    along: Mask = (people[place] == said.contents) & later & (said.at > 0)
    return along


def _decide(said: _Said, last: Index) -> None:
    """Say of those about whom the newest word is AS_BEFORE what was before: nobody, or what is now doubtful.

    Args:
        said: By ascending identity, what was said of each oldest first.
        last: Places of the newest word about each.
    """
    now = undecided = last[(said.contents[last] == AS_BEFORE) & (said.at[last] == 0)]
    while undecided.size:
        now = now - 1
        same = (now >= 0) & (said.identities[now] == said.identities[undecided])
        firm = same & ((said.at[now] > 0) | (said.contents[now] != AS_BEFORE))
        there = (said.at[now[firm]] > 0) | (said.contents[now[firm]] != GONE)
        said.contents[undecided[firm]] = np.where(there, DOUBTFUL, GONE)
        undecided, now = undecided[same & ~firm], now[same & ~firm]
