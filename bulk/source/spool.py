"""Unlinked files that only their owner could read: they hold what can be read only once."""

import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import polars as pl

from bulk.errors import SourceError
from bulk.source.decoding import Bytes

_BLOCK: Final = 1 << 20


class SpooledBytes:
    """A reader of a spool with a position of its own, so that any number may read at once."""

    def __init__(self, spool: "Spool") -> None:
        self._spool = spool
        self._position = 0

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, none only at the end."""
        data = self._spool.at(self._position, size)
        self._position += len(data)
        return data

    def seek(self, position: int, /) -> int:
        """Go on from a position."""
        self._position = position
        return position

    def close(self) -> None:
        """Leave the spool open for others."""


class Spool:
    """One unlinked file of mode 0600."""

    def __init__(self, folder: Path | None) -> None:
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by whoever spools
        except OSError as error:
            raise SourceError(f"no temporary file can be made for the source: {error.strerror}") from error

    @property
    def path(self) -> str:
        """A path to the file as long as it is open, though it has no name."""
        return f"/dev/fd/{self._file.fileno()}"

    def fill(self, source: Bytes) -> "Spool":
        """Append everything that ``source`` gives."""
        while data := source.read(_BLOCK):
            self.append(data)
        return self

    def append(self, data: bytes) -> tuple[int, int]:
        """Append bytes and return where they stand."""
        try:
            start = self._file.tell()
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise SourceError(f"the source cannot be spooled: {error.strerror}") from error
        return start, len(data)

    def at(self, position: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``position`` on."""
        return os.pread(self._file.fileno(), size, position)

    def reader(self) -> SpooledBytes:
        """Return a new reader, at the beginning."""
        return SpooledBytes(self)

    def close(self) -> None:
        """Let the file vanish."""
        self._file.close()


class SpooledFrames:
    """Frames in a spool, each an Arrow IPC file of its own.

    Attributes:
        schemas: The schemas that occurred, in order of first appearance.
    """

    def __init__(
        self, spool: Spool, frames: Iterable[pl.DataFrame], observe: Callable[[bytes], None] | None = None
    ) -> None:
        self._spool = spool
        self._places: list[tuple[int, int]] = []
        self.schemas: list[pl.Schema] = []
        for frame in frames:
            if frame.height and observe:
                observe(frame.write_ndjson().encode())
            buffer = io.BytesIO()
            frame.write_ipc(buffer)
            self._places.append(spool.append(buffer.getvalue()))
            if frame.schema not in self.schemas:
                self.schemas.append(frame.schema)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for start, size in self._places:
            yield pl.read_ipc(io.BytesIO(self._spool.at(start, size)))
