"""What a Customer.io workspace holds, and what each accepted write does to it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerio_people import People, Person, normal

Item = Mapping[str, Any]
PREFERENCES = "cio_subscription_preferences"
_KEPT_OF_EVENT = ("name", "id", "timestamp", "attributes", "identifiers", "anonymous_id")


class State:
    """People, events, suppressed identifiers; the same writes in the same order give the same state."""

    def __init__(self, behaviour: CustomerioBehaviour) -> None:
        self.people = People()
        self.suppressed: dict[tuple[str, str], None] = {}
        self.events: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self._event_ids: set[str] = set()
        self._behaviour = behaviour
        self._actions = {
            "identify": self._identify,
            "delete": self._delete,
            "suppress": self._suppress,
            "unsuppress": self._unsuppress,
            "event": self._event,
            "page": self._event,
            "screen": self._event,
            "add_device": self._add_device,
            "delete_device": self._delete_device,
            "add_relationships": self._relationships,
            "delete_relationships": self._relationships,
            "merge": self._merge,
            "add_to_segment": self._add_to_segment,
            "remove_from_segment": self._remove_from_segment,
        }

    def perform(self, item: Item, now: float) -> None:
        """Do what an accepted item says, or nothing at all: the answer was given long before."""
        if item["type"] == "person":
            self._actions[item["action"]](item, now)

    def all_events(self) -> Iterator[dict[str, Any]]:
        """Return all events, person by person."""
        for events in self.events.values():
            yield from events

    def _blocked(self, kind: str, value: str) -> bool:
        blocked = (kind, normal(kind, value)) in self.suppressed
        self.counts["writes_ignored"] += blocked
        return blocked

    def _reached(self, item: Item, attributes: Mapping[str, Any], *, create: bool) -> Person | None:
        """Return the person that a write is about, if needs be a new one."""
        ((kind, value),) = item["identifiers"].items()
        if self._blocked(kind, value):
            return None
        found = self.people.find(kind, value) or self._claimed(kind, value, attributes)
        if found or not create or kind == "cio_id":
            self.counts["writes_dropped"] += found is None
            return found
        person = self.people.add()
        self.people.name(person, kind, value)
        return person

    def _claimed(self, kind: str, value: str, attributes: Mapping[str, Any]) -> Person | None:
        """Return the profile known by e-mail address alone that an id now claims."""
        email = attributes.get("email")
        if kind != "id" or not isinstance(email, str):
            return None
        owner = self.people.find("email", email)
        if owner is None or "id" in owner.names:
            return None
        self.people.name(owner, "id", value)
        return owner

    def _identify(self, item: Item, now: float) -> None:
        attributes = dict(item.get("attributes") or {})
        create = attributes.pop("_update", None) is not True
        person = self._reached(item, attributes, create=create)
        if person is None:
            return
        self._rename(person, attributes, by_cio_id="cio_id" in item["identifiers"])
        if person.names.get("email", "").lower() in self._behaviour.unsubscribe_ignored:
            attributes.pop("unsubscribed", None)
        self._change(person, attributes, item.get("timestamp"), int(now))
        person.relationships.extend(item.get("cio_relationships") or ())

    def _rename(self, person: Person, attributes: dict[str, Any], *, by_cio_id: bool) -> None:
        """Take identifiers out of attributes; what belongs to somebody else is dropped without a word."""
        kinds = ("id", "email", "phone") if self._behaviour.phone_identifies else ("id", "email")
        attributes.pop("cio_id", None)
        for kind in kinds:
            value = attributes.pop(kind, None)
            if not isinstance(value, str) or not value or person.names.get(kind) == value:
                continue
            fixed = kind == "id" and "id" in person.names and not by_cio_id
            if fixed or self._blocked(kind, value) or not self.people.name(person, kind, value):
                self.counts["identifiers_dropped"] += 1

    def _change(self, person: Person, attributes: Mapping[str, Any], stamp: float | None, now: int) -> None:
        for name, value in attributes.items():
            if stamp is not None and person.stamped.get(name, stamp) > stamp:
                continue
            if stamp is not None:
                person.stamped[name] = stamp
            top, *below = name.split(".") if name.startswith(f"{PREFERENCES}.") else [name]
            person.attributes[top] = _with(person.attributes.get(top), below, value) if below else value
            person.changed[top] = now

    def _delete(self, item: Item, _: float) -> None:
        person = self.people.identified(item["identifiers"])
        if person and self._may_go(person):
            self.people.remove(person)

    def _may_go(self, person: Person) -> bool:
        return person.names.get("email", "").lower() not in self._behaviour.delete_ignored

    def _suppress(self, item: Item, _: float) -> None:
        person = self.people.identified(item["identifiers"])
        if person is None:
            self._block({kind: value for kind, value in item["identifiers"].items() if kind != "cio_id"})
        elif self._may_go(person):
            self.people.remove(person)
            self.events.pop(person.number, None)
            self._block(person.names)

    def _block(self, names: Mapping[str, str]) -> None:
        self.suppressed |= {(kind, normal(kind, value)): None for kind, value in names.items()}

    def _unsuppress(self, item: Item, _: float) -> None:
        ((kind, value),) = item["identifiers"].items()
        self.suppressed.pop((kind, normal(kind, value)), None)

    def _event(self, item: Item, now: float) -> None:
        person = self._reached(item, {}, create=True) if "identifiers" in item else None
        if person is None and "identifiers" in item:
            return
        if item.get("id") in self._event_ids:
            self.counts["events_repeated"] += 1
            return
        if item.get("id"):
            self._event_ids.add(item["id"])
        event = {name: item[name] for name in _KEPT_OF_EVENT if name in item}
        event |= {"type": item["action"], "cio_id": person.cio_id if person else None}
        event.setdefault("timestamp", int(now))
        self.events[person.number if person else 0].append(event)

    def _add_device(self, item: Item, _: float) -> None:
        person = self._reached(item, {}, create=True)
        if person:
            person.devices[item["device"]["token"]] = item["device"]

    def _delete_device(self, item: Item, _: float) -> None:
        person = self._reached(item, {}, create=False)
        if person:
            person.devices.pop(item["device"]["token"], None)

    def _relationships(self, item: Item, _: float) -> None:
        adding = item["action"] == "add_relationships"
        person = self._reached(item, {}, create=adding)
        if person:
            given = item["cio_relationships"]
            others = [known for known in person.relationships if known not in given]
            person.relationships = [*others, *given] if adding else others

    def _merge(self, item: Item, _: float) -> None:
        primary, secondary = (self.people.identified(item[name]) for name in ("primary", "secondary"))
        if primary is None or secondary is None or primary is secondary:
            self.counts["merges_without_effect"] += 1
            return
        self.people.remove(secondary)
        for kind, value in secondary.names.items():
            if kind not in primary.names:
                self.people.name(primary, kind, value)
        primary.attributes = {**secondary.attributes, **primary.attributes}
        primary.changed = {**secondary.changed, **primary.changed}
        primary.devices = {**secondary.devices, **primary.devices}
        primary.segments |= secondary.segments
        moved = self.events.pop(secondary.number, [])
        self.events[primary.number] += [{**event, "cio_id": primary.cio_id} for event in moved]
        self.counts["merges"] += 1

    def _add_to_segment(self, item: Item, _: float) -> None:
        for kind, value in _members(item):
            create = self._behaviour.segment_creates
            person = self._reached({"identifiers": {kind: value}}, {}, create=create)
            if person:
                person.segments.add(item["segment_id"])

    def _remove_from_segment(self, item: Item, _: float) -> None:
        for kind, value in _members(item):
            person = self.people.find(kind, value)
            if person:
                person.segments.discard(item["segment_id"])


def _members(item: Item) -> Iterator[tuple[str, str]]:
    """Return whom a segment's list names; what has not the shape of its type is passed over."""
    for value in item["ids"]:
        if value and (item["id_type"] != "email" or "@" in value):
            yield item["id_type"], value


def _with(value: Any, below: list[str], new: Any) -> Any:
    """Return a copy of nested objects in which one member is replaced."""
    first, *rest = below
    known = value if isinstance(value, dict) else {}
    return {**known, first: _with(known.get(first), rest, new) if rest else new}
