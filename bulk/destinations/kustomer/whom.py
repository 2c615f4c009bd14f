"""Whom the identifiers of a record name: looked up by every one of them, and decided with care."""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulk.conversation import Batch, Name, Request, Verdict
from bulk.destinations.erasure import ambiguous, conflict, given, together
from bulk.destinations.kustomer.customer import (
    Customer,
    as_email,
    as_phone,
    is_masked,
    is_object_id,
    shared_list,
)
from bulk.destinations.kustomer.look_up import (
    BY_PHONE_ALONE,
    SEVERAL,
    SHARED,
    everybody,
    other_email,
    other_external_id,
    was_merged,
)
from bulk.destinations.kustomer.person import Person
from bulk.destinations.kustomer.settings import EraseOptions
from bulk.destinations.operation import Terms

KINDS: Mapping[str, str] = {"id": "kustomer_id", "externalId": "id", "email": "email", "phone": "phone"}
"""The identifiers a record may give, and what each is everywhere."""
DIFFERENT = conflict("its identifiers belong to different customers; who is meant is for people to decide")
OTHER_ID = conflict("the customer found has another id")
HIDDEN = ambiguous("this API key does not see whether several people share the contact point")

Matches = Mapping[Name, Sequence[Customer]]
"""The customers that the account shows for each identifier."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a record names.

    Attributes:
        customers: Those who are meant; if that is in doubt, all that were found.
        doubt: Why nobody may be removed; None if somebody may, or if there is nobody.
    """

    customers: Sequence[Customer] = ()
    doubt: Verdict | None = None


def options_of(terms: Terms) -> EraseOptions:
    """Return the step's options."""
    return terms.options if isinstance(terms.options, EraseOptions) else EraseOptions()


def whom(batch: Batch, position: int, terms: Terms) -> Generator[Request, Any, Whom]:
    """Look up whom a record means by everything it gives, and everything that an earlier try found."""
    names = given(batch, position, KINDS)
    matches: dict[Name, Sequence[Customer]] = {}
    for name in together(names, batch.found_at(position)):
        found = yield from everybody(name, terms.settings)
        if isinstance(found, Verdict):
            return Whom(doubt=found)
        matches[name] = found
    if options_of(terms).matches == "all":
        return Whom(_distinct(matches.values()))
    return certain(names, matches)


def certain(names: Collection[Name], matches: Matches) -> Whom:
    """Decide whom all identifiers agree on.

    Args:
        names: Those that the record gives; what is found must not be called otherwise by any of them.
        matches: Who was found by these, and by those found before.
    """
    everyone = _distinct(matches.values())
    owners = {name: [one for one in found if not _may_share(one, *name)] for name, found in matches.items()}
    people = _distinct(owners.values())
    if any(len(found) > 1 for found in owners.values()):
        return Whom(everyone, SEVERAL)
    if len(people) > 1:
        return Whom(everyone, DIFFERENT)
    if not people:
        seen = any(one.shares(*name) for name, found in matches.items() for one in found)
        return Whom(everyone, (SHARED if seen else HIDDEN) if everyone else None)
    doubt = next(_doubts(people[0], names, owners, matches), None)
    return Whom(everyone if doubt else people, doubt)


def _doubts(only: Customer, names: Collection[Name], owners: Matches, matches: Matches) -> Iterator[Verdict]:
    """Yield why the only customer whose identifiers these are may not be the one who is meant."""
    for name, found in matches.items():
        if any(one.id != only.id for one in found) and not only.lists(*name):
            yield DIFFERENT
    person = _person(names)
    unseen = {name[0] for name in names if any(one.id == only.id for one in matches[name])} & _hidden(only)
    if _is_other_id(person.id, only.id):
        yield OTHER_ID
    doubts = (other_external_id(person, unseen, only), other_email(person, unseen, only))
    yield from (doubt for doubt in (*doubts, was_merged(person, only)) if doubt)
    if all(kind == "phone" for (kind, _), found in owners.items() if found):
        yield BY_PHONE_ALONE


def _person(names: Collection[Name]) -> Person:
    values = dict(names)
    emails, phones = (
        tuple(value for kind, value in names if kind == wanted) for wanted in ("email", "phone")
    )
    return Person(values.get("id", ""), values.get("externalId", ""), emails, phones, {})


def _is_other_id(wanted: str, shown: str) -> bool:
    return bool(wanted) and is_object_id(shown) and shown.casefold() != wanted.casefold()


def _hidden(customer: Customer) -> set[str]:
    """Return the kinds of identifiers of which something is hidden, so that only looking up can tell."""
    single = is_masked(customer.attributes.get("externalId"))
    lists = {kind: (f"{kind}s", shared_list(kind)) for kind in ("email", "externalId")}
    hidden = {kind for kind, names in lists.items() if any(map(customer.hides, names))}
    return hidden | ({"externalId"} if single else set())


def _may_share(customer: Customer, kind: str, value: str) -> bool:
    """Tell whether an identifier may be only one shared with others, so that it names nobody alone."""
    if kind == "id" or customer.owns(kind, value):
        return False
    return customer.shares(kind, value) or customer.hides(shared_list(kind))


def _distinct(found: Iterable[Sequence[Customer]]) -> list[Customer]:
    return list({one.id: one for some in found for one in some}.values())


def names_of(customer: Customer) -> Iterator[Name]:
    """Yield what names a customer and nobody else, as far as it is shown and can be looked up."""
    yield "id", customer.id
    for kind, values in (
        ("externalId", sorted(customer.external_ids)),
        ("email", customer.texts("emails", "email")),
        ("phone", [*customer.texts("phones", "phone"), *customer.texts("whatsapps", "phone")]),
    ):
        for value in values:
            if value.strip() and not is_masked(value) and (kind != "phone" or as_phone(value)):
                yield kind, value.strip()


def beyond_given(names: Iterable[Name], known: Collection[Name]) -> tuple[Name, ...]:
    """Return what names somebody beside what a record gives, each once, and always Kustomer's own id."""
    seen = {_normal(name) for name in known}
    found: dict[Name, Name] = {}
    for name in names:
        if name[0] == "id" or _normal(name) not in seen:
            found.setdefault(_normal(name), name)
    return tuple(found.values())


def _normal(name: Name) -> Name:
    kind, value = name
    return kind, as_phone(value) if kind == "phone" else as_email(value) if kind == "email" else value
