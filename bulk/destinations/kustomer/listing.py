"""List customers page by page, or read single ones."""

from collections.abc import Mapping
from typing import Any

from bulk.conversation import Lost, Request, Response
from bulk.destinations.address import query
from bulk.destinations.kustomer.answers import NOT_FOUND, errors, is_last_page
from bulk.destinations.kustomer.customer import Customer, customers
from bulk.destinations.kustomer.look_up import path
from bulk.destinations.listing import Listed, Listing, ListingError, Page, Query

PAGE_SIZE = 100
_PLAIN = ("externalId", "name", "username", "locale", "timeZone", "gender", "createdAt", "updatedAt", "rev")


def flat(shown: Customer) -> dict[str, Any]:
    """Return a customer as one flat record; ``email`` and ``phone`` are the first of each."""
    emails, phones = shown.texts("emails", "email"), shown.texts("phones", "phone")
    custom = shown.attributes.get("custom")
    return {
        "id": shown.id,
        "email": emails[0] if emails else None,
        "phone": phones[0] if phones else None,
        **{name: shown.attributes.get(name) for name in _PLAIN},
        "company": shown.company,
        "emails": emails,
        "phones": phones,
        "tags": [str(tag) for tag in shown.items("tags")],
        "custom": custom if isinstance(custom, dict) else {},
    }


def pages(asked: Query, _settings: Any) -> Listed:
    """Yield all customers, or those with the given identifiers."""
    return _single(asked.by, asked.values) if asked.by else _all()


def _all() -> Listed:
    """Newest first: somebody created meanwhile moves the others to later pages, and nobody is missed."""
    number = 1
    while True:
        parameters = {"page": str(number), "pageSize": str(PAGE_SIZE), "sort": "-createdAt"}
        reply = yield Request("GET", f"/customers{query(parameters)}")
        found = _shown(reply, f"page {number} of the customers")
        if found:
            yield Page([flat(customer) for customer in found])
        if not found or (isinstance(reply, Response) and is_last_page(reply)):
            return
        number += 1


def _single(kind: str, values: Any) -> Listed:
    for number, value in enumerate(values, 1):
        reply = yield Request("GET", path(kind, value))
        if isinstance(reply, Response) and reply.status == NOT_FOUND:
            continue
        found = _shown(reply, f"look-up {number}")
        if found:
            yield Page([flat(customer) for customer in found])


def _shown(reply: object, what: str) -> list[Customer]:
    if isinstance(reply, Lost):
        raise ListingError(f"{what}: {reply.message}")
    if not isinstance(reply, Response):
        raise ListingError(f"{what}: no answer")
    found = customers(reply)
    if found is None:
        codes = ", ".join(code for code, _ in errors(reply) if code)
        raise ListingError(f"{what}: the account answered HTTP {reply.status} {codes}".rstrip())
    return found


def _identity(record: Mapping[str, Any]) -> str:
    return str(record["id"])


CUSTOMERS = Listing(
    name="customers",
    about="All customers, newest first, or single ones.",
    pages=pages,
    identity=_identity,
    by=("email", "externalId", "phone", "id"),
)
