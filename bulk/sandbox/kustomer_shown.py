"""A customer as Kustomer shows it: more than was ever written, and perhaps masked."""

from collections.abc import Mapping
from typing import Any

from bulk.sandbox.kustomer_answers import moment, object_id, resource
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.kustomer_customers import ARRAYS, Customer, Customers

ORGANISATION = object_id(0, 1)
MASK = "********"
_SCALARS = ("name", "externalId", "username", "locale", "timeZone", "defaultLang", "avatarUrl", "gender")
_MOMENTS = ("birthdayAt", "signedUpAt", "importedAt", "lastActivityAt", "lastSeenAt")
_READ_ONLY: Mapping[str, Any] = {
    "verified": False,
    "deleted": False,
    "progressiveStatus": None,
    "conversationCounts": {"done": 0, "open": 0, "snoozed": 0, "all": 0},
    "preview": {},
    "lastMessageIn": {},
    "recentLocation": {},
}
_NOT_ATTRIBUTES = frozenset(("company",))
_ITEMS_WITH_ID = frozenset(name for name in ARRAYS if "mails" in name or "hones" in name or "xternal" in name)


def shown(customer: Customer, customers: Customers, behaviour: KustomerBehaviour) -> dict[str, Any]:
    """Return a customer as it stands under ``data``."""
    attributes = _attributes(customer)
    if behaviour.tags_as == "ids":
        attributes["tags"] = [customers.tag_id(name) for name in attributes["tags"]]
    for path in behaviour.masked:
        _mask(attributes, path.split("."))
    data = resource("customer", customer.id, attributes, f"/customers/{customer.id}")
    return {**data, "relationships": _relationships(customer)}


def _attributes(customer: Customer) -> dict[str, Any]:
    given = {name: value for name, value in customer.attributes.items() if name not in _NOT_ATTRIBUTES}
    lists = {name: _items(name, given.get(name, [])) for name in ARRAYS}
    own_id = given.get("externalId")
    if own_id and all(item["externalId"] != own_id for item in lists["externalIds"]):
        lists["externalIds"] = [{"id": None, "externalId": own_id, "verified": False}, *lists["externalIds"]]
    times = {"createdAt": moment(customer.created_at), "updatedAt": moment(customer.updated_at)}
    addresses = [item["email"] for item in lists["emails"]]
    return {
        **dict.fromkeys((*_SCALARS, *_MOMENTS)),
        **_READ_ONLY,
        "custom": {},
        **times,
        "modifiedAt": times["updatedAt"],
        **given,
        **lists,
        "displayName": given.get("name") or next(iter(addresses), "Unknown Customer"),
        "rev": customer.rev,
    }


def _items(name: str, items: list[Any]) -> list[Any]:
    if name not in _ITEMS_WITH_ID:
        return list(items)
    return [{"id": None, "verified": False, **item} for item in items]


def _relationships(customer: Customer) -> dict[str, Any]:
    own = f"/v1/customers/{customer.id}"
    related: dict[str, Any] = {
        "org": {"data": {"type": "org", "id": ORGANISATION}, "links": {"self": f"/v1/orgs/{ORGANISATION}"}},
        "messages": {"links": {"self": f"{own}/messages"}},
    }
    company = customer.attributes.get("company")
    if company:
        link = f"/v1/companies/{company}"
        related["company"] = {"data": {"type": "company", "id": company}, "links": {"self": link}}
    return related


def _mask(holder: dict[str, Any], path: list[str]) -> None:
    name, *deeper = path
    if deeper and isinstance(holder.get(name), dict):
        holder[name] = dict(holder[name])
        _mask(holder[name], deeper)
    elif name in holder:
        holder[name] = _masked(holder[name])


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, dict):
        return {name: member if name == "type" else _masked(member) for name, member in value.items()}
    return MASK if isinstance(value, str) else value
