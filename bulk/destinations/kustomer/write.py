"""Write one customer by a request of its own, looking again where the account was quicker."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from bulk.conversation import Act, Lost, Reply, Request, Response, Status, Verdict, Wait, lost_verdict
from bulk.destinations.kustomer.answers import CONFLICT, NOT_FOUND, is_duplicate, refusal
from bulk.destinations.kustomer.body import update_body
from bulk.destinations.kustomer.compare import differences
from bulk.destinations.kustomer.customer import Customer, object_id
from bulk.destinations.kustomer.look_up import Finding, find, path
from bulk.destinations.kustomer.person import Person
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.verdicts import accepted, is_2xx

ROUNDS = 4
"""How often a customer is looked up anew because of a conflict."""
CONFLICTS = frozenset({"conflict", "duplicate"})
NOT_FOUND_VERDICT = Verdict(Status.SKIPPED, "not_found", NOT_FOUND)
DUPLICATE = Verdict(
    Status.FAILED, "duplicate", error_message="the account has a customer with one of these identifiers"
)


class Aim(StrEnum):
    """What becomes of people the account has, and of those it does not."""

    UPSERT = "upsert"
    CREATE = "create"
    UPDATE = "update"


Writing = Generator[Act, Any, Verdict]


@dataclass(frozen=True, slots=True)
class Task:
    """A record to be written.

    Attributes:
        person: The record.
        aim: What is to become of it.
        doubtful: Whether an earlier request may have created it already.
    """

    person: Person
    aim: Aim
    doubtful: bool = False


def write(task: Task, settings: KustomerSettings, *, look_first: bool = True) -> Writing:
    """Create or update one customer; every conflict leads to another look-up, a few times."""
    refused = DUPLICATE
    for number in range(ROUNDS):
        finding: Finding = None
        if number or look_first:
            finding = yield from find(task.person, settings, phones=number > 0)
        if isinstance(finding, Verdict):
            return finding
        if finding is None and task.aim is Aim.UPDATE:
            return NOT_FOUND_VERDICT
        reply = yield from (_create(task) if finding is None else _update(task.person, finding, settings))
        if reply.reason not in CONFLICTS:
            return reply
        refused = reply
        yield Wait(settings.pause(number))
    return refused


def create(task: Task, settings: KustomerSettings) -> Writing:
    """Create one customer; only if that is refused, see whether it was an earlier request of ours."""
    reply = yield from _create(task)
    doubtful = reply.status is Status.UNKNOWN or (task.doubtful and reply.reason == "duplicate")
    return (yield from read_back(task.person, settings, otherwise=reply)) if doubtful else reply


def read_back(person: Person, settings: KustomerSettings, *, otherwise: Verdict) -> Writing:
    """Return success if the account shows a record as it was sent."""
    finding = yield from find(person, settings)
    if isinstance(finding, Customer) and not differences(person.body, finding):
        return Verdict(Status.SUCCEEDED, "read_back", object_id=finding.id)
    return otherwise


def _create(task: Task) -> Writing:
    """Send a new customer; only an upsert may be sent twice, because it looks at who is there already."""
    request = _request("POST", "/customers", task.person.body, repeatable=task.aim is Aim.UPSERT)
    return (yield from _send(request))


def _update(person: Person, shown: Customer, settings: KustomerSettings) -> Writing:
    body = update_body(person.body, shown, settings)
    if isinstance(body, Verdict):
        return body
    return (yield from patch(shown, body))


def patch(shown: Customer, body: Mapping[str, Any]) -> Writing:
    """Update one customer."""
    return (yield from _send(_request("PATCH", path("id", shown.id), body)))


def _request(method: str, where: str, body: Mapping[str, Any], *, repeatable: bool = True) -> Request:
    return Request(method, where, orjson.dumps(body), repeatable=repeatable)


def _send(request: Request) -> Writing:
    reply: Reply = yield request
    if isinstance(reply, Lost):
        return lost_verdict(request, reply)
    vanished = reply.status == NOT_FOUND and request.method == "PATCH"
    return _read(reply, outdated=vanished or reply.status == CONFLICT)


def _read(response: Response, *, outdated: bool) -> Verdict:
    if is_2xx(response):
        return accepted(response, object_id=object_id(response))
    if is_duplicate(response):
        return refusal(response, "duplicate")
    return refusal(response, "conflict" if outdated else "refused")
