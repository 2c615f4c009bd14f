"""Every way in which an answer goes wrong, and what a run makes of it."""

import asyncio
import contextlib
import gzip
from dataclasses import dataclass
from enum import StrEnum

from fault_server import Answer, Exchange


class Then(StrEnum):
    """What becomes of the rows of a request."""

    WELL = "well"
    """They have succeeded, whatever happened on the way, and are sent once."""
    AGAIN = "again"
    """Certainly not processed: they are sent again, even if that is not harmless, and succeed."""
    DOUBTFUL = "doubtful"
    """Perhaps processed: they are sent again where that is harmless; elsewhere they are unknown."""
    REFUSED = "refused"
    """They have failed, and are sent once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong.

    Attributes:
        name: In a few words.
        answer: What the server does with the request.
        then: What becomes of its rows.
        reasons: Why they are unknown or have failed; a reset may overtake what was said before it.
    """

    name: str
    answer: Answer
    then: Then
    reasons: tuple[str, ...] = ()


def after_work(answer: Answer) -> Answer:
    """Do the work, then answer."""

    async def both(exchange: Exchange) -> None:
        exchange.take()
        await answer(exchange)

    return both


def says(*parts: str) -> Answer:
    """Answer with these bytes."""

    async def answer(exchange: Exchange) -> None:
        await exchange.write("".join(parts).encode("latin-1"))

    return answer


def then_closes(answer: Answer) -> Answer:
    """Answer, then close the connection."""

    async def both(exchange: Exchange) -> None:
        await answer(exchange)
        exchange.writer.close()

    return both


def then_resets(answer: Answer) -> Answer:
    """Answer, then break the connection off."""

    async def both(exchange: Exchange) -> None:
        await answer(exchange)
        exchange.reset()

    return both


def then_half_closes(answer: Answer) -> Answer:
    """Answer, then send nothing more but go on listening."""

    async def both(exchange: Exchange) -> None:
        await answer(exchange)
        exchange.writer.write_eof()
        await exchange.until_left()

    return both


def then_stalls(answer: Answer) -> Answer:
    """Answer, then leave the connection as it is."""

    async def both(exchange: Exchange) -> None:
        await answer(exchange)
        await exchange.until_left()

    return both


def drips(head: bytes, drop: bytes, count: int) -> Answer:
    """Send ``drop`` every few milliseconds: each is progress, and the answer never ends in time."""

    async def answer(exchange: Exchange) -> None:
        with contextlib.suppress(ConnectionError):
            await exchange.write(head)
            for _ in range(count):
                await exchange.write(drop)
                await asyncio.sleep(0.05)

    return answer


def at_once(answer: Answer) -> Answer:
    """Send all that is said, and the end of the connection, as one."""

    async def both(exchange: Exchange) -> None:
        exchange.hold_back()
        await answer(exchange)

    return both


async def nothing(_exchange: Exchange) -> None:
    """Say nothing."""


def packed(body: bytes, coding: str = "gzip") -> Answer:
    """Answer with a body of which the headers say how it is packed."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(body=body, headers=f"Content-Encoding: {coding}\r\n")

    return answer


def redirects(status: str) -> Answer:
    """Send the client to another host."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(status, headers=f"Location: {exchange.server.elsewhere}\r\n")

    return answer


def with_status(status: str, headers: str = "") -> Answer:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply(status, headers=headers)

    return answer


OK = "HTTP/1.1 200 OK\r\n"
LONG = f"{OK}Content-Length: 100\r\n\r\n"
WHOLE = f"{OK}Content-Length: 2\r\n\r\n{{}}"
CHUNKED = f"{OK}Transfer-Encoding: chunked\r\n\r\n"


def _doubtful(reason: str, *named: tuple[str, Answer]) -> tuple[Fault, ...]:
    reasons = tuple(dict.fromkeys((reason, "connection")))
    return tuple(Fault(name, answer, Then.DOUBTFUL, reasons) for name, answer in named)


def _well(*named: tuple[str, Answer]) -> tuple[Fault, ...]:
    return tuple(Fault(name, after_work(answer), Then.WELL) for name, answer in named)


RESETS = _doubtful(
    "connection",
    ("a reset before the work", then_resets(nothing)),
    ("a reset after the work", after_work(then_resets(nothing))),
    ("a reset within the head", after_work(then_resets(says("HTTP/1.1 200 OK\r\nContent-Le")))),
    ("an end before the work", then_closes(nothing)),
    ("an end after the work", after_work(then_closes(nothing))),
    ("a half-closed connection", after_work(then_half_closes(nothing))),
)
STALLS = _doubtful(
    "timeout",
    ("silence before the work", then_stalls(nothing)),
    ("silence after the work", after_work(then_stalls(nothing))),
    ("silence within the head", after_work(then_stalls(says("HTTP/1.1 2")))),
    ("silence within the body", after_work(then_stalls(says(LONG, "{")))),
    ("a head drop by drop", after_work(drips(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 100))),
    ("a body drop by drop", after_work(drips(OK.encode() + b"Content-Length: 2000\r\n\r\n", b" ", 200))),
    ("hints for ever", after_work(drips(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 200))),
)
BROKEN = _doubtful(
    "broken_answer",
    ("a body shorter than its length, half-closed", after_work(then_half_closes(says(LONG, "{}")))),
    ("a body shorter than its length, closed", after_work(then_closes(says(LONG, "{}")))),
    ("a body shorter than its length, reset", after_work(then_resets(says(LONG, "{}")))),
    ("a chunk cut short", after_work(then_closes(says(CHUNKED, "5\r\n{}")))),
    ("chunks without an end", after_work(then_closes(says(CHUNKED, "2\r\n{}\r\n")))),
    ("a chunk of no size", after_work(then_closes(says(CHUNKED, "xx\r\n{}\r\n0\r\n\r\n")))),
    ("two lengths", after_work(then_closes(says(OK, "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")))),
    (
        "a length and chunks",
        after_work(then_closes(says(OK, "Content-Length: 2\r\n", CHUNKED[17:], "0\r\n\r\n"))),
    ),
    ("a negative length", after_work(then_closes(says(OK, "Content-Length: -1\r\n\r\n{}")))),
    ("a length of letters", after_work(then_closes(says(OK, "Content-Length: two\r\n\r\n{}")))),
    ("no HTTP", after_work(then_closes(says("\x00\xff\x16\x03\x01 and so on\r\n\r\n")))),
    ("a page without a head", after_work(then_closes(says("<html>hello</html>")))),
    ("frames of HTTP/2", after_work(then_stalls(says("\x00\x00\x12\x04\x00\x00\x00\x00\x00")))),
    ("a status of four digits", after_work(says("HTTP/1.1 1234 Odd\r\nContent-Length: 2\r\n\r\n{}"))),
    ("a NUL in a header", after_work(with_status("200 OK", "X: a\0b\r\n"))),
    ("a header without an end", after_work(with_status("200 OK", f"X: {'y' * 100_000}\r\n"))),
    ("thousands of headers", after_work(with_status("200 OK", "X: y\r\n" * 5_000))),
    ("no gzip where gzip is said", after_work(packed(b"not packed"))),
    ("an unknown coding", after_work(packed(b"{}", "br"))),
)
ILL = _doubtful(
    "server_error",
    *(
        (f"status {status}", with_status(f"{status} Odd"))
        for status in (408, 500, 502, 503, 504, 507, 520, 522, 530, 999)
    ),
    ("status 101", after_work(then_stalls(says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")))),
)
BUSY = (
    Fault("429 now", with_status("429 Too Many", "Retry-After: 0\r\n"), Then.AGAIN),
    Fault("503 with a time to come back", with_status("503 Busy", "Retry-After: 0\r\n"), Then.AGAIN),
    Fault("425", with_status("425 Too Early"), Then.AGAIN),
)
ODD = _well(
    (
        "100, 102 and 103 first",
        says(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
            WHOLE,
        ),
    ),
    ("204", says("HTTP/1.1 204 No Content\r\n\r\n")),
    ("204 with a body", says('HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n{"a":true}')),
    ("205", says("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n")),
    ("200 without a body", says(f"{OK}Content-Length: 0\r\n\r\n")),
    ("a page instead of JSON", with_status("200 OK", "Content-Type: text/html\r\n")),
    ("a charset that is none", with_status("200 OK", "Content-Type: application/json; charset=none\r\n")),
    ("a body up to the end of the connection", then_closes(says(f"{OK}\r\n{{}}"))),
    ("HTTP/1.0", then_closes(says("HTTP/1.0 200 OK\r\n\r\n{}"))),
    ("chunks with a trailer", says(CHUNKED, "2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n")),
    ("a packed answer", packed(gzip.compress(b"{}"))),
    ("an end that was announced", then_closes(with_status("200 OK", "Connection: close\r\n"))),
    ("an end that was not announced", at_once(then_closes(says(WHOLE)))),
    ("two answers at once", says(WHOLE, WHOLE)),
)
REDIRECTS = tuple(
    Fault(f"status {status}", redirects(f"{status} Elsewhere"), Then.REFUSED, ("refused",))
    for status in (301, 302, 303, 307, 308)
)
REFUSALS = (
    *REDIRECTS,
    Fault("status 304", says("HTTP/1.1 304 Not Modified\r\n\r\n"), Then.REFUSED, ("refused",)),
    Fault("status 501", with_status("501 Never"), Then.REFUSED, ("refused",)),
)
FAULTS = (*RESETS, *STALLS, *BROKEN, *ILL, *BUSY, *ODD, *REFUSALS)
