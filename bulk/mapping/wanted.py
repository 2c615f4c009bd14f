"""What is asked of one value of a step: a field's own facts, or the limits of the object it stands in."""

import re
from dataclasses import dataclass, replace

from bulk.destinations.fields import Field, Kind
from bulk.mapping.names import unknown


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a value.

    Attributes:
        field: Its own field, or without a kind that of the object around it; None if nothing is known.
        kind: What it looks like; None if it may be any JSON.
    """

    field: Field | None = None
    kind: Kind | None = None

    @property
    def whole(self) -> Field | None:
        """Its own field, if it has one."""
        return None if self.kind is None else self.field

    @property
    def consent(self) -> bool | None:
        """The value that would re-subscribe somebody; an object says it of every boolean inside."""
        return None if self.field is None else self.field.consent

    @property
    def below_consent(self) -> bool:
        """Whether it stands, at any depth, in an object that says what would re-subscribe."""
        return self.kind is None and self.consent is not None

    def member(self, name: str) -> "Wanted":
        """Return what is asked of a member; ``a.b`` is the member ``b`` of ``a``, if ``a`` is known."""
        if self.kind is not Kind.OBJECT or self.field is None:
            return Wanted(self.field)
        known = self.field.member(name)
        if known is not None:
            return Wanted(_limited(known, self.field), known.kind)
        outer, dot, inner = name.partition(".")
        path = self.field.member(outer) if dot else None
        if path is not None and path.name == outer and path.kind is Kind.OBJECT:
            return Wanted(path, Kind.OBJECT).member(inner)
        return Wanted(self.field)

    def sent_name(self, name: str) -> str:
        """Return what it is called in the request."""
        known = self.whole
        return name if known is None or known.name != name else known.sent_as or name

    def value(self) -> "Wanted":
        """Return what is asked if it is no object: whatever stands below consent is true or false."""
        return Wanted(self.field, Kind.BOOLEAN) if self.below_consent else self


def _limited(member: Field, around: Field) -> Field:
    """Give a member the limits of its object, where it has none of its own."""
    chars = around.max_chars if member.max_chars is None else member.max_chars
    size = around.max_bytes if member.max_bytes is None else member.max_bytes
    same = (chars, size) == (member.max_chars, member.max_bytes)
    return member if same else replace(member, max_chars=chars, max_bytes=size)


def name_fault(field: Field, name: str) -> str | None:
    """Say why an object takes no member of that name, or None."""
    if field.members and field.member(name) is None:
        return unknown("member", name, [member.name for member in field.members])
    if field.suffixes and field.member(name) is None:
        return f'the member name "{name}" must end in one of {", ".join(field.suffixes)}'
    if field.member_pattern is not None and re.fullmatch(field.member_pattern, name) is None:
        return f'the member name "{name}" is not allowed here; its form is {field.member_pattern}'
    longest = field.member_max_bytes
    if longest is not None and len(name.encode()) > longest:
        return f'the member name "{name}" is longer than {longest} bytes'
    return None
