"""Keys as hashes, for comparing many of them."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import KEY, ROW

Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
_MORE = 1 << 19
"""Hashes for which there is room after the last, whenever there has to be more."""
_SORTED_BITS = 21
"""Some two million hashes at most are sorted at once."""


class Hashed:
    """Hashes that come one after another, in one array, so that they are never there twice."""

    def __init__(self) -> None:
        self._room = np.zeros(0, dtype=np.uint64)
        self._size = 0

    def add(self, hashes: Hashes) -> None:
        """Take further hashes."""
        end = self._size + hashes.size
        if end > self._room.size:
            self._room.resize(end + _MORE, refcheck=False)  # in its place, wherever the system can do so
        self._room[self._size : end] = hashes
        self._size = end

    @property
    def all(self) -> Hashes:
        """All hashes so far; only until more are added."""
        return self._room[: self._size]


def key_hashes(frame: pl.DataFrame) -> Hashes:
    """Hash the keys; a row without a key gets its row number, which no hash of a key is likely to equal."""
    own = pl.col(ROW).cast(pl.UInt64)
    return (
        frame.select(pl.when(pl.col(KEY).is_null()).then(own).otherwise(pl.col(KEY).hash()))
        .to_series()
        .to_numpy()
    )


def shared(hashes: Hashes, among: Mask | None = None) -> Mask:
    """Tell of each hash whether it is there more than once, or is one of those ``among`` all of them.

    Those alike in some bits are sorted by themselves, so that no second copy of all is needed; quick where
    none is there twice.
    """
    compared = hashes if among is None else hashes[among]
    parts = 1 << min(8, max(0, compared.size.bit_length() - _SORTED_BITS))
    part_of = np.bitwise_and(compared.view(np.uint8)[:: compared.itemsize], parts - 1)
    repeated = np.concatenate([_repeated(compared[part_of == part]) for part in range(parts)])
    if not repeated.size:
        return np.zeros(hashes.size, dtype=np.bool_)
    found: Mask = pl.Series(hashes).is_in(pl.Series(repeated).implode()).to_numpy()
    return found if among is None else found & among


def _repeated(hashes: Hashes) -> Hashes:
    """Sort hashes where they are; return those that are there more than once."""
    hashes.sort()
    again: Hashes = hashes[1:][hashes[1:] == hashes[:-1]]
    return again
