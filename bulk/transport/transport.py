"""Send one request at most once, and return its answer or why there is none."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from bulk.conversation import Lost, Request, Response
from bulk.transport.answer import Answer, BrokenError
from bulk.transport.connections import Connections
from bulk.transport.head import Heads
from bulk.transport.unreached import why_unreached
from bulk.transport.wire import CutError, LateError, OnSent, Question, StaleError, Wire


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


class Transport:
    """The connections to one destination. Build it in a running loop, use it as a context manager.

    Redirects are not followed, cookies not kept, certificates verified. A proxy is taken from
    ``HTTPS_PROXY``/``HTTP_PROXY``, unless ``NO_PROXY`` names the host, when the transport is built;
    ``.netrc`` is not read.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        url = URL(endpoint.base_url, encoded=True)
        self._loop = asyncio.get_running_loop()
        self._timeout = endpoint.timeout
        self._connections = Connections(url, endpoint.concurrency)
        headers = {**endpoint.headers, **self._connections.credentials}
        self._heads = Heads(url, headers, whole=self._connections.is_forwarded)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    async def send(self, request: Request, on_sent: OnSent | None = None) -> Response | Lost:
        """Send ``request`` at most once.

        Args:
            request: What to send.
            on_sent: Called once, as its first bytes go to the socket; not called if none do.

        Raises:
            ValueError: The request would break out of its line of HTTP; nothing was sent.
        """
        deadline = self._loop.time() + self._timeout
        head = self._heads.of(request)
        data = head if request.body is None else head + request.body
        question = Question(data, deadline, on_sent, bodiless=request.method.upper() == "HEAD")
        async with self._connections.room:
            while (wire := self._connections.kept) is not None:
                with suppress(StaleError):
                    return await self._exchange(wire, question)
            try:
                wire = await self._connections.opened(deadline)
                return await self._exchange(wire, question)
            except (aiohttp.ClientError, OSError, UnicodeError) as error:
                return Lost("connection", why_unreached(error), processed=False)

    async def _exchange(self, wire: Wire, question: Question) -> Response | Lost:
        """Send what was made ready; words about what went wrong are our own: others may name a person.

        Raises:
            StaleError: The connection can carry no request any more; nothing was sent.
        """
        answer = Answer(bodiless=question.bodiless)
        try:
            await wire.ask(question, answer)
        except LateError:
            return Lost("connection", "no time was left to send it", processed=False)
        except TimeoutError:
            return Lost("timeout", f"no answer within {self._timeout:g} s", answer.status or None)
        except CutError:
            return Lost("connection", "the connection was lost before the answer came")
        except BrokenError as error:
            return Lost("broken_answer", str(error), answer.status or None)
        finally:
            if wire.rest():
                self._connections.keep(wire)
        return Response(answer.status, answer.headers, answer.body)
