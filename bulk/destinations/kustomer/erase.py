"""Erase a person: find the customer, remove what is theirs and then them, read back that nobody is there."""

from collections import Counter
from collections.abc import Collection, Generator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from bulk.conversation import (
    Act,
    Batch,
    Conversation,
    Found,
    Lost,
    Name,
    Reply,
    Request,
    Response,
    Settle,
    Settled,
    Verdict,
    lost_verdict,
)
from bulk.destinations.erasure import (
    ABSENT,
    NOT_PRESENT,
    STILL_PRESENT,
    UNREAD,
    given,
    members,
    partly,
    taken,
    together,
)
from bulk.destinations.kustomer.answers import NOT_FOUND, refusal
from bulk.destinations.kustomer.children import count
from bulk.destinations.kustomer.clear import clear, told
from bulk.destinations.kustomer.customer import Customer
from bulk.destinations.kustomer.look_up import everybody, path
from bulk.destinations.kustomer.settings import EraseOptions, KustomerSettings
from bulk.destinations.kustomer.whom import KINDS, beyond_given, names_of, options_of, whom
from bulk.destinations.operation import Erasing, Look, Operation, Sighting, State, Terms
from bulk.destinations.verdicts import is_2xx

_STATES = {"identity_conflict": State.CONFLICT, "ambiguous": State.AMBIGUOUS}


def erase(batch: Batch, terms: Terms) -> Conversation:
    """Erase one person; what is found of them is kept before anything is removed."""
    found = yield from whom(batch, 0, terms)
    if found.doubt is not None:
        yield batch.settle(found.doubt)
    elif not found.customers:
        yield batch.settle(_nobody(batch, options_of(terms)))
    else:
        left_alone: Collection[int] = yield Found({0: _names(batch, found.customers)})
        if 0 not in left_alone:
            yield batch.settle((yield from _remove(found.customers, terms)))


def _nobody(batch: Batch, options: EraseOptions) -> Verdict:
    """Say of somebody who is not there whether an earlier try found them."""
    before = batch.attempted or batch.found_at(0)
    return taken(None, options, "gone") if before else NOT_PRESENT


def _names(batch: Batch, customers: Sequence[Customer]) -> tuple[Name, ...]:
    """Return what is to be read back beside what is given; what an earlier try found stays among it."""
    names = (name for customer in customers for name in names_of(customer))
    return beyond_given((*batch.found_at(0), *names), given(batch, 0, KINDS))


def _remove(customers: Sequence[Customer], terms: Terms) -> Generator[Act, Any, Verdict]:
    """Remove customers one after another; a failure ends it, and says what was removed before."""
    options, done = options_of(terms), Counter[str]()
    last: Response | None = None
    for customer in customers:
        stays = None
        if options.children == "delete":
            stays = yield from clear(customer.id, done, terms.settings)
        reply = stays or (yield from _delete(customer))
        if isinstance(reply, Verdict):
            return partly(reply, told(done))
        done["customers"] += is_2xx(reply)
        last = reply
    return taken(last, options, "" if done["customers"] else "gone")


def _delete(customer: Customer) -> Generator[Act, Any, Response | Verdict]:
    request = Request("DELETE", path("id", customer.id), irreversible=True)
    reply: Reply = yield request
    if isinstance(reply, Lost):
        return lost_verdict(request, reply)
    return reply if is_2xx(reply) or reply.status == NOT_FOUND else refusal(reply)


def verify(batch: Batch, terms: Terms) -> Conversation:
    """Read people back by everything that was given or found."""
    for position in range(len(batch)):
        names = together(given(batch, position, KINDS), batch.found_at(position))
        verdict = yield from _read_back(names, terms.settings)
        yield Settle((Settled(position, position + 1, verdict),))


def _read_back(names: Sequence[Name], settings: KustomerSettings) -> Generator[Act, Any, Verdict]:
    """Say whether somebody is still shown; others who only share an address with them do not count."""
    ids = {value.casefold() for kind, value in names if kind == "id"}
    verdict = ABSENT if names else UNREAD
    for kind, value in names:
        found = yield from everybody((kind, value), settings)
        if isinstance(found, Verdict):
            verdict = UNREAD
        elif any(one.id.casefold() in ids or not one.shares(kind, value) for one in found):
            return STILL_PRESENT
    return verdict


def look(batch: Batch, terms: Terms) -> Look:
    """Tell whom it would find, and how much would go with them."""
    for position in range(len(batch)):
        found = yield from whom(batch, position, terms)
        number = len(found.customers)
        if found.doubt is not None:
            yield Sighting(position, _STATES.get(found.doubt.reason, State.UNREAD), number)
        elif not number:
            yield Sighting(position, State.ABSENT)
        else:
            belongings = yield from _count(found.customers, terms)
            yield Sighting(position, State.PRESENT, number, belongings)


def _count(customers: Sequence[Customer], terms: Terms) -> Generator[Request, Any, int | None]:
    """Count what would be removed with customers; None if nothing would, or if it cannot be told."""
    if options_of(terms).children == "keep":
        return None
    total = 0
    for customer in customers:
        counted = yield from count(customer.id, terms.settings)
        if counted is None:
            return None
        total += counted
    return total


ERASING = Erasing(
    kinds=KINDS,
    look=look,
    verify=verify,
    patience=lambda options: options.patience,
    contacts={
        "customers": members(
            id="id", externalId="externalId", email="email", phone="phone", emails="email", phones="phone"
        )
    },
)


def tailored(operation: Operation, options: EraseOptions) -> Operation:
    """Return the operation without a way to read back, if the step asks for that."""
    if options.verify != "none" or operation.erasing is None:
        return operation
    return replace(operation, erasing=replace(operation.erasing, verify=None))


def supposed(request: Request) -> Response | None:
    """Suppose that everybody is known, and has nothing: under an id that only looking up would tell."""
    if request.method != "GET":
        return None
    named = request.path.partition("?")[0].removeprefix("/customers/")
    shown: Any = {"type": "customer", "id": "ID-LOOKED-UP", "attributes": {}}
    return Response(200, {}, orjson.dumps({"data": [] if "/" in named else shown}))
