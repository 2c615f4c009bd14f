"""What a file holds, however it is stored: its bytes from the start as often as wanted, and its digest."""

import hashlib
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from bulk.errors import SourceError
from bulk.source.compression import check_whole, compression, decompressed
from bulk.source.decoding import Bytes
from bulk.source.locating import Place, suffixes
from bulk.source.remote import spool_text
from bulk.source.spool import Spool

_BLOCK: Final = 1 << 20
_FORMAT_OF: Final = (
    (b"PAR1", "a Parquet file; set source.format: parquet"),
    (b"ARROW1", "an Arrow file; set source.format: ipc"),
    (b"PK\x03\x04", "a workbook or a zip archive; set source.format: excel, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old or a protected workbook; set source.format: excel, or save it as csv"),
    (b"SQLite format 3", "a SQLite database; use source.database"),
    (b"%PDF", "a PDF; export the list as csv"),
    (b"BZh", "compressed with bzip2; use gzip or zstd"),
    (b"\xfd7zXZ", "compressed with xz; use gzip or zstd"),
)
_WEB_PAGE: Final = (b"<!doctype html", b"<html")


@dataclass(frozen=True, slots=True)
class Stat:
    """What tells whether a file has been changed."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes: on disk, or spooled."""

    name: str
    path: Path | None
    spool: Spool | None
    packed: str
    stat: Stat | None

    def raw(self) -> Bytes:
        """Open the bytes as they are stored."""
        if self.spool is not None:
            return self.spool.reader()
        if self.path is None:
            raise SourceError(f"{self.name} cannot be read twice")
        try:
            return self.path.open("rb", buffering=0)
        except OSError as error:
            raise SourceError(f"{self.name} can no longer be opened: {error.strerror}") from error

    def open(self) -> Bytes:
        """Open the bytes, decompressed."""
        return decompressed(self.raw(), self.packed, self.name)

    def head(self) -> bytes:
        """Return the first bytes, decompressed."""
        stream = self.open()
        try:
            return stream.read(512)
        finally:
            stream.close()

    def digest(self) -> bytes:
        """Return the SHA-256 of the bytes as they are stored."""
        found, stream = hashlib.sha256(), decompressed(self.raw(), "", self.name)
        try:
            while data := stream.read(_BLOCK):
                found.update(data)
        finally:
            stream.close()
        return found.digest()

    def changed(self) -> bool:
        """Tell whether the file on disk is no longer the one that was opened."""
        if self.path is None or self.stat is None:
            return False
        try:
            return stat_of(self.path) != self.stat
        except OSError:
            return True


def stat_of(path: Path) -> Stat:
    """Return what tells a file's state."""
    found = path.stat()
    return Stat(found.st_size, found.st_mtime_ns, found.st_ino)


@dataclass(frozen=True, slots=True)
class Keeper:
    """Makes contents of places, and keeps the spools they need until it is closed."""

    stack: ExitStack
    folder: Path | None
    stdin: BinaryIO | None

    def spool(self) -> Spool:
        """Return a new spool."""
        made = Spool(self.folder)
        self.stack.callback(made.close)
        return made

    def content(self, place: Place, rows: int) -> Content:
        """Open a place, refusing what is empty or not whole."""
        path = place.path if place.regular else None
        spool = None if path else self._copy(place, rows)
        content = Content(place.name, path, spool, "", stat_of(path) if path else None)
        stream = content.raw()
        try:
            head = stream.read(8)
        finally:
            stream.close()
        if not head:
            raise SourceError(f"{place.name} is empty; a source holds at least a header")
        suffix = "" if place.url else suffixes(place.name)[1]  # polars has unpacked what is remote
        packed = compression(head, suffix)
        content = Content(content.name, content.path, spool, packed, content.stat)
        if packed:
            check_whole(content.open())
        return content

    def unpacked_path(self, content: Content) -> str:
        """Return a path that a library can open, to the bytes decompressed."""
        if content.path is not None and not content.packed:
            return str(content.path)
        if content.spool is not None and not content.packed:
            return content.spool.path
        stream = content.open()
        try:
            return self.spool().fill(stream).path
        finally:
            stream.close()

    def _copy(self, place: Place, rows: int) -> Spool:
        if place.url:
            return spool_text(place, self.spool(), rows)
        if place.path is None:
            return self.spool().fill(decompressed(self.stdin or sys.stdin.buffer, "", place.name))
        with place.path.open("rb") as pipe:
            return self.spool().fill(decompressed(pipe, "", place.name))


def check_text(content: Content) -> None:
    """Refuse a file that is plainly not text."""
    head = content.head()
    for magic, what in _FORMAT_OF:
        if head.startswith(magic):
            raise SourceError(f"{content.name} is {what}")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB_PAGE):
        raise SourceError(f"{content.name} is a web page; was it downloaded without logging in?")
