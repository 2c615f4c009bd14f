"""What the erasures of all systems have in common: options, fields, identifiers, verdicts."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from bulk.conversation import Batch, Name, Response, Status, Verdict, Verification
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Operation

_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h|d)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_OURS = "our own: kept in the ledger, never sent"

REFERENCE = Field(
    "reference",
    Kind.TEXT,
    "What you call the request, such as a ticket number; kept in plain, so nothing that names somebody.",
    _OURS,
    max_chars=200,
    pattern="[^@]*",
)
RECEIVED_AT = Field("received_at", Kind.MOMENT, "When the request was received.", _OURS)
DUE_AT = Field(
    "due_at",
    Kind.MOMENT,
    "Until when it must be answered; by default one month after it was received.",
    _OURS,
)
REQUEST_FIELDS = (REFERENCE, RECEIVED_AT, DUE_AT)
"""What is noted of a request beside the person."""
REQUEST_NAMES = tuple(one.name for one in REQUEST_FIELDS)


@dataclass(frozen=True, slots=True)
class Verify:
    """How people are read back.

    Attributes:
        wait: Until how long after acceptance each person is read again, while they are still shown. ``0s``
            leaves the reading to ``bulk verify``.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    wait: str | float = "60s"

    def __post_init__(self) -> None:
        if not _TIME.fullmatch(str(self.wait)):
            raise ValueError("wait is a time such as 60s, 15m or 2h")

    @property
    def seconds(self) -> float:
        """``wait`` in seconds."""
        found = _TIME.fullmatch(str(self.wait))
        return float(found[1]) * _SECONDS[found[2]] if found else 0.0


@dataclass(frozen=True, slots=True)
class ErasureOptions:
    """Options of a step that erases people.

    Attributes:
        verify: People are read back until they are gone, or ``wait`` after acceptance is over; ``none`` reads
            nobody back, and then nobody who was removed is ``succeeded``.
        matches: ``certain`` erases only whom all identifiers of the row agree on; ``all`` everybody whom any
            of them names.
    """

    verify: Verify | Literal["none"] = field(default_factory=Verify)
    matches: Literal["certain", "all"] = "certain"

    @property
    def patience(self) -> float:
        """Seconds after acceptance until which people are read back."""
        return 0.0 if self.verify == "none" else self.verify.seconds


def tailored(operation: Operation, options: ErasureOptions) -> Operation:
    """Return the operation of a step: one that reads nobody back does without what that needs."""
    if operation.erasing is None or options.verify != "none":
        return operation
    return replace(operation, surfaces=(), erasing=replace(operation.erasing, verify=None))


def given(batch: Batch, position: int, kinds: Iterable[str]) -> tuple[Name, ...]:
    """Return the identifiers one record gives, in the order of ``kinds``."""
    values = ((kind, batch.value(kind, position)) for kind in kinds)
    return tuple((kind, str(value)) for kind, value in values if value)


def normal(name: Name) -> Name:
    """Return an identifier as it is compared: trimmed, addresses in lower case."""
    kind, value = name
    return kind, value.strip().lower() if kind == "email" else value.strip()


def together(*names: Iterable[Name]) -> tuple[Name, ...]:
    """Join identifiers, each once, as it stands first."""
    found: dict[Name, Name] = {}
    for name in (name for some in names for name in some):
        found.setdefault(normal(name), name)
    return tuple(found.values())


def beyond(found: Iterable[Name], known: Iterable[Name]) -> tuple[Name, ...]:
    """Return the identifiers that were not given."""
    given = set(map(normal, known))
    return tuple(name for name in together(found) if normal(name) not in given)


def taken(response: Response | None, options: ErasureOptions, reason: str = "") -> Verdict:
    """Return the verdict of a removal that was accepted: whether it took effect is to be read back."""
    status, request_id = (response.status, response.request_id) if response else (None, "")
    if options.verify == "none":
        message = "nobody was read back, since the step says verify: none"
        return Verdict(
            Status.UNKNOWN,
            "not_verifiable",
            status,
            "",
            message,
            request_id,
            verification=Verification.NOT_VERIFIABLE,
            ours=True,
        )
    return Verdict(Status.PENDING, reason, status, request_id=request_id, verification=Verification.PENDING)


NOT_PRESENT = Verdict(Status.SUCCEEDED, "not_present", verification=Verification.ABSENT)
"""Looked up by everything that was given, and never there."""
ABSENT = Verdict(Status.SUCCEEDED, verification=Verification.ABSENT)
STILL_PRESENT = Verdict(
    Status.FAILED,
    "still_present",
    error_message="the removal was accepted, but the destination still shows the person",
    verification=Verification.STILL_PRESENT,
    ours=True,
)
ANOTHER_PRESENT = replace(
    STILL_PRESENT,
    error_message="the destination shows another record with an identifier of the person: it came since, "
    "or was hidden by the first one; --retry failed looks again",
)
"""An identifier shows somebody whom the system itself does not call as it called who was found."""
UNREAD = Verdict(Status.PENDING, verification=Verification.PENDING)
"""It could not be told whether the person is still there."""


def nobody(batch: Batch, position: int, options: ErasureOptions, response: Response | None = None) -> Verdict:
    """Return the verdict on a record that finds nobody: never there, or gone since an earlier try."""
    was_there = batch.attempted or batch.found_at(position)
    return taken(response, options, "gone") if was_there else NOT_PRESENT


def conflict(message: str) -> Verdict:
    """Return the verdict on a row whose identifiers mean different people: nobody is removed."""
    return Verdict(Status.FAILED, "identity_conflict", error_message=message, ours=True)


def ambiguous(message: str) -> Verdict:
    """Return the verdict on a row whose identifiers do not say who is meant: nobody is removed."""
    return Verdict(Status.FAILED, "ambiguous", error_message=message, ours=True)


def partly(verdict: Verdict, done: Sequence[str]) -> Verdict:
    """Say beside a failure what was removed before it; of the destination's words only the reason is kept."""
    if not done:
        return verdict
    then = verdict.error_message if verdict.ours else verdict.reason
    return replace(verdict, error_message=f"{' and '.join(done)} removed, then: {then}", ours=True)


def members(**named: str) -> Callable[[Mapping[str, Any]], Iterator[Name]]:
    """Return what yields the identifiers of a listed contact.

    Args:
        named: Kinds, by the members that hold one or a list of them.
    """

    def names(record: Mapping[str, Any]) -> Iterator[Name]:
        for member, kind in named.items():
            value = record.get(member)
            for one in value if isinstance(value, list) else [value]:
                if one not in (None, ""):
                    yield kind, str(one)

    return names
