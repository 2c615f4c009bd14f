"""The customers of a Kustomer organisation: one owner for every address, changes counted by ``rev``."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bulk.sandbox.kustomer_answers import Refused, duplicate, missing
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.kustomer_claims import Claim, claims, shared_claims

Attributes = dict[str, Any]
ARRAYS = (
    *("emails", "sharedEmails", "phones", "sharedPhones", "whatsapps", "socials", "sharedSocials"),
    *("externalIds", "sharedExternalIds", "facebookIds", "instagramIds", "urls", "locations", "tags"),
)
_NOT_KEPT = frozenset(("id", "rev", "_clientRef"))


@dataclass(slots=True, eq=False)
class Customer:
    """One customer; attributes are kept as they were received."""

    id: str
    attributes: Attributes
    created_at: float
    updated_at: float
    rev: int = 1
    merging: bool = False


class Customers:
    """All customers, found by id and by address."""

    def __init__(
        self, behaviour: KustomerBehaviour, next_id: Callable[[], str], counts: Counter[str]
    ) -> None:
        self._behaviour = behaviour
        self._next_id = next_id
        self._counts = counts
        self._all: dict[str, Customer] = {}
        self._owners: dict[Claim, str] = {}
        self._shared: dict[Claim, list[str]] = {}
        self._tags: dict[str, str] = {}
        self.deleted: dict[str, Attributes] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Customer]:
        return iter(self._all.values())

    def get(self, identifier: str) -> Customer:
        """Find a customer by id."""
        found = self._all.get(identifier)
        if found is None:
            raise missing("customer")
        return found

    def find(self, claim: Claim) -> Customer | None:
        """Find the customer of an address, of a shared one the first that has it if so behaved."""
        sharing = self.sharing(claim) if self._behaviour.lookup_shared else []
        return self.owner(claim) or next(iter(sharing), None)

    def owner(self, claim: Claim) -> Customer | None:
        """Return the customer an address belongs to."""
        return self._all.get(self._owners.get(claim, ""))

    def sharing(self, claim: Claim) -> list[Customer]:
        """Return the customers that list an address as shared."""
        return [self._all[identifier] for identifier in self._shared.get(claim, ())]

    def create(self, body: Mapping[str, Any], now: float) -> Customer:
        """Create a customer, unless another has one of its addresses."""
        attributes = self._kept(body)
        self._refuse_taken(attributes, "")
        customer = Customer(self._next_id(), attributes, now, now)
        self._all[customer.id] = customer
        self._claim(customer)
        self._counts["records_created"] += 1
        return customer

    def update(
        self, identifier: str, body: Mapping[str, Any], now: float, *, replace: bool = False
    ) -> Customer:
        """Change a customer as a body says; what it does not mention stays, unless it replaces all."""
        customer = self._free(identifier)
        if body.get("rev") not in {None, customer.rev}:
            raise Refused(409, "rev does not match the current revision")
        attributes = self._kept(body) if replace else self._changed(customer.attributes, body)
        self._refuse_taken(attributes, identifier)
        self.put(customer, attributes, now)
        self._counts["records_updated"] += 1
        return customer

    def put(self, customer: Customer, attributes: Attributes, now: float) -> None:
        """Give a customer these attributes."""
        self._release(customer)
        customer.attributes = attributes
        customer.updated_at = now
        customer.rev += 1
        self._claim(customer)

    def ask_to_delete(self, identifier: str) -> Customer | None:
        """Return the customer that may be deleted; None if the deletion is to have no effect."""
        customer = self._free(identifier)
        addresses = {value for kind, value in claims(customer.attributes) if kind == "email"}
        return None if addresses & self._behaviour.delete_ignored else customer

    def remove(self, customer: Customer, now: float, reason: str = "deleted") -> None:
        """Delete a customer, if that has not happened already."""
        if self._all.pop(customer.id, None) is None:
            return
        self._release(customer)
        self.deleted[customer.id] = {"id": customer.id, "reason": reason, "at": now}
        self._counts["records_deleted"] += 1

    def pair(self, source: str, target: str) -> tuple[Customer, Customer]:
        """Return two customers that may be merged."""
        if source == target:
            raise Refused(400, "source and target must differ")
        return self._free(source), self._free(target)

    def released(self, identifier: str) -> Customer | None:
        """Return a customer whose merge has ended, if it is still there."""
        customer = self._all.get(identifier)
        if customer is not None:
            customer.merging = False
        return customer

    def tag_id(self, name: str) -> str:
        """Return the id of a tag."""
        return next(identifier for identifier, known in self._tags.items() if known == name)

    def _free(self, identifier: str) -> Customer:
        customer = self.get(identifier)
        if customer.merging:
            raise Refused(409, "customer is being merged")
        return customer

    def _kept(self, body: Mapping[str, Any]) -> Attributes:
        """Return what a body sets; a null sets nothing, and a tag's id is its name."""
        kept = {name: value for name, value in body.items() if value is not None and name not in _NOT_KEPT}
        if "custom" in kept:
            kept["custom"] = {name: value for name, value in kept["custom"].items() if value is not None}
        if "tags" in kept:
            kept["tags"] = [self._tags.get(tag, tag) for tag in kept["tags"]]
            self._learn(kept["tags"])
        return kept

    def _learn(self, names: list[str]) -> None:
        known = set(self._tags.values())
        for name in names:
            if name not in known:
                self._tags[f"{0x6500FFFF:08x}{len(self._tags) + 1:016x}"] = name
                known.add(name)

    def _changed(self, old: Attributes, body: Mapping[str, Any]) -> Attributes:
        given = self._kept(body)
        kept = {name: value for name, value in old.items() if name not in body or name in given}
        if self._behaviour.unlink_company and "company" not in body:
            kept.pop("company", None)
        attributes = kept | given
        cleared = [name for name, value in (body.get("custom") or {}).items() if value is None]
        if "custom" in body:
            both = old.get("custom", {}) | given.get("custom", {})
            attributes["custom"] = {name: value for name, value in both.items() if name not in cleared}
        if self._behaviour.merge_arrays:
            attributes |= {name: united(old.get(name, []), given[name]) for name in ARRAYS if name in given}
        return attributes

    def _refuse_taken(self, attributes: Attributes, identifier: str) -> None:
        if any(self._owners.get(claim, identifier) != identifier for claim in claims(attributes)):
            raise duplicate(self._behaviour.duplicate_status)

    def _claim(self, customer: Customer) -> None:
        self._owners.update(dict.fromkeys(claims(customer.attributes), customer.id))
        for claim in shared_claims(customer.attributes):
            self._shared.setdefault(claim, []).append(customer.id)

    def _release(self, customer: Customer) -> None:
        for claim in claims(customer.attributes):
            self._owners.pop(claim, None)
        for claim in shared_claims(customer.attributes):
            self._shared[claim].remove(customer.id)


def united(first: list[Any], second: list[Any]) -> list[Any]:
    """Return the items of both lists, each once."""
    return [*first, *(item for item in second if item not in first)]
