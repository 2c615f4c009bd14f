"""Open files whatever they are compressed with, and find out whether a compressed one is whole."""

import gzip
import zlib
from collections.abc import Callable
from typing import BinaryIO, Final, TypeVar, cast

import zstandard

from bulk.errors import SourceError
from bulk.source.decoding import Bytes

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_BLOCK: Final = 1 << 20
_PIECE: Final = 1 << 10
"""So much zstd at once: some 32 MB of text at worst, for a byte of it may stand for 32,768."""
_WINDOW: Final = 1 << 31
_DAMAGE: Final = (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile)
T = TypeVar("T")
SUFFIXES: Final = {".gz": "gzip", ".zst": "zstd"}


class ZstdStream:
    """The text of a zstd file of any number of frames; unlike the library's own, it notices a missing end."""

    def __init__(self, raw: Bytes) -> None:
        self._raw = raw
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._rest = memoryview(b"")
        self._text = bytearray()
        self._given = 0

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, none only at the end."""
        while len(self._text) < size and self._more():
            pass
        text = bytes(self._text[:size])
        del self._text[:size]
        self._given += len(text)
        return text

    def seek(self, position: int, /) -> int:
        """Go on from a position that lies ahead."""
        while self._given < position and self.read(min(_BLOCK, position - self._given)):
            pass
        return self._given

    def close(self) -> None:
        """Close the file below."""
        self._raw.close()

    def _more(self) -> bool:
        data = self._rest or memoryview(self._raw.read(_BLOCK >> 3))
        if not data:
            if self._frame is not None:
                raise EOFError("a frame has no end")
            return False
        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
        self._text += self._frame.decompress(data[:_PIECE])
        self._rest = data[_PIECE:]
        if self._frame.eof:
            self._rest = data[len(data) - len(self._rest) - len(self._frame.unused_data) :]
            self._frame = None
        return True


class Guarded:
    """A stream whose damage is told in a sentence."""

    def __init__(self, stream: Bytes, name: str, file: Bytes) -> None:
        self._stream = stream
        self._name = name
        self._file = file

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, none only at the end."""
        return self._guarded(lambda: self._stream.read(size))

    def seek(self, position: int, /) -> int:
        """Go on from a position that lies ahead."""
        return self._guarded(lambda: self._stream.seek(position))

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except _DAMAGE as error:
            raise SourceError(
                f"{self._name} is a damaged or incomplete compressed file; fetch it again"
            ) from error
        except OSError as error:
            reason = error.strerror or "a reading error"
            raise SourceError(f"{self._name} cannot be read to its end: {reason}") from error

    def close(self) -> None:
        """Close the stream and the file below it, which gzip leaves open."""
        self._stream.close()
        self._file.close()


def compression(head: bytes, suffix: str) -> str:
    """Return ``gzip``, ``zstd`` or nothing, going by a file's first bytes, else by its suffix."""
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_ZSTD):
        return "zstd"
    return SUFFIXES.get(suffix, "")


def decompressed(raw: Bytes, kind: str, name: str) -> Bytes:
    """Return a stream of what ``raw`` holds, which is compressed in the way ``kind`` says."""
    if kind == "gzip":
        return Guarded(gzip.GzipFile(mode="rb", fileobj=cast("BinaryIO", raw)), name, raw)
    return Guarded(ZstdStream(raw) if kind == "zstd" else raw, name, raw)


def check_whole(stream: Bytes) -> None:
    """Decompress a file to its end, to nowhere."""
    try:
        while stream.read(_BLOCK):
            pass
    finally:
        stream.close()
