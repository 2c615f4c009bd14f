"""Find the customer a record is about, and see that all its identifiers mean the same one."""

from collections.abc import Collection, Generator, Iterator
from typing import Any

from bulk.conversation import Lost, Reply, Request, Response, Status, Verdict, lost_verdict
from bulk.destinations.address import encoded
from bulk.destinations.erasure import ambiguous, conflict
from bulk.destinations.kustomer.answers import NOT_FOUND, refusal
from bulk.destinations.kustomer.customer import Customer, as_phone, customers, is_masked
from bulk.destinations.kustomer.person import Person
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.verdicts import is_2xx

Finding = Customer | Verdict | None
"""The customer; None if there is none; a verdict if that cannot be told, or must not be decided here."""
Search = Generator[Request, Any, Finding]

_LISTED = frozenset({"email", "phone"})

SEVERAL = ambiguous("several customers have this identifier")
SHARED = ambiguous("the account has this contact point as one that several people share")
BY_PHONE_ALONE = ambiguous("a phone number alone never selects a customer")

Identifier = tuple[str, str]
"""Its kind (``id``, ``externalId``, ``email``, ``phone``) and its value."""


def path(kind: str, value: str) -> str:
    """Return the path of the customer with this identifier."""
    name = "" if kind == "id" else f"{kind}="
    return f"/customers/{name}{encoded(value)}"


def look_up(identifier: Identifier, settings: KustomerSettings) -> Search:
    """Look up a customer by exactly one identifier."""
    kind, value = identifier
    for form in _forms(kind, value, settings):
        found = yield from _ask(kind, form)
        if isinstance(found, Verdict):
            return found
        if len(found) > 1:
            return SEVERAL
        if found:
            return found[0]
    return None


def everybody(
    identifier: Identifier, settings: KustomerSettings
) -> Generator[Request, Any, list[Customer] | Verdict]:
    """Look up all customers that an identifier names, in every form in which it may stand."""
    kind, value = identifier
    by_id: dict[str, Customer] = {}
    for form in _forms(kind, value, settings):
        found = yield from _ask(kind, form)
        if isinstance(found, Verdict):
            return found
        by_id |= {customer.id: customer for customer in found}
    return list(by_id.values())


def _ask(kind: str, form: str) -> Generator[Request, Any, list[Customer] | Verdict]:
    request = Request("GET", path(kind, form))
    reply: Reply = yield request
    return lost_verdict(request, reply) if isinstance(reply, Lost) else _shown(reply)


def _forms(kind: str, value: str, settings: KustomerSettings) -> tuple[str, ...]:
    """Return how an identifier stands in a path; the vendor does not say it clearly for phone numbers."""
    if kind != "phone":
        return (value,)
    digits = as_phone(value)
    e164 = f"+{digits}" if value.strip().startswith("+") else digits
    forms = {"e164": (e164,), "digits": (digits,), "both": (e164, digits)}[settings.phone_look_up]
    return tuple(dict.fromkeys(forms))


def _shown(response: Response) -> list[Customer] | Verdict:
    if response.status == NOT_FOUND:
        return []
    if not is_2xx(response):
        return refusal(response)
    found = customers(response)
    if found is None:
        return Verdict(
            Status.FAILED,
            "broken_answer",
            response.status,
            error_message="the account answered a look-up in a form that is not known",
            ours=True,
        )
    return found


def find(
    person: Person, settings: KustomerSettings, *, strictly: bool = False, phones: bool = False
) -> Search:
    """Look a person up by the identifiers there are, best first, until found; refuse what contradicts.

    Args:
        person: The record.
        settings: How to look up.
        strictly: Whether somebody whose addresses are others than those given is a contradiction; else
            only an address that belongs to somebody else is.
        phones: Whether it is also looked up whose the phone numbers are.
    """
    for identifier in identifiers(person):
        found = yield from look_up(identifier, settings)
        if isinstance(found, Customer):
            if identifier[0] in _LISTED:
                found = found.found_by(*identifier)
            doubt = _doubt(person, identifier, found, strictly=strictly)
            return doubt or (yield from _owned(person, found, settings, phones=phones))
        if found is not None:
            return found
    return None


def identifiers(person: Person) -> Iterator[Identifier]:
    """Yield what names a person, best first."""
    if person.id:
        yield "id", person.id
    if person.external_id:
        yield "externalId", person.external_id
    yield from (("email", email) for email in person.emails)
    yield from (("phone", phone) for phone in person.phones)


def _doubt(person: Person, by: Identifier, found: Customer, *, strictly: bool) -> Verdict | None:
    """Say why the customer found may be another person, from what is shown of them alone."""
    kind, value = by
    if kind in _LISTED and found.shares(kind, value):
        return SHARED
    doubt = other_external_id(person, {kind}, found)
    if doubt is None and (strictly or kind == "phone") and not found.hides("emails"):
        doubt = other_email(person, {kind}, found)
    return doubt


def other_external_id(person: Person, by: Collection[str], found: Customer) -> Verdict | None:
    """Say that somebody found by identifiers of some kinds has another id of yours than the one given."""
    given = person.external_id
    if "externalId" in by or not given or not found.external_ids or found.lists("externalId", given):
        return None
    return conflict(f"the customer found{_by(by)} has another externalId")


def other_email(person: Person, by: Collection[str], found: Customer) -> Verdict | None:
    """Say that somebody found by identifiers of some kinds has other e-mail addresses than those given."""
    theirs = [*found.texts("emails", "email"), *found.texts("sharedEmails", "email")]
    same = any(found.lists("email", email) for email in person.emails)
    if "email" in by or not person.emails or not theirs or same:
        return None
    return conflict(f"the customer found{_by(by)} has another e-mail address")


def was_merged(person: Person, found: Customer) -> Verdict | None:
    """Say that who was found answers to the given id only because somebody was merged into them."""
    own, given = found.attributes.get("externalId"), person.external_id
    if not own or not given or str(own) == given or is_masked(own):
        return None
    return conflict("the customer found has another externalId of their own: somebody was merged into them")


def _by(kinds: Collection[str]) -> str:
    return f" by {' and '.join(sorted(kinds))}" if kinds else ""


def _owned(
    person: Person, found: Customer, settings: KustomerSettings, *, phones: bool
) -> Generator[Request, Any, Finding]:
    """See that no contact point that would be added belongs to somebody else."""
    new: list[Identifier] = [("email", email) for email in person.emails]
    if phones or found.hides("phones"):
        new += [("phone", phone) for phone in person.phones]
    for kind, value in new:
        if found.knows(f"{kind}s", {kind: value}):
            continue
        owner = yield from look_up((kind, value), settings)
        if isinstance(owner, Verdict):
            return owner
        if owner is not None and owner.id == found.id:
            found = found.found_by(kind, value)
        elif owner is not None and not owner.shares(kind, value):
            return conflict(f"the {kind} belongs to another customer; merging them is for people to decide")
    return found
