"""Delete customers: looked up first, unless Kustomer's own id names them; a phone number never does."""

from collections.abc import Generator
from typing import Any

from bulk.conversation import (
    Act,
    Batch,
    Conversation,
    Lost,
    Reply,
    Request,
    Response,
    Verdict,
    lost_verdict,
)
from bulk.destinations.kustomer.answers import NOT_FOUND, refusal
from bulk.destinations.kustomer.customer import Customer
from bulk.destinations.kustomer.look_up import BY_PHONE_ALONE, Finding, find, path, was_merged
from bulk.destinations.kustomer.person import Person, person
from bulk.destinations.kustomer.write import NOT_FOUND_VERDICT
from bulk.destinations.operation import Terms
from bulk.destinations.verdicts import accepted, is_2xx, not_found


def delete(batch: Batch, terms: Terms) -> Conversation:
    """Delete one customer whom all given identifiers mean."""
    who = person(batch, 0, terms.settings)
    finding: Finding = Customer(who.id, {})
    if not _is_named_by_id_alone(who):
        finding = yield from find(who, terms.settings, strictly=True)
    if finding is None:
        yield batch.settle(_GONE if batch.attempted else NOT_FOUND_VERDICT)
    elif isinstance(finding, Verdict):
        yield batch.settle(finding)
    elif not (who.id or who.external_id or who.emails):
        yield batch.settle(BY_PHONE_ALONE)
    else:
        yield batch.settle(was_merged(who, finding) or (yield from _delete(batch, finding)))


_GONE = accepted(Response(NOT_FOUND), "gone")


def _is_named_by_id_alone(who: Person) -> bool:
    return bool(who.id) and not (who.external_id or who.emails)


def _delete(batch: Batch, shown: Customer) -> Generator[Act, Any, Verdict]:
    request = Request("DELETE", path("id", shown.id), irreversible=True)
    reply: Reply = yield request
    if isinstance(reply, Lost):
        return lost_verdict(request, reply)
    if reply.status == NOT_FOUND:
        return accepted(reply, "gone", shown.id) if reply.repeated or batch.attempted else not_found(reply)
    return accepted(reply, object_id=shown.id) if is_2xx(reply) else refusal(reply)
