"""A mark for each of very many rows, kept as bits while they are read."""

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


class Masks:
    """Masks of consecutive rows, one after the other: a bit a row."""

    def __init__(self) -> None:
        self._parts: list[tuple[npt.NDArray[np.uint8], int]] = []

    def add(self, mask: Mask) -> None:
        """Take the mask of the next rows."""
        self._parts.append((np.packbits(mask), mask.size))

    def joined(self, rows: int) -> Mask:
        """Return the mask of so many rows, a byte each, and keep nothing; rows without one are unmarked."""
        parts, self._parts = self._parts, []
        whole, done = np.zeros(rows, dtype=np.bool_), 0
        for bits, size in parts:
            whole[done : done + size] = np.unpackbits(bits, count=size).view(np.bool_)
            done += size
        return whole
