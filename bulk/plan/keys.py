"""Keys as hashes, for comparing many of them."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import KEY, ROW

Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


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

    Takes as much memory again as the hashes it compares, and is quick where none is there twice.
    """
    ordered = hashes.copy() if among is None else hashes[among]
    ordered.sort()
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    del ordered
    if not repeated.size:
        return np.zeros(hashes.size, dtype=np.bool_)
    found: Mask = pl.Series(hashes).is_in(pl.Series(repeated).implode()).to_numpy()
    return found if among is None else found & among
