"""What a system has promised to do later, done when its time has come."""

import heapq
from collections.abc import Callable
from itertools import count


class Due:
    """Things to do at a time; nothing runs by itself: whoever asks says how late it is."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = count()

    def at(self, time: float, act: Callable[[float], None]) -> None:
        """Have something done at a time, which it is told."""
        heapq.heappush(self._waiting, (time, next(self._numbers), act))

    def advance(self, now: float) -> None:
        """Do everything that is due by now, in the order of its time."""
        while self._waiting and self._waiting[0][0] <= now:
            time, _, act = heapq.heappop(self._waiting)
            act(time)
