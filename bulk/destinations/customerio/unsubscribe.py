"""Unsubscribe people, and read back that they are."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson
import polars as pl

from bulk.conversation import (
    NOT_CONFIGURED,
    RECORD,
    Act,
    Batch,
    Conversation,
    Lost,
    Reply,
    Response,
    Settle,
    Split,
    Status,
    Verdict,
    Wait,
)
from bulk.destinations.customerio import shown
from bulk.destinations.customerio.batches import BATCHING, alone, request_of, verdicts
from bulk.destinations.customerio.identifiers import PERSON, PERSON_FIELDS, SPEC, head
from bulk.destinations.customerio.reading import Seen, read, unread
from bulk.destinations.customerio.settings import UnsubscribeOptions
from bulk.destinations.operation import Effect, Operation, Terms
from bulk.destinations.shape import braced, constant, member
from bulk.destinations.verdicts import accepted, no_effect, not_found


@dataclass(slots=True)
class Asked:
    """A person to be read back.

    Attributes:
        value: The identifier as it was sent.
        positions: Which records sent it.
        absent: Whether the person was not there when last read.
    """

    value: str
    positions: list[int] = field(default_factory=list)
    absent: bool = False


Waiting = dict[str, Asked]
"""People to be read back, by identifier as it is compared."""
Judge = Callable[[Mapping[str, Any] | None, Response], Verdict | None]


def item(terms: Terms) -> pl.Expr:
    """Return the record as it is sent."""
    flags: dict[str, bool] = {"unsubscribed": True}
    if not _creates(terms):
        flags["_update"] = True
    return braced(*head("identify"), member("attributes", constant(flags)))


def _creates(terms: Terms) -> bool:
    return bool((terms.options or UnsubscribeOptions()).create_missing)


def unsubscribe(batch: Batch, terms: Terms) -> Conversation:
    """Unsubscribe a batch, then read the accepted ones back until they show it, or the patience ends."""
    records = batch.column(RECORD)
    request = request_of(records)
    reply: Reply = yield request
    said = verdicts(request, reply, len(batch))
    if isinstance(said, Split):
        yield said
        return
    refused = [settled for settled in said if settled.verdict.status is not Status.SUCCEEDED]
    if refused:
        yield Settle(refused)
    taken = [settled for settled in said if settled.verdict.status is Status.SUCCEEDED]
    positions = [position for settled in taken for position in range(settled.start, settled.stop)]
    yield from _read_back(_named(records, positions), terms)


def _named(records: Sequence[str], positions: Collection[int]) -> dict[str, Waiting]:
    """Return the records at these positions by kind of identifier and identifier."""
    found: dict[str, Waiting] = {}
    for position in positions:
        ((kind, value),) = orjson.loads(records[position])["identifiers"].items()
        waiting = found.setdefault(kind, {})
        waiting.setdefault(shown.comparable(value, kind), Asked(value)).positions.append(position)
    return found


def _read_back(asked: dict[str, Waiting], terms: Terms) -> Conversation:
    """Settle people by what is shown of them, as soon as it is what it should be, or after the patience."""
    for seconds, last in shown.waits(terms.settings.patience):
        if not any(asked.values()):
            return
        if seconds:
            yield Wait(seconds)
        creates = _creates(terms)
        judge = partial(_verdict, creates=creates, last=last)
        for kind, waiting in asked.items():
            # Somebody absent was hardly ever created seconds ago: one more read, at the end, will do.
            due = [name for name, one in waiting.items() if last or creates or not one.absent]
            found = yield from _look(kind, {name: waiting[name] for name in due}, judge)
            settled = [one for name in found for one in alone(waiting.pop(name).positions, found[name])]
            if settled:
                yield Settle(settled)


def _look(kind: str, waiting: Waiting, judge: Judge) -> Generator[Act, Any, dict[str, Verdict]]:
    """Read people by one kind of identifier; return the verdicts that can be given now."""
    seen = yield from read(kind, {name: one.value for name, one in waiting.items()})
    for name, one in seen.items():
        waiting[name].absent = not one.people
    judged = {name: _judged(one, judge) for name, one in seen.items()}
    return {name: verdict for name, verdict in judged.items() if verdict is not None}


def _judged(seen: Seen, judge: Judge) -> Verdict | None:
    if isinstance(seen.reply, Lost):
        unseen = Verdict(Status.SUCCEEDED, "not_read_back")
        return unseen if seen.reply.reason == NOT_CONFIGURED else unread(seen)
    if seen.people is None:
        return unread(seen)
    return judge(seen.people[-1] if seen.people else None, seen.reply)


def _verdict(
    person: Mapping[str, Any] | None, response: Response, *, creates: bool, last: bool
) -> Verdict | None:
    """Say what a read shows; None: not yet what it should."""
    if person is not None and shown.is_unsubscribed(person):
        return accepted(response)
    if not last:
        return None
    if person is None and not creates:
        return not_found(response)
    what = "does not show this person" if person is None else "still shows the person as subscribed"
    return no_effect(response, f"the request was accepted, but the workspace {what}")


def _exchanges(fields: Collection[str], _terms: Terms) -> int:
    """One request, and one read for every kind of identifier; a read that comes too soon is repeated."""
    return 1 + max(1, len(set(PERSON) & set(fields)))


UNSUBSCRIBE = Operation(
    name="unsubscribe_person",
    about="Unsubscribe people from all messages, and read back that they are, if the App API key is set.",
    fields=PERSON_FIELDS,
    whom="person",
    effect=Effect.UNSUBSCRIBES,
    converse=unsubscribe,
    fact=f"person.identify with unsubscribed: {SPEC}; it shows after 10 to 60 seconds (fairly sure)",
    one_of=PERSON,
    batching=replace(BATCHING, default=shown.MOST, maximum=shown.MOST),
    warning="Without the App API key nothing is read back: rows are succeeded with the reason not_read_back.",
    item=item,
    exchanges=_exchanges,
    options=UnsubscribeOptions,
)
