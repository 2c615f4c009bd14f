"""The body of an update: lists are replaced as a whole, so it holds what is there and what is given."""

from collections.abc import Mapping
from typing import Any

import orjson

from bulk.conversation import Status, Verdict
from bulk.destinations.kustomer.compare import has_items, sees_tags
from bulk.destinations.kustomer.customer import Customer, item_name
from bulk.destinations.kustomer.settings import KustomerSettings

MOST_ITEMS = 10
MOST_TAGS = 20

_CONTACT = ("type", "verified")
_ITEM_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "emails": ("email", *_CONTACT),
    "sharedEmails": ("email", *_CONTACT),
    "phones": ("phone", *_CONTACT),
    "sharedPhones": ("phone", *_CONTACT),
    "whatsapps": ("phone", *_CONTACT),
    "externalIds": ("externalId", "verified"),
    "sharedExternalIds": ("externalId", "verified"),
    "socials": ("type", "username", "userid", "url", "verified"),
    "sharedSocials": ("type", "username", "userid", "url", "verified"),
    "urls": ("url", "type"),
}
"""What an item may hold in a request; answers add more, such as ``"id": null``, which is refused there."""
_JOINED = (*_ITEM_MEMBERS, "facebookIds", "instagramIds", "tags")
"""Lists that are joined with what is there; others, such as locations, are replaced by what is given."""


def update_body(
    given: Mapping[str, Any], shown: Customer, settings: KustomerSettings
) -> dict[str, Any] | Verdict:
    """Return what to send so that nothing but what was given changes, or why that cannot be done.

    Lists that hold everything already are left out. Tags shown as ids are sent again as they are.
    """
    body = dict(given)
    for name in _JOINED:
        if isinstance(given.get(name), list):
            joined = _joined(name, given[name], shown)
            if isinstance(joined, Verdict):
                return joined
            if joined is None:
                del body[name]
            else:
                body[name] = joined
    if settings.resend_company and "company" not in given and shown.company:
        body["company"] = shown.company
    if settings.send_rev and shown.rev is not None:
        body["rev"] = shown.rev
    return body


def _joined(name: str, given: list[Any], customer: Customer) -> list[Any] | Verdict | None:
    """Return the list as it shall be; None if it is so already."""
    if customer.hides(name):
        return None if all(customer.knows(name, item) for item in given) else _hidden(name)
    shown = customer.items(name)
    if sees_tags(given, shown) if name == "tags" else has_items(name, given, shown):
        return None
    items = {_key(name, item): _stripped(name, item) for item in shown}
    for item in given:
        items[_key(name, item)] = _over(items.get(_key(name, item)), item)
    most = MOST_TAGS if name == "tags" else MOST_ITEMS
    if len(items) > most:
        message = f"with those the customer has already, {name} would hold {len(items)}, more than {most}"
        return Verdict(Status.FAILED, "too_many", error_message=message)
    return list(items.values())


def _key(name: str, item: Any) -> Any:
    """Return an item's name; an item without one stands for itself alone."""
    return item_name(name, item) or orjson.dumps(item)


def _hidden(name: str) -> Verdict:
    message = f"{name} are hidden from this API key, and adding to them would destroy those that are there"
    return Verdict(Status.FAILED, "masked", error_message=message)


def _stripped(name: str, item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    allowed = _ITEM_MEMBERS.get(name, tuple(item))
    return {member: item[member] for member in allowed if item.get(member) is not None}


def _over(there: Any, given: Any) -> Any:
    """Lay a given item over the one that is there, whose own writing of the address or number stays."""
    if isinstance(there, dict) and isinstance(given, dict):
        return {**there, **given}
    return given
