"""A job with every name made real and every default filled in."""

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import TypeAdapter

from bulk.destinations import SYSTEMS
from bulk.destinations.operation import Operation
from bulk.destinations.system import Credential, System
from bulk.job import model
from bulk.job.document import Document
from bulk.job.lists import Hold, Suppression
from bulk.job.match import Match
from bulk.job.naming import key_field, key_of
from bulk.job.notify import Notify
from bulk.mapping.spec import FieldSpec
from bulk.pacing import Rate
from bulk.retry import RetryPolicy


@dataclasses.dataclass(frozen=True, slots=True)
class Destination:
    """An account in one system, with every default filled in.

    Attributes:
        auth_at: Where its credentials stand in the job, or would stand, for messages.
        identity: What the digest calls the place: its base URL, or ``sandbox``.
        auth: Credentials by option, the environment not yet filled in.
        surface_urls: Base URLs of its system's further surfaces.
        surface_rates: Their rates.
    """

    name: str
    auth_at: str
    system: System
    settings: Any
    base_url: str
    identity: str
    auth: Mapping[str, str] = dataclasses.field(repr=False)
    rate: Rate | None
    surface_urls: Mapping[str, str]
    surface_rates: Mapping[str, Rate | None]
    reserve: float
    concurrency: int
    timeout: float
    drain: float
    retry: RetryPolicy

    @property
    def answering(self) -> System:
        """The system that answers at its host: an ``http`` destination may well be one we know."""
        host = urlsplit(self.base_url).hostname or ""
        known = (system for system in SYSTEMS.values() if system.hosts and re.fullmatch(system.hosts, host))
        return next(known, self.system)

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The credentials it uses: those its system has variables for, and those the job names."""
        known = self.system.credentials
        return tuple(one for one in known if one.required or one.variable or one.option in self.auth)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One operation at one destination, with every default filled in.

    Attributes:
        removes: If its rows are not the source's but those who have left it, the numbers of the steps that
            brought them; empty for a step that stands in the job file.
    """

    index: int
    name: str
    destination: str
    operation: Operation
    batch_size: int
    nulls: str
    where: str | None
    duplicates: str
    opted_out: str
    fields: Mapping[str, FieldSpec]
    options: Any = None
    resubscribe: bool = False
    removes: tuple[int, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return what decides which bytes are sent, as JSON values."""
        plain = ("name", "destination", "batch_size", "nulls", "where", "duplicates", "opted_out")
        fields = TypeAdapter(dict[str, FieldSpec]).dump_python(dict(self.fields), mode="json")
        values = {name: getattr(self, name) for name in plain}
        more: dict[str, Any] = (
            {"options": dataclasses.asdict(self.options)} if self.options is not None else {}
        )
        more |= {"resubscribe": True} if self.resubscribe else {}
        return {**values, **more, "operation": self.operation.name, "fields": list(fields.items())}

    @property
    def approval(self) -> str:
        """Why somebody must approve the step, in words; empty if nobody need."""
        if self.operation.irreversible:
            return "can never be undone"
        if self.operation.approval:
            return "lets people be written to who were blocked"
        return "may re-subscribe people (resubscribe: true)" if self.resubscribe else ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Job:
    """A job that can be run, as far as its file alone can tell."""

    name: str
    folder: Path
    document: Document
    source: model.Source
    destinations: Mapping[str, Destination]
    steps: tuple[Step, ...]
    sync: model.Sync
    guards: model.Guards
    hashed_keys: bool
    suppression: tuple[Suppression, ...] = ()
    holds: tuple[Hold, ...] = ()
    match: Match | None = None
    notify: Notify | None = None
    settings: tuple[str, ...] = ()
    """The paths of the settings that were laid over the file; not their values, which may be secrets."""

    def __repr__(self) -> str:
        steps = ", ".join(f"{step.operation.name} at {step.destination}" for step in self.steps)
        return f"<Job {self.name}: {steps}>"

    @property
    def erases(self) -> bool:
        """Whether any step erases people."""
        return any(step.operation.erasing is not None for step in self.steps)

    @property
    def erasing(self) -> dict[str, Any] | None:
        """What the ledger notes of a job that erases people, as JSON values; None if it erases nobody."""
        if not self.erases:
            return None
        return {
            "destinations": {
                name: {"system": place.system.name, "base_url": place.identity}
                for name, place in self.used_destinations.items()
            },
            "steps": {step.name: _erasure(step) for step in self.steps if step.operation.erasing is not None},
            "holds": [
                {"list": [path.rpartition("/")[2] for path in hold.paths], "reason": hold.reason}
                | ({"reference": hold.reference} if hold.reference else {})
                for hold in self.holds
            ],
        }

    @property
    def as_run(self) -> dict[str, Any]:
        """How it runs, as JSON values: no credential, no value that is sent, no path of a URL."""
        return {
            "destinations": {name: _place(place) for name, place in self.used_destinations.items()},
            "steps": {step.name: _settings(step) for step in self.steps},
            "guards": self.guards.model_dump(mode="json", exclude_defaults=True),
            "sync": self.sync.model_dump(mode="json", exclude_defaults=True),
        }

    @property
    def spec(self) -> bytes:
        """What is needed to read people back later, as JSON: nothing of it is a credential."""
        value = self.document.value
        destinations = {name: _uncredentialed(given) for name, given in value["destinations"].items()}
        kept = {name: value[name] for name in ("name", "source", "steps")}
        return orjson.dumps(
            {
                "folder": str(self.folder.resolve()),
                "job": kept | {"destinations": destinations},
                "matched": self.match is not None,
            }
        )

    @property
    def digest(self) -> str:
        """Fingerprint of everything that decides what is sent, and nothing else."""
        facts = {
            "source": self.source.model_dump(mode="json", exclude={"path", "database"}),
            "query": self.source.database.query if self.source.database else None,
            "steps": [step.facts() for step in self.steps],
            "places": {
                name: (place.system.name, place.identity) for name, place in self.destinations.items()
            },
            **({"match": self.match.facts()} if self.match else {}),
        }
        return "sha256:" + hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def scope(self, step: Step) -> str:
        """Name what a step delivers to: one operation, as it is told, at one place, to people named alike."""
        place = self.destinations[step.destination]
        told = dataclasses.asdict(step.options) if step.options is not None else None
        first = self.steps[0]
        key = key_field(key_of(self.source, first.fields, first.operation), step.fields, step.operation)
        facts = [step.name, step.operation.name, told, place.system.name, place.identity, key]
        return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

    @property
    def used_destinations(self) -> dict[str, Destination]:
        """The destinations that some step names."""
        used = {step.destination for step in self.steps}
        return {name: place for name, place in self.destinations.items() if name in used}

    def at_sandbox(self, urls: Mapping[str, str], token: str) -> "Job":
        """Return this job pointed at a sandbox: base URLs by system, one token for every credential."""
        moved = {name: _at_sandbox(place, urls, token) for name, place in self.destinations.items()}
        return dataclasses.replace(self, destinations=moved)


def _erasure(step: Step) -> dict[str, Any]:
    """Return what the ledger notes of a step that erases people."""
    erasing = step.operation.erasing
    return {
        "operation": step.operation.name,
        "options": dataclasses.asdict(step.options),
        "by_hand": erasing.by_hand if erasing else "",
    }


def _place(place: Destination) -> dict[str, Any]:
    """Return how a destination is reached and how fast, for people to read."""
    return {
        "system": place.system.name,
        "host": place.identity if place.identity == "sandbox" else urlsplit(place.base_url).hostname or "",
        "rate": str(place.rate) if place.rate else "found by trying",
        "reserve": place.reserve,
        "concurrency": place.concurrency,
        "timeout": place.timeout,
        "drain": place.drain,
        "attempts": place.retry.attempts,
    }


def _settings(step: Step) -> dict[str, Any]:
    """Return how a step is carried out, for people to read; of its fields only the names."""
    plain = ("destination", "batch_size", "duplicates", "opted_out", "nulls")
    told = {name: getattr(step, name) for name in plain}
    return {"operation": step.operation.name, **told, "fields": list(step.fields)}


def _uncredentialed(given: Any) -> Any:
    """Return a destination as it was written, with credentials only where they name a variable."""
    if not isinstance(given, dict) or "auth" not in given:
        return given
    return {name: value for name, value in given.items() if name != "auth"} | {
        "auth": _variables(given["auth"])
    }


def _variables(auth: Any) -> Any:
    if isinstance(auth, dict):
        kept = {name: _variables(value) for name, value in auth.items()}
        return {name: value for name, value in kept.items() if value}
    return auth if re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", str(auth)) else ""


def _at_sandbox(place: Destination, urls: Mapping[str, str], token: str) -> Destination:
    given = {one.option: token for one in place.credentials if one.secret}
    return dataclasses.replace(
        place,
        base_url=_sandbox_url(place, urls),
        surface_urls={name: _surface_url(place, name, urls) for name in place.surface_urls},
        identity="sandbox",
        auth={**place.auth, **given},
    )


def _surface_url(place: Destination, surface: str, urls: Mapping[str, str]) -> str:
    name = f"{place.system.name}_{surface}"
    return urls[name if name in urls else "http"]  # never the vendor's own


def _sandbox_url(place: Destination, urls: Mapping[str, str]) -> str:
    """Return where a sandbox plays the system that answers at a destination's host.

    One that has no sandbox meets a server that takes any request.
    """
    system = place.answering
    if system is place.system:
        return urls[system.name if system.name in urls else "http"]
    below = urlsplit(place.base_url).path.removeprefix(urlsplit(system.base_url).path)
    return urls[system.name] + below
