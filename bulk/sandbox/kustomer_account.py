"""Everything one Kustomer organisation holds, and the shape of what can be asked of it."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from bulk.sandbox.exchange import Answer, Asked
from bulk.sandbox.kustomer_answers import object_id
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.kustomer_budget import Budget
from bulk.sandbox.kustomer_customers import Customer, Customers
from bulk.sandbox.kustomer_due import Due
from bulk.sandbox.kustomer_jobs import Jobs
from bulk.sandbox.kustomer_merges import Merges
from bulk.sandbox.kustomer_objects import Object, Objects

CUSTOMER, OBJECT = 0xC0, 0xD0


class Account:
    """The state of one organisation; a new one is empty."""

    def __init__(self, behaviour: KustomerBehaviour) -> None:
        self.behaviour = behaviour
        self.counts: Counter[str] = Counter()
        self.seen: set[int] = set()
        self.due = Due()
        self.budget = Budget(behaviour.budget, behaviour.budget_seconds, behaviour.others_per_minute)
        self.customers = Customers(behaviour, _ids(CUSTOMER), self.counts)
        self.objects = Objects(behaviour, _ids(OBJECT), self.counts)
        self.jobs = Jobs(behaviour, self.due, self.counts)
        self.merges = Merges(behaviour, self.due, self.customers, self.objects)

    def delete(self, identifier: str, now: float) -> None:
        """Accept the deletion of a customer, which may take its time."""
        customer = self.customers.ask_to_delete(identifier)
        if customer is None:
            return
        if self.behaviour.delete_seconds:
            self.due.at(now + self.behaviour.delete_seconds, lambda when: self._remove(customer, when))
        else:
            self._remove(customer, now)

    def delete_child(self, child: Object, now: float) -> None:
        """Accept the deletion of what belongs to a customer, which may take its time."""
        if self.behaviour.child_seconds:
            self.due.at(now + self.behaviour.child_seconds, lambda _when: self.objects.remove(child))
        else:
            self.objects.remove(child)

    def _remove(self, customer: Customer, now: float) -> None:
        self.customers.remove(customer, now)
        if self.behaviour.delete_takes_children:
            self.objects.forget(customer.id)


def _ids(kind: int) -> Callable[[], str]:
    numbers = count(1)
    return lambda: object_id(kind, next(numbers))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What can be asked: the handler, and the roles of which the key needs one; none: any key will do."""

    handler: Callable[[Account, Asked], Answer]
    roles: tuple[str, ...] = ()


Endpoints = Mapping[tuple[str, str], Endpoint]


def crud_roles(thing: str, right: str) -> tuple[str, ...]:
    """Return the roles that allow something; older ones know only read, write and delete."""
    older = {"read": "read", "delete": "delete"}.get(right, "write")
    return f"org.permission.{thing}.{right}", f"org.user.{thing}.{older}"
