"""One connection: a request goes out, its answer comes in, and nothing else is expected."""

import asyncio
import select
from collections.abc import Callable

from aiohttp.connector import Connection

from bulk.transport.answer import Answer, BrokenError
from bulk.transport.outbox import Outbox

OnSent = Callable[[], None]


class StaleError(ConnectionResetError):
    """The connection can carry no request any more; nothing was sent."""


class CutError(Exception):
    """The connection was lost before an answer began."""


class Wire(asyncio.Protocol):
    """Carries one exchange at a time over a connection that aiohttp opened, and takes it over for that.

    What arrives while nothing is asked is its end, or an answer to nobody: the next request would take that
    for its own, and each after it the answer of the one before. So it is closed then.

    Attributes:
        closed: Done when the connection is gone.
        idle_since: Time of the loop since which nothing is asked.
    """

    def __init__(self, connection: Connection, outbox: Outbox, loop: asyncio.AbstractEventLoop) -> None:
        transport, opener = connection.transport, connection.protocol
        if transport is None or opener is None or opener.should_close:
            connection.close()
            raise StaleError
        self.closed = loop.create_future()
        self.idle_since = loop.time()
        self._loop = loop
        self._outbox = outbox
        self._connection = connection
        self._transport = transport
        self._opener = opener
        self._used = False
        self._written = False
        self._answer: Answer | None = None
        self._came: asyncio.Future[None] | None = None
        self._on_sent: OnSent | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._arrivals = select.poll()
        self._arrivals.register(transport.get_extra_info("socket"), select.POLLIN)
        transport.set_protocol(self)

    def ask(
        self, data: bytes, answer: Answer, deadline: float, on_sent: OnSent | None
    ) -> "asyncio.Future[None]":
        """Send a request with all others of this turn of the loop.

        What is returned is done when ``answer`` is whole. It fails with StaleError, with TimeoutError at
        ``deadline`` (time of the loop), with CutError or with BrokenError.
        """
        self._answer, self._on_sent, self._written = answer, on_sent, False
        self._came = came = self._loop.create_future()
        self._deadline = deadline
        if self._timer is None:
            self._watch()
        self._outbox.add(self._write, data)
        return came

    def rest(self) -> bool:
        """End an exchange; return whether the connection is fit for another, and close it if not."""
        answer, self._answer, self._came, self._on_sent = self._answer, None, None, None
        fit = answer is not None and answer.whole and not answer.last
        if not fit or self._transport.get_write_buffer_size():
            self.close()
            return False
        self.idle_since = self._loop.time()
        return not self._transport.is_closing()

    def close(self) -> None:
        """Close the connection at once: nothing that was written and is still here goes out."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer that is waited for."""
        answer = self._answer
        if answer is None or answer.whole or not self._written:
            self._ended()
            self.close()
            return
        try:
            if answer.feed(data):
                self._done()
        except BrokenError as error:
            self._give_up(error)

    def eof_received(self) -> None:
        """Take note that the server says no more; the connection is closed then."""
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the connection is gone, and let aiohttp know."""
        self._ended()
        if self._timer is not None:
            self._timer.cancel()
        self._opener.connection_lost(exc)
        self._connection.close()
        if not self.closed.done():
            self.closed.set_result(None)

    def _write(self, data: bytes) -> None:
        """Send what was asked, if it still is and nothing arrived before, also nothing unseen by the loop."""
        if self._came is None or self._came.done():
            return
        if self._transport.is_closing() or (self._used and self._arrivals.poll(0)):
            self._give_up(StaleError())
            return
        self._used = self._written = True
        if self._on_sent is not None:
            self._on_sent()
        self._transport.write(data)

    def _watch(self) -> None:
        """End an exchange that takes too long; one timer serves all that follow each other in time."""
        self._timer = None
        if self._came is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._watch)
        else:
            self._give_up(TimeoutError())

    def _ended(self) -> None:
        """End the answer: some have no other end, others are cut short by it."""
        answer = self._answer
        if answer is None or answer.whole:
            return
        if not answer.status:
            self._give_up(CutError() if self._written else StaleError())
            return
        try:
            answer.end()
            self._done()
        except BrokenError as error:
            self._give_up(error)

    def _done(self) -> None:
        if self._came is not None and not self._came.done():
            self._came.set_result(None)

    def _give_up(self, error: Exception) -> None:
        if self._came is not None and not self._came.done():
            self._came.set_exception(error)
        self.close()
