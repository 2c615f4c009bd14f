"""Read one row of delimited text, byte for byte, where a glance at the line is not enough."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bulk.source.decoding import MARK
from bulk.source.options import LONGEST_FIELD

QUOTE: Final = 0x22
CR: Final = 0x0D
LF: Final = 0x0A
UNCLOSED: Final = "a quote is never closed"
TEXT_AFTER_QUOTE: Final = "there is text after a closing quote"
_MARK: Final = MARK.encode()
_QUOTED: Final = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')


@dataclass(frozen=True)
class Shape:
    """What a good row looks like.

    Attributes:
        separator: The byte between fields.
        width: How many fields a row has.
        longest: Bytes within which a quoted field must end.
    """

    separator: int
    width: int
    longest: int = LONGEST_FIELD

    @cached_property
    def plain(self) -> re.Pattern[bytes]:
        """An unquoted field."""
        return re.compile(rb"[^\r\n%s]*+" % self._escaped)

    @cached_property
    def whole(self) -> re.Pattern[bytes]:
        """A whole good row without a quote in an unquoted field, with its line end."""
        one = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^"\r\n%s]*+)' % self._escaped
        more = b"(?:%s%s){%d}" % (self._escaped, one, self.width - 1)
        return re.compile(b"%s%s(?:\r\n|\n|\r)" % (one, more))

    @property
    def _escaped(self) -> bytes:
        return re.escape(bytes([self.separator]))

    def miscount(self, fields: int) -> str:
        """Say that a row has too many or too few fields."""
        plural = "" if fields == 1 else "s"
        return f"the row has {fields} field{plural} where the header has {self.width}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as found: where it ends, what is wrong with it, and its text if the original will not do."""

    end: int
    fault: str = ""
    text: bytes | None = None


@dataclass(slots=True)
class Fields:
    """The raw fields of one row, quoted as they must be, and where the row ends."""

    parts: list[bytes]
    end: int = 0
    fault: str = ""
    rewritten: bool = False


def read_row(block: bytes, start: int, shape: Shape, *, final: bool) -> Row | None:
    """Read the row at ``start``; None if more text is needed to know where it ends.

    A row whose quotes cannot be made sense of ends with its first physical line, so that it takes no
    other row with it; ``end`` is 0 then.
    """
    match = shape.whole.match(block, start, start + shape.longest)
    if match and _certain(match, block, shape, final=final):
        return Row(match.end(), unreadable(block, start, match.end()))
    fields = read_fields(block, start, shape, final=final)
    if fields is None:
        return None
    if fields.fault:
        return Row(0, fields.fault)
    fault = unreadable(block, start, fields.end)
    if not fault and len(fields.parts) != shape.width:
        fault = shape.miscount(len(fields.parts))
    text = bytes([shape.separator]).join(fields.parts) + b"\n" if fields.rewritten else None
    return Row(fields.end, fault, text)


def _certain(match: re.Match[bytes], block: bytes, shape: Shape, *, final: bool) -> bool:
    """Tell whether no byte beyond what was looked at could make the match longer (the LF of a CRLF)."""
    end = match.end()
    return end - match.start() < shape.longest and (final or end < len(block) or block[-1] == LF)


def unreadable(block: bytes, start: int, end: int) -> str:
    """Say what no text may hold, if ``block[start:end]`` holds it."""
    if block.find(0, start, end) < 0:
        return ""
    if block.find(_MARK, start, end) >= 0:
        return "there are bytes that the encoding does not know"
    return "there is a NUL byte"


def read_fields(block: bytes, start: int, shape: Shape, *, final: bool) -> Fields | None:
    """Read fields up to the row's line end; None if more text is needed."""
    found = Fields([])
    position = anchor = start
    while True:
        if len(found.parts) < shape.width:
            anchor = position  # fields beyond the width share one limit, so a row cannot grow for ever
        limit = anchor + shape.longest
        quoted = position < len(block) and block[position] == QUOTE
        take = _quoted if quoted else _plain
        stop = take(block, position, (limit, final), shape, found)
        if stop is None or found.fault:
            return None if stop is None else found
        if block[stop] == shape.separator:
            position = stop + 1
            continue
        crlf = block[stop : stop + 2] == b"\r\n"
        if block[stop] == CR and stop + 1 == len(block) and not final:
            return None
        found.end = stop + 1 + crlf
        return found


def _quoted(block: bytes, start: int, bound: tuple[int, bool], shape: Shape, found: Fields) -> int | None:
    """Take a quoted field and return where it stops."""
    limit, final = bound
    match = _QUOTED.match(block, start, limit)
    if match is None:
        if limit > len(block) and not final:
            return None
        found.fault = UNCLOSED
        return start
    stop = match.end()
    if stop == len(block):
        if not final:
            return None
        found.fault = UNCLOSED  # unreachable for blocks that end with a line end, as final ones do
        return start
    if block[stop] == QUOTE:  # the limit fell between two doubled quotes
        found.fault = UNCLOSED
    elif block[stop] not in (shape.separator, CR, LF):
        found.fault = TEXT_AFTER_QUOTE
    found.parts.append(match.group())
    return stop


def _plain(block: bytes, start: int, bound: tuple[int, bool], shape: Shape, found: Fields) -> int | None:
    """Take an unquoted field, in which quotes are text, and return where it stops."""
    _limit, _final = bound
    match = shape.plain.match(block, start)
    assert match is not None  # noqa: S101 - tells the type checker what is known
    if match.end() == len(block):
        return None
    part = match.group()
    if b'"' in part:
        part = b'"%s"' % part.replace(b'"', b'""')
        found.rewritten = True
    found.parts.append(part)
    return match.end()
