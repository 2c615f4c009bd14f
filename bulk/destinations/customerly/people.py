"""Users and leads as Customerly shows them, looked up to be erased and to see that they are gone."""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bulk.conversation import Batch, Lost, Name, Reply, Request, Verdict, lost_verdict
from bulk.destinations.customerly.answers import contact, look_up, says_absent, unread
from bulk.destinations.erasure import ErasureOptions, conflict, given, normal, together
from bulk.destinations.meant import Finding, Kinds, Person, meant

USERS, LEADS = "/users", "/leads"
OWN = "crmhero_user_id"
GIVEN = {"user_id": "id", "email": "email"}
"""The identifiers a record may give, each with what it is everywhere; leads are found by e-mail alone."""
_KINDS = Kinds(OWN)


@dataclass(frozen=True, slots=True)
class Contacts:
    """Who was found of one person.

    Attributes:
        users: The person's users.
        leads: Leads with one of their addresses.
        doubt: Why none of them may be removed; None if there is no doubt.
    """

    users: tuple[Person, ...] = ()
    leads: tuple[Person, ...] = ()
    doubt: Verdict | None = None

    @property
    def names(self) -> tuple[Name, ...]:
        """The identifiers of all of them."""
        return together(*(one.names for one in (*self.users, *self.leads)))


Answer = tuple[Person, ...] | Verdict
"""Who has an identifier; a verdict if that could not be told."""


def find(batch: Batch, position: int, options: ErasureOptions) -> Generator[Request, Any, Contacts]:
    """Look up the person of a record: users by everything given or found before, leads by every address."""
    asked, earlier = given(batch, position, GIVEN), batch.found_at(position)
    sight: dict[Name, tuple[Person, ...]] = {}
    for name in named(asked, earlier):
        answer = yield from read(USERS, name)
        if isinstance(answer, Verdict):
            return Contacts(doubt=answer)
        sight[normal(name)] = answer
    finding = meant(asked, earlier, sight, _KINDS, everybody=options.matches == "all")
    if finding.doubt is not None:
        return Contacts(finding.people, doubt=finding.doubt)
    return (
        yield from _with_leads(finding, addresses(asked, earlier, *(one.names for one in finding.people)))
    )


def _with_leads(finding: Finding, among: Iterable[Name]) -> Generator[Request, Any, Contacts]:
    """Add the leads of a person's addresses."""
    leads: list[Person] = []
    for name in among:
        answer = yield from read(LEADS, name)
        if isinstance(answer, Verdict):
            return Contacts(finding.people, tuple(leads), answer)
        if any(normal(name) not in map(normal, lead.names) for lead in answer):
            return Contacts(finding.people, tuple(leads), conflict("the lead found has another email"))
        leads += answer
    return Contacts(finding.people, tuple(leads))


def named(*names: Iterable[Name]) -> tuple[Name, ...]:
    """Return the identifiers by which users can be looked up."""
    return tuple(name for name in together(*names) if name[0] in GIVEN)


def addresses(*names: Iterable[Name]) -> tuple[Name, ...]:
    """Return the identifiers by which leads can be looked up."""
    return tuple(name for name in together(*names) if name[0] == "email")


def read(path: str, name: Name) -> Generator[Request, Any, Answer]:
    """Look up who has an identifier, among users or among leads."""
    request = look_up(path, *name)
    reply: Reply = yield request
    if isinstance(reply, Lost):
        return lost_verdict(request, reply)
    person = _person(contact(reply) or {}, tuple(GIVEN) if path == USERS else ("email",))
    if person is not None:
        return (person,)
    if says_absent(reply):
        return ()
    return unread(reply)


def _person(shown: Mapping[str, Any], kinds: tuple[str, ...]) -> Person | None:
    """Return a contact as a person; None if the answer shows none of its identifiers."""
    texts = {kind: str(shown[kind]).strip() for kind in (*kinds, OWN) if type(shown.get(kind)) in {str, int}}
    names = tuple((kind, value) for kind, value in texts.items() if value)
    identity = next((normal(name)[1] for name in reversed(names)), "")
    return Person(identity, names) if identity else None
