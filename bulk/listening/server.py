"""The webhooks on the wire: bounded in size, time and number, answered only once people are on disk."""

import asyncio
import logging
import socket
import ssl
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aiohttp import web
from aiohttp.http import HttpProcessingError

from bulk.listening.committer import Committer, NotWrittenError
from bulk.webhooks.judging import Count, Delivery, Door, Judged, door_at, judge

HEALTH = "/healthz"
CLOSE_SECONDS = 1.0
"""How long a connection has to be closed once nothing is under way on it."""
_WHY = {
    200: "ok",
    400: "The body is no JSON object.",
    401: "The signature or the secret is missing, wrong or too old.",
    404: "Nothing is received here.",
    405: "Webhooks come by POST.",
    408: "The body took too long.",
    413: "The body is too large.",
    500: "Something unexpected; send it again.",
    503: "It cannot be written down now; send it again.",
}
_QUIET = logging.getLogger("bulk.listening")
"""What aiohttp would log may hold a path with a secret, or an address."""
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a stranger can ask of the listener.

    Attributes:
        body: Bytes of a body.
        body_seconds: How long a body may take to arrive.
        idle_seconds: How long a connection may be open without a whole request; how long TLS may take before.
        connections: How many may be open at a time, with or without TLS agreed upon.
    """

    body: int = 1_000_000
    body_seconds: float = 10.0
    idle_seconds: float = 15.0
    connections: int = 128


class Listener:
    """Receives every request.

    Attributes:
        counts: What became of deliveries and events since they were last taken.

    ``unexpected`` is told once where each error was raised that nobody foresaw, until counts are taken again.
    """

    def __init__(
        self,
        doors: Mapping[str, Door],
        committer: Committer,
        wall_clock: Callable[[], float],
        bounds: Bounds,
        unexpected: Callable[[str], None],
    ) -> None:
        self.counts: Counter[Count] = Counter()
        self._doors = doors
        self._committer = committer
        self._wall_clock = wall_clock
        self._bounds = bounds
        self._unexpected = unexpected
        self._places: set[str] = set()
        self._arriving: set[_Arriving] = set()
        self._welcomes: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._finishing = False
        self._server = web.Server(
            self._handle,
            request_factory=self._request,
            access_log=None,
            logger=_QUIET,
            keepalive_timeout=bounds.idle_seconds,
            lingering_time=1.0,
            auto_decompress=False,
        )

    def let_in(self, connection: socket.socket, *, tls: ssl.SSLContext | None) -> None:
        """Speak with somebody who has just connected, first about TLS; hang up if they are too many."""
        if len(self._arriving) + len(self._server.connections) >= self._bounds.connections:
            self.counts[Count.TOO_MANY] += 1
            connection.close()
            return
        arriving = _Arriving(self._speak)
        self._arriving.add(arriving)
        welcome = asyncio.create_task(self._welcome(arriving, connection, tls))
        self._welcomes.add(welcome)
        welcome.add_done_callback(self._welcomes.discard)

    async def finish(self, seconds: float) -> None:
        """Let what is under way finish, for so long; connections are closed behind it."""
        self._finishing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        for welcome in self._welcomes:
            welcome.cancel()
        await asyncio.gather(*self._welcomes, return_exceptions=True)
        # Only now: it drops what is still to come of a body.
        self._server.pre_shutdown()
        await self._server.shutdown(CLOSE_SECONDS)

    def take_counts(self) -> Counter[Count]:
        """Return what was counted since this was last called."""
        taken, self.counts = self.counts, Counter()
        self._places.clear()
        return taken

    async def _welcome(
        self, arriving: "_Arriving", connection: socket.socket, tls: ssl.SSLContext | None
    ) -> None:
        patience = self._bounds.idle_seconds if tls else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: arriving,
                connection,
                ssl=tls,
                ssl_handshake_timeout=patience,
                ssl_shutdown_timeout=patience,
            )
        except OSError:
            pass  # they left, speak no TLS, or took too long: it is closed, and nobody is there to be told
        finally:
            self._arriving.discard(arriving)

    def _speak(self, arriving: "_Arriving", transport: asyncio.Transport) -> None:
        speaking = self._server()
        transport.set_protocol(speaking)
        speaking.connection_made(transport)
        self._arriving.discard(arriving)

    def _request(self, *given: object) -> web.BaseRequest:
        message, payload, protocol, writer, task = given
        loop = asyncio.get_running_loop()
        return web.BaseRequest(
            message,  # type: ignore[arg-type]  # as aiohttp hands them over
            payload,  # type: ignore[arg-type]
            protocol,  # type: ignore[arg-type]
            writer,  # type: ignore[arg-type]
            task,  # type: ignore[arg-type]
            loop,
            client_max_size=self._bounds.body,
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._under_way += 1
        self._idle.clear()
        try:
            status = await self._answer(request)
        except Exception as error:  # noqa: BLE001 - one delivery that is not understood must not stop the others
            self._tell(_place(error))
            status = self._refuse(500, Count.UNEXPECTED)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        response = web.Response(status=status, text=f"{_WHY[status]}\n")
        if self._finishing:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> int:
        path = request.rel_url.raw_path
        if path == HEALTH:
            return 200 if await self._committer.check() else 503
        found = door_at(self._doors, path)
        if found is None:
            return self._refuse(404, Count.ELSEWHERE)
        if request.method != "POST":
            return self._refuse(405, Count.ELSEWHERE)
        door, rest = found
        body = await self._body(request)
        if isinstance(body, int):
            return body
        return await self._take(judge(door, Delivery(rest, request.headers, body, self._wall_clock())))

    async def _body(self, request: web.BaseRequest) -> bytes | int:
        """Return the body; or the status of one that did not come, or not as it should."""
        try:
            async with asyncio.timeout(self._bounds.body_seconds):
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(413, Count.TOO_LARGE)
        except TimeoutError:
            return self._refuse(408, Count.TOO_SLOW)
        except OSError:  # whoever sent it is gone, and reads no answer
            return self._refuse(400, Count.BROKEN_OFF)
        except (web.RequestPayloadError, HttpProcessingError):
            return self._refuse(400, Count.MALFORMED)

    def _tell(self, place: str) -> None:
        if place not in self._places:
            self._places.add(place)
            self._unexpected(place)

    def _refuse(self, status: int, count: Count) -> int:
        self.counts[count] += 1
        return status

    async def _take(self, judged: Judged) -> int:
        if judged.people:
            try:
                await self._committer.record(judged.people)
            except NotWrittenError:
                return self._refuse(503, Count.NOT_WRITTEN)
        self.counts.update(judged.counts)
        return judged.status


class _Arriving(asyncio.Protocol):
    """Stands for somebody until HTTP is spoken."""

    def __init__(self, speak: Callable[["_Arriving", asyncio.Transport], None]) -> None:
        self._speak = speak

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak HTTP."""
        self._speak(self, cast("asyncio.Transport", transport))


def _place(error: Exception) -> str:
    """Say what kind of error was raised where, without its message."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} ({Path(frame.filename).name}:{frame.lineno})"
