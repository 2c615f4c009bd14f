"""A job file's names made real: systems, operations, settings, defaults."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from bulk.destinations import SYSTEMS
from bulk.destinations.operation import Effect, Operation
from bulk.destinations.system import System
from bulk.errors import suggestion
from bulk.job import model
from bulk.job.document import Document, Path
from bulk.mapping.spec import FieldSpec
from bulk.pacing import Rate
from bulk.retry import RetryPolicy


@dataclasses.dataclass(frozen=True, slots=True)
class Destination:
    """An account in one system, with every default filled in; ``auth`` still names the environment.

    ``identity`` is what the digest calls the place: its base URL, or ``sandbox``. ``auth_at`` is where its
    credentials stand in the job, or would stand, for messages.
    """

    name: str
    auth_at: str
    system: System
    settings: Any
    base_url: str
    identity: str
    auth: Mapping[str, str] = dataclasses.field(repr=False)
    rate: Rate | None
    reserve: float
    concurrency: int
    timeout: float
    drain: float
    retry: RetryPolicy


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One operation at one destination, with every default filled in."""

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

    def facts(self) -> dict[str, Any]:
        """Return what decides which bytes are sent, as JSON values."""
        plain = ("name", "destination", "batch_size", "nulls", "where", "duplicates", "opted_out")
        fields = TypeAdapter(dict[str, FieldSpec]).dump_python(dict(self.fields), mode="json")
        values = {name: getattr(self, name) for name in plain}
        return {**values, "operation": self.operation.name, "fields": list(fields.items())}


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A job that can be run, as far as its file alone can tell."""

    name: str
    folder: FilePath
    document: Document
    source: model.Source
    destinations: Mapping[str, Destination]
    steps: tuple[Step, ...]
    guards: model.Guards
    hashed_keys: bool

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
        }
        return "sha256:" + hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def used_destinations(self) -> dict[str, Destination]:
        """The destinations that some step names."""
        used = {step.destination for step in self.steps}
        return {name: place for name, place in self.destinations.items() if name in used}

    def at_sandbox(self, urls: Mapping[str, str], token: str) -> "Job":
        """Return this job pointed at a sandbox: base URLs by system, one token for every credential."""
        moved = {
            name: dataclasses.replace(
                place,
                base_url=urls[place.system.name],
                identity="sandbox",
                auth={credential.option: token for credential in place.system.credentials},
            )
            for name, place in self.destinations.items()
        }
        return dataclasses.replace(self, destinations=moved)


class Resolver:
    """Resolves one job file, collecting every mistake on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[str] = []

    def complain(self, path: Path, message: str, at: Path | None = None) -> None:
        """Note a mistake."""
        self.problems.append(self.document.problem(path, message, at))

    def job(self, file: model.JobFile, folder: FilePath) -> Job | None:
        """Return the job, or None if there are problems."""
        places = {name: self.destination(name, given) for name, given in file.destinations.items()}
        known = {name: place for name, place in places.items() if place is not None}
        steps = [self.step(index, given, file, places) for index, given in enumerate(file.steps)]
        self._names_differ(file.steps)
        if self.problems:
            return None
        return Job(
            name=file.name,
            folder=folder,
            document=self.document,
            source=file.source,
            destinations=known,
            steps=tuple(step for step in steps if step is not None),
            guards=file.guards,
            hashed_keys=file.ledger.keys == "hashed",
        )

    def destination(self, name: str, given: model.Destination) -> Destination | None:
        """Return a destination, or None if its system is not known."""
        path: Path = ("destinations", name)
        system = SYSTEMS.get(given.system or name)
        if system is None:
            asked = given.system or name
            known = ", ".join(SYSTEMS)  # no guess: the nearest name may be another vendor's
            self.complain(path, f'unknown system "{asked}"; known are {known}', at=(*path, "system"))
            return None
        self._auth(path, system, given)
        url = given.base_url or system.base_url
        return Destination(
            name=name,
            auth_at=self.document.place((*path, "auth")),
            system=system,
            settings=self._settings(path, system, given.extras),
            base_url=url,
            identity=url,
            auth=given.auth,
            rate=given.rate,
            reserve=given.reserve,
            concurrency=given.concurrency,
            timeout=given.timeout,
            drain=given.drain,
            retry=given.retry.policy(),
        )

    def _auth(self, path: Path, system: System, given: model.Destination) -> None:
        options = [credential.option for credential in system.credentials]
        for name in given.auth:
            if name not in options:
                self.complain((*path, "auth"), f'unknown key "{name}"{suggestion(name, options)}')

    def _settings(self, path: Path, system: System, extras: Mapping[str, Any]) -> Any:
        own = [field.name for field in dataclasses.fields(system.settings)]
        known = [*model.Destination.model_fields, *own]
        for name in extras:
            if name not in own:
                self.complain(path, f'unknown key "{name}"{suggestion(name, known)}', at=(*path, name))
        try:
            return TypeAdapter(system.settings).validate_python({k: v for k, v in extras.items() if k in own})
        except ValidationError as error:
            for item in error.errors(include_url=False, include_input=False):
                message = str(item["msg"]).removeprefix("Value error, ")
                self.complain((*path, *item["loc"]), message.replace("Input should be", "expected"))
            return None

    def step(
        self,
        index: int,
        given: model.Step,
        file: model.JobFile,
        places: Mapping[str, Destination | None],
    ) -> Step | None:
        """Return a step, or None if its destination or operation is not known."""
        path: Path = ("steps", index)
        if given.destination not in places:
            near = suggestion(given.destination, places) or f"; this job has {', '.join(places)}"
            self.complain((*path, "destination"), f'unknown destination "{given.destination}"{near}')
            return None
        place = places[given.destination]
        if place is None:
            return None
        operation = place.system.operations.get(given.operation)
        if operation is None:
            near = suggestion(given.operation, place.system.operations)
            near = near or f"; {place.system.name} has {', '.join(place.system.operations)}"
            self.complain((*path, "operation"), f'unknown operation "{given.operation}"{near}')
            return None
        fields = given.specs()
        self._fields(path, operation, fields)
        return Step(
            index=index,
            name=given.label,
            destination=given.destination,
            operation=operation,
            batch_size=_batch_size(operation, given.batch_size),
            nulls=given.nulls,
            where=given.where,
            duplicates=_duplicates(operation, given, file.source),
            opted_out=given.opted_out or ("exclude" if operation.effect is Effect.WRITES else "include"),
            fields=fields,
        )

    def _fields(self, path: Path, operation: Operation, fields: Mapping[str, FieldSpec]) -> None:
        known = [field.name for field in operation.fields]
        here: Path = (*path, "fields")
        for name in fields:
            if name not in known:
                near = suggestion(name, known) or f"; {operation.name} has {', '.join(known)}"
                self.complain(here, f'unknown field "{name}"{near}', at=(*here, name))
        for field in operation.fields:
            if field.required and field.name not in fields:
                self.complain(here, f'{operation.name} needs the field "{field.name}"')
        if operation.one_of and not any(name in fields for name in operation.one_of):
            self.complain(here, f"{operation.name} needs one of {', '.join(operation.one_of)}")

    def _names_differ(self, steps: list[model.Step]) -> None:
        seen: set[str] = set()
        for index, step in enumerate(steps):
            if step.label in seen:
                self.complain(
                    ("steps", index), f'two steps are called "{step.label}"; give this one a name of its own'
                )
            seen.add(step.label)


def _batch_size(operation: Operation, asked: int | None) -> int:
    if operation.batching is None:
        return 1
    return min(asked or operation.batching.default, operation.batching.maximum)


def _duplicates(operation: Operation, step: model.Step, source: model.Source) -> str:
    return step.duplicates or source.duplicates or ("keep_all" if operation.adds else "keep_last")
