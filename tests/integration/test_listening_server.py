"""The listener on the wire: what it answers, and what a stranger cannot take from it."""

import asyncio
import gzip
import os
import resource
import socket
import ssl
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest
from certificates import signed_by
from webhooks import CUSTOMERIO, CUSTOMERLY, KEY, SECRET, customerly_event, delivery, emails

from bulk.listening import accepting
from bulk.listening.file import SuppressionFile
from bulk.listening.serve import Address, Listening, serve
from bulk.listening.server import Bounds
from bulk.webhooks.customerio import CUSTOMERIO as VIA_CUSTOMERIO
from bulk.webhooks.customerly import CUSTOMERLY as VIA_CUSTOMERLY
from bulk.webhooks.judging import Count, Delivery, Door, Proof

DOORS = {
    "customerly": Door(VIA_CUSTOMERLY, Proof((SECRET,), 0)),
    "customerio": Door(VIA_CUSTOMERIO, Proof((KEY,), 300)),
}
ADA = customerly_event("ada@example.com")


@dataclass
class Served:
    """A listener in this event loop."""

    path: Path
    url: str = ""
    counts: Counter[Count] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(
        self, path: str, body: bytes = b"", headers: dict[str, str] | None = None, method: str = "POST"
    ) -> int:
        """Return the status of one request."""
        reader, writer = await self.connect()
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: here",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        with suppress(ConnectionError):
            await writer.drain()
        status = int((await reader.readline()).split()[1])
        writer.close()
        return status

    def emails(self) -> list[str]:
        return emails(self.path.read_text().splitlines())


@asynccontextmanager
async def served(
    folder: Path,
    bounds: Bounds | None = None,
    doors: Mapping[str, Door] = DOORS,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Served]:
    """Run a listener until the test has seen enough; then all it counted is told."""
    one = Served(folder / "un.csv")
    ready = asyncio.Event()

    def announce(url: str) -> None:
        one.url = url
        ready.set()

    with closing(SuppressionFile(one.path)) as file:
        listening = Listening(
            doors,
            file,
            time.time,
            announce,
            one.counts.update,
            one.unexpected.append,
            drain=5.0,
            bounds=bounds or Bounds(),
        )
        running = asyncio.create_task(serve(Address("127.0.0.1", 0, tls), listening, one.stop))
        await ready.wait()
        try:
            yield one
        finally:
            one.stop.set()
            await running


async def test_who_is_proven_is_recorded_before_the_answer_and_everybody_else_is_refused(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as one:
        assert await one.ask(*delivery(ADA, time.time())) == 200
        assert one.emails() == ["ada@example.com"]
        asked = {
            "elsewhere": await one.ask("/else"),
            "read": await one.ask(CUSTOMERLY, method="GET"),
            "unproven": await one.ask("/customerly/not-the-secret", orjson.dumps(ADA)),
            "unsigned": await one.ask(CUSTOMERIO, b"{}"),
            "malformed": await one.ask(CUSTOMERLY, b"{"),
            "packed": await one.ask(
                CUSTOMERLY, gzip.compress(orjson.dumps(ADA)), {"Content-Encoding": "gzip"}
            ),
            "large": await one.ask(CUSTOMERLY, b" " * 1_000_001),
            "health": await one.ask("/healthz", method="GET"),
        }
        assert asked == {
            "elsewhere": 404,
            "read": 405,
            "unproven": 401,
            "unsigned": 401,
            "malformed": 400,
            "packed": 400,
            "large": 413,
            "health": 200,
        }
    assert one.counts == {
        Count.RECORDED: 1,
        Count.ELSEWHERE: 2,
        Count.UNPROVEN: 2,
        Count.MALFORMED: 2,
        Count.TOO_LARGE: 1,
    }
    assert one.unexpected == []


async def test_many_at_once_are_each_recorded_once(tmp_path: Path) -> None:
    events = [customerly_event(f"person{number % 40}@example.com") for number in range(120)]
    async with served(tmp_path) as one:
        answers = await asyncio.gather(*(one.ask(*delivery(event, time.time())) for event in events))
        assert set(answers) == {200}
        assert sorted(one.emails()) == sorted({f"person{number}@example.com" for number in range(40)})
    assert one.counts == {Count.RECORDED: 40, Count.KNOWN: 80}


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    async with served(tmp_path, Bounds(body_seconds=0.1)) as one:
        reader, writer = await one.connect()
        writer.write(f"POST {CUSTOMERLY} HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n{{".encode())
        assert b" 408 " in await reader.readline()
        writer.close()
    assert one.counts == {Count.TOO_SLOW: 1}


async def test_who_hangs_up_within_a_body_is_counted_and_is_no_unexpected_error(tmp_path: Path) -> None:
    async with served(tmp_path) as one:
        for leave in (asyncio.StreamWriter.close, reset):
            _, writer = await one.connect()
            writer.write(f"POST {CUSTOMERLY} HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n{{".encode())
            await writer.drain()
            assert await one.ask("/healthz", method="GET") == 200  # the request has been taken up by now
            leave(writer)
        assert await one.ask("/healthz", method="GET") == 200
    assert one.counts == {Count.BROKEN_OFF: 2}
    assert one.unexpected == []


def reset(writer: asyncio.StreamWriter) -> None:
    """Leave without a good-bye."""
    connected = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_an_error_that_nobody_foresaw_is_told_once_and_counted_each_time(tmp_path: Path) -> None:
    def broken(_delivery: Delivery, _proof: Proof) -> None:
        raise ZeroDivisionError

    doors = {"customerly": Door(replace(VIA_CUSTOMERLY, refuse=broken), Proof((SECRET,), 0))}
    async with served(tmp_path, doors=doors) as one:
        assert [await one.ask(CUSTOMERLY, b"{}") for _ in range(3)] == [500] * 3
    assert one.counts == {Count.UNEXPECTED: 3}
    (place,) = one.unexpected
    assert place.startswith("ZeroDivisionError in broken (test_listening_server.py:")


async def test_a_connection_without_a_whole_request_is_closed(tmp_path: Path) -> None:
    async with served(tmp_path, Bounds(idle_seconds=0.2)) as one:
        reader, writer = await one.connect()
        writer.write(b"POST /customerly HTTP/1.1\r\nHost: ")
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_one_connection_too_many_is_hung_up_and_the_others_go_on(tmp_path: Path) -> None:
    async with served(tmp_path, Bounds(connections=2)) as one:
        first, second = [await one.connect() for _ in range(2)]
        reader, writer = await one.connect()
        assert await reader.read() == b""
        writer.close()
        first[1].write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        assert b" 200 " in await first[0].readline()
        for _, open_one in (first, second):
            open_one.close()
    assert one.counts == {Count.TOO_MANY: 1}


async def test_who_does_not_come_to_agree_upon_tls_counts_and_is_hung_up(tmp_path: Path) -> None:
    async with served(tmp_path, Bounds(connections=2, idle_seconds=1.0), tls=OWN.serving(tmp_path)) as one:
        silent = [await one.connect() for _ in range(2)]
        reader, writer = await one.connect()
        assert await reader.read() == b""
        writer.close()
        async with asyncio.timeout(10):
            for reader, _ in silent:
                assert await reader.read() == b""
        for _, writer in silent:
            writer.close()
        assert await healthy_by_tls(one) == 200
    assert one.counts == {Count.TOO_MANY: 1}


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n"])
async def test_who_failed_to_agree_upon_tls_leaves_room_for_others_at_once(
    tmp_path: Path, said: bytes
) -> None:
    async with served(tmp_path, Bounds(connections=1), tls=OWN.serving(tmp_path)) as one:
        for _ in range(3):
            reader, writer = await one.connect()
            writer.write(said)
            writer.write_eof()
            with suppress(ConnectionError):
                await reader.read()
            writer.close()
            assert await healthy_by_tls(one) == 200
    assert one.counts == {}


OWN = signed_by(None)


async def healthy_by_tls(one: Served) -> int:
    """Return the status of a request over TLS."""
    context = ssl.create_default_context(cadata=OWN.pem().decode())
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port, ssl=context)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    status = int((await reader.readline()).split()[1])
    await reader.read()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return status


async def test_who_comes_while_no_file_is_left_to_open_is_let_in_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "PAUSE_SECONDS", 0.05)
    async with served(tmp_path) as one:
        with socket.socket() as early:
            early.settimeout(0)
            free = os.dup(0)
            os.close(free)
            old = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, old[1]))
            try:
                loop = asyncio.get_running_loop()
                await loop.sock_connect(early, ("127.0.0.1", one.port))
                await loop.sock_sendall(early, b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.12):
                        await loop.sock_recv(early, 1)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, old)
            async with asyncio.timeout(10):
                assert b" 200 " in await loop.sock_recv(early, 1000)


async def test_what_is_under_way_at_a_stop_is_recorded_and_answered(tmp_path: Path) -> None:
    async with served(tmp_path) as one:
        body = orjson.dumps(ADA)
        reader, writer = await one.connect()
        writer.write(
            f"POST {CUSTOMERLY} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        assert await one.ask("/healthz", method="GET") == 200  # the first request has been taken up by now
        one.stop.set()
        with suppress(ConnectionError):
            while True:  # until nobody is let in any more
                (await one.connect())[1].close()
        writer.write(body)
        assert b" 200 " in await reader.readline()
        writer.close()
    assert one.emails() == ["ada@example.com"]
