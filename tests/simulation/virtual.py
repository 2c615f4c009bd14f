"""An event loop in which waiting only moves the clock, and which may end at any moment, as a process does."""

import asyncio
import selectors
from asyncio import events
from collections.abc import Callable, Coroutine, MutableSequence
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
TICK = 1e-7
"""Seconds that every turn of the loop takes: a clock that stands still would be waited for by nobody."""
MOST_STEPS = 400_000
"""Turns of the loop after which a life is taken for one that never ends."""


class Crash(SystemExit):
    """The process is gone. Tasks let nothing but this and an interruption out of the loop."""


class StuckError(Exception):
    """Nothing will ever happen again, or too much has happened."""


class _Clock(selectors.SelectSelector):
    """Instead of waiting for sockets, of which there are none, moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.turn: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turn()
        if timeout is None:
            raise StuckError("every task waits for another")
        self.now += max(0.0, timeout) + TICK
        return []


class _Task(asyncio.Task[T]):
    """A task whose place in a set depends on its number, not on where in memory it lies."""

    numbers = 0

    def __init__(self, *args: Any, **keys: Any) -> None:
        _Task.numbers += 1
        self._number = _Task.numbers
        super().__init__(*args, **keys)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


def _crash() -> None:
    raise Crash


def _task(loop: asyncio.AbstractEventLoop, coroutine: Any, **keys: Any) -> "_Task[Any]":
    return _Task(coroutine, loop=loop, **keys)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own.

    Attributes:
        turns: How often it has looked for something to do.
        crash_at: The turn in which the process is gone; None if it lives on.
        crash_after: How many of those who are ready in that turn have theirs before, as a share.
    """

    def __init__(self, now: float) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)
        self._clock.now = now
        self._clock.turn = self._turn
        self.turns = 0
        self.crash_at: int | None = None
        self.crash_after = 0.0
        self.set_task_factory(_task)
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        """Return seconds since the life began."""
        return self._clock.now

    def _turn(self) -> None:
        self.turns += 1
        if self.turns == self.crash_at:
            ready: MutableSequence[asyncio.Handle] = self._ready  # type: ignore[attr-defined]  # asyncio's own
            ready.insert(round(self.crash_after * len(ready)), asyncio.Handle(_crash, (), self))
        if self.turns > MOST_STEPS:
            raise StuckError(f"still busy after {MOST_STEPS:,} turns")


def live(loop: VirtualLoop, main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, or to the crash.

    Raises:
        Crash: The process is gone; its tasks wait where they were until ``bury``.
    """
    _Task.numbers = 0
    return loop.run_until_complete(main)


def bury(loop: VirtualLoop) -> None:
    """Clear away what a process left: whatever it still does touches nothing that survives."""
    loop.crash_at = None
    for _ in range(3):
        tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            with suppress(BaseException):
                loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
    events.set_event_loop(None)
    loop.close()
