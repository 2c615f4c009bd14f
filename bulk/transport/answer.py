"""One answer, as its bytes come in."""

import zlib
from functools import lru_cache

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

LARGEST_ANSWER = 10_000_000
"""Bytes of a decoded answer; more is a broken answer."""
LARGEST_HEAD = 65_536
"""Bytes of its headers, with those of whatever came before it."""
_OVERHEAD = 32
"""Bytes that each header counts for, beside its own."""
_LARGEST_RAW = 2 * LARGEST_ANSWER
"""Bytes of all that came, framing and all."""
_SWITCHED = 101
_INTERIM = range(100, 200)
_UNFOLDED = frozenset({"gzip", "x-gzip", "deflate"})
_FOLDED_OTHERWISE = frozenset({"br", "zstd", "compress"})
"""Codings that nobody asked for; whatever else servers write there by mistake changes no body."""
_ANY_WRAPPING = zlib.MAX_WBITS | 32
"""Whether it is gzip or zlib is told by its first bytes."""

NOT_HTTP = "the answer is not HTTP"
CUT_SHORT = "the answer is cut short or cannot be decoded"
TOO_LARGE = f"the answer is larger than {LARGEST_ANSWER:,} bytes"


class BrokenError(Exception):
    """What came is no usable answer; the message says why, in our own words."""


class Answer:
    """What came back so far; the parser calls its methods whose names begin with ``on_``.

    Args:
        bodiless: Whether it has no body, whatever it says, as an answer to HEAD.

    Attributes:
        status: Status code; 0 before it is known.
        headers: By lower-case name; several of one name are one list, as HTTP has it.
        whole: Whether nothing is missing.
        last: Whether its connection can carry no further request.
    """

    __slots__ = (
        "_bodiless",
        "_came",
        "_ends_by_itself",
        "_head",
        "_headed",
        "_parser",
        "_pieces",
        "_problem",
        "_readable",
        "_size",
        "_unfolding",
        "headers",
        "last",
        "status",
        "whole",
    )

    def __init__(self, *, bodiless: bool = False) -> None:
        self._bodiless = bodiless
        self._readable = True
        self.status = 0
        self.headers: dict[str, str] = {}
        self.whole = self.last = False
        self._came = self._head = self._size = 0
        self._headed = self._ends_by_itself = False
        self._pieces: list[bytes] = []
        self._problem = ""
        self._unfolding: _Unfolding | None = None
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        # What aiohttp lets pass too: servers that end lines with LF alone, or are careless with spaces.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    @property
    def body(self) -> bytes:
        """Its body, decoded."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    def feed(self, data: bytes) -> bool:
        """Take bytes of it; return whether it is whole.

        Raises:
            BrokenError: They cannot be an answer, or are too many.
        """
        self._came += len(data)
        try:
            if self._parser is not None:
                self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.last = True
        except HttpParserError:
            self._problem = self._problem or NOT_HTTP
        if self.whole:  # what follows an answer is nobody's, and the end of its connection
            self.last = self.last or bool(self._problem)
            self._parser = None  # and with it a circle of references
            return True
        if not self._problem and self._came > (_LARGEST_RAW if self._headed else LARGEST_HEAD):
            self._problem = TOO_LARGE if self._headed else NOT_HTTP
        if self._problem:
            self._parser = None
            raise BrokenError(self._problem)
        return False

    def let_go(self) -> None:
        """End its circle of references with the parser, so that what came is freed when nobody needs it."""
        self._parser = None

    def end(self) -> None:
        """Take note that nothing more will come.

        Raises:
            BrokenError: Something is missing.
        """
        self._parser, self.last = None, True
        if not self._headed or self._ends_by_itself or not self._is_unfolded():
            raise BrokenError(CUT_SHORT)
        self.whole = True

    def on_message_begin(self) -> None:
        """Begin an answer, or what is none of ours."""
        if self.whole:
            self._problem = NOT_HTTP

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, if it stands before the body."""
        self._head += len(name) + len(value) + _OVERHEAD
        if self._head > LARGEST_HEAD or b"\0" in value:
            self._problem = NOT_HTTP
        elif not self._headed:
            key, text = _lower(name), _text(value).strip(" \t")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Look at what kind of answer it is."""
        status = self._parser.get_status_code() if self._parser is not None else 0
        if status in _INTERIM and status != _SWITCHED:  # the answer itself is still to come
            return
        self.status, self._headed = status, True
        chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        self._ends_by_itself = chunked or "content-length" in self.headers
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        self._readable = coding not in _FOLDED_OTHERWISE
        if self._bodiless and self._parser is not None:
            self.whole, self.last = True, not self._parser.should_keep_alive()
        elif coding in _UNFOLDED:
            self._unfolding = _Unfolding(may_be_bare=coding == "deflate")

    def on_body(self, data: bytes) -> None:
        """Take a part of the body, so that a small answer cannot unfold into a huge one."""
        if self.whole or not self._readable:
            self._problem = self._problem or (NOT_HTTP if self.whole else CUT_SHORT)
        if self._problem:
            return
        if self._unfolding is not None:
            try:
                data = self._unfolding.feed(data, LARGEST_ANSWER + 1 - self._size)
            except zlib.error:
                self._problem = CUT_SHORT
                return
        self._size += len(data)
        if self._size > LARGEST_ANSWER:
            self._problem = TOO_LARGE
        else:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        """Take note that it is whole, unless it only said that the answer is still to come."""
        if not self._headed:
            self.headers = {}
        elif self.whole:
            return
        elif not self._problem and not self._is_unfolded():
            self._problem = CUT_SHORT
        elif not self._problem and self._parser is not None:
            self.whole = True
            self.last = self.status == _SWITCHED or not self._parser.should_keep_alive()

    def _is_unfolded(self) -> bool:
        return self._unfolding is None or self._unfolding.is_whole


class _Unfolding:
    """Undoes a compression, piece by piece and never beyond a bound."""

    __slots__ = ("_began", "_may_be_bare", "_member")

    def __init__(self, *, may_be_bare: bool) -> None:
        self._may_be_bare = may_be_bare
        self._began = False
        self._member = zlib.decompressobj(_ANY_WRAPPING)

    @property
    def is_whole(self) -> bool:
        """Whether what came is complete, as nothing at all is."""
        return self._member.eof or not self._began

    def feed(self, data: bytes, most: int) -> bytes:
        """Return what ``data`` unfolds into, at most so many bytes.

        Raises:
            zlib.error: It is not compressed so.
        """
        if self._may_be_bare and not self._began and data and data[0] & 0x0F != zlib.DEFLATED:
            self._member = zlib.decompressobj(
                -zlib.MAX_WBITS
            )  # without the wrapping that is meant by the name
        self._began = True
        pieces: list[bytes] = []
        while data and most > 0:
            if self._member.eof:
                self._member = zlib.decompressobj(_ANY_WRAPPING)
            pieces.append(self._member.decompress(data, most))
            most -= len(pieces[-1])
            data = self._member.unused_data
        return b"".join(pieces)


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


def _text(value: bytes) -> str:
    """Return a header's text: UTF-8 if it can be, as servers write it, else what HTTP once said it is."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
