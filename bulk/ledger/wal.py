"""Whether the WAL of a ledger still holds all that was committed, told before SQLite opens it.

SQLite takes a WAL up to its first broken frame and drops the rest in silence. That is right after a crash,
since what was promised is whole; it is wrong where the file was cut, overwritten or removed later. How much
was committed stands in the WAL's index (``-shm``), which outlives a run that was killed, until somebody opens
the ledger. The formats: https://sqlite.org/walformat.html.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

_INDEX_HEADER, _WAL_HEADER, _FRAME_HEADER = 48, 32, 24
_INDEX = 2 * _INDEX_HEADER + 4
"""Bytes of two equal headers, and how many frames were copied into the ledger."""
_VERSION = 3_007_000
_MAGIC = 0x377F0682
"""Its last bit tells in which order the bytes of a word are summed up."""
_SMALLEST_PAGE, _LARGEST_PAGE = 512, 65_536
_AT_A_TIME = 256
"""Frames read at once: about a megabyte."""
_LOOKS = 5
"""Looks at files that somebody writes before nothing is said about them."""
_WORD = 2**32
Words = npt.NDArray[np.uint32]
Sum = tuple[int, int]
"""A checksum: of words in pairs, s0 += first + s1, then s1 += second + s0."""


def wal_of(ledger: Path) -> Path:
    """Return where SQLite keeps the WAL of a ledger: beside the file itself, not beside a link to it."""
    return _beside(ledger, "-wal")


def index_of(ledger: Path) -> Path:
    """Return where SQLite keeps the index of a WAL."""
    return _beside(ledger, "-shm")


def _beside(ledger: Path, ending: str) -> Path:
    file = ledger.resolve()
    return file.with_name(f"{file.name}{ending}")


def lost_frames(ledger: Path) -> int:
    """Return how many frames were committed and are not as they were written; 0 if none is known to be."""
    for _ in range(_LOOKS):
        committed = _read_index(index_of(ledger))
        if committed is None:
            return 0
        sound = _count_sound(wal_of(ledger), committed)
        if _read_index(index_of(ledger)) == committed:
            return committed.frames - sound
    return 0


@dataclass(frozen=True, slots=True)
class _Committed:
    """What an index says of frames that are not all copied into the ledger yet."""

    frames: int
    page: int
    salts: bytes


def _read_index(path: Path) -> _Committed | None:
    """Read an index; None where there is none, where it is in doubt, or where the ledger holds all."""
    head = _start_of(path, _INDEX)
    first, second = head[:_INDEX_HEADER], head[_INDEX_HEADER : 2 * _INDEX_HEADER]
    if len(head) < _INDEX or first != second:
        return None
    words = np.frombuffer(head, np.uint32)
    if words[0] != _VERSION or _summed(words[:10], (0, 0)) != (words[10], words[11]):
        return None
    frames, copied = int(words[4]), int(words[-1])
    page = int.from_bytes(head[14:16], sys.byteorder)
    if frames <= copied:
        return None
    return _Committed(frames, _LARGEST_PAGE if page == 1 else page, head[32:40])


def _count_sound(path: Path, committed: _Committed) -> int:
    """Return how many of the committed frames are as they were written, from the first on."""
    head = _start_of(path, _WAL_HEADER)
    if len(head) < _WAL_HEADER:
        return 0
    magic, _, page, _, _, _, *told = np.frombuffer(head, ">u4").tolist()
    order = ">u4" if magic & 1 else "<u4"
    before = _summed(np.frombuffer(head[:24], order).astype(np.uint32), (0, 0))
    if magic | 1 != _MAGIC | 1 or page != committed.page or list(before) != told:
        return 0
    if head[16:24] != committed.salts:
        return committed.frames  # another WAL than the index tells of: it began anew, or the index is old
    sound = 0
    for frames in _frames(path, committed):
        whole = _whole(frames, committed.salts, order, before)
        sound += len(whole)
        if len(whole) < len(frames):
            break
        before = whole[-1]
    return sound


def _frames(path: Path, committed: _Committed) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the bytes of frames, one a line, without what is cut short."""
    size = _FRAME_HEADER + committed.page
    left = committed.frames
    with path.open("rb") as file:
        file.seek(_WAL_HEADER)
        while left and (data := file.read(size * min(left, _AT_A_TIME))):
            count = len(data) // size
            left -= count
            if count:
                yield np.frombuffer(data, np.uint8, count * size).reshape(count, size)


def _whole(frames: npt.NDArray[np.uint8], salts: bytes, order: str, before: Sum) -> list[Sum]:
    """Return the checksums of frames up to the first that is not what it was; ``before`` goes before them."""
    summed = np.ascontiguousarray(np.delete(frames, np.s_[8:_FRAME_HEADER], axis=1)).view(order)
    powers, weights = _weights(summed.shape[1] // 2)
    own = summed.astype(np.uint32) @ weights
    ours = (frames[:, 8:16] == np.frombuffer(salts, np.uint8)).all(axis=1)
    told = np.ascontiguousarray(frames[:, 16:24]).view(">u4")
    found: list[Sum] = []
    for mine, (first, second), expected in zip(ours.tolist(), own.tolist(), told.tolist(), strict=True):
        before = _times(powers, before, (first, second))
        if not mine or list(before) != expected:
            break
        found.append(before)
    return found


def _summed(words: Words, before: Sum) -> Sum:
    """Return the checksum of words that follow others of which it is known."""
    if not words.size:
        return before
    powers, weights = _weights(words.size // 2)
    first, second = (words @ weights).tolist()
    return _times(powers, before, (first, second))


Matrix = tuple[int, int, int, int]


def _times(matrix: Matrix, before: Sum, own: Sum) -> Sum:
    a, b, c, d = matrix
    return (a * before[0] + b * before[1] + own[0]) % _WORD, (c * before[0] + d * before[1] + own[1]) % _WORD


@cache
def _weights(pairs: int) -> tuple[Matrix, Words]:
    """Return what so many pairs make of a checksum before them, and what each of their words adds to it.

    One pair makes (s0 + s1 + first, s0 + 2 s1 + first + second) of (s0, s1): a matrix and a sum modulo 2**32.
    """
    weights = np.empty((2 * pairs, 2), np.uint32)
    a, b, c, d = 1, 0, 0, 1
    for pair in reversed(range(pairs)):
        weights[2 * pair] = (a + b) % _WORD, (c + d) % _WORD
        weights[2 * pair + 1] = b, d
        a, b, c, d = (a + b) % _WORD, (a + 2 * b) % _WORD, (c + d) % _WORD, (c + 2 * d) % _WORD
    return (a, b, c, d), weights


def _start_of(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""
