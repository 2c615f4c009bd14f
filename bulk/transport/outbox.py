"""Requests that go out together: those of one turn of the loop."""

import asyncio
from collections.abc import Callable

Write = Callable[[bytes], None]


class Outbox:
    """Writes what was added in one turn of the loop at its end.

    A server that waits for requests falls asleep between two that are made one after the other, and waking it
    costs more than making them: so it is woken once for all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[Write, bytes]] = []

    def add(self, write: Write, data: bytes) -> None:
        """Have ``write`` called with ``data`` when nothing else is to be done before."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append((write, data))

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for write, data in waiting:
            write(data)
