"""Check and number the rows of a block of delimited text, all at once.

Every physical line is judged as if a row began there: by counting its separators, and by looking at
what stands beside each of its quotes. The few lines that this cannot settle (an open quote, a quote
within an unquoted field) are read byte by byte, in order; lines that such a row swallows are then no
rows. So the work is linear in the text, however many rows are malformed.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from bulk.source.fields import CR, LF, QUOTE, Row, Shape, read_row, unreadable

BLANK: Final = 0
GOOD: Final = 1
BAD: Final = 2
INSIDE: Final = 3
"""A line that continues a good row."""
CONSUMED: Final = 4
"""A line that continues a malformed row."""
SPECIAL: Final = 5
REWRITTEN: Final = 6
"""A good row whose text must be written anew, or a line of it."""

_Array = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scan:
    """The rows of a block.

    Attributes:
        text: The good rows, ready to be parsed; None stands for the block itself up to ``consumed``.
        good: Which of the rows are good, from 0; None if all are.
        rows: How many rows there are, good or not.
        faults: Of each malformed row: its place among the rows, its line in the block, both from 0, and why.
        consumed: How many bytes of the block are done with.
        lines: How many physical lines that is.
    """

    text: bytes
    good: npt.NDArray[np.int64] | None
    rows: int
    faults: list[tuple[int, int, str]]
    consumed: int
    lines: int


def scan(block: bytes, shape: Shape, *, final: bool) -> Scan:
    """Check the rows of a block that are complete (of a final one: all rows)."""
    block = _ended(block, final=final)
    return _Lines(block, complete(block, final=final), shape).scan(final=final)


def seems_plain(block: bytes, shape: Shape, *, final: bool) -> Scan | None:
    """Return the rows of a block without quotes that has as many separators as good rows would have.

    They are good rows if none of them has too many fields, which a parser notices: then none has too few.
    """
    block = _ended(block, final=final)
    end = complete(block, final=final)
    if block.find(b'"', 0, end) >= 0 or block.find(b"\0", 0, end) >= 0:
        return None
    text = unix_lines(block[:end])
    found = np.frombuffer(text, np.uint8)  # which counts faster than bytes do
    lines, separators = (int(np.count_nonzero(found == mark)) for mark in (LF, shape.separator))
    if separators != lines * (shape.width - 1) or (shape.width == 1 and _blank(text)):
        return None
    return Scan(text, None, lines, [], end, lines)


def _ended(block: bytes, *, final: bool) -> bytes:
    return block + b"\n" if final and block and block[-1] not in (CR, LF) else block


def _blank(text: bytes) -> bool:
    """Tell whether any line holds nothing."""
    return text.startswith(b"\n") or b"\n\n" in text


def complete(block: bytes, *, final: bool) -> int:
    """Return where the last complete line of a block ends; a CR at the very end may be half a CRLF."""
    searched = len(block) if final else len(block) - 1
    return max(block.rfind(b"\n"), block.rfind(b"\r", 0, max(searched, 0))) + 1


def unix_lines(text: bytes) -> bytes:
    """Turn CRLF and CR into LF."""
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text


@dataclass(slots=True)
class _Lines:
    """The physical lines of a block and what has become of each."""

    block: bytes
    end: int
    shape: Shape
    starts: _Array = field(init=False)
    stops: _Array = field(init=False)
    marks: _Array = field(init=False)
    before: _Array = field(init=False)
    returns: _Array = field(init=False)
    states: npt.NDArray[np.uint8] = field(init=False)
    counts: _Array = field(init=False)
    rewritten: dict[int, bytes] = field(default_factory=dict)
    messages: dict[int, str] = field(default_factory=dict)

    def scan(self, *, final: bool) -> Scan:
        """Judge all lines and gather the good rows."""
        found = np.frombuffer(self.block, np.uint8, self.end)
        self._cut(found)
        self._judge(found)
        lines = self._read_special(final=final)
        states = self.states[:lines]
        places = np.flatnonzero((states == GOOD) | (states == BAD) | (states == REWRITTEN))
        good = np.flatnonzero(states[places] != BAD)
        faults = [
            (int(row), int(places[row]), self._message(int(places[row])))
            for row in np.flatnonzero(states[places] == BAD)
        ]
        consumed = int(self.starts[lines]) if lines < self.starts.size else self.end
        return Scan(self._text(lines, consumed), good, places.size, faults, consumed, lines)

    def _cut(self, found: npt.NDArray[np.uint8]) -> None:
        """Find where lines start and stop, and the separators in each; LF, CRLF and CR end a line.

        Marks, in order, are all separators and line ends: looking for both at once takes half the time.
        """
        ends, halves = found == LF, None
        if self.block.find(b"\r", 0, self.end) >= 0:
            returns = found == CR
            halves = np.zeros(found.size + 1, np.bool_)  # behind the CR of a CRLF
            np.logical_and(returns[:-1], ends[1:], out=halves[1:-1])
            ends |= returns
            ends[:-1] &= ~halves[1:-1]
        marked = found == self.shape.separator
        marked |= ends
        self.marks = np.flatnonzero(marked)
        places = np.flatnonzero(ends[self.marks])
        last = self.marks[places]
        self.before = np.concatenate(([0], places[:-1] + 1)) if places.size else places
        self.counts = places - self.before
        self.starts = np.concatenate(([0], last[:-1] + 1)) if last.size else last
        self.stops = last if halves is None else last - halves[last]
        self.returns = last[:0] if halves is None else np.flatnonzero(found[last] == CR)

    def _judge(self, found: npt.NDArray[np.uint8]) -> None:
        """Set the state of every line that can be settled by itself, and mark the others special."""
        quotes = np.flatnonzero(found == QUOTE) if self.block.find(b'"', 0, self.end) >= 0 else self.marks[:0]
        special = np.zeros(self.starts.size, np.bool_)
        if quotes.size:
            special = self._quotes(found, quotes)
            self._leave_out_quoted(quotes)
        good = (self.counts == self.shape.width - 1) & ~self._with_nul(found)
        self.states = np.where(good, np.uint8(GOOD), np.uint8(BAD))
        self.states[self.starts == self.stops] = BLANK
        self.states[special] = SPECIAL

    def _leave_out_quoted(self, quotes: _Array) -> None:
        """Count no separators within quotes; only lines that have quotes are looked at."""
        lines = np.unique(np.searchsorted(self.starts, quotes, side="right") - 1)
        counts = self.counts[lines]
        numbers = np.repeat(np.arange(lines.size), counts)
        offsets = np.arange(numbers.size) - np.repeat(np.cumsum(counts) - counts, counts)
        places = np.searchsorted(quotes, self.marks[self.before[lines][numbers] + offsets])
        within = (places - np.searchsorted(quotes, self.starts[lines])[numbers]) & 1
        self.counts[lines] = np.bincount(numbers[within == 0], minlength=lines.size)

    def _quotes(self, found: npt.NDArray[np.uint8], quotes: _Array) -> _Flags:
        """Look beside each quote: odd ones must open a field (or be doubled), even ones close it."""
        before = np.searchsorted(quotes, self.starts)
        counts = np.diff(before, append=quotes.size)
        opening = ((np.arange(quotes.size) - np.repeat(before, counts)) & 1) == 0
        edge = np.zeros(256, np.bool_)
        edge[[self.shape.separator, QUOTE, CR, LF]] = True
        # The byte before the first byte is the last one: a line end, which is right.
        beside = found[quotes + np.where(opening, -1, 1)]
        special = (counts & 1).astype(np.bool_)
        special |= (counts > 0) & (self.stops - self.starts > self.shape.longest)
        special[self._line_numbers(quotes[~edge[beside]])] = True
        return special

    def _line_numbers(self, positions: _Array) -> _Array:
        """Return the line of each of some ascending positions."""
        counts = np.diff(np.searchsorted(positions, self.starts), append=positions.size)
        return np.repeat(np.arange(self.starts.size), counts)

    def _with_nul(self, found: npt.NDArray[np.uint8]) -> _Flags:
        """Tell which lines hold a NUL, which also marks undecodable bytes."""
        flags = np.zeros(self.starts.size, np.bool_)
        if self.block.find(b"\0", 0, self.end) >= 0:
            flags[self._line_numbers(np.flatnonzero(found == 0))] = True
        return flags

    def _read_special(self, *, final: bool) -> int:
        """Read the special lines in order and return how many lines of the block are complete rows."""
        resume = 0
        for line in np.flatnonzero(self.states == SPECIAL).tolist():
            if line < resume:
                continue
            row = read_row(self.block, int(self.starts[line]), self.shape, final=final)
            if row is None:
                return int(line)
            resume = line + 1
            if row.end:
                resume = int(np.searchsorted(self.starts, row.end))
            self._settle(line, resume, row)
        return self.starts.size

    def _settle(self, line: int, resume: int, row: Row) -> None:
        if row.fault:
            self.messages[line] = row.fault
            first, then = BAD, CONSUMED
        elif row.text is not None:
            self.rewritten[line] = row.text
            first, then = REWRITTEN, CONSUMED
        else:
            first, then = GOOD, INSIDE
        self.states[line] = first
        if resume > line + 1:
            self.states[line + 1 : resume] = then

    def _message(self, line: int) -> str:
        """Say what is wrong with a line."""
        start, stop = int(self.starts[line]), int(self.stops[line])
        return (
            self.messages.get(line)
            or unreadable(self.block, start, stop)
            or self.shape.miscount(int(self.counts[line]) + 1)
        )

    def _text(self, lines: int, consumed: int) -> bytes:
        """Return the text of the good rows."""
        states = self.states[:lines]
        kept = (states == GOOD) | (states == INSIDE)
        self._feed(states)
        if kept.all():
            return self.block[:consumed]
        edges = np.flatnonzero(np.diff(kept, prepend=False, append=False))
        bounds = np.append(self.starts[:lines], consumed)[edges].reshape(-1, 2).tolist()
        pieces = [(start, self.block[start:stop]) for start, stop in bounds]
        if self.rewritten:
            pieces += [(int(self.starts[line]), text) for line, text in self.rewritten.items()]
            pieces.sort(key=lambda piece: piece[0])
        return b"".join(text for _start, text in pieces)

    def _feed(self, states: npt.NDArray[np.uint8]) -> None:
        """Make an LF of every lone CR that ends a row, since the parser knows no other end."""
        if not self.returns.size:
            return
        within = np.append(states == INSIDE, np.zeros(self.starts.size + 1 - states.size, np.bool_))
        ending = self.returns[~within[self.returns + 1]]
        block = np.frombuffer(self.block, np.uint8).copy()
        block[self.stops[ending]] = LF
        self.block = block.tobytes()
