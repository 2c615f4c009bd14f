"""Erase a person: look them up as user and as lead, delete what is found, read back that it is gone."""

from collections.abc import Collection, Generator, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson

from bulk.conversation import (
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
    Status,
    Verdict,
    lost_verdict,
)
from bulk.destinations.customerly.answers import is_success, refusal, says_absent
from bulk.destinations.customerly.fields import BLUEPRINT, BY_EMAIL, BY_USER_ID
from bulk.destinations.customerly.items import only
from bulk.destinations.customerly.people import (
    GIVEN,
    LEADS,
    OWN,
    USERS,
    addresses,
    find,
    named,
    read,
)
from bulk.destinations.customerly.remove import NOT_THERE, deletion
from bulk.destinations.erasure import (
    ABSENT,
    ANOTHER_PRESENT,
    REQUEST_FIELDS,
    REQUEST_NAMES,
    STILL_PRESENT,
    UNREAD,
    ErasureOptions,
    beyond,
    given,
    members,
    nobody,
    partly,
    tailored,
    taken,
    together,
)
from bulk.destinations.meant import Finding, Person, sighting
from bulk.destinations.operation import Effect, Erasing, Look, Operation, Terms

_MISSING_ID = Verdict(
    Status.FAILED,
    "missing_id",
    error_message="the account shows neither email nor user_id of the user, by which alone users are deleted",
    ours=True,
)


def erase(batch: Batch, terms: Terms) -> Conversation:
    """Delete a person's users, then their leads."""
    options = _options(terms)
    contacts = yield from find(batch, 0, options)
    if contacts.doubt is not None:
        yield batch.settle(contacts.doubt)
        return
    if not contacts.users and not contacts.leads:
        yield batch.settle(nobody(batch, 0, options))
        return
    deletions = [
        *_deletions("the user", USERS, contacts.users),
        *_deletions("the lead", LEADS, contacts.leads),
    ]
    if len(deletions) < len(contacts.users) + len(contacts.leads):
        yield batch.settle(_MISSING_ID)
        return
    names = beyond(together(batch.found_at(0), contacts.names), given(batch, 0, GIVEN))
    held: Collection[int] = yield Found({0: names})
    if not held:
        yield batch.settle((yield from _delete(deletions, options)))


def _deletions(what: str, path: str, people: tuple[Person, ...]) -> Iterator[tuple[str, Request]]:
    """Yield a request for each record: by its own address, the only thing that no other record has."""
    for person in people:
        kind = next((kind for kind in ("email", "user_id") if person.name(kind)), "")
        if kind:
            yield what, deletion(path, kind, person.name(kind))


def _delete(
    deletions: list[tuple[str, Request]], options: ErasureOptions
) -> Generator[Request, Any, Verdict]:
    done: list[str] = []
    last: Response | None = None
    for what, request in deletions:
        reply: Reply = yield request
        if isinstance(reply, Lost):
            return partly(lost_verdict(request, reply), done)
        if is_success(reply):
            done.append(what)
            last = reply
        elif not says_absent(reply) and reply.status not in NOT_THERE:
            return partly(refusal(reply), done)
    return taken(last, options, "" if done else "gone")


def look(batch: Batch, terms: Terms) -> Look:
    """Tell whom it would find."""
    for position in range(len(batch)):
        contacts = yield from find(batch, position, _options(terms))
        yield sighting(position, Finding(contacts.users, contacts.doubt), len(contacts.leads))


def verify(batch: Batch, _terms: Terms) -> Conversation:
    """Look for users by every identifier and for leads by every address."""
    for position in range(len(batch)):
        verdict = yield from _read_back(given(batch, position, GIVEN), batch.found_at(position))
        yield Settle((Settled(position, position + 1, verdict),))


def _read_back(asked: tuple[Name, ...], earlier: Sequence[Name]) -> Generator[Request, Any, Verdict]:
    names = together(asked, earlier)
    known = {value for kind, value in earlier if kind == OWN}
    reads = [(USERS, name) for name in named(names)] + [(LEADS, name) for name in addresses(names)]
    unread = not reads
    for path, name in reads:
        answer = yield from read(path, name)
        if isinstance(answer, Verdict):
            unread = True
        elif answer:
            same = not known or any(one.identity in known for one in answer)
            return STILL_PRESENT if same else ANOTHER_PRESENT
    return UNREAD if unread else ABSENT


def _options(terms: Terms) -> ErasureOptions:
    options: ErasureOptions = terms.options or ErasureOptions()
    return options


def _exchanges(fields: Collection[str], terms: Terms) -> int:
    """Count look-ups, one deletion, and reading back somebody who has both a user_id and an address."""
    look_ups = len(GIVEN.keys() & set(fields)) + 1
    return look_ups + 1 + (3 if _options(terms).patience else 0)


def _suppose(request: Request) -> Response | None:
    """Show everybody who is looked up as a user, and nobody as a lead."""
    path, _, query = request.path.partition("?")
    if request.method != "GET":
        return Response(200, {}, b'{"data":[]}')
    if path == LEADS:
        return Response(404, {}, b'{"error":{"message":"Lead doesn\'t exist","code":0}}')
    return Response(200, {}, orjson.dumps({"data": {OWN: 1, **dict(parse_qsl(query))}}))


ERASE = Operation(
    name="erase_person",
    about="Erase people: users and leads are looked up by all identifiers, deleted, and read back.",
    fields=(BY_USER_ID, BY_EMAIL, *REQUEST_FIELDS),
    effect=Effect.REMOVES,
    converse=erase,
    fact=f"DELETE /users, /leads: {BLUEPRINT}; the vendor's help pages dispute that it is permanent",
    one_of=("user_id", "email"),
    irreversible=True,
    warning="Deletes users and leads for ever, as the vendor says with conversations, notes and campaign "
    "records; whoever writes again, or is imported again, is there again.",
    keep=("user_id", "email", *REQUEST_NAMES),
    item=only("user_id", "email"),
    exchanges=_exchanges,
    suppose=_suppose,
    options=ErasureOptions,
    tailor=tailored,
    erasing=Erasing(
        kinds=GIVEN,
        look=look,
        verify=verify,
        patience=lambda options: options.patience,
        by_hand="Customerly's help says that its API does not delete contacts permanently: look the person "
        "up under Contacts in Customerly and delete whoever is shown there (Delete, in the profile's menu)",
        contacts={
            "users": members(user_id="user_id", email="email", crmhero_user_id=OWN),
            "leads": members(email="email"),
        },
    ),
)
