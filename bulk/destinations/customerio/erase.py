"""Erase people: look them up, suppress or delete them by all their identifiers, read them back."""

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from bulk.conversation import Act, Batch, Conversation, Found, Name, Request, Response, Settle, Verdict, Wait
from bulk.destinations.customerio import shown
from bulk.destinations.customerio.batches import BATCHING, alone
from bulk.destinations.customerio.find import KINDS, View, find, see_further
from bulk.destinations.customerio.identifiers import PERSON, PERSON_FIELDS, SPEC
from bulk.destinations.customerio.identifiers import given as given_text
from bulk.destinations.customerio.sending import send
from bulk.destinations.erasure import (
    ABSENT,
    REQUEST_FIELDS,
    REQUEST_NAMES,
    STILL_PRESENT,
    UNREAD,
    ErasureOptions,
    Verify,
    beyond,
    given,
    members,
    nobody,
    tailored,
    taken,
    together,
)
from bulk.destinations.meant import Finding, sighting
from bulk.destinations.operation import Effect, Erasing, Look, Operation, Terms
from bulk.destinations.shape import braced, member

_KINDS = {"id": "id", "email": "email", "phone": "phone", "cio_id": "cio_id"}
_BLOCKS = (
    "Deletes the profile and its history for ever and blocks the identifiers: whatever is sent about them is "
    "ignored, although it is answered with success, until they are unsuppressed."
)
_DELETES = (
    "Deletes the profile for ever, not the person's past activity, and frees the identifiers: any later "
    "import, event or form creates the person anew, subscribed."
)
_UNSEEN = (
    " Without the App API key nobody is looked up first: everybody whom an identifier of the row names is "
    "removed, be it different people."
)

Unseen = dict[int, Response | None]
"""By position, people who are not shown, and what was answered if their identifiers were blocked."""


@dataclass(frozen=True, slots=True)
class EraseOptions(ErasureOptions):
    """What a step that erases people may say.

    Attributes:
        block: Whether people are suppressed: deleted with their history, and their identifiers blocked.
            ``false`` deletes the profile alone.
    """

    block: bool = True


@dataclass(frozen=True, slots=True)
class Removal:
    """How one record's person is removed.

    Attributes:
        names: By which identifiers.
        found: Those that the workspace shows, and shows no more afterwards.
        somebody: Whether anybody is there, as far as that can be seen.
    """

    names: tuple[Name, ...]
    found: tuple[Name, ...]
    somebody: bool


def erase(batch: Batch, terms: Terms) -> Conversation:
    """Remove the people of a batch: all of whom it is certain who is meant.

    Who is not shown may only not be shown yet: they are looked up once more when the lag is over. Not before
    then are their identifiers blocked: until somebody is shown, nobody can tell whether these name different
    people, and blocking removes whomever they name.
    """
    options = _options(terms)
    lag = terms.settings.patience if options.verify != "none" else 0.0
    unseen = yield from _removed(batch, range(len(batch)), options, blind=not lag)
    if unseen and lag:
        yield Wait(lag)
        unseen = yield from _removed(batch, unseen, options, blind=True)
    if unseen:
        yield _settled({at: _nobody(batch, at, options, reply) for at, reply in unseen.items()})


def _removed(
    batch: Batch, positions: Collection[int], options: EraseOptions, *, blind: bool
) -> Generator[Act, Any, Unseen]:
    """Remove and settle whoever is shown; return the others, whose identifiers are blocked if ``blind``."""
    view, found = yield from find(batch, positions, options)
    findings = yield from see_further(view, found)
    told = {position: one.doubt for position, one in findings.items() if one.doubt is not None}
    removals = {
        position: _removal(batch, position, view, finding, options)
        for position, finding in findings.items()
        if finding.doubt is None
    }
    if told:
        yield _settled(told)
    due = {at: one for at, one in removals.items() if one.names and (one.somebody or blind)}
    unseen: Unseen = {at: None for at, one in removals.items() if at not in due}
    if due:
        held: Collection[int] = yield Found({position: removal.found for position, removal in due.items()})
        left = {position: removal for position, removal in due.items() if position not in held}
        unseen |= yield from _remove(left, options)
    return unseen


def _removal(batch: Batch, position: int, view: View, finding: Finding, options: EraseOptions) -> Removal:
    """Say by what somebody is removed: by nothing if nobody is there to be removed, nor to be blocked."""
    asked = given(batch, position, PERSON)
    if view.closed:
        strong = tuple(name for name in asked if name[0] not in KINDS.weak)
        return Removal(asked if options.matches == "all" else strong, (), somebody=True)
    names = together(asked, batch.found_at(position), *(one.names for one in finding.people))
    usable = [name for name in names if view.identifies(name) and not view.names_others(name, finding.people)]
    chosen = [name for name in usable if name[0] != KINDS.own] or usable
    somebody = bool(finding.people)
    return Removal(tuple(chosen if somebody or options.block else ()), beyond(names, asked), somebody)


def _remove(due: Mapping[int, Removal], options: EraseOptions) -> Generator[Act, Any, Unseen]:
    """Send the removals, and settle who was shown or refused; return who was not shown, with the answer."""
    if not due:
        return {}
    action = "suppress" if options.block else "delete"
    replies = yield from send(action, {position: removal.names for position, removal in due.items()})
    told: dict[int, Verdict] = {}
    unseen: Unseen = {}
    for position, reply in replies.items():
        if isinstance(reply, Verdict):
            told[position] = reply
        elif due[position].somebody:
            told[position] = taken(reply, options)
        else:
            unseen[position] = reply
    if told:
        yield _settled(told)
    return unseen


def _nobody(batch: Batch, position: int, options: EraseOptions, reply: Response | None) -> Verdict:
    """Return the verdict on somebody who is not shown; unless the lag was waited for, it is open."""
    if options.verify == "none":
        return taken(reply, options)
    return nobody(batch, position, options, reply)


def _settled(told: Mapping[int, Verdict]) -> Settle:
    return Settle([one for position, verdict in sorted(told.items()) for one in alone((position,), verdict)])


def look(batch: Batch, terms: Terms) -> Look:
    """Tell whom it would find."""
    everybody = range(len(batch))
    _view, findings = yield from find(batch, everybody, replace(_options(terms), verify=Verify()))
    for position, finding in findings.items():
        yield sighting(position, finding)


def verify(batch: Batch, _terms: Terms) -> Conversation:
    """Read people by every identifier."""
    view = View()
    named = [together(given(batch, at, PERSON), batch.found_at(at)) for at in range(len(batch))]
    yield from view.see(together(*named))
    yield _settled({position: _read_back(view, names) for position, names in enumerate(named)})


def _read_back(view: View, names: tuple[Name, ...]) -> Verdict:
    if any(view.names_others(name, ()) for name in names):
        return STILL_PRESENT
    return ABSENT if names and view.unread(names) is None else UNREAD


def _options(terms: Terms) -> EraseOptions:
    options: EraseOptions = terms.options or EraseOptions()
    return options


def _tailor(operation: Operation, options: EraseOptions) -> Operation:
    warning = (_BLOCKS if options.block else _DELETES) + (_UNSEEN if options.verify == "none" else "")
    return replace(tailored(operation, options), warning=warning)


def _exchanges(fields: Collection[str], terms: Terms) -> int:
    """Count look-ups by every kind of identifier, one removal, and as many read-backs and one by cio_id."""
    options = _options(terms)
    kinds = {"email"} | (set(PERSON) & set(fields))
    return len(kinds) + 1 + (len(kinds | {"id", "cio_id"}) if options.patience else 0)


def _listed(record: Mapping[str, Any]) -> Iterator[Name]:
    """Yield the identifiers of a person as listed, from the listing itself or a file that was made of it."""
    attributes = record.get("attributes")
    flat = {**(attributes if isinstance(attributes, Mapping) else {}), **record}
    flat.setdefault("phone", record.get("attributes.phone"))
    return members(id="id", email="email", phone="phone", cio_id="cio_id")(flat)


def _suppose(request: Request) -> Response:
    """Show everybody who is looked up, by whatever identifier, as one person."""
    if not request.surface:
        return Response(200, {}, b"{}")
    kind = request.path.rpartition("=")[2]
    values = orjson.loads(request.body or b"{}").get("ids", ())
    people = [{"identifiers": {"cio_id": "0", kind: value}} for value in values]
    return Response(200, {}, orjson.dumps({"customers": people}))


ERASE = Operation(
    name="erase_person",
    about="Erase people: looked up by all identifiers, suppressed by all they have, and read back.",
    fields=(*PERSON_FIELDS, *REQUEST_FIELDS),
    effect=Effect.REMOVES,
    converse=erase,
    fact=f"person.suppress, person.delete: {SPEC}; for the right to be forgotten the vendor names suppress",
    one_of=PERSON,
    batching=replace(BATCHING, default=shown.MOST, maximum=shown.MOST),
    irreversible=True,
    warning=f"{_BLOCKS} With block: false past activity stays, and the identifiers are free again.",
    keep=(*PERSON, *REQUEST_NAMES),
    item=lambda _terms: braced(*(member(kind, given_text(kind)) for kind in PERSON)),
    exchanges=_exchanges,
    suppose=_suppose,
    options=EraseOptions,
    tailor=_tailor,
    surfaces=(shown.SURFACE,),
    instead="or let the step say verify: none, and nobody is looked up first or read back",
    erasing=Erasing(
        kinds=_KINDS,
        look=look,
        verify=verify,
        patience=lambda options: options.patience,
        contacts={"people": _listed},
    ),
)
