"""A record as it was given: who it names, and what it says of them in the vendor's form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bulk.conversation import RECORD, Batch
from bulk.destinations.kustomer.customer import item_name
from bulk.destinations.kustomer.settings import KustomerSettings

_UNIQUE = ("externalId", "externalIds", "emails", "phones", "whatsapps", "socials")
"""Values that no two customers may have in common: a second copy of a record with one is refused."""


@dataclass(frozen=True, slots=True)
class Person:
    """A record as given.

    Attributes:
        id: Kustomer's own id; empty if the record does not have it.
        external_id: Your own id; empty if the record does not have it.
        emails: Addresses, the one that names the customer first.
        phones: Numbers, the one that names the customer first.
        body: What is to be said of the customer, as the vendor writes it, without the id.
    """

    id: str
    external_id: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    body: Mapping[str, Any]

    @property
    def is_unique(self) -> bool:
        """Whether sending it twice cannot create it twice."""
        return any(self.body.get(name) for name in _UNIQUE)


def person(batch: Batch, position: int, settings: KustomerSettings) -> Person:
    """Return one record of a batch."""
    body: dict[str, Any] = orjson.loads(batch.value(RECORD, position))
    own = body.pop("id", None)
    _enlist(body, "email", "emails", settings.email_type)
    _enlist(body, "phone", "phones", settings.phone_type)
    return Person(
        id=str(own or "").strip(),
        external_id=str(body.get("externalId") or ""),
        emails=_texts(body, "emails", "email"),
        phones=_texts(body, "phones", "phone"),
        body=body,
    )


def _enlist(body: dict[str, Any], single: str, plural: str, kind: str) -> None:
    """Put a single contact point first in its list, unless the list has it already."""
    value = body.pop(single, None)
    if not value:
        return
    listed = body.get(plural) or []
    item = {single: value, "type": kind} if kind else {single: value}
    wanted = item_name(plural, item)
    same = [other for other in listed if item_name(plural, other) == wanted]
    body[plural] = [*(same[:1] or [item]), *(other for other in listed if other not in same)]


def _texts(body: Mapping[str, Any], name: str, member: str) -> tuple[str, ...]:
    listed = body.get(name)
    items = listed if isinstance(listed, list) else []
    return tuple(str(item[member]) for item in items if isinstance(item, dict) and item.get(member))
