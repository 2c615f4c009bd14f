"""Bytes in any encoding become valid UTF-8; what cannot be decoded becomes a mark that no text holds."""

import codecs
import difflib
import encodings.aliases
from collections.abc import Callable
from typing import Final, Protocol

from bulk.errors import SourceError

MARK: Final = "\x00\ufffd"
"""Stands for undecodable bytes. It begins with NUL, which makes a row malformed anyway."""
_HANDLER: Final = "bulk-mark"
_UTF8_BOM: Final = codecs.BOM_UTF8
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Bytes(Protocol):
    """Something bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, none only at the end."""

    def seek(self, position: int, /) -> int:
        """Go on from a position that lies ahead."""

    def close(self) -> None:
        """Let go of the file."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError | UnicodeEncodeError):
        return MARK, error.end
    raise error


def codec_name(encoding: str) -> str:
    """Return Python's name of a text encoding, or say which one may have been meant."""
    try:
        codec = codecs.lookup(encoding)
        "".encode(codec.name)  # refuses codecs that are no text encodings, such as base64
        codecs.getincrementaldecoder(codec.name)
    except (LookupError, ValueError) as error:
        known = {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
        near = difflib.get_close_matches(encoding.lower().replace("-", "_"), sorted(known), n=1, cutoff=0.6)
        meant = f'; did you mean "{near[0]}"?' if near else "; give a Python codec, such as utf-8 or cp1252"
        raise SourceError(f'the encoding "{encoding}" is not known{meant}', "encoding") from error
    return codec.name


class Utf8:
    """A stream of valid UTF-8 over a stream of bytes, without its byte-order mark.

    Attributes:
        position: How many bytes have been given or left out; None once the text is not those very bytes.
    """

    def __init__(self, open_bytes: Callable[[], Bytes], encoding: str | None) -> None:
        codecs.register_error(_HANDLER, _mark)
        given = codec_name(encoding) if encoding else None
        self._raw = open_bytes()
        self._head = _read_head(self._raw, 4)
        bom, marked = next(((bom, name) for bom, name in _BOMS if self._head.startswith(bom)), (b"", "utf-8"))
        self.encoding = given or marked
        if encoding is None or bom == _UTF8_BOM:
            self._head = self._head[len(bom) :]
        decoder = codecs.getincrementaldecoder(self.encoding)
        self._decoder = None if self.encoding == "utf-8" else decoder(_HANDLER)
        self._first = bool(bom) and encoding is not None
        self._rest = b""
        left_out = len(bom) if encoding is None or bom == _UTF8_BOM else 0
        self.position = None if self._decoder else left_out

    def read(self, size: int, /) -> bytes:
        """Return about ``size`` bytes of UTF-8, cut at a character, none only at the end."""
        while True:
            data = self._head or self._raw.read(size)
            self._head = b""
            text = self._transcode(data, final=not data) if self._decoder else self._check(data)
            if self.position is not None:
                self.position += len(text)
            if self._first and text:
                text = text.removeprefix(_UTF8_BOM)
                self._first = False
            if text or not data:
                return text

    def skip(self, position: int) -> None:
        """Right after the opening, go on from a position at which another reading was between two rows."""
        known = position - (self.position or 0)
        if known > len(self._head):
            self._raw.seek(position)
        self._head, self._first, self.position = self._head[known:], False, position

    def close(self) -> None:
        """Close the stream below."""
        self._raw.close()

    def _transcode(self, data: bytes, *, final: bool) -> bytes:
        assert self._decoder is not None  # noqa: S101 - tells the type checker what is known
        try:
            return self._decoder.decode(data, final).encode("utf-8", _HANDLER)
        except UnicodeError as error:  # of the whole, such as a mark that is missing; not of some bytes
            raise SourceError(
                f"the source cannot be read as {self.encoding}; set source.encoding to what it is in"
            ) from error

    def _check(self, data: bytes) -> bytes:
        final = not data
        data = self._rest + data if self._rest else data
        self._rest = b""
        if data.isascii():
            return data
        try:
            used = codecs.utf_8_decode(data, "strict", final)[1]
        except UnicodeDecodeError:
            text, used = codecs.utf_8_decode(data, _HANDLER, final)
            self.position = None
            self._rest = data[used:]
            return text.encode()
        self._rest = data[used:]
        return data[:used] if self._rest else data


def _read_head(raw: Bytes, size: int) -> bytes:
    """Read the first bytes; what has none to give is closed."""
    data = b""
    try:
        while len(data) < size and (more := raw.read(size - len(data))):
            data += more
    except BaseException:
        raw.close()
        raise
    return data
