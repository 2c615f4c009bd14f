"""A server on a loopback socket that goes wrong as a test says, and keeps what it truly took."""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[["Exchange"], Awaitable[None]]
Greeting = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
_ADDRESS = re.compile(r'"email":"([^"]+)"')


@dataclass
class Exchange:
    """One request as it came over the wire, and the means to answer it in any way."""

    server: "FaultServer"
    number: int
    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode()

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:-2]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    @property
    def names(self) -> list[str]:
        """The addresses of the records that were sent."""
        return _ADDRESS.findall(self.body.decode("latin-1"))

    def take(self) -> None:
        """Do the work that is asked for."""
        self.server.taken.update(self.names)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, status: str = "200 OK", body: bytes = b"{}", headers: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        await self.write(head.encode("latin-1") + body)

    def _set(self, level: int, option: int, value: int | bytes) -> None:
        self.writer.get_extra_info("socket").setsockopt(level, option, value)

    def hold_back(self) -> None:
        """Send nothing before the connection is closed."""
        self._set(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    def reset(self) -> None:
        """Break the connection off: the other side gets a reset."""
        self._set(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_left(self) -> None:
        """Wait until the other side has gone."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass


@dataclass
class FaultServer:
    """What is listening, what it was asked, and what it took.

    Attributes:
        elsewhere: The address of another host, to which clients are sent.
        taken: How often the work was done, by address.
        asked: How often it was asked for, by address.
        seen: Every request, in the order of arrival.
    """

    answer: Answer
    greet: Greeting | None = None
    scheme: str = "http"
    port: int = 0
    elsewhere: str = ""
    taken: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    seen: list[Exchange] = field(default_factory=list)
    connections: int = 0
    _open: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> int:
        return len(self.seen)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            if self.greet is None or await self.greet(reader, writer):
                while not writer.is_closing():
                    await self._exchange(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            with contextlib.suppress(ConnectionError):
                writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        exchange = Exchange(self, len(self.seen) + 1, head, b"", reader, writer)
        exchange.body = await reader.readexactly(int(exchange.headers.get("content-length", "0")))
        self.seen.append(exchange)
        self.asked.update(exchange.names)
        await self.answer(exchange)

    async def close(self) -> None:
        """Leave everybody who is still connected."""
        left = tuple(self._open)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


async def accept(exchange: Exchange) -> None:
    """Do the work and say so."""
    exchange.take()
    await exchange.reply()


@contextmanager
def faulty(
    answer: Answer = accept,
    *,
    greet: Greeting | None = None,
    tls: ssl.SSLContext | None = None,
    port: int = 0,
    host: str = "127.0.0.1",
) -> Iterator[FaultServer]:
    """Run a server in a thread of its own until the end of the block."""
    server = FaultServer(answer, greet, "https" if tls else "http")
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def listen() -> None:
        listener = await asyncio.start_server(
            server.serve, host, port, ssl=tls, backlog=100, limit=2**24, reuse_address=True
        )
        server.port = listener.sockets[0].getsockname()[1]
        ready.set()
        await over.wait()
        listener.close()
        await server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(listen()), name="fault server")
    thread.start()
    try:
        assert ready.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
