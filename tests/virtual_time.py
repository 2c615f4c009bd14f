"""An event loop whose clock jumps to the next timer as soon as nobody has anything to do.

Hours pass in milliseconds, and every time in the same way. Sockets and threads have no place in it: a
loop without timers and without work would wait for ever, and says so instead.
"""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_TICK = 1e-9
"""No clock stands still: code that waits out a rounding error would never see it pass."""


class StuckError(RuntimeError):
    """Everybody waits, and nothing is left that could wake anybody."""


class _JumpingSelector(selectors.BaseSelector):
    """Instead of waiting for files, moves the loop's clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self._files: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StuckError("nothing to do, and no timer set")
        self.now += max(timeout, _TICK)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, 0, events, data)
        self._files[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._files.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._files


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A plain asyncio loop with a virtual clock that starts at 0."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def stall(self, seconds: float) -> None:
        """Let time pass in the middle of a callback, as slow code would."""
        self._jumping.now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
