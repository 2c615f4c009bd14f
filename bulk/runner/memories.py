"""What conversations of former runs asked to remember, found again by the rows it was about."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Data = Mapping[str, Any]
_DEEPEST = 64
"""Batches that begin before a row and may yet hold it: more than any batch has parts within parts."""


class Memories:
    """Data by the first and last row of the batch it belongs to.

    Batches that remember hold rows that follow one another, so two of them never overlap; but one may
    have been split, and then its parts lie within it. Empty data means that nothing is left to go on with.
    """

    def __init__(self, data: Mapping[tuple[int, int], Data]) -> None:
        self._data = data
        self._ends = sorted(data)

    def __bool__(self) -> bool:
        return bool(self._ends)

    def of(self, first: int, last: int) -> Data:
        """Return what is remembered about these very rows, or about the smallest batch they are part of."""
        exact = self._data.get((first, last))
        if exact is not None:
            return exact
        found: Data = {}
        smallest = float("inf")
        nearest = bisect_right(self._ends, (first, float("inf")))
        for start, stop in self._ends[max(0, nearest - _DEEPEST) : nearest]:
            if stop >= last and stop - start < smallest:
                found, smallest = self._data[start, stop], stop - start
        return found

    def mask(self, rows: int) -> npt.NDArray[np.bool_]:
        """Tell of all rows which something is remembered about."""
        found = np.zeros(rows, dtype=np.bool_)
        for first, last in self._ends:
            found[first - 1 : last] = bool(self._data[first, last])
        return found
