"""Rows put together until there are enough of them to be written at once."""

from collections.abc import Callable

import polars as pl

from bulk.conversation import ROW

ENOUGH = 50_000


class Gathering:
    """Frames of rows (ROW, ascending), written together; in one that is written rows ascend as well."""

    def __init__(self, write: Callable[[pl.DataFrame], None], enough: int = ENOUGH) -> None:
        self._write = write
        self._enough = enough
        self._frames: list[pl.DataFrame] = []
        self._height = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take further rows; write if there are enough, or if they belong before those that wait."""
        if frame.is_empty():
            return
        if self._frames and frame[ROW][0] <= self._frames[-1][ROW][-1]:
            self.flush()
        self._frames.append(frame)
        self._height += frame.height
        if self._height >= self._enough:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        frames, self._frames, self._height = self._frames, [], 0
        if frames:
            self._write(pl.concat(frames))
