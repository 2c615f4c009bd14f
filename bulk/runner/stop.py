"""Stop is an event, not a cancellation: no new requests, and those in flight finish."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from bulk.errors import BulkError


class StoppingError(Exception):
    """Raised where work was about to begin after the stop; what was under way stays pending."""


class Stop:
    """The one reason a run ends early, and those who wait while they hold nothing that must finish."""

    def __init__(self) -> None:
        self.reason: BulkError | None = None
        self.event = asyncio.Event()
        self._waiting: set[asyncio.Task[object]] = set()

    @property
    def requested(self) -> bool:
        """Whether the stop has been asked for."""
        return self.event.is_set()

    def request(self, reason: BulkError | None = None) -> None:
        """Stop; the first reason is kept."""
        if not self.requested:
            self.reason = reason
            self.event.set()
            for task in self._waiting:
                task.cancel()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Mark a stretch of mere waiting: the stop ends it with ``StoppingError``."""
        if self.requested:
            raise StoppingError
        task = asyncio.current_task()
        if task is None:  # pragma: no cover - only tasks wait
            raise RuntimeError("waiting outside a task")
        self._waiting.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self.requested and task.uncancel() == 0:
                raise StoppingError from None
            raise
        finally:
            self._waiting.discard(task)
