"""An answer is read alike however its bytes come in, and nothing that is sent breaks the reader."""

import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.transport.answer import LARGEST_ANSWER, LARGEST_HEAD, Answer, BrokenError

LENGTH, CHUNKS, END = "Content-Length", "chunks", "the end of the connection"
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda body: body,
    "identity": lambda body: body,
    "gzip": gzip.compress,
    "GZIP": lambda body: gzip.compress(body[:3]) + gzip.compress(body[3:]),
    "deflate": zlib.compress,
    "Deflate": lambda body: zlib.compress(body, wbits=-zlib.MAX_WBITS),
    "utf-8": lambda body: body,
}


@dataclass(frozen=True)
class Sent:
    """What a server may send, and where it is cut into pieces."""

    status: int
    body: bytes
    framing: str
    coding: str
    before: int
    cuts: tuple[int, ...]

    def raw(self) -> bytes:
        coded = CODINGS[self.coding](self.body)
        head = f"HTTP/1.1 {self.status} Made Up\r\nX-One: a\r\nx-one: b\r\n"
        head += f"Content-Encoding: {self.coding}\r\n" if self.coding else ""
        hints = b"HTTP/1.1 103 Early Hints\r\nX-One: no\r\n\r\n" * self.before
        return hints + head.encode() + self._framed(coded)

    def _framed(self, coded: bytes) -> bytes:
        if self.framing == LENGTH:
            return b"Content-Length: %d\r\n\r\n%b" % (len(coded), coded)
        if self.framing == END:
            return b"\r\n" + coded
        chunks = b"".join(b"%x\r\n%b\r\n" % (1, coded[at : at + 1]) for at in range(len(coded)))
        return b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Late: trailer\r\n\r\n"

    def pieces(self) -> list[bytes]:
        raw = self.raw()
        edges = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in self.cuts)})
        return [raw[start:stop] for start, stop in pairwise(edges)]


SENT = st.builds(
    Sent,
    st.integers(200, 599).filter(lambda status: status not in {204, 304}),
    st.binary(max_size=200),
    st.sampled_from([LENGTH, CHUNKS, END]),
    st.sampled_from(sorted(CODINGS)),
    st.integers(0, 2),
    st.lists(st.integers(0, 2000), max_size=12).map(tuple),
)


def fed(*pieces: bytes) -> Answer:
    answer = Answer()
    for piece in pieces:
        answer.feed(piece)
    return answer


@given(SENT)
def test_an_answer_is_the_same_however_it_is_cut(sent: Sent) -> None:
    answer = fed(*sent.pieces())
    assert answer.whole is (sent.framing != END)
    if not answer.whole:
        answer.end()
    assert (answer.status, answer.body, answer.whole) == (sent.status, sent.body, True)
    assert answer.headers["x-one"] == "a, b"
    assert "x-late" not in answer.headers
    assert answer.last is (sent.framing == END)


@given(SENT, st.integers(1, 400))
def test_an_answer_that_ends_too_early_is_never_whole(sent: Sent, missing: int) -> None:
    raw = sent.raw()[:-missing]
    if sent.framing == END and sent.coding.lower() not in {"gzip", "deflate"}:
        return  # whoever sends such answers cannot tell either
    answer = fed(raw)
    assert not answer.whole
    with pytest.raises(BrokenError, match="cut short"):
        answer.end()


@given(st.lists(st.binary(max_size=300), max_size=5), SENT, st.integers(0, 400))
def test_whatever_is_sent_is_an_answer_or_a_broken_one(rubbish: list[bytes], sent: Sent, at: int) -> None:
    raw = sent.raw()
    answer = Answer()
    with suppress(BrokenError):
        for piece in (raw[:at], *rubbish, raw[at:]):
            answer.feed(piece)
        answer.end()
    assert answer.whole or not answer.body or answer.status


FRAMINGS = [b"Content-Length: 17\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b""]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_answer_without_a_body_ends_with_its_head_whatever_that_says(framing: bytes) -> None:
    answer = Answer(bodiless=True)
    assert answer.feed(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
    assert (answer.whole, answer.body) == (True, b"")


def test_a_body_that_should_not_be_there_ends_the_connection() -> None:
    answer = Answer(bodiless=True)
    assert answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    assert (answer.whole, answer.last, answer.body) == (True, True, b"")


def test_what_stands_around_a_header_is_not_its_value() -> None:
    answer = fed(b"HTTP/1.1 204 None\r\nRetry-After: \t5 \r\nX: \xc3\xbc\r\nY: \xfc\r\n\r\n")
    assert (answer.headers["retry-after"], answer.headers["x"], answer.headers["y"]) == ("5", "ü", "ü")


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("more", [OK, b"rubbish", b"\r\n\r\nrubbish", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_what_follows_an_answer_ends_its_connection(more: bytes) -> None:
    answer = fed(OK + more)
    assert (answer.body, answer.whole, answer.last) == (b"{}", True, True)


@pytest.mark.parametrize(
    ("head", "last"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", False),
        (b"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n", False),
        (b"HTTP/1.1 204 No Content\r\nContent-Encoding: br\r\n\r\n", False),
        (b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", False),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", True),
    ],
)
def test_an_answer_says_whether_its_connection_goes_on(head: bytes, *, last: bool) -> None:
    answer = fed(head)
    assert (answer.whole, answer.last) == (True, last)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (LARGEST_HEAD + 1),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 5_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * LARGEST_HEAD,
    ],
    ids=["one header", "many headers", "hints without end", "trailers without end"],
)
@pytest.mark.parametrize("step", [1 << 14, 1 << 30])
def test_headers_have_an_end(raw: bytes, step: int) -> None:
    with pytest.raises(BrokenError, match="not HTTP"):
        fed(*(raw[at : at + step] for at in range(0, len(raw), step)))


def test_empty_chunks_have_an_end() -> None:
    answer = fed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"1;" + b"x" * 2000 + b"\r\n{\r\n"
    with pytest.raises(BrokenError, match="larger than"):
        answer.feed(chunk * (3 * LARGEST_ANSWER // len(chunk)))
