"""The file of who unsubscribed: it only grows, by whole lines, and holds each person once."""

import csv
import fcntl
import io
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from bulk.errors import HeldError, StoppedError, UsageError
from bulk.webhooks.people import COLUMNS, Unsubscribed, key_of

HEADER = ",".join(COLUMNS).encode()
_MARK = "\ufeff".encode()
# Longer than any line, and a block of most disks; blank lines are nobody to a reader, nor after a kill.
_ROOM = b"\n" * 4096


class SuppressionFile:
    """A file that is held by this process, and the keys of everybody in it, in memory.

    Attributes:
        repaired: How often a last line without an end has been taken off, or completed.
        taken_up: How often it was read anew, because somebody else had changed or replaced it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it with nobody in it; what it holds is on disk then.

        Raises:
            UsageError: It cannot be opened, or is another file than ours; then it is left as it is.
            HeldError: Another process appends to it.
        """
        self.path = path
        self.repaired = 0
        self.taken_up = 0
        self._descriptor = -1
        self._open()

    def __len__(self) -> int:
        return len(self._known)

    def append(self, people: Iterable[Unsubscribed]) -> int:
        """Write down who is not in the file yet; on return everybody is in it, and on disk.

        Returns:
            How many were new.

        Raises:
            OSError: They could not be written, and the file is as it was.
            StoppedError: They could not be written, and what was written of them could not be taken back.
            UsageError: Somebody put another file in its place.
            HeldError: Another process appends to the one that was put in its place.
        """
        self._take_up()
        new: dict[str, Unsubscribed] = {}
        for person in people:
            if person.key not in self._known:
                new.setdefault(person.key, person)
        if new:
            try:
                self._write(_lines(new.values()))
            finally:
                self._left = _state(os.fstat(self._descriptor))
            self._known.update(new)
        return len(new)

    def prove_room(self) -> None:
        """Write more than any person takes, wait until it is on disk, and take it back.

        Raises:
            OSError: It could not be written, and the file is as it was.
            StoppedError: It could not be taken back.
            UsageError: Somebody put another file in its place.
            HeldError: Another process appends to the one that was put in its place.
        """
        self._take_up()
        try:
            self._put(_ROOM)
            self._take_back()
        finally:
            self._left = _state(os.fstat(self._descriptor))

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _take_up(self) -> None:
        """Read the file anew, if somebody else has changed or replaced it."""
        if not self._untouched():
            self._open()
            self.taken_up += 1

    def _untouched(self) -> bool:
        """Tell whether the file that is held still stands where it was, as it was left."""
        try:
            there = self.path.stat()
        except OSError:
            return False
        return _state(there) == self._left

    def _open(self) -> None:
        self.close()
        self._descriptor = _opened(self.path)
        try:
            self._hold()
            self._known: set[str] = set()
            self._size = 0
            self._read()
            # A former process may have been killed before what it wrote was on disk.
            os.fsync(self._descriptor)
            _sync_folder(self.path)
            self._left = _state(os.fstat(self._descriptor))
        except OSError as error:
            self.close()
            raise UsageError(f"{self.path}: cannot be read and written ({error.strerror})") from None
        except BaseException:
            self.close()
            raise

    def _hold(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise UsageError(f"{self.path}: is no file that could be appended to; name another")
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HeldError(
                f"{self.path}: another bulk listen appends to this file; stop it first, or name another file"
            ) from None

    def _read(self) -> None:
        """Take in who is in the file; a last line without an end is completed, or taken off."""
        with open(self._descriptor, "rb", closefd=False) as lines:
            header = lines.readline()
            if not header.endswith(b"\n") and HEADER.startswith(header):
                os.ftruncate(self._descriptor, 0)  # a new file, or one whose maker was killed
                self._write(HEADER + b"\n")
                return
            if header.removeprefix(_MARK).rstrip(b"\r\n") != HEADER:
                raise UsageError(
                    f"{self.path}: its first line is not {HEADER.decode()}, so it is no file of bulk listen;"
                    " it is left as it is; name another"
                )
            self._size = len(header)
            for line in lines:
                self._take(line)
        if not header.endswith(b"\n"):
            self._write(b"\n")

    def _take(self, line: bytes) -> None:
        cells = _cells(line)
        ended = line.endswith(b"\n")
        if not ended and len(cells) < len(COLUMNS):
            # Nobody was told that it is recorded, so the vendor sends it again; and an address may be cut.
            os.ftruncate(self._descriptor, self._size)
            self.repaired += 1
            return
        key = key_of(*(*cells, "", "")[:2])
        if key:
            self._known.add(key)
        self._size += len(line)
        if not ended:
            self._write(b"\n")
            self.repaired += 1

    def _write(self, data: bytes) -> None:
        """Append, and wait until it is on disk; or leave the file as it was."""
        self._put(data)
        self._size += len(data)

    def _put(self, data: bytes) -> None:
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
            os.fsync(self._descriptor)
        except OSError:
            self._take_back()
            raise

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
            os.fsync(self._descriptor)
        except OSError as error:
            raise StoppedError(
                f"{self.path}: could not be written ({error.strerror}), and may end in a line cut short;"
                " see to the disk and start again: that takes the line off, and vendors send again"
            ) from None


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise UsageError(f"{path}: cannot be opened for reading and writing ({error.strerror})") from None


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    """Return what is different once somebody else has changed a file, or put another in its place."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems cannot; they do without
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lines(people: Iterable[Unsubscribed]) -> bytes:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(person.cells for person in people)
    return lines.getvalue().encode()


def _cells(line: bytes) -> Sequence[str]:
    text = line.rstrip(b"\r\n").decode("utf-8", "replace")
    with suppress(csv.Error):  # of somebody else's hand
        return next(csv.reader([text]), []) if '"' in text else text.split(",")
    return text.split(",")
