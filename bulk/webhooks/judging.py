"""Judges one delivery of a webhook: what to answer, whom to record, what to count."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from bulk.webhooks.people import Unsubscribed


class Count(StrEnum):
    """What becomes of events and deliveries, as it is counted."""

    RECORDED = "recorded"
    KNOWN = "known"
    SUBSCRIBED = "subscribed"
    OTHER = "other"
    NAMELESS = "nameless"
    UNPROVEN = "unproven"
    STALE = "stale"
    MALFORMED = "malformed"
    ELSEWHERE = "elsewhere"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    TOO_MANY = "too_many"
    BROKEN_OFF = "broken_off"
    NOT_WRITTEN = "not_written"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST.

    Attributes:
        rest: What stands in the path behind the vendor's name and a slash.
        headers: By name, whatever its case.
        body: As it came.
        received: Seconds since the epoch.
    """

    rest: str
    headers: Mapping[str, str]
    body: bytes
    received: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that a delivery comes from the vendor.

    Attributes:
        secrets: Any of them will do; none: anybody is let in.
        max_age: Seconds after which a signed delivery is stale.
    """

    secrets: tuple[str, ...] = field(repr=False)
    max_age: float


Told = tuple[Unsubscribed, ...] | Count


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor that sends webhooks.

    Attributes:
        name: As in the path, and in the column ``source``.
        refuse: Say as what a delivery is counted that is not let in.
        read: Tell who unsubscribed by an event that was received at a time, or as what it is counted.
    """

    name: str
    refuse: Callable[[Delivery, Proof], Count | None]
    read: Callable[[dict[str, Any], float], Told]


@dataclass(frozen=True, slots=True)
class Door:
    """Where a vendor is let in."""

    vendor: Vendor
    proof: Proof


@dataclass(frozen=True, slots=True)
class Judged:
    """What a delivery comes to.

    Attributes:
        status: To be answered once the people are on disk.
        people: Who unsubscribed.
        counts: Beside the people.
    """

    status: int
    people: tuple[Unsubscribed, ...] = ()
    counts: tuple[Count, ...] = ()


def door_at(doors: Mapping[str, Door], path: str) -> tuple[Door, str] | None:
    """Return the door that a path leads to, and the rest of the path; None if there is none."""
    name, _, rest = path.removeprefix("/").partition("/")
    return (doors[name], rest.removesuffix("/")) if name in doors else None


def judge(door: Door, delivery: Delivery) -> Judged:
    """Judge a delivery.

    What nobody can make use of is taken all the same if it is proven: a vendor sends again what was refused,
    and may hold back everything behind it meanwhile.
    """
    refused = door.vendor.refuse(delivery, door.proof)
    if refused is not None:
        return Judged(401, counts=(refused,))
    events = _events(delivery.body)
    if events is None:
        return Judged(400, counts=(Count.MALFORMED,))
    told = [door.vendor.read(event, delivery.received) for event in events]
    return Judged(
        200,
        tuple(person for one in told if isinstance(one, tuple) for person in one),
        tuple(one for one in told if isinstance(one, Count)),
    )


def _events(body: bytes) -> list[dict[str, Any]] | None:
    """Return the event of a body, or its events; None if it holds none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    events = value if isinstance(value, list) else [value]
    return events if events and all(isinstance(event, dict) for event in events) else None
