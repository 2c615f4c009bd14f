"""The contacts of a Customerly project: users and leads, found by address or identifier, kept in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

APP_ID = "5a4d6b0e"


@dataclass(slots=True, eq=False)
class Contact:
    """One user or lead."""

    internal_id: int
    email: str
    is_user: bool
    first_seen_at: int
    last_update: int
    user_id: str | None = None
    name: str | None = None
    unsubscribed: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)

    def change(self, record: dict[str, Any], *, replace_tags: bool) -> None:
        """Take over what a record says; what it does not mention stays, nothing changes ``unsubscribed``."""
        self.name = record.get("name", self.name)
        self.merge(record.get("attributes") or {})
        tags = record.get("tags") or []
        known = [] if replace_tags and "tags" in record else self.tags
        self.tags = list(dict.fromkeys((*known, *tags)))

    def merge(self, attributes: dict[str, Any]) -> None:
        """Set attributes; a null removes one."""
        self.attributes.update(attributes)
        for name in [name for name, value in attributes.items() if value is None]:
            del self.attributes[name]

    def shown(self, *, numbers_as_text: bool) -> dict[str, Any]:
        """Return the contact as a list shows it."""
        return {
            "crmhero_user_id": self.internal_id,
            "app_id": APP_ID,
            "user_id": self.user_id,
            "email": self.email,
            "name": self.name,
            "is_user": int(self.is_user),
            "was_lead": 0,
            "unsubscribe": int(self.unsubscribed),
            "bounce": 0,
            "spam": 0,
            "first_seen_at": self.first_seen_at,
            "last_activity": None,
            "last_page_viewed_at": None,
            "last_update": f"{datetime.fromtimestamp(self.last_update, UTC):%Y-%m-%d %H:%M:%S}",
            "attributes": _as_text(self.attributes) if numbers_as_text else self.attributes,
        }


def _as_text(attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        for name, value in attributes.items()
    }


class Contacts:
    """All users, or all leads: one contact for each address, whatever its case."""

    def __init__(self, *, users: bool) -> None:
        self.users = users
        self.changes = 0
        self._by_email: dict[str, Contact] = {}
        self._by_user_id: dict[str, list[Contact]] = {}
        self._by_internal_id: dict[int, Contact] = {}
        self._sorted: tuple[tuple[int, str, bool], list[Contact]] = ((-1, "", False), [])

    def __len__(self) -> int:
        return len(self._by_email)

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._by_email.values())

    def by_email(self, email: str) -> Contact | None:
        """Find the contact of an address."""
        return self._by_email.get(email.lower())

    def by_user_id(self, user_id: str) -> Contact | None:
        """Find the contact of a ``user_id``; of several the first that got it."""
        found = self._by_user_id.get(user_id)
        return found[0] if found else None

    def by_internal_id(self, text: str) -> Contact | None:
        """Find the contact of an internal id."""
        return self._by_internal_id.get(int(text)) if text.isascii() and text.isdigit() else None

    def add(self, email: str, internal_id: int, now: int) -> Contact:
        """Create the contact of an address that has none."""
        contact = Contact(internal_id, email, self.users, first_seen_at=now, last_update=now)
        self._by_email[email.lower()] = contact
        self._by_internal_id[internal_id] = contact
        return contact

    def identify(self, contact: Contact, user_id: str) -> None:
        """Give a contact a ``user_id``; that another has it already hinders nothing."""
        if user_id == contact.user_id:
            return
        self._forget_user_id(contact)
        contact.user_id = user_id
        self._by_user_id.setdefault(user_id, []).append(contact)

    def touch(self, contact: Contact, now: int) -> None:
        """Note that a contact has changed."""
        contact.last_update = now
        self.changes += 1

    def remove(self, contact: Contact) -> None:
        """Delete a contact."""
        self._forget_user_id(contact)
        del self._by_email[contact.email.lower()]
        del self._by_internal_id[contact.internal_id]
        self.changes += 1

    def page(self, number: int, size: int, sort: str, *, descending: bool) -> list[Contact]:
        """Return one page; by default in the order of creation."""
        wanted = (self.changes, sort, descending)
        if self._sorted[0] != wanted:
            contacts = list(self)
            if sort in {"name", "email", "user_id"}:
                contacts.sort(key=lambda contact: str(getattr(contact, sort) or ""))
            elif sort in {"last_update", "first_seen_at"}:
                contacts.sort(key=lambda contact: int(getattr(contact, sort)))
            self._sorted = (wanted, contacts[::-1] if descending else contacts)
        return self._sorted[1][number * size : (number + 1) * size]

    def _forget_user_id(self, contact: Contact) -> None:
        if contact.user_id is None:
            return
        same = self._by_user_id[contact.user_id]
        same.remove(contact)
        if not same:
            del self._by_user_id[contact.user_id]
