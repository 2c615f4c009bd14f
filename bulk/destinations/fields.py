"""What a field of an operation may hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a field's value looks like."""

    EMAIL = "email"
    """Text of e-mail shape, sent trimmed."""
    IDENTIFIER = "identifier"
    """Non-empty text that names somebody, sent trimmed; never ``.`` or ``..``."""
    PHONE = "phone number"
    """Text of international shape: ``+`` and 7 to 15 digits, perhaps with spaces, dots, hyphens, brackets."""
    TEXT = "text"
    TEXTS = "list of text"
    MOMENT = "date and time"
    """Text in ISO 8601, with an offset."""
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    OBJECT = "object"
    """An object with members of any JSON type."""
    LIST = "list"
    """A list of any JSON values."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an operation, named as the vendor names it.

    Attributes:
        name: The vendor's name.
        kind: What its value looks like.
        about: One sentence for people.
        fact: Where the facts come from, and how sure they are.
        required: Whether a record without it is rejected; of a member: whether an object without it is.
        max_chars: Longest text, in characters; for an object, of each text member; for a list, of each text.
        max_bytes: The same in UTF-8 bytes.
        max_items: Most members of an object, or most items of a list.
        member_pattern: What an object's member names must match in full.
        member_max_bytes: Longest member name of an object, in UTF-8 bytes.
        choices: The only texts allowed, if not empty.
        pattern: What its text, or each text of its list, must match in full.
        members: The only members of an object, if not empty; they are then mapped one by one.
        special: Members of an object, by name, that are more than any JSON value.
        suffixes: What a member whose name ends so holds; if not empty, every member name ends in one of them.
        consent: The value that would re-subscribe somebody; it is left out unless the step says otherwise.
        sent_as: Its name in the request, where that is another.
    """

    name: str
    kind: Kind
    about: str
    fact: str
    required: bool = False
    max_chars: int | None = None
    max_bytes: int | None = None
    max_items: int | None = None
    member_pattern: str | None = None
    member_max_bytes: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    members: tuple["Field", ...] = ()
    special: tuple["Field", ...] = ()
    suffixes: Mapping[str, "Field"] = field(default_factory=dict)
    consent: bool | None = None
    sent_as: str = ""

    def member(self, name: str) -> "Field | None":
        """Return what is known of an object's member, if anything."""
        for known in (*self.members, *self.special):
            if known.name == name:
                return known
        return next((known for suffix, known in self.suffixes.items() if name.endswith(suffix)), None)
