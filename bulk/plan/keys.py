"""Keys as hashes, for comparing many of them."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import KEY, ROW

_SORTED_BITS = 21
"""Some two million hashes at most are sorted at once."""


def key_hashes(frame: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """Hash the keys; a row without a key gets its row number, which no hash of a key is likely to equal."""
    own = pl.col(ROW).cast(pl.UInt64)
    return (
        frame.select(pl.when(pl.col(KEY).is_null()).then(own).otherwise(pl.col(KEY).hash()))
        .to_series()
        .to_numpy()
    )


def emptied(parts: list[npt.NDArray[np.uint64]]) -> npt.NDArray[np.uint64]:
    """Return parts as one and let go of each on the way: there is no moment at which all is there twice."""
    whole, done = np.empty(sum(part.size for part in parts), dtype=np.uint64), 0
    parts.reverse()
    while parts:
        part = parts.pop()
        whole[done : done + part.size] = part
        done += part.size
    return whole


def shared(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Tell of each hash whether it is there more than once; quick where none is.

    Those alike in some bits are sorted by themselves, so that no second copy of all is needed.
    """
    parts = 1 << min(8, max(0, hashes.size.bit_length() - _SORTED_BITS))
    part_of = np.bitwise_and(hashes.view(np.uint8)[:: hashes.itemsize], parts - 1)
    repeated = np.concatenate([_repeated(hashes[part_of == part]) for part in range(parts)])
    if not repeated.size:
        return np.zeros(hashes.size, dtype=np.bool_)
    return pl.Series(hashes).is_in(pl.Series(repeated).implode()).to_numpy()


def _repeated(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Sort hashes where they are; return those that are there more than once."""
    hashes.sort()
    again: npt.NDArray[np.uint64] = hashes[1:][hashes[1:] == hashes[:-1]]
    return again
