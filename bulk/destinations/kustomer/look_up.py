"""Find the customer a record is about, and see that all its identifiers mean the same one."""

from collections.abc import Generator, Iterator
from typing import Any

from bulk.conversation import Act, Lost, Reply, Request, Response, Status, Verdict, lost_verdict
from bulk.destinations.address import encoded
from bulk.destinations.kustomer.answers import NOT_FOUND, refusal
from bulk.destinations.kustomer.customer import Customer, as_phone, customers
from bulk.destinations.kustomer.person import Person
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.verdicts import is_2xx

Finding = Customer | Verdict | None
"""The customer; None if there is none; a verdict if that cannot be told, or must not be decided here."""
Search = Generator[Act, Any, Finding]

_LISTED = frozenset({"email", "phone"})

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
        request = Request("GET", path(kind, form))
        reply: Reply = yield request
        found = lost_verdict(request, reply) if isinstance(reply, Lost) else _shown(reply)
        if found is not None:
            return found
    return None


def _forms(kind: str, value: str, settings: KustomerSettings) -> tuple[str, ...]:
    """Return how an identifier stands in a path; the vendor does not say it clearly for phone numbers."""
    if kind != "phone":
        return (value,)
    digits = as_phone(value)
    e164 = f"+{digits}" if value.strip().startswith("+") else digits
    forms = {"e164": (e164,), "digits": (digits,), "both": (e164, digits)}[settings.phone_look_up]
    return tuple(dict.fromkeys(forms))


def _shown(response: Response) -> Finding:
    if response.status == NOT_FOUND:
        return None
    if not is_2xx(response):
        return refusal(response)
    found = customers(response)
    if found is None:
        return Verdict(
            Status.FAILED,
            "broken_answer",
            response.status,
            error_message="the account answered a look-up in a form that is not known",
        )
    if len(found) > 1:
        return _ambiguous("several customers have this identifier")
    return found[0] if found else None


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
    if kind in _LISTED and found.shares(f"{kind}s", value):
        return _ambiguous("the account has this contact point as one that several people share")
    known = found.external_ids
    if kind != "externalId" and person.external_id and known and person.external_id not in known:
        return _conflict(f"the customer found by {kind} has another externalId")
    others = not any(map(found.has_email, person.emails)) and found.texts("emails", "email")
    hidden = found.hides("emails")
    if (strictly or kind == "phone") and kind != "email" and person.emails and others and not hidden:
        return _conflict(f"the customer found by {kind} has another e-mail address")
    return None


def _owned(
    person: Person, found: Customer, settings: KustomerSettings, *, phones: bool
) -> Generator[Act, Any, Finding]:
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
        elif owner is not None and not owner.shares(f"{kind}s", value):
            return _conflict(f"the {kind} belongs to another customer; merging them is for people to decide")
    return found


def _conflict(message: str) -> Verdict:
    return Verdict(Status.FAILED, "identity_conflict", error_message=message)


def _ambiguous(message: str) -> Verdict:
    return Verdict(Status.FAILED, "ambiguous", error_message=message)


BY_PHONE_ALONE = _ambiguous("a phone number alone never selects a customer")
