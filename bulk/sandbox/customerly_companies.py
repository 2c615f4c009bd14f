"""The companies of a Customerly project: their attributes, and the users in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bulk.sandbox.customerly_answers import Refused, body_of, done, text_of
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.customerly_contacts import Contact, Contacts
from bulk.sandbox.customerly_records import attributes_refusal
from bulk.sandbox.exchange import Answer, Asked, Handler

MISSING_USER = "User doesn't exist"
MISSING_COMPANY = "Company doesn't exist"
_NAMES = ("internal_user_id", "user_id", "email")


@dataclass(slots=True, eq=False)
class Company:
    """One company."""

    company_id: str
    name: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    members: dict[int, None] = field(default_factory=dict)


class Companies:
    """All companies, each made when the first user is put into it."""

    def __init__(self, behaviour: CustomerlyBehaviour, users: Contacts) -> None:
        self._behaviour = behaviour
        self._users = users
        self._all: dict[str, Company] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield them as received, with the internal ids of the users in them."""
        for company in self._all.values():
            yield {**_shown(company), "users": list(company.members)}

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Return what can be asked."""
        return {
            ("POST", "/users/add-to-company"): self._add_user,
            ("POST", "/company/add-attributes/{company_id}"): self._add_attributes,
        }

    def of_user(self, internal_id: int) -> list[dict[str, Any]]:
        """Return the companies of a user."""
        return [_shown(company) for company in self._all.values() if internal_id in company.members]

    def leave(self, internal_id: int) -> None:
        """Forget that a user was in any company."""
        for company in self._all.values():
            company.members.pop(internal_id, None)

    def _add_user(self, asked: Asked) -> Answer:
        body = body_of(asked)
        company_id = text_of(body, "company_id")
        given = [name for name in _NAMES if body.get(name) not in {None, ""}]
        if len(given) != 1:
            raise Refused(f"Exactly one of these parameters is required: {', '.join(_NAMES)}.")
        contact = self._find(given[0], str(body[given[0]]))
        if contact is None:
            raise Refused(MISSING_USER, self._behaviour.missing_status)
        changes = self._changes(body, "company_attributes")
        company = self._all.setdefault(company_id, Company(company_id))
        company.members[contact.internal_id] = None
        return _changed(company, changes)

    def _add_attributes(self, asked: Asked) -> Answer:
        company = self._all.get(asked.parameter)
        if company is None:
            raise Refused(MISSING_COMPANY, self._behaviour.missing_status)
        return _changed(company, self._changes(body_of(asked), "attributes"))

    def _find(self, name: str, value: str) -> Contact | None:
        find = {
            "internal_user_id": self._users.by_internal_id,
            "user_id": self._users.by_user_id,
            "email": self._users.by_email,
        }
        return find[name](value)

    def _changes(self, body: Mapping[str, Any], name: str) -> tuple[str | None, dict[str, Any]]:
        attributes: Any = body.get(name) or {}
        problem = attributes_refusal(attributes, truncate=self._behaviour.long_text == "truncate")
        called = body.get("company_name")
        if not problem and not (called is None or isinstance(called, str)):
            problem = "The company_name must be a string."
        if problem:
            raise Refused(problem)
        return called, attributes


def _changed(company: Company, changes: tuple[str | None, dict[str, Any]]) -> Answer:
    name, attributes = changes
    company.name = name or company.name
    company.attributes |= attributes
    return done()


def _shown(company: Company) -> dict[str, Any]:
    return {
        "company_id": company.company_id,
        "company_name": company.name,
        "attributes": company.attributes,
    }
