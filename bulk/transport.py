"""Send one request at most once, and return its answer or why there is none."""

import io
import re
import select
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from yarl import URL

from bulk import __version__
from bulk.conversation import Lost, Request, Response

Failure = Lost
"""What a single try without a usable answer is called before it is given up."""

LARGEST_ANSWER = 10_000_000
"""Bytes of a decoded answer; more is a broken answer."""
_LARGEST_PLAIN_BODY = 2**20
"""Beyond this aiohttp wants a body in pieces, lest the loop stall."""
_CONNECT_TIMEOUT = 10.0
_SWITCHED = 101
_KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept: less than the 5 after which common servers close theirs, since a
request that meets a closing connection may or may not have been processed."""
_PATH = re.compile(r"/[!-\"$-~]*")
_METHOD = re.compile(r"[A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_JSON = {"Content-Type": "application/json"}
_NO_CONNECTION = (
    ((aiohttp.ClientConnectorDNSError,), "the host name cannot be resolved"),
    (
        (aiohttp.ClientSSLError, ssl.SSLError, aiohttp.ServerFingerprintMismatch),
        "no secure connection: the TLS handshake failed",
    ),
    ((aiohttp.ClientHttpProxyError, aiohttp.ClientProxyConnectionError), "the proxy refused the connection"),
    ((TimeoutError,), "connecting took too long"),
    ((ConnectionRefusedError,), "the connection was refused: nothing listens there"),
    ((ConnectionResetError,), "the connection was closed at once, before anything was sent"),
)
"""Why nothing was sent, by what was raised; the first that fits is told."""
_NOT_OURS = ("Content-Type",)
"""Headers that are not made up where the request does not give them."""

OnSent = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go, and how.

    Attributes:
        base_url: Scheme, host and first part of the path, without a slash at the end.
        headers: Sent with every request; credentials are among them.
        timeout: Seconds for one whole exchange.
        concurrency: Connections held at a time.
    """

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0
    concurrency: int = 16


@dataclass(slots=True)
class _Call:
    """What is known of one exchange; ``sent`` tells whether any byte may have gone out."""

    on_sent: OnSent | None
    sent: bool = False

    def went_out(self) -> None:
        if not self.sent:
            self.sent = True
            if self.on_sent is not None:
                self.on_sent()


_UNDER_WAY: ContextVar[_Call] = ContextVar("under_way")
"""The exchange of this task, and of those that the session starts for it."""


class _ResetError(Exception):
    """The connection was lost; aiohttp answers its own errors of this kind by sending again."""


class _StaleError(Exception):
    """A kept connection can carry no request any more; nothing was sent."""


class _TooLargeError(Exception):
    """The answer is larger than ``LARGEST_ANSWER``."""


class Transport:
    """The connections to one destination. Build it in a running loop, use it as a context manager.

    Redirects are not followed, cookies not kept, certificates verified. A proxy is taken from
    ``HTTPS_PROXY``/``HTTP_PROXY``, unless ``NO_PROXY`` names the host, when the transport is built;
    ``.netrc`` is not read.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._base = endpoint.base_url
        self._timeout = endpoint.timeout
        _refuse_control_characters(endpoint.headers.items())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=endpoint.concurrency, keepalive_timeout=_KEEP_ALIVE),
            headers={"User-Agent": f"bulk/{__version__}", "Accept": "application/json", **endpoint.headers},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=endpoint.timeout, sock_connect=min(_CONNECT_TIMEOUT, endpoint.timeout)
            ),
            proxy=_proxy(endpoint.base_url),
            skip_auto_headers=_NOT_OURS,
            request_class=_on_sound_connections(),
            response_class=_Answer,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(self, request: Request, on_sent: OnSent | None = None) -> Response | Failure:
        """Send ``request`` at most once.

        Args:
            request: What to send.
            on_sent: Called once, as its first bytes go to the socket; not called if none do.

        Raises:
            ValueError: The request would break out of its line of HTTP; nothing was sent.
        """
        if not _METHOD.fullmatch(request.method):
            raise ValueError("a method is a word")
        if not _PATH.fullmatch(request.path):
            raise ValueError("a path begins with / and holds printable ASCII other than spaces and #")
        _refuse_control_characters(request.headers)
        call = _Call(on_sent)
        _UNDER_WAY.set(call)
        try:
            while True:
                try:
                    return await self._exchange(request, call)
                except _StaleError:  # each closes one kept connection; the last is followed by a new one
                    continue
        except (aiohttp.ClientError, OSError, _ResetError, _TooLargeError, UnicodeError) as error:
            return self._failure(error, call)

    async def _exchange(self, request: Request, call: _Call) -> Response | Failure:
        async with self._session.request(
            request.method,
            URL(self._base + request.path, encoded=True),
            data=_payload(request.body),
            headers=_headers(request),
            allow_redirects=False,
        ) as answer:
            try:
                body = await _body(answer)
            except (aiohttp.ClientError, OSError, _TooLargeError) as error:
                return self._failure(error, call, answer.status)
            return Response(answer.status, _lower(answer.headers), body)

    def _failure(self, error: Exception, call: _Call, status: int | None = None) -> Failure:
        """Say what went wrong in our own words: those of the error may name the URL, and with it a person."""
        reason, message = _explain(error, call)
        if reason == "timeout":
            message = f"no answer within {self._timeout:g} s"
        return Lost(reason, message, http_status=status, processed=call.sent)


def _explain(error: Exception, call: _Call) -> tuple[str, str]:
    if not call.sent:
        return "connection", _why_no_connection(error)
    if isinstance(error, TimeoutError):
        return "timeout", "no answer in time"
    if isinstance(error, _TooLargeError):
        return "broken_answer", f"the answer is larger than {LARGEST_ANSWER:,} bytes"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "broken_answer", "the answer is cut short or cannot be decoded"
    if isinstance(error, aiohttp.ClientResponseError | UnicodeError):
        return "broken_answer", "the answer is not HTTP"
    return "connection", "the connection was lost before the answer came"


def _why_no_connection(error: Exception) -> str:
    """Return a sentence about a request of which nothing was sent."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or "it cannot be verified"
        return f"the server's certificate is not trusted: {why}"
    causes = (error, getattr(error, "os_error", None))
    said = (sentence for kinds, sentence in _NO_CONNECTION if any(isinstance(one, kinds) for one in causes))
    return next(said, "the host cannot be reached")


class _Answer(aiohttp.ClientResponse):
    """An answer that is waited for once: the session would send idempotent methods again by itself.

    After 101, which nobody asked for, its connection speaks another protocol and is closed.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        try:
            await super().start(connection)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise _ResetError from error
        if self.status == _SWITCHED and protocol is not None:
            protocol.close()
        return self


def _on_sound_connections() -> type[aiohttp.ClientRequest]:
    """Return a class of requests that say when they go out, and never do on a connection that was let go.

    What arrives there while nothing is asked is its end, or an answer to nobody: the next request would
    take that for its own, and each after it the answer of the one before.
    """
    used: WeakKeyDictionary[object, Callable[[int], object]] = WeakKeyDictionary()

    class Careful(aiohttp.ClientRequest):
        async def send(self, conn: Connection) -> aiohttp.ClientResponse:
            protocol = conn.protocol
            arrived = used.get(protocol) if protocol is not None else None
            if arrived is not None and (arrived(0) or protocol is None or protocol.should_close):
                raise _StaleError
            if arrived is None and protocol is not None:
                used[protocol] = _arrivals(conn)
            answer = await super().send(conn)
            if not self.body:
                _UNDER_WAY.get().went_out()
            return answer

        async def write_bytes(
            self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
        ) -> None:
            _UNDER_WAY.get().went_out()
            await super().write_bytes(writer, conn, content_length)

    return Careful


def _arrivals(connection: Connection) -> Callable[[int], object]:
    """Return what tells whether anything arrived, also if the loop has not seen it yet."""
    arrived = select.poll()
    if connection.transport is not None:
        arrived.register(connection.transport.get_extra_info("socket"), select.POLLIN)
    return arrived.poll


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    return body if body is None or len(body) <= _LARGEST_PLAIN_BODY else io.BytesIO(body)


def _headers(request: Request) -> Mapping[str, str] | None:
    if not request.headers:
        return _JSON if request.body is not None else None
    given = dict(request.headers)
    if request.body is None or any(name.lower() == "content-type" for name in given):
        return given
    return {**_JSON, **given}


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Read the body in pieces as they are decoded, so that a small answer cannot unfold into a huge one."""
    pieces: list[bytes] = []
    size = 0
    while not answer.content.at_eof():
        pieces.append(await answer.content.readany())
        size += len(pieces[-1])
        if size > LARGEST_ANSWER:
            raise _TooLargeError
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case name; several of one name are one list, as HTTP has it."""
    lower: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        lower[key] = f"{lower[key]}, {value}" if key in lower else value
    return lower


def _refuse_control_characters(headers: Iterable[tuple[str, str]]) -> None:
    """Refuse headers that would end their line and begin another, without repeating what they hold."""
    for name, value in headers:
        if _CONTROL.search(name) or _CONTROL.search(value):
            raise ValueError("a header holds a control character")


def _proxy(base_url: str) -> str | None:
    """Return the proxy that the environment names for this host, read once instead of for each request."""
    parts = urlsplit(base_url)
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return getproxies_environment().get(parts.scheme)
