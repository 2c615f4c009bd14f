"""Whom the identifiers of a row mean: somebody, nobody, or that is for people to decide."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bulk.conversation import Name, Verdict
from bulk.destinations.erasure import ambiguous, conflict, normal, together
from bulk.destinations.operation import Sighting, State


@dataclass(frozen=True, slots=True)
class Person:
    """A record of somebody, as a destination shows it.

    Attributes:
        identity: What the system itself calls the record.
        names: The identifiers it has, that one included.
    """

    identity: str
    names: tuple[Name, ...]

    def name(self, kind: str) -> str:
        """Return the identifier of one kind; empty if there is none."""
        return next((value for own, value in self.names if own == kind), "")


Sight = Mapping[Name, Sequence[Person]]
"""Who has which identifier; these stand as they are compared."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whom the identifiers of a row find.

    Attributes:
        people: Everybody who was found.
        doubt: Why nobody of them may be removed; None if there is no doubt.
    """

    people: tuple[Person, ...] = ()
    doubt: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Kinds:
    """What a system's identifiers are.

    Attributes:
        own: What the system itself calls a record; never shared.
        weak: Those that never select anybody alone.
    """

    own: str
    weak: frozenset[str] = frozenset()


def meant(
    given: Sequence[Name], earlier: Collection[Name], sight: Sight, kinds: Kinds, *, everybody: bool
) -> Finding:
    """Decide whom a row means.

    Args:
        given: The identifiers it gives.
        earlier: Those that an earlier try found beside them.
        sight: Who has them.
        kinds: What the system's identifiers are.
        everybody: Whether everybody is meant whom any given identifier names.
    """
    found = {name: sight.get(normal(name), ()) for name in given}
    left = {name: list(_left(name, given, earlier, sight, kinds)) for name in earlier if name not in found}
    people: dict[str, Person] = {}
    for one in (person for some in (*found.values(), *left.values()) for person in some):
        known = people.get(one.identity)
        people[one.identity] = Person(one.identity, together(known.names if known else (), one.names))
    doubt = None if everybody else _doubt(given, people.values(), {**left, **found}, kinds)
    return Finding(tuple(people.values()), doubt)


def _left(
    name: Name, given: Sequence[Name], earlier: Collection[Name], sight: Sight, kinds: Kinds
) -> Iterator[Person]:
    """Yield whom an identifier still names that was found and not given, as far as it is the same person.

    Somebody else may have the identifier too, or have taken it over: whoever was not found before and is
    called otherwise than the row says is left alone.
    """
    for person in sight.get(normal(name), ()):
        known = (kinds.own, person.identity) in earlier
        if known or not (name[0] in kinds.weak or _contradicted(given, person, kinds)):
            yield person


def _contradicted(given: Iterable[Name], person: Person, kinds: Kinds) -> str:
    """Return the kind by which somebody is called otherwise than the row says; empty if there is none."""
    own = {normal(name) for name in person.names}
    called = {kind for kind, _ in own}
    others = (kind for kind, value in map(normal, given) if kind in called and (kind, value) not in own)
    return next((kind for kind in others if kind not in kinds.weak), "")


def _doubt(given: Sequence[Name], people: Collection[Person], found: Sight, kinds: Kinds) -> Verdict | None:
    """Say why it is not certain who is meant."""
    by = [(kind, some) for (kind, _), some in found.items() if some]
    for kind, person in ((kind, person) for kind, some in by for person in some):
        other = _contradicted(given, person, kinds)
        if other:
            return conflict(f"whom the {kind} names has another {other}")
    named = list(dict.fromkeys(kind for kind, _ in by))
    if len(people) > 1:
        shared = next((kind for kind, some in by if len(some) == len(people)), "")
        if shared:
            return ambiguous(f"several people have this {shared}")
        return conflict(f"{' and '.join(named)} name different people")
    if named and kinds.weak.issuperset(named):
        return ambiguous(f"a {' or '.join(named)} alone never selects anybody")
    return None


_STATES = {"identity_conflict": State.CONFLICT, "ambiguous": State.AMBIGUOUS}


def sighting(position: int, finding: Finding, more: int = 0) -> Sighting:
    """Tell whom an erasure would find; ``more`` are records beside the people's own."""
    records = len(finding.people) + more
    if finding.doubt is not None:
        return Sighting(position, _STATES.get(finding.doubt.reason, State.UNREAD), records)
    return Sighting(position, State.PRESENT if records else State.ABSENT, records)
