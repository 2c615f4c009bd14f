"""Waits for what must not be cancelled, and lists contacts on an event loop of its own."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from bulk.runner.listing import Lister, Pulled

T = TypeVar("T")


async def to_its_end(work: "asyncio.Future[T]", interrupt: Callable[[], None]) -> T:
    """Return what comes of ``work``; a cancellation asks it to stop, and is passed on when it has ended.

    ``interrupt`` is called once for every cancellation.
    """
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
            interrupt()
    if cancelled is not None:
        raise cancelled from work.exception()
    return work.result()


class Apart:
    """Lists contacts on an event loop of its own, for programs that may have one running already."""

    def __init__(self) -> None:
        self._interrupt: Callable[[], object] | None = None
        self._interrupted = False

    def __call__(self, lister: Lister) -> Mapping[str, Pulled]:
        """Return the contacts by destination."""
        with ThreadPoolExecutor(1, thread_name_prefix="listing") as executor:
            return executor.submit(lambda: asyncio.run(self._go(lister))).result()

    async def _go(self, lister: Lister) -> Mapping[str, Pulled]:
        loop = asyncio.get_running_loop()
        self._interrupt = partial(loop.call_soon_threadsafe, lister.interrupt)
        if self._interrupted:
            lister.interrupt()
        try:
            return await lister.go()
        finally:
            self._interrupt = None

    def interrupt(self) -> None:
        """Stop, from any thread: no new requests, also of a listing that has not begun."""
        self._interrupted = True
        if self._interrupt is not None:
            self._interrupt()
