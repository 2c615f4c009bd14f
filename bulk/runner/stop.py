"""Stop is an event, not a cancellation: no new requests, and those in flight finish."""

import asyncio
from types import TracebackType

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

    def interruptible(self) -> "_Waiting":
        """Mark a stretch of mere waiting: the stop ends it with ``StoppingError``."""
        return _Waiting(self, self._waiting)


class _Waiting:
    """A stretch of mere waiting, as a context; written out, since every request goes through one."""

    __slots__ = ("_all", "_stop", "_task")

    def __init__(self, stop: Stop, everybody: "set[asyncio.Task[object]]") -> None:
        self._stop = stop
        self._all = everybody

    def __enter__(self) -> None:
        if self._stop.requested:
            raise StoppingError
        task = asyncio.current_task()
        if task is None:  # pragma: no cover - only tasks wait
            raise RuntimeError("waiting outside a task")
        self._task: asyncio.Task[object] = task
        self._all.add(task)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.discard(self._task)
        if isinstance(error, asyncio.CancelledError) and self._stop.requested and self._task.uncancel() == 0:
            raise StoppingError from None
