"""The types a destination is described with: systems, operations, fields."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bulk.conversation import Batch, Conversation, Meaning, Request, Response


class Kind(StrEnum):
    """What a field's value looks like."""

    EMAIL = "email"
    """Text of e-mail shape, sent trimmed."""
    IDENTIFIER = "identifier"
    """Non-empty text that names somebody, sent trimmed; never ``.`` or ``..``."""
    TEXT = "text"
    TEXTS = "list of text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    OBJECT = "object"
    """An object with members of any JSON type."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an operation, named as the vendor names it.

    Attributes:
        name: The vendor's name.
        kind: What its value looks like.
        about: One sentence for people.
        fact: Where the facts come from, and how sure they are.
        required: Whether a record without it is rejected.
        max_chars: Longest text, in characters; for an object, of each text member; for a list, of each text.
        max_bytes: The same in UTF-8 bytes.
        max_items: Most members of an object, or most texts of a list.
        member_pattern: What an object's member names must match in full.
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


class Effect(StrEnum):
    """What an operation means for the person: decides about consent, suppression and duplicates."""

    WRITES = "writes"
    """Creates, updates, subscribes, tags, tracks or messages: held back from opted-out people."""
    UNSUBSCRIBES = "unsubscribes"
    REMOVES = "removes"


@dataclass(frozen=True, slots=True)
class Batching:
    """How many records one request may carry."""

    default: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Operation:
    """What a system can do with a record.

    Attributes:
        name: As in the job file.
        about: One sentence for people.
        fields: What a record may hold.
        effect: What it means for the person.
        converse: The conversation that carries it out; the second argument is the system's settings.
        one_of: Fields of which a record needs at least one.
        batching: None if every request carries one record.
        adds: Whether it adds to a record (events, tags) instead of setting its state.
        repeatable: Whether sending it twice is harmless.
        irreversible: Whether it can never be undone, and so needs approval.
        keep: Fields the conversation reads one by one, beside the encoded record.
        confirm: The conversation that reads one record back and compares; None if that cannot be done.
        exchanges: Requests a conversation takes, look-ups and read-backs included, given the mapped fields.
        fact: Where the facts come from, and how sure they are.
    """

    name: str
    about: str
    fields: tuple[Field, ...]
    effect: Effect
    converse: Callable[[Batch, Any], Conversation]
    fact: str
    one_of: tuple[str, ...] = ()
    batching: Batching | None = None
    adds: bool = False
    repeatable: bool = True
    irreversible: bool = False
    keep: tuple[str, ...] = ()
    confirm: Callable[[Batch, Any], Conversation] | None = None
    exchanges: Callable[[Collection[str], Any], int] = lambda _fields, _settings: 1

    def field(self, name: str) -> Field | None:
        """Return the field of that name, if the operation has it."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret a system needs: its key under ``auth:`` and the variable that holds it by default."""

    option: str
    variable: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A harmless request that proves the credentials, and what its answer says: a problem, or None."""

    request: Request
    problem: Callable[[Response], str | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer means for the run, and why, in a sentence without personal data."""

    meaning: Meaning
    why: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """A kind of destination.

    Attributes:
        name: As in the job file.
        base_url: Where its API is by default.
        credentials: What it needs to know.
        settings: Frozen dataclass of the system's own options, each with a safe default.
        headers: Credentials and settings to request headers.
        read: What an answer means for the run, where its status alone does not say it; else None.
        probe: Settings to a probe.
        operations: By name.
    """

    name: str
    base_url: str
    credentials: tuple[Credential, ...]
    settings: type[Any]
    headers: Callable[[Mapping[str, str], Any], Mapping[str, str]]
    read: Callable[[Response], Reading | None]
    probe: Callable[[Any], Probe]
    operations: Mapping[str, Operation]
