"""A customer as the account shows one: who they are, and what must not be lost in an update."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bulk.conversation import Response
from bulk.destinations.verdicts import is_2xx

_MASKED = re.compile("\\*{2,}|[\u2022\u2588\u25cf\u2217]|^[xX]{3,}$")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}", re.IGNORECASE)

NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "emails": ("email",),
    "sharedEmails": ("email",),
    "phones": ("phone",),
    "sharedPhones": ("phone",),
    "whatsapps": ("phone",),
    "externalIds": ("externalId",),
    "sharedExternalIds": ("externalId",),
    "socials": ("type", "username"),
    "sharedSocials": ("type", "username"),
    "urls": ("url",),
}
"""Members that tell an item of a list from others; the other lists hold plain text."""


def as_email(value: Any) -> str:
    """Return an e-mail address in the form in which two are compared."""
    return str(value).strip().casefold()


def as_phone(value: Any) -> str:
    """Return a phone number in the form in which two are compared: its digits."""
    return re.sub(r"\D", "", str(value))


def is_masked(value: Any) -> bool:
    """Tell whether a value is hidden from our key: written back, it would destroy the real one."""
    if isinstance(value, dict):
        return any(map(is_masked, value.values()))
    return isinstance(value, str) and bool(_MASKED.search(value))


def is_object_id(value: Any) -> bool:
    """Tell whether a text is one of Kustomer's own ids."""
    return isinstance(value, str) and bool(_OBJECT_ID.fullmatch(value))


def is_usable_id(value: Any) -> bool:
    """Tell whether a text can stand in a path as an id: an empty one, or dots, would mean another place."""
    return isinstance(value, str) and value not in {"", ".", ".."}


def _exactly(value: Any) -> str:
    return str(value).strip()


_CLEAN: Mapping[str, Callable[[Any], str]] = {"phone": as_phone, "externalId": _exactly, "url": _exactly}
Name = tuple[str, ...]


def item_name(name: str, item: Any) -> Name | None:
    """Return what tells an item of the list ``name`` from its others; None if nothing does."""
    if not isinstance(item, dict):
        return (str(item),)
    members = NAMED_BY.get(name, ())
    if not members or not all(item.get(member) for member in members):
        return None
    return tuple(_CLEAN.get(member, as_email)(item[member]) for member in members)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as shown.

    Attributes:
        id: Kustomer's own id.
        attributes: What the account says of them.
        company: Id of their company, if they have one.
        proven: List and name of contact points by which they were looked up: theirs, even if hidden from us.
    """

    id: str
    attributes: Mapping[str, Any]
    company: str | None = None
    proven: frozenset[tuple[str, Name | None]] = frozenset()

    def found_by(self, kind: str, value: str) -> "Customer":
        """Return the same customer, known to have this ``email`` or ``phone``."""
        name = f"{kind}s"
        return replace(self, proven=self.proven | {(name, item_name(name, {kind: value}))})

    def knows(self, name: str, item: Any) -> bool:
        """Tell whether an item is in one of their lists, as far as that can be seen."""
        wanted = item_name(name, item)
        return (name, wanted) in self.proven or wanted in {
            item_name(name, other) for other in self.items(name)
        }

    def hides(self, name: str) -> bool:
        """Tell whether some of a list is hidden from our key."""
        return any(map(is_masked, self.items(name)))

    def items(self, name: str) -> list[Any]:
        """Return a list of the customer, empty if there is none."""
        found = self.attributes.get(name)
        return found if isinstance(found, list) else []

    def texts(self, name: str, member: str) -> list[str]:
        """Return one member of each item of a list."""
        return [str(item[member]) for item in self.items(name) if isinstance(item, dict) and item.get(member)]

    @property
    def rev(self) -> Any:
        """The revision, a number; None if it is not shown."""
        rev = self.attributes.get("rev")
        return rev if isinstance(rev, int | float) and not isinstance(rev, bool) else None

    @property
    def external_ids(self) -> set[str]:
        """Your own ids of the customer."""
        single = self.attributes.get("externalId")
        return {*self.texts("externalIds", "externalId"), *([str(single)] if single else [])}

    def owns(self, kind: str, value: str) -> bool:
        """Tell whether an ``email``, ``phone`` or ``externalId`` is seen to be theirs, and theirs alone."""
        own_id = kind == "externalId" and value in self.external_ids
        return own_id or self._holds(f"{kind}s", kind, value)

    def shares(self, kind: str, value: str) -> bool:
        """Tell whether an ``email``, ``phone`` or ``externalId`` of theirs is only one shared with others."""
        return self._holds(shared_list(kind), kind, value) and not self.owns(kind, value)

    def lists(self, kind: str, value: str) -> bool:
        """Tell whether an ``email``, ``phone`` or ``externalId`` is seen to be theirs, alone or not."""
        return self.owns(kind, value) or self.shares(kind, value)

    def _holds(self, name: str, kind: str, value: str) -> bool:
        wanted = item_name(name, {kind: value})
        return wanted is not None and wanted in {item_name(name, item) for item in self.items(name)}


def shared_list(kind: str) -> str:
    """Return the name of the list that holds what several customers share of a kind."""
    return f"shared{kind[0].upper()}{kind[1:]}s"


def customers(response: Response) -> list[Customer] | None:
    """Return the customers an answer shows; None if it is no answer of that form."""
    body = response.json
    if not is_2xx(response) or not isinstance(body, dict) or "data" not in body:
        return None
    data = body["data"]
    listed = data if isinstance(data, list) else [data] if data else []
    shown = list(_customers(listed))
    return shown if len(shown) == len(listed) else None


def _customers(listed: list[Any]) -> Iterator[Customer]:
    for item in listed:
        if isinstance(item, dict) and is_usable_id(item.get("id")):
            attributes = item.get("attributes")
            shown = attributes if isinstance(attributes, dict) else {}
            yield Customer(item["id"], shown, _company(item, shown))


def _company(item: Mapping[str, Any], attributes: Mapping[str, Any]) -> str | None:
    """Return the company's id from where it stands: a relationship, or an attribute."""
    link: Any = item
    for name in ("relationships", "company", "data", "id"):
        link = link.get(name) if isinstance(link, dict) else None
    company = link or attributes.get("company")
    return company if isinstance(company, str) and company else None


def object_id(response: Response) -> str:
    """Return the id an answer gives for what it speaks about; empty if there is none."""
    body = response.json
    data = body.get("data") if isinstance(body, dict) else None
    found = data.get("id") if isinstance(data, dict) else None
    return found[:100] if isinstance(found, str) else ""
