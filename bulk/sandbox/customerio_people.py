"""Customer.io's people: who is known by which identifiers, and what is known of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

IDENTIFIERS = ("id", "email", "phone", "cio_id")
FIRST_CIO_ID = 0xA3000000


@dataclass(slots=True)
class Person:
    """One profile.

    Attributes:
        number: Counts people from 1 in the order in which they came; never used again.
        names: The identifiers given: ``id``, ``email``, ``phone``.
        attributes: All others, as they were received.
        changed: When each attribute was last changed, in seconds since the epoch.
        stamped: The timestamps given with attributes; older ones do not overwrite newer ones.
        devices: By token.
        segments: Those the person is in.
        relationships: As they were received.
    """

    number: int
    names: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    stamped: dict[str, float] = field(default_factory=dict)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    segments: set[int] = field(default_factory=set)
    relationships: list[Any] = field(default_factory=list)

    @property
    def cio_id(self) -> str:
        """What Customer.io calls the profile."""
        return f"{FIRST_CIO_ID + self.number:x}"

    @property
    def unsubscribed(self) -> bool:
        """Whether the person gets no messages; anything but true and 1 is no."""
        return str(self.attributes.get("unsubscribed")).lower() in {"true", "1"}

    def shown(self) -> dict[str, Any]:
        """Return everything as JSON values, attributes exactly as received."""
        names = {name: self.names.get(name) for name in IDENTIFIERS[:-1]}
        return {
            "cio_id": self.cio_id,
            **names,
            "attributes": self.attributes,
            "devices": list(self.devices.values()),
            "segments": sorted(self.segments),
            "relationships": self.relationships,
        }


def normal(kind: str, value: str) -> str:
    """Return an identifier as it is compared: e-mail addresses without regard to case."""
    return value.lower() if kind == "email" else value


class People:
    """All profiles, found by any identifier."""

    def __init__(self) -> None:
        self._people: dict[int, Person] = {}
        self._known: dict[tuple[str, str], Person] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._people)

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people.values())

    def after(self, number: int) -> Iterator[Person]:
        """Return the people who came after a number, in order."""
        return (person for person in self if person.number > number)

    def find(self, kind: str, value: str) -> Person | None:
        """Return whoever has this identifier."""
        if kind != "cio_id":
            return self._known.get((kind, normal(kind, value)))
        try:
            person = self._people.get(int(value, 16) - FIRST_CIO_ID)
        except ValueError:
            return None
        return person if person and person.cio_id == value else None

    def add(self) -> Person:
        """Create a profile that nobody can name yet."""
        self._last += 1
        person = self._people[self._last] = Person(self._last)
        return person

    def name(self, person: Person, kind: str, value: str) -> bool:
        """Give a person an identifier, in place of the one there was; not if somebody else has it."""
        owner = self.find(kind, value)
        if owner is not None and owner is not person:
            return False
        if kind in person.names:
            del self._known[kind, normal(kind, person.names[kind])]
        person.names[kind] = value
        self._known[kind, normal(kind, value)] = person
        return True

    def remove(self, person: Person) -> None:
        """Forget a profile; its identifiers are free again."""
        del self._people[person.number]
        for kind, value in person.names.items():
            del self._known[kind, normal(kind, value)]

    def identified(self, identifiers: Mapping[str, str]) -> Person | None:
        """Return whoever has the one identifier that is given."""
        ((kind, value),) = identifiers.items()
        return self.find(kind, value)
