"""Where a job finds the people of its source: among contacts that exist already, as pydantic models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from bulk.destinations.system import System
from bulk.errors import suggestion
from bulk.job.forms import Paths
from bulk.job.hashing import HashName, check_secret
from bulk.job.part import Part

_PULL = "expected a listing such as users, several as in [users, leads], or these by destination"


@dataclass(frozen=True, slots=True)
class Listings:
    """Names of listings: the same everywhere, or by destination.

    Attributes:
        everywhere: Where ``pull`` names no destinations.
        by_destination: Where it does.
    """

    everywhere: tuple[str, ...] = ()
    by_destination: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def at(self, destination: str) -> tuple[str, ...]:
        """Return those of a destination, the first one counting first."""
        return self.everywhere or self.by_destination.get(destination, ())


def _listings(given: Any) -> Listings:
    if isinstance(given, Listings):
        return given
    if isinstance(given, dict):
        return Listings(by_destination={str(name): _names(listed) for name, listed in given.items()})
    return Listings(_names(given))


def _names(given: Any) -> tuple[str, ...]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(_PULL)
    return tuple(dict.fromkeys(names))


_NAMES_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
}
_PULL_SCHEMA = {"anyOf": [*_NAMES_SCHEMA["anyOf"], {"type": "object", "additionalProperties": _NAMES_SCHEMA}]}


class Contacts(Part):
    """The contacts that exist: listed from each step's destination, or in a file."""

    path: Paths | None = None
    pull: Annotated[Listings | None, BeforeValidator(_listings), WithJsonSchema(_PULL_SCHEMA)] = Field(
        default=None,
        description="What is listed at the steps' destinations: users, [users, leads], or by destination.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> "Contacts":
        if (self.path is None) == (self.pull is None):
            raise ValueError("give either pull, such as pull: users, or path")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """The path or paths, as a tuple; empty if contacts are pulled."""
        if self.path is None:
            return ()
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


class Match(Part):
    """How the people of the source are found among contacts."""

    contacts: Contacts
    column: str = Field(description="The source's column that names people.")
    hash: HashName = "none"
    secret: str | None = Field(default=None, repr=False, min_length=1)
    of: str = Field(
        default="lower(trim(email))",
        description="SQL over the contacts' columns: what is hashed, or compared.",
    )
    identifiers: bool = Field(
        default=False, description="Hash or compare everything that names a contact, as erasures do."
    )

    @model_validator(mode="after")
    def _keyed(self) -> "Match":
        check_secret(self.hash, self.secret)
        return self

    @model_validator(mode="after")
    def _one_form(self) -> "Match":
        if self.identifiers and "of" in self.model_fields_set:
            raise ValueError("of and identifiers exclude each other")
        if self.identifiers and self.contacts.pull is None:
            raise ValueError("identifiers needs contacts: {pull: …}; of a file, say with of what is hashed")
        return self

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The keys of the hash: one a line, while a secret is exchanged for another."""
        lines = (line.strip() for line in (self.secret or "").splitlines())
        return tuple(line.encode() for line in lines if line)

    def facts(self) -> dict[str, Any]:
        """Return what decides whom a row is about, as JSON values; no secret, and no path."""
        pull = self.contacts.pull
        pulled = None if pull is None else [pull.everywhere, dict(pull.by_destination)]
        of = {"identifiers": True} if self.identifiers else {"of": self.of}
        return {"pull": pulled, "column": self.column, "hash": self.hash, **of}


def unlisted(system: System, kind: str) -> str | None:
    """Say that a system has no such listing, and which it has; None if it has."""
    if kind in system.listings:
        return None
    near = suggestion(kind, system.listings) or f"; it lists {', '.join(system.listings) or 'nothing'}"
    return f'{system.name} does not list "{kind}"{near}'


def unnamed(system: System, kind: str) -> str | None:
    """Say that it is not known what names the contacts of a listing; None if it is."""
    if kind in system.namings or kind not in system.listings:
        return None
    known = ", ".join(system.namings)
    instead = f"of {known}" if known else "of none of its listings; say with of what is hashed"
    return f'{system.name}: it is not known what names "{kind}", only {instead}'


def misnamed(pull: Listings, used: Mapping[str, System], known: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with the listings that a job names.

    Args:
        pull: Their names.
        used: The systems of the destinations that steps use.
        known: All destinations of the job.
    """
    for name in pull.by_destination:
        if name not in known:
            near = suggestion(name, known) or f"; this job has {', '.join(known)}"
            yield f'unknown destination "{name}"{near}'
    faults = [fault for name, system in used.items() for fault in _faults(name, system, pull.at(name))]
    yield from faults
    if faults and pull.everywhere and len(used) > 1:
        each = ", ".join(f"{name}: …" for name in used)
        yield f"each destination may have listings of its own: {{{each}}}"


def _faults(name: str, system: System, wanted: Sequence[str]) -> Iterator[str]:
    if not system.listings:
        yield f"{name} ({system.name}) cannot be listed; give its contacts as a file: {{path: …}}"
    elif not wanted:
        yield f'"{name}" is missing, which steps use; {system.name} lists {", ".join(system.listings)}'
    else:
        yield from filter(None, (unlisted(system, kind) for kind in wanted))
