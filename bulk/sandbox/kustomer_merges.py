"""Merges of two customers: accepted at once, done later, and never undone."""

from dataclasses import dataclass
from typing import Any

from bulk.sandbox.kustomer_answers import missing, moment, object_id, resource
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.kustomer_customers import ARRAYS, Customer, Customers, united
from bulk.sandbox.kustomer_due import Due
from bulk.sandbox.kustomer_objects import Objects

MERGE = 0xE0


@dataclass(slots=True, eq=False)
class Merge:
    """One merge."""

    id: str
    source: str
    target: str
    started_at: float
    status: str = "running"

    def shown(self) -> dict[str, Any]:
        """Return it as it stands under ``data``."""
        attributes = {"status": self.status, "createdAt": moment(self.started_at)}
        related = {
            name: {"data": {"type": "customer", "id": identifier}}
            for name, identifier in (("source", self.source), ("target", self.target))
        }
        path = f"/customers/merges/{self.id}"
        return {**resource("customer_merge", self.id, attributes, path), "relationships": related}


class Merges:
    """All merges by id."""

    def __init__(
        self, behaviour: KustomerBehaviour, due: Due, customers: Customers, objects: Objects
    ) -> None:
        self._behaviour = behaviour
        self._due = due
        self._customers = customers
        self._objects = objects
        self.all: dict[str, Merge] = {}

    def get(self, identifier: str) -> Merge:
        """Find a merge."""
        found = self.all.get(identifier)
        if found is None:
            raise missing("merge")
        return found

    def of_customer(self, customer: str) -> list[Merge]:
        """Return the merges a customer took part in."""
        return [merge for merge in self.all.values() if customer in {merge.source, merge.target}]

    def start(self, source: str, target: str, now: float) -> Merge:
        """Accept a merge; until it is done neither customer can be changed."""
        pair = self._customers.pair(source, target)
        merge = Merge(object_id(MERGE, len(self.all) + 1), source, target, now)
        self.all[merge.id] = merge
        for customer in pair:
            customer.merging = True
        self._due.at(now + self._behaviour.merge_seconds, lambda when: self._finish(merge, when))
        return merge

    def _finish(self, merge: Merge, now: float) -> None:
        source, target = self._customers.released(merge.source), self._customers.released(merge.target)
        if source is None or target is None:
            merge.status = "error"  # somebody had been deleted already, which took its time
            return
        both = combined(source, target)
        self._customers.remove(source, now, "merged")
        self._customers.put(target, both, now)
        self._objects.hand_over(source.id, target.id)
        merge.status = "success"


def combined(source: Customer, target: Customer) -> dict[str, Any]:
    """Return the target's attributes with what the source adds: arrays and custom, the target's own first."""
    own, other = target.attributes, source.attributes
    arrays: dict[str, list[Any]] = {
        name: united(own.get(name, []), other[name]) for name in ARRAYS if other.get(name)
    }
    if "externalId" in other:
        known = arrays.get("externalIds") or own.get("externalIds") or []
        arrays["externalIds"] = united(known, [{"externalId": other["externalId"]}])
    custom = {**other.get("custom", {}), **own.get("custom", {})}
    return {**own, **arrays, **({"custom": custom} if custom else {})}
