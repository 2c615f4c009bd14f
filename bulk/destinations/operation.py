"""What a system can do with a record: an operation, how its requests are filled, what it is told."""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import polars as pl

from bulk.conversation import Batch, Conversation, Name, Request, Response, Wait
from bulk.destinations.fields import Field


class Effect(StrEnum):
    """What an operation means for the person: decides about consent, suppression and duplicates."""

    WRITES = "writes"
    """Creates, updates, subscribes, tags, tracks or messages: held back from opted-out people."""
    UNSUBSCRIBES = "unsubscribes"
    REMOVES = "removes"


@dataclass(frozen=True, slots=True)
class Batching:
    """How many records one request may carry.

    Attributes:
        default: Records, unless the step says otherwise.
        maximum: Records at the most.
        max_bytes: Bytes of all records together, the commas between them included.
        item_bytes: Bytes of one record as it is sent; longer ones are rejected.
        group: Over an encoded frame, text that must be equal for records to share a request.
    """

    default: int
    maximum: int
    max_bytes: int | None = None
    item_bytes: int | None = None
    group: pl.Expr | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a conversation is told beside its batch.

    Attributes:
        settings: The destination's own options.
        options: The step's own options; None if its operation has none.
        seed: Names this step of this pass over this source: the same again when it is resumed.
    """

    settings: Any = None
    options: Any = None
    seed: str = ""


class State(StrEnum):
    """Whom an erasure would find at a destination."""

    PRESENT = "present"
    ABSENT = "absent"
    CONFLICT = "conflict"
    AMBIGUOUS = "ambiguous"
    UNREAD = "unread"
    """It could not be looked up."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Whom an erasure would find.

    Attributes:
        position: Of the record in its batch.
        state: Whether somebody is there, and whether that is certain.
        records: How many records of that person the destination has.
        children: How many other things would go with them; None if that is not counted.
    """

    position: int
    state: State
    records: int = 0
    children: int | None = None


Look = Generator[Request | Wait | Sighting, Any, None]
"""Yields requests and waits, and a sighting of every record of a batch; changes nothing."""


Naming = Callable[[Mapping[str, Any]], Iterable[Name]]
"""Yields everything that names a listed contact."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """What an operation that erases people has beside its conversation.

    The conversation settles who was removed as pending, to be verified, and who was never there as absent.

    Attributes:
        kinds: The identifiers a record may give, each with what it is everywhere: ``email``, ``phone``,
            ``id``, or a kind of this system's own, as those are that are found and cannot be given.
        look: Tells whom it would find.
        verify: Reads people back by everything that was given or found; settles each as absent, still
            present or, if that cannot be told, pending. None if nobody is read back.
        patience: Given the step's options, until how many seconds after acceptance people are read back; 0
            leaves that to ``bulk verify``.
        by_hand: What people must do themselves where the vendor says that its API does not erase for good.
        contacts: By listing, what names a listed contact.
    """

    kinds: Mapping[str, str]
    look: Callable[[Batch, Terms], Look]
    verify: Callable[[Batch, Terms], Conversation] | None
    patience: Callable[[Any], float]
    by_hand: str = ""
    contacts: Mapping[str, Naming] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a system can do with a record.

    Attributes:
        name: As in the job file.
        about: One sentence for people.
        fields: What a record may hold; empty if it may hold anything.
        effect: What it means for the person.
        converse: The conversation that carries it out.
        one_of: Fields of which a record needs at least one.
        also_one_of: Further fields of which it needs at least one as well.
        batching: None if every request carries one record.
        adds: Whether it adds to a record (events, tags) instead of setting its state.
        repeatable: Whether sending it twice is harmless.
        irreversible: Whether it can never be undone, and so needs approval.
        approval: Whether it needs approval for another reason.
        warning: What people must know before they use it, in a sentence.
        keep: Fields the conversation reads one by one, beside the encoded record.
        item: The record as it is sent, over a frame of ROW and one column for each mapped field, which holds
            its value as JSON text, null where it is left out; None: an object of all fields.
        confirm: The conversation that reads one record back and compares; None if that cannot be done.
        exchanges: Requests a conversation takes, read-backs included, given the mapped fields.
        exchanges_each: Further requests for each record of its batch, such as look-ups.
        suppose: What the system would answer a request if all goes as people expect, so that a preview can
            show the request after it; None where the preview ends. Without it the first request is shown.
        options: Frozen dataclass of the step's own options, each with a default; None if there are none.
        tailor: Makes the operation that a step's options ask for; None if options change nothing here.
        check: Says what is wrong with a step's options, given the names of its fields and its batch size,
            in sentences.
        surfaces: Further surfaces it cannot do without.
        instead: What a step can say to do without them, in words.
        erasing: What it has beside that if it erases people.
        whom: What sort of person it creates, sets or removes, such as ``user``: operations of one sort that
            name somebody alike mean the same person. Empty if it is about anything else.
        fact: Where the facts come from, and how sure they are.
    """

    name: str
    about: str
    fields: tuple[Field, ...]
    effect: Effect
    converse: Callable[[Batch, Terms], Conversation]
    fact: str
    one_of: tuple[str, ...] = ()
    also_one_of: tuple[str, ...] = ()
    batching: Batching | None = None
    adds: bool = False
    repeatable: bool = True
    irreversible: bool = False
    approval: bool = False
    warning: str = ""
    keep: tuple[str, ...] = ()
    item: Callable[[Terms], pl.Expr] | None = None
    confirm: Callable[[Batch, Terms], Conversation] | None = None
    exchanges: Callable[[Collection[str], Terms], int] = lambda _fields, _terms: 1
    exchanges_each: Callable[[Collection[str], Terms], int] = lambda _fields, _terms: 0
    suppose: Callable[[Request], Response | None] | None = None
    options: type[Any] | None = None
    tailor: Callable[["Operation", Any], "Operation"] | None = None
    check: Callable[[Any, Collection[str], int | None], Sequence[str]] = lambda _options, _fields, _size: ()
    surfaces: tuple[str, ...] = ()
    instead: str = ""
    erasing: Erasing | None = None
    whom: str = ""

    @property
    def needs_approval(self) -> bool:
        """Whether somebody must say yes before it begins."""
        return self.irreversible or self.approval

    @property
    def brings(self) -> bool:
        """Whether it creates people, or sets what they are."""
        return bool(self.whom) and self.effect is Effect.WRITES and not self.adds

    @property
    def removes(self) -> bool:
        """Whether it takes people away, or out of what they receive."""
        return bool(self.whom) and self.effect is not Effect.WRITES

    def field(self, name: str) -> Field | None:
        """Return the field of that name, if the operation has it."""
        return next((field for field in self.fields if field.name == name), None)
