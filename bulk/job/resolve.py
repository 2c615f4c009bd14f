"""A job file's names made real: systems, operations, settings, defaults."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bulk.destinations import SYSTEMS
from bulk.destinations.operation import Effect, Operation
from bulk.destinations.system import System
from bulk.errors import suggestion
from bulk.job import model
from bulk.job.document import Document, Path
from bulk.job.match import misnamed, unnamed
from bulk.job.mistakes import but_found, own_mistakes
from bulk.job.removal import removing_steps
from bulk.job.resolved import Destination, Job, Step
from bulk.mapping.spec import FieldSpec
from bulk.pacing import Rate, parse_rate

_VARIABLE = re.compile(r"\$([A-Z_][A-Z0-9_]*)")
"""A variable as other tools write it; no credential looks like that."""


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
        self._match(file, known)
        erases = any(step is not None and step.operation.erasing for step in steps)
        if erases:
            self._can_be_read_again(file.source)
        made = tuple(step for step in steps if step is not None)
        if len(made) == len(steps):
            made += removing_steps(file, made, known, partial(self.complain, ("sync", "removed")))
        if self.problems:
            return None
        return Job(
            name=file.name,
            folder=folder,
            document=self.document,
            source=file.source,
            destinations=known,
            steps=made,
            sync=file.sync,
            guards=file.guards,
            hashed_keys=file.keeps_hashed_keys(erasing=erases),
            suppression=tuple(file.suppression),
            holds=tuple(file.holds),
            match=file.match,
            notify=file.notify,
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
        url = given.base_url or system.base_url
        if not url:
            self.complain(path, f'{system.name} needs a "base_url", such as https://api.example.com/v1')
        settings = self._settings(path, system, given.extras)
        return Destination(
            name=name,
            auth_at=self.document.place((*path, "auth")),
            system=system,
            settings=settings,
            base_url=url,
            identity=url,
            auth=self._auth(path, system, given),
            rate=_rate(given.rate, system),
            surface_urls=_surface_urls(system, settings, url),
            surface_rates=self._surface_rates(path, system, settings),
            reserve=given.reserve,
            concurrency=given.concurrency,
            timeout=given.timeout,
            drain=given.drain,
            retry=given.retry.policy(),
        )

    def _auth(self, path: Path, system: System, given: model.Destination) -> dict[str, str]:
        options = [credential.option for credential in system.credentials]
        found = dict(_flat(given.auth))
        for name in found:
            if name not in options:
                self.complain((*path, "auth"), f'unknown key "{name}"{suggestion(name, options)}')
        for name, value in found.items():
            variable = _VARIABLE.fullmatch(value)
            if variable is not None:
                written = f'write "${{{variable[1]}}}" for the environment variable'
                self.complain((*path, "auth", *name.split(".")), written)
        for problem in _incomplete(system, found):
            self.complain((*path, "auth"), problem)
        return found

    def _settings(self, path: Path, system: System, extras: Mapping[str, Any]) -> Any:
        return self._own(path, system.settings, extras, list(model.Destination.model_fields))

    def _own(self, path: Path, kind: type[Any], extras: Mapping[str, Any], known: list[str]) -> Any:
        """Check the keys that a system or an operation has of its own; None if there are mistakes."""
        own = [field.name for field in dataclasses.fields(kind)]
        for name in extras:
            if name not in own:
                near = suggestion(name, [*known, *own])
                self.complain(path, f'unknown key "{name}"{near}', at=(*path, name))
        try:
            return TypeAdapter(kind).validate_python({k: v for k, v in extras.items() if k in own})
        except ValidationError as error:
            for where, message in own_mistakes(error.errors(include_url=False, include_input=False)):
                at = (*path, *where)
                self.complain(at, message + but_found(self.document, at, message))
            return None

    def _surface_rates(self, path: Path, system: System, settings: Any) -> dict[str, Rate | None]:
        rates: dict[str, Rate | None] = {}
        for name, surface in system.surfaces.items():
            written = None if settings is None else surface.rate(settings)
            try:
                rates[name] = None if written is None else parse_rate(written)
            except ValueError as error:
                at = (*path, f"{name}_rate")
                self.complain(at, str(error) + but_found(self.document, at, str(error)))
        return rates

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
            others = [system.name for system in SYSTEMS.values() if given.operation in system.operations]
            at = f" at {place.system.name}, it is one of {', '.join(others)}" if others else ""
            self.complain((*path, "operation"), f'unknown operation "{given.operation}"{at}{near}')
            return None
        fields = given.specs()
        options = self._options(path, operation, given)
        if options is not None and operation.tailor is not None:
            for problem in operation.check(options, fields, given.batch_size):
                self.complain(path, problem)
            operation = operation.tailor(operation, options)
        self._fields(path, operation, fields)
        if file.sync.mode == "changes":
            self._comparable(path, operation, given, file.source)
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
            options=options,
            resubscribe=given.resubscribe,
        )

    def _comparable(self, path: Path, operation: Operation, given: model.Step, source: model.Source) -> None:
        """Refuse a step of which nobody could say what was delivered last."""
        said = given.duplicates or source.duplicates
        if not operation.fields and said is None:
            self.complain(
                path,
                'with sync: {mode: changes} this step needs "duplicates": keep_last if a request sets what is'
                " there, keep_all if it adds to it",
            )
        elif _duplicates(operation, given, source) == "keep_all" and not operation.adds:
            self.complain(
                path,
                f"{operation.name} sets what is there: with sync: {{mode: changes}} one row of a key can be"
                " compared, so duplicates are keep_last or keep_first",
            )

    def _can_be_read_again(self, source: model.Source) -> None:
        """Refuse what could not be read once more, to see that people are gone."""
        if source.database is not None or "-" in source.paths:
            at = "database" if source.database is not None else "path"
            self.complain(
                ("source", at),
                "a job that erases people reads them from a file, because they are read back by it later",
            )

    def _options(self, path: Path, operation: Operation, given: model.Step) -> Any:
        """Return the operation's own options as the step has them; None if it has none, or mistakes."""
        if operation.options is None:
            self._own(path, _NoOptions, given.extras, list(model.Step.model_fields))
            return None
        return self._own(path, operation.options, given.extras, list(model.Step.model_fields))

    def _fields(self, path: Path, operation: Operation, fields: Mapping[str, FieldSpec]) -> None:
        known = [field.name for field in operation.fields]
        here: Path = (*path, "fields")
        for name in fields:
            if known and name not in known:
                near = suggestion(name, known) or f"; {operation.name} has {', '.join(known)}"
                whose = _whose(name, operation)
                self.complain(here, f'unknown field "{name}"{whose}{near}', at=(*here, name))
        for field in operation.fields:
            if field.required and field.name not in fields:
                self.complain(here, f'{operation.name} needs the field "{field.name}"')
        for group in (operation.one_of, operation.also_one_of):
            if group and not any(name in fields for name in group):
                self.complain(here, f"{operation.name} needs one of {', '.join(group)}")

    def _match(self, file: model.JobFile, known: Mapping[str, Destination]) -> None:
        """Find listings that the steps' destinations do not have."""
        pull = file.match.contacts.pull if file.match else None
        if pull is None:
            return
        steps = [step.destination for step in file.steps]
        used = {name: place.system for name, place in known.items() if name in steps}
        for problem in misnamed(pull, used, file.destinations):
            self.complain(("match", "contacts", "pull"), problem)
        if file.match and file.match.identifiers:
            pairs = [(system, kind) for name, system in used.items() for kind in pull.at(name)]
            for problem in filter(None, (unnamed(*pair) for pair in pairs)):
                self.complain(("match", "identifiers"), problem)

    def _names_differ(self, steps: list[model.Step]) -> None:
        seen: set[str] = set()
        for index, step in enumerate(steps):
            if step.label in seen:
                self.complain(
                    ("steps", index), f'two steps are called "{step.label}"; give this one a name of its own'
                )
            seen.add(step.label)


def _whose(field: str, operation: Operation) -> str:
    """Tell which systems have a field where a step does the like: ``upsert_…``, ``delete_…``."""
    verb = operation.name.partition("_")[0]
    having = [
        system.name
        for system in SYSTEMS.values()
        if any(
            one.name == field
            for other in system.operations.values()
            if other.name.startswith(verb)
            for one in other.fields
        )
    ]
    return f", which is one of {', '.join(having)}" if having else ""


@dataclasses.dataclass(frozen=True)
class _NoOptions:
    """The options of an operation that has none."""


def _flat(auth: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield credentials with dotted names."""
    for name, value in auth.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _incomplete(system: System, given: Mapping[str, str]) -> Iterator[str]:
    """Say which ways of proving who one is are given in part, or beside another."""
    ways = {
        one.option.partition(".")[0] for one in system.credentials if not one.required and not one.variable
    }
    used = sorted(ways & {name.partition(".")[0] for name in given})
    if len(used) > 1:
        yield f"give one of {', '.join(used)}, not several"
    for credential in system.credentials:
        if credential.option.partition(".")[0] in used and credential.option not in given:
            yield f'"{credential.option}" is missing'


def _rate(given: Rate | str | None, system: System) -> Rate | None:
    """Return the rate of a destination: its own, else the system's; ``none`` finds it by trying."""
    if given is None:
        return parse_rate(system.rate) if system.rate else None
    return given if isinstance(given, Rate) else None


def _surface_urls(system: System, settings: Any, url: str) -> dict[str, str]:
    if settings is None:
        return {}
    return {name: surface.base_url(settings, url).rstrip("/") for name, surface in system.surfaces.items()}


def _batch_size(operation: Operation, asked: int | None) -> int:
    if operation.batching is None:
        return 1
    return min(asked or operation.batching.default, operation.batching.maximum)


def _duplicates(operation: Operation, step: model.Step, source: model.Source) -> str:
    usual = "keep_all" if operation.adds or operation.erasing else "keep_last"
    return step.duplicates or source.duplicates or usual
