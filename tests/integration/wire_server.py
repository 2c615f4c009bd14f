"""A server that answers byte for byte as it is told, and keeps what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request as it came over the wire."""

    head: bytes
    body: bytes
    writer: asyncio.StreamWriter

    @property
    def target(self) -> str:
        return self.head.split(b" ")[1].decode()

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode().split("\r\n")[1:-2]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, status: str = "200 OK", body: bytes = b"{}", headers: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        await self.write(head.encode() + body)


@dataclass
class Server:
    """What is listening, and what it has seen."""

    answer: Answer
    url: str = ""
    seen: list[Exchange] = field(default_factory=list)
    connections: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                exchange = Exchange(head, b"", writer)
                exchange.body = await reader.readexactly(int(exchange.headers.get("content-length", "0")))
                self.seen.append(exchange)
                await self.answer(exchange)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def say_ok(exchange: Exchange) -> None:
    await exchange.reply()


@asynccontextmanager
async def serving(answer: Answer = say_ok) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()
        for writer in server.writers:
            writer.transport.abort()
