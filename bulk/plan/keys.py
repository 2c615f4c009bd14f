"""Keys as hashes, for comparing many of them."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import KEY, ROW


def key_hashes(frame: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """Hash the keys; a row without a key gets its row number, which no hash of a key is likely to equal."""
    own = pl.col(ROW).cast(pl.UInt64)
    return (
        frame.select(pl.when(pl.col(KEY).is_null()).then(own).otherwise(pl.col(KEY).hash()))
        .to_series()
        .to_numpy()
    )


def shared(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Tell of each hash whether it is there more than once; quick where none is."""
    ordered = np.sort(hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not repeated.size:
        return np.zeros(hashes.size, dtype=np.bool_)
    return pl.Series(hashes).is_in(pl.Series(repeated).implode()).to_numpy()
