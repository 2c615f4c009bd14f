"""Many people read by one kind of identifier, so that one who cannot be read does not hide the others."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulk.conversation import Lost, Reply, Request, Response, Verdict, lost_verdict
from bulk.destinations.customerio import shown
from bulk.destinations.customerio.answers import refusal
from bulk.destinations.verdicts import is_2xx, unclear

_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Seen:
    """What the App API shows under one identifier.

    Attributes:
        request: What was asked.
        reply: What was answered.
        people: Whoever has the identifier; None if that could not be read.
        unknown_kind: Whether the workspace knows nobody by identifiers of this kind.
    """

    request: Request
    reply: Reply
    people: Sequence[Mapping[str, Any]] | None
    unknown_kind: bool = False


Values = Mapping[str, str]
"""Identifiers as they are sent, by the same as they are compared."""
Reading = Generator[Request, Any, dict[str, Seen]]


def read(kind: str, values: Values, *, optional: bool = False) -> Reading:
    """Read people by one kind of identifier, a hundred at a time.

    A list that is refused, or answered with somebody who was not asked for, is read again in halves.

    Args:
        kind: The kind.
        values: The identifiers.
        optional: Whether the workspace may know nobody by this kind. A refused list then has that looked up.
    """
    found: dict[str, Seen] = {}
    for names in _parts(list(values), shown.MOST):
        found |= yield from _read(kind, {name: values[name] for name in names}, optional=optional)
    return found


def _read(kind: str, values: Values, *, optional: bool) -> Reading:
    request = shown.look_up_many(kind, list(values.values()))
    reply: Reply = yield request
    found = None if isinstance(reply, Lost) else _sorted(kind, values, reply)
    if found is not None:
        return {name: Seen(request, reply, people) for name, people in found.items()}
    if optional and isinstance(reply, Response) and shown.people(reply) is None:
        unknown = yield from _unknown_kind(kind, list(values.values()))
        if unknown is not None:
            return dict.fromkeys(values, unknown)
    if isinstance(reply, Lost) or len(values) == 1:
        return dict.fromkeys(values, Seen(request, reply, None))
    apart: dict[str, Seen] = {}
    for names in _parts(list(values), -(-len(values) // 2)):
        apart |= yield from _read(kind, {name: values[name] for name in names}, optional=False)
    return apart


def _unknown_kind(kind: str, values: Sequence[str]) -> Generator[Request, Any, Seen | None]:
    """Tell whether the workspace knows nobody by a kind: then a look-up of a single one is refused too.

    Two are asked for, where there are two: one may be refused for its own sake.
    """
    seen: Seen | None = None
    for value in dict.fromkeys((values[0], values[-1])):
        request = shown.look_up(kind, value)
        reply: Reply = yield request
        if isinstance(reply, Lost) or reply.status != _BAD_REQUEST:
            return None
        seen = Seen(request, reply, (), unknown_kind=True)
    return seen


def _sorted(kind: str, values: Values, reply: Response) -> dict[str, list[Mapping[str, Any]]] | None:
    """Return the people an answer shows by the identifiers asked for; None if it is about somebody else."""
    people = shown.people(reply)
    if people is None:
        return None
    found: dict[str, list[Mapping[str, Any]]] = {name: [] for name in values}
    for one in people:
        name = shown.comparable(shown.identifier(one, kind), kind)
        if name not in found:
            return None
        found[name].append(one)
    return found


def unread(seen: Seen) -> Verdict:
    """Return the verdict on somebody who could not be read."""
    if isinstance(seen.reply, Lost):
        return lost_verdict(seen.request, seen.reply)
    return unclear(seen.reply) if is_2xx(seen.reply) else refusal(seen.reply, reason="read_refused")


def _parts(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    return (names[start : start + most] for start in range(0, len(names), most))
