"""Receives webhooks until told to stop."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from bulk.listening.accepting import accepting
from bulk.listening.committer import Committer
from bulk.listening.file import SuppressionFile
from bulk.listening.server import Bounds, Listener
from bulk.webhooks.judging import Count, Door


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        host: The interface.
        port: 0 picks a free one.
        tls: The certificate to show; None where a proxy does.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Listening:
    """What is received, where it goes, and what is told on the way.

    Attributes:
        doors: By the first part of the path.
        file: Where people are written down.
        wall_clock: Seconds since the epoch.
        announce: Is told the address once somebody listens there.
        tell: Is told what was counted since the last time, every so often and at the end.
        unexpected: Is told what kind of error was raised where.
        every: Seconds between two times.
        drain: Seconds that what is under way has to finish after a stop.
        bounds: What a stranger can ask.
    """

    doors: Mapping[str, Door]
    file: SuppressionFile
    wall_clock: Callable[[], float]
    announce: Callable[[str], None]
    tell: Callable[[Counter[Count]], None]
    unexpected: Callable[[str], None]
    every: float = 60.0
    drain: float = 10.0
    bounds: Bounds = field(default_factory=Bounds)


async def serve(address: Address, listening: Listening, stop: asyncio.Event) -> None:
    """Receive until told to stop; then what is under way finishes.

    Raises:
        UsageError: Nobody can listen at the address, or the file is no longer ours.
        StoppedError: The file could not be written, and not be put right either.
        HeldError: Another process holds the file that was put in its place.
    """
    committer = Committer(
        lambda people: asyncio.to_thread(listening.file.append, people),
        lambda: asyncio.to_thread(listening.file.prove_room),
    )
    listener = Listener(
        listening.doors, committer, listening.wall_clock, listening.bounds, listening.unexpected
    )
    writing = asyncio.create_task(committer.run(), name="committer")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    try:
        async with _open(address, listener, listening.drain) as url:
            listening.announce(url)
            while not await _ended(writing, stopped, listening.every):
                _tell(listening, listener, committer)
    finally:
        writing.cancel()
        stopped.cancel()
        await asyncio.wait((writing, stopped))
        _tell(listening, listener, committer)
    if not writing.cancelled():
        writing.result()


async def _ended(writing: asyncio.Task[None], stopped: asyncio.Task[bool], seconds: float) -> bool:
    done, _ = await asyncio.wait((writing, stopped), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


def _tell(listening: Listening, listener: Listener, committer: Committer) -> None:
    counts = listener.take_counts() + committer.take_counts()
    if counts:
        listening.tell(counts)


@asynccontextmanager
async def _open(address: Address, listener: Listener, drain: float) -> AsyncIterator[str]:
    try:
        async with accepting(address.host, address.port, partial(listener.let_in, tls=address.tls)) as (
            host,
            port,
        ):
            shown = f"[{host}]" if ":" in host else host
            yield f"{'https' if address.tls else 'http'}://{shown}:{port}"
    finally:
        await listener.finish(drain)
