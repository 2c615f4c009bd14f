"""What belongs to customers: conversations, messages, notes, drafts and custom objects."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bulk.sandbox.kustomer_answers import Refused, duplicate, missing, moment, resource
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour

CHILDREN = {"conversations": "conversation", "messages": "message", "notes": "note", "drafts": "draft"}
"""The kinds with an address of their own, and what one of them is called."""
KOBJECT = "kobject."
"""What the kind of a custom object begins with; the name of its class follows."""
_RELATED = ("customer", "conversation", "company")
_NOT_ATTRIBUTES = frozenset((*_RELATED, "attachments", "rev"))


@dataclass(slots=True, eq=False)
class Object:
    """One object; attributes are kept as they were received."""

    id: str
    kind: str
    customer: str | None
    attributes: dict[str, Any]
    created_at: float
    rev: int = 1

    @property
    def path(self) -> str:
        """Where it is read."""
        if self.kind.startswith(KOBJECT):
            return f"/klasses/{self.kind.removeprefix(KOBJECT)}/{self.id}"
        return f"/{self.kind}/{self.id}"

    def shown(self) -> dict[str, Any]:
        """Return it as it stands under ``data``."""
        times = {"createdAt": moment(self.created_at), "updatedAt": moment(self.created_at)}
        given = {name: value for name, value in self.attributes.items() if name not in _NOT_ATTRIBUTES}
        redacted = {"redacted": False} if self.kind == "messages" else {}
        attributes = {**times, **redacted, **given, "rev": self.rev}
        return {
            **resource(CHILDREN.get(self.kind, self.kind), self.id, attributes, self.path),
            "relationships": self._related(),
        }

    def _related(self) -> dict[str, Any]:
        ids = {**self.attributes, "customer": self.customer}
        related: dict[str, Any] = {
            name: {"data": {"type": name, "id": ids[name]}} for name in _RELATED if ids.get(name)
        }
        attachments = self.attributes.get("attachments")
        if attachments:
            related["attachments"] = {"data": [{"type": "attachment", "id": one} for one in attachments]}
        return related


class Objects:
    """All objects by id; of one class of custom objects an ``externalId`` names one."""

    def __init__(
        self, behaviour: KustomerBehaviour, next_id: Callable[[], str], counts: Counter[str]
    ) -> None:
        self._behaviour = behaviour
        self._next_id = next_id
        self._counts = counts
        self._all: dict[str, Object] = {}
        self._named: dict[tuple[str, str], str] = {}
        self._of_customer: dict[str, dict[str, Object]] = {}

    def of_kind(self, kind: str) -> Iterator[Object]:
        """Yield the objects of a kind; of all classes if it names none."""
        return (
            found
            for found in self._all.values()
            if found.kind == kind or (kind == KOBJECT and found.kind.startswith(kind))
        )

    def of_customer(self, customer: str, kind: str) -> list[Object]:
        """Return a customer's objects of a kind."""
        return [found for found in self._of_customer.get(customer, {}).values() if found.kind == kind]

    def get(self, kind: str, identifier: str) -> Object:
        """Find an object by id."""
        found = self._all.get(identifier)
        if found is None or found.kind != kind:
            raise missing(CHILDREN.get(kind, "object"))
        return found

    def named(self, kind: str, external_id: str) -> Object:
        """Find a custom object by its ``externalId``."""
        return self.get(kind, self._named.get((kind, external_id), ""))

    def klass(self, name: str) -> str:
        """Return the kind of a class of custom objects, if there is such a class."""
        if self._behaviour.klasses is not None and name not in self._behaviour.klasses:
            raise missing("klass")
        return f"{KOBJECT}{name}"

    def create(self, kind: str, customer: str | None, body: Mapping[str, Any], now: float) -> Object:
        """Create an object, unless another of its class has its ``externalId``."""
        self._refuse_taken(kind, body, "")
        made = Object(self._next_id(), kind, customer, dict(body), now)
        self._all[made.id] = made
        self._attach(made)
        self._counts[f"{kind.removeprefix(KOBJECT)}_created"] += 1
        return made

    def update(self, found: Object, customer: str | None, body: Mapping[str, Any]) -> Object:
        """Change what a body mentions."""
        if body.get("rev") not in {None, found.rev}:
            raise Refused(409, "rev does not match the current revision")
        self._refuse_taken(found.kind, body, found.id)
        self._detach(found)
        custom = found.attributes.get("custom", {}) | (body.get("custom") or {})
        found.attributes |= {**body, "custom": custom} if "custom" in body else body
        found.customer = customer or found.customer
        found.rev += 1
        self._attach(found)
        return found

    def remove(self, found: Object) -> None:
        """Delete an object, if that has not happened already."""
        if self._all.pop(found.id, None) is None:
            return
        self._detach(found)
        self._counts[f"{found.kind.removeprefix(KOBJECT)}_deleted"] += 1

    def forget(self, customer: str) -> None:
        """Delete everything of a customer."""
        for found in list(self._of_customer.get(customer, {}).values()):
            self.remove(found)

    def hand_over(self, source: str, target: str) -> None:
        """Give everything of one customer to another."""
        for found in list(self._of_customer.get(source, {}).values()):
            self._detach(found)
            found.customer = target
            self._attach(found)

    def _refuse_taken(self, kind: str, body: Mapping[str, Any], identifier: str) -> None:
        name = body.get("externalId") if kind.startswith(KOBJECT) else None
        if name is not None and self._named.get((kind, name), identifier) != identifier:
            raise duplicate(self._behaviour.duplicate_status)

    def _attach(self, found: Object) -> None:
        name = found.attributes.get("externalId")
        if found.kind.startswith(KOBJECT) and name is not None:
            self._named[found.kind, name] = found.id
        if found.customer:
            self._of_customer.setdefault(found.customer, {})[found.id] = found

    def _detach(self, found: Object) -> None:
        self._named.pop((found.kind, str(found.attributes.get("externalId"))), None)
        if found.customer:
            self._of_customer[found.customer].pop(found.id)
