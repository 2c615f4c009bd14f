"""The connections to one server: opened when needed, kept for a while, each for one exchange at a time."""

import asyncio
from base64 import b64encode
from collections import deque
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp
from yarl import URL

from bulk.transport.outbox import Outbox
from bulk.transport.wire import Question, Wire

_CONNECT_TIMEOUT = 10.0
KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept: less than the 5 after which common servers close theirs, since a
request that meets a closing connection may or may not have been processed."""


class Connections:
    """Hands out connections to the server of a URL, directly or through a proxy.

    Args:
        url: Of the server; how names are resolved, TLS is spoken and certificates are verified is aiohttp's.
        concurrency: Connections held at a time.
    """

    def __init__(self, url: URL, concurrency: int) -> None:
        self.room = asyncio.Semaphore(concurrency)
        """To be held by whoever uses a connection."""
        self._proxy, self._is_misnamed = _proxy(url)
        self._url = url
        self._loop = asyncio.get_running_loop()
        self._connector = aiohttp.TCPConnector(limit=0)
        self._outbox: Outbox[Question] = Outbox(self._loop)
        self._idle: deque[Wire] = deque()
        self._open: set[Wire] = set()

    @property
    def is_forwarded(self) -> bool:
        """Whether requests are sent to a proxy that reads them."""
        return self._proxy is not None and self._url.scheme == "http"

    @property
    def credentials(self) -> dict[str, str]:
        """What such a proxy wants to see in each request."""
        if not self.is_forwarded or self._proxy is None or not self._proxy.raw_authority.partition("@")[1]:
            return {}
        both = f"{self._proxy.user or ''}:{self._proxy.password or ''}"
        return {"Proxy-Authorization": f"Basic {b64encode(both.encode()).decode()}"}

    @property
    def kept(self) -> Wire | None:
        """A connection that was used before and may carry one more request; None if there is none.

        Of several it is the one that was used last, so that those that are not needed are closed.
        """
        while self._idle:
            wire = self._idle.pop()
            if self._loop.time() - wire.idle_since <= KEEP_ALIVE:
                return wire
            wire.close()
        return None

    async def opened(self, deadline: float) -> Wire:
        """Open a connection until then (time of the loop).

        Raises:
            aiohttp.ClientError, OSError, TimeoutError: There is none to be had.
        """
        if self._is_misnamed:
            raise aiohttp.InvalidURL("the proxy")
        seconds = max(0.0, deadline - self._loop.time())
        # Tells aiohttp where to connect to, and is never sent itself.
        opener = aiohttp.ClientRequest("GET", self._url, loop=self._loop, proxy=self._proxy)
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=min(_CONNECT_TIMEOUT, seconds))
        async with asyncio.timeout(seconds):
            connection = await self._connector.connect(opener, [], timeout)
        wire = Wire(connection, self._outbox, self._loop)
        self._open.add(wire)
        wire.closed.add_done_callback(lambda _: self._open.discard(wire))
        return wire

    def keep(self, wire: Wire) -> None:
        """Keep a connection for another exchange, and none that was not needed for long."""
        while self._idle and self._loop.time() - self._idle[0].idle_since > KEEP_ALIVE:
            self._idle.popleft().close()
        self._idle.append(wire)

    async def close(self) -> None:
        """Close all connections, and return when they are."""
        waiting = [wire.closed for wire in self._open]
        for wire in self._open:
            wire.cut()
        if waiting:
            await asyncio.wait(waiting)
        await self._connector.close()


def _proxy(url: URL) -> tuple[URL | None, bool]:
    """Return the proxy that the environment names for this host, and whether it is no URL.

    It is read once instead of for each request.
    """
    if proxy_bypass(f"{url.host_subcomponent}:{url.port}"):
        return None, False
    named = getproxies_environment().get(url.scheme)
    try:
        return (URL(named) if named else None), False
    except ValueError:
        return None, True
