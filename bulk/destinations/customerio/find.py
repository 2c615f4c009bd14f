"""Whom a workspace shows under the identifiers of a batch, and whom of them each record means."""

import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bulk.conversation import NOT_CONFIGURED, Batch, Lost, Name, Request, Status, Verdict
from bulk.destinations.customerio import shown
from bulk.destinations.customerio.identifiers import FIELDS, PERSON
from bulk.destinations.customerio.reading import Seen, read, unread
from bulk.destinations.erasure import ErasureOptions, ambiguous, given, normal, together
from bulk.destinations.meant import Finding, Kinds, Person, meant

KINDS = Kinds("cio_id", frozenset({"phone"}))
_OPTIONAL = ("email", "phone")
"""Kinds by which not every workspace knows people."""
_PHONE = re.compile(FIELDS["phone"].pattern or "")
Findings = dict[int, Finding]
"""Whom records mean, by their position in the batch."""
_NOT_BY_EMAIL = Verdict(
    Status.FAILED,
    "read_refused",
    error_message="the workspace does not know people by email: leave it out of the fields of the step",
    ours=True,
)


@dataclass(slots=True)
class View:
    """What a workspace has shown so far, by identifiers as they are compared."""

    seen: dict[Name, Seen] = field(default_factory=dict)
    people: dict[Name, tuple[Person, ...]] = field(default_factory=dict)

    def see(self, names: Iterable[Name]) -> Generator[Request, Any, None]:
        """Read who has these identifiers, as far as it is not known."""
        new = {normal(name): name[1] for name in names if normal(name) not in self.seen}
        for kind in PERSON:
            values = {value: written for (own, value), written in new.items() if own == kind}
            found = yield from read(kind, values, optional=kind in _OPTIONAL)
            for value, seen in found.items():
                self.seen[kind, value] = seen
                self.people[kind, value] = tuple(map(_person, seen.people or ()))

    @property
    def closed(self) -> bool:
        """Whether nobody can be seen, because the App API key is not set."""
        replies = (seen.reply for seen in self.seen.values())
        return any(isinstance(reply, Lost) and reply.reason == NOT_CONFIGURED for reply in replies)

    def unread(self, names: Iterable[Name]) -> Verdict | None:
        """Return the verdict on somebody of whose identifiers one could not be read."""
        seen = (self.seen[normal(name)] for name in names)
        return next((unread(one) for one in seen if one.people is None), None)

    def identifies(self, name: Name) -> bool:
        """Tell whether the workspace knows people by identifiers of this kind, as far as that was seen."""
        seen = self.seen.get(normal(name))
        return seen is None or not seen.unknown_kind

    def names_others(self, name: Name, people: Iterable[Person]) -> bool:
        """Tell whether an identifier names anybody but these people."""
        known = {person.identity for person in people}
        return any(person.identity not in known for person in self.people.get(normal(name), ()))


def _person(one: Mapping[str, Any]) -> Person:
    """Return somebody as a person; a phone number counts in the form in which it names people."""
    found = {kind: shown.comparable(shown.identifier(one, kind), kind) for kind in PERSON}
    found["email"] = shown.identifier(one, "email").strip()
    if not _PHONE.fullmatch(found["phone"]):
        del found["phone"]
    names = tuple((kind, value) for kind, value in found.items() if value)
    return Person(next((value for _, value in reversed(names)), ""), names)


def find(
    batch: Batch, positions: Collection[int], options: ErasureOptions
) -> Generator[Request, Any, tuple[View, Findings]]:
    """Look up people of a batch by everything given or found before; return whom each record means."""
    view = View()
    asked = {position: given(batch, position, PERSON) for position in positions}
    earlier = {position: batch.found_at(position) for position in positions}
    yield from view.see(together(*asked.values(), *earlier.values()))
    return view, {at: _finding(view, asked[at], earlier[at], options) for at in positions}


def see_further(view: View, findings: Findings) -> Generator[Request, Any, Findings]:
    """Read what else the people found are called: it may name others too, or nobody in this workspace."""
    further = {position: tuple(_further(finding)) for position, finding in findings.items()}
    yield from view.see(together(*further.values()))
    return {
        position: replace(finding, doubt=finding.doubt or view.unread(further[position]))
        for position, finding in findings.items()
    }


def _further(finding: Finding) -> Iterator[Name]:
    if finding.doubt is None:
        yield from (name for one in finding.people for name in one.names if name[0] in _OPTIONAL)


def _finding(
    view: View, asked: tuple[Name, ...], earlier: Iterable[Name], options: ErasureOptions
) -> Finding:
    everybody = options.matches == "all"
    if view.closed and options.verify == "none":
        return Finding(doubt=None if everybody else _weak_alone(asked))
    doubt = view.unread(together(asked, earlier)) or _unknown_kinds(view, asked)
    if doubt is not None:
        return Finding(doubt=doubt)
    return meant(asked, tuple(earlier), view.people, KINDS, everybody=everybody)


def _weak_alone(asked: tuple[Name, ...]) -> Verdict | None:
    if KINDS.weak.issuperset(kind for kind, _ in asked):
        return ambiguous("a phone alone never selects anybody")
    return None


def _unknown_kinds(view: View, asked: tuple[Name, ...]) -> Verdict | None:
    """Return the verdict on a record whose identifiers say nothing about who is there."""
    unknown = [kind for kind, value in asked if not view.identifies((kind, value))]
    if "email" in unknown:
        return _NOT_BY_EMAIL
    if unknown and len(unknown) == len(asked):
        return ambiguous("the workspace does not know people by phone, and nothing else is given")
    return None
