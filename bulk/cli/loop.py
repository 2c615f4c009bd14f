"""The event loop of a command, in which SIGINT and SIGTERM are events: what is under way ends by itself."""

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM)


_YOUNG, _OLD = 50_000, 20
"""Objects more than before, and collections of the young ones, after which garbage is looked for."""


def runner() -> Callable[[Any], Any]:
    """Return what runs a coroutine: uvloop where it works.

    From then on garbage is looked for less often, and not among what is there already: requests under way are
    thousands of objects that are no garbage, and looking through them took a fourteenth of a run.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, _OLD, _OLD)
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


@contextmanager
def signals(stop: Callable[[], object]) -> Iterator[list[int]]:
    """Call ``stop`` for each signal that asks to end, inside a running loop; yield those that came."""
    loop = asyncio.get_running_loop()
    caught: list[int] = []

    def take(number: int) -> None:
        caught.append(number)
        stop()

    before = {number: signal.getsignal(number) for number in STOPPING}
    for number in STOPPING:
        loop.add_signal_handler(number, take, number)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
