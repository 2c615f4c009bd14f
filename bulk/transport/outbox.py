"""Requests that go out together: those of one turn of the loop."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Outbox(Generic[T]):
    """Writes what was added in one turn of the loop at its end.

    A server that waits for requests falls asleep between two that are made one after the other, and waking it
    costs more than making them: so it is woken once for all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[Callable[[T], None], T]] = []

    def add(self, write: Callable[[T], None], what: T) -> None:
        """Have ``write`` called with ``what`` when nothing else is to be done before."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append((write, what))

    def _flush(self) -> None:
        waiting, self._waiting = iter(self._waiting), []
        try:
            for write, what in waiting:
                write(what)
        finally:  # a mistake of one is not the others'
            for write, what in waiting:
                self.add(write, what)
