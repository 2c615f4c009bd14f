"""Accepts connections one by one, so that each is let in by how many there are, before it is read."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

from bulk.errors import UsageError

BACKLOG = 128
PAUSE_SECONDS = 1.0
"""How long nobody is let in once the process has no file left to open."""
LetIn = Callable[[socket.socket], None]
"""Takes over a connection, which is its to close."""


@asynccontextmanager
async def accepting(host: str, port: int, let_in: LetIn) -> AsyncIterator[tuple[str, int]]:
    """Let in whoever connects; yield the address and the port where they do.

    Raises:
        UsageError: Nobody can listen there.
    """
    with ExitStack() as opened:
        try:
            listening = await _bound(host, port, opened)
        except OSError as error:
            raise UsageError(f"bulk listen cannot listen on {host}:{port}: {error.strerror}") from None
        for one in listening:
            opened.enter_context(_Acceptor(one, let_in))
        name = listening[0].getsockname()
        yield name[0], name[1]


async def _bound(host: str, port: int, opened: ExitStack) -> list[socket.socket]:
    """Return a socket for each address that a host stands for."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listening = []
    for family, where in dict.fromkeys((family, where) for family, *_, where in found):
        one = opened.enter_context(socket.create_server(where, family=family, backlog=BACKLOG))
        one.settimeout(0)
        listening.append(one)
    return listening


class _Acceptor:
    """Accepts at one socket, a connection each time the event loop comes round, until it is left."""

    def __init__(self, listening: socket.socket, let_in: LetIn) -> None:
        self._listening = listening
        self._let_in = let_in
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._begin()

    def __exit__(self, *_: object) -> None:
        self._loop.remove_reader(self._listening)
        if self._again is not None:
            self._again.cancel()

    def _begin(self) -> None:
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return  # whoever it was is gone
        except OSError:
            self._loop.remove_reader(self._listening)
            self._again = self._loop.call_later(PAUSE_SECONDS, self._begin)
            return
        connection.settimeout(0)
        self._let_in(connection)
