"""One connection: a request goes out, its answer comes in, and nothing else is expected."""

import asyncio
import select
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp.connector import Connection

from bulk.transport.answer import CUT_SHORT, Answer, BrokenError
from bulk.transport.outbox import Outbox

OnSent = Callable[[], None]
_SMALL = 16_384
"""Bytes of a request that fit into any socket at once."""


@dataclass(slots=True)
class Question:
    """A request made ready.

    Attributes:
        data: Its head and body.
        deadline: Time of the loop until which it may be answered.
        on_sent: Called as its first bytes go to the socket.
        bodiless: Whether an answer to it has no body, whatever it says.
    """

    data: bytes
    deadline: float
    on_sent: OnSent | None = None
    bodiless: bool = False


class StaleError(ConnectionResetError):
    """The connection can carry no request any more; nothing was sent."""


class LateError(TimeoutError):
    """Nothing was sent before the time was over."""


class CutError(Exception):
    """The connection was lost before an answer began."""


class Wire(asyncio.Protocol):
    """Carries one exchange at a time over a connection that aiohttp opened, and takes it over for that.

    What arrives while nothing is asked is its end, or an answer to nobody: the next request would take that
    for its own, and each after it the answer of the one before. So it is closed then, as far as that is seen
    before the next request goes out.

    Attributes:
        closed: Done when the connection is gone.
        idle_since: Time of the loop since which nothing is asked.
    """

    def __init__(
        self, connection: Connection, outbox: Outbox[Question], loop: asyncio.AbstractEventLoop
    ) -> None:
        transport, opener = connection.transport, connection.protocol
        if transport is None or opener is None or opener.should_close:
            if transport is not None:
                transport.abort()
            connection.close()
            raise StaleError
        self.closed = loop.create_future()
        self.idle_since = loop.time()
        self._loop = loop
        self._outbox = outbox
        self._connection = connection
        self._transport = transport
        self._opener = opener
        self._is_new = transport.get_extra_info("ssl_object") is not None
        """Whether what arrives before the first request may be what TLS itself has to say."""
        self._written = False
        self._question: Question | None = None
        self._answer: Answer | None = None
        self._came: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        socket = transport.get_extra_info("socket")
        self._arrivals, self._room = select.poll(), select.poll()
        self._arrivals.register(socket, select.POLLIN)
        self._room.register(socket, select.POLLOUT)
        transport.set_protocol(self)

    def ask(self, question: Question, answer: Answer) -> "asyncio.Future[None]":
        """Send a request with all others of this turn of the loop.

        What is returned is done when ``answer`` is whole. It fails with StaleError, with LateError or
        TimeoutError when its time is over, with CutError or with BrokenError.
        """
        self._question, self._answer, self._written = question, answer, False
        self._came = came = self._loop.create_future()
        if self._timer is None:
            self._watch()
        self._outbox.add(self._write, question)
        return came

    def rest(self) -> bool:
        """End an exchange; return whether the connection is fit for another, and close it if not."""
        question, self._question, answer, self._answer = self._question, None, self._answer, None
        self._came = None
        if answer is not None:
            answer.let_go()
        fit = answer is not None and answer.whole and not answer.last
        if not fit or (question is not None and not self._is_all_out(question)):
            self.close()
            return False
        self.idle_since = self._loop.time()
        return not self._transport.is_closing()

    def cut(self) -> None:
        """Close the connection, and with it the exchange that is under way."""
        self._give_up(CutError() if self._written else StaleError())

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
        if exc is not None and self._answer is not None and self._answer.status and not self._answer.whole:
            self._give_up(BrokenError(CUT_SHORT))  # not its end, even where that is the end of a connection
        self._ended()
        if self._timer is not None:
            self._timer.cancel()
        self._opener.connection_lost(exc)
        self._connection.close()
        if not self.closed.done():
            self.closed.set_result(None)

    def _is_all_out(self, question: Question) -> bool:
        """Tell whether nothing of a request is still here; of TLS only the socket itself tells that."""
        if self._transport.get_write_buffer_size():
            return False
        return len(question.data) < _SMALL or bool(self._room.poll(0))

    def _write(self, question: Question) -> None:
        """Send what was asked, if it still is and nothing arrived before, also nothing unseen by the loop."""
        if self._came is None or self._came.done() or self._question is not question:
            return
        if self._transport.is_closing() or (not self._is_new and self._arrivals.poll(0)):
            self._give_up(StaleError())
            return
        self._is_new, self._written = False, True
        if question.on_sent is not None:
            question.on_sent()
        self._transport.write(question.data)

    def _watch(self) -> None:
        """End an exchange that takes too long; one timer serves all that follow each other in time."""
        self._timer = None
        if self._question is None:
            return
        if self._loop.time() < self._question.deadline:
            self._timer = self._loop.call_at(self._question.deadline, self._watch)
        else:
            self._give_up(TimeoutError() if self._written else LateError())

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
