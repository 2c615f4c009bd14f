"""A job made ready to run: its source opened, its mappings compiled, its destinations reachable."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from bulk.conversation import KEY
from bulk.destinations.operation import Terms
from bulk.destinations.system import Credential, Place
from bulk.errors import JobError, LedgerError
from bulk.job import Job
from bulk.job.environment import fill_text, variable
from bulk.job.resolved import Destination, Step
from bulk.mapping import CompiledRules, Problem, Rules, compile_rules, compile_step
from bulk.mapping.spec import Column
from bulk.runner.setup import LaneSetup, Options, Removes, Setup, StepSetup, Sync, WaySetup
from bulk.runner.way import Sender
from bulk.source import Source, SourceOptions, open_source
from bulk.suppression import suppressing
from bulk.transport import Endpoint, Transport

KEYS_ALONE = pl.Schema({KEY: pl.String()})
"""The columns of rows that are people who have left the source."""
LEDGER_SECRET = "BULK_LEDGER_SECRET"  # noqa: S105 - the name of a variable


def source_options(job: Job, spool_dir: Path | None = None) -> SourceOptions:
    """Return how the job's source is read."""
    given = job.source
    return SourceOptions(
        paths=given.paths,
        base=job.folder,
        format=given.format,
        encoding=given.encoding,
        separator=given.separator,
        null_values=tuple(given.null_values),
        database_uri=given.database.uri if given.database else None,
        query=given.database.query if given.database else None,
        spool_dir=spool_dir,
    )


def source_facts(job: Job) -> dict[str, Any]:
    """Return how to read the source again, for the ledger: no URI, which may hold a password."""
    given = job.source
    return {
        "paths": list(given.paths),
        "base": str(job.folder.resolve()),
        "format": given.format,
        "encoding": given.encoding,
        "separator": given.separator,
        "null_values": list(given.null_values),
    }


def open_job_source(job: Job, spool_dir: Path | None = None, stdin: BinaryIO | None = None) -> Source:
    """Open the job's source.

    Raises:
        SourceError: It cannot be read.
    """
    return open_source(source_options(job, spool_dir), stdin)


def prepare(
    job: Job, source: Source, environ: Mapping[str, str], options: Options, *, planning: bool = False
) -> Setup:
    """Compile every step of a job against its source.

    Args:
        job: The job.
        source: Its source, opened.
        environ: Where credentials and secrets are looked up.
        options: What the command line says.
        planning: Whether nothing is sent and nothing written, so that no ledger secret is needed.

    Raises:
        JobError: With every mistake that job and source show together.
        LedgerError: The ledger's secret is not set.
    """
    secrets = given_secrets(environ)
    if not secrets and not planning:
        _refuse_without_secret(job)
    made = _steps(job, source)
    steps, lists = suppressing(job, tuple(step for step in made if step.removes is None), secrets)
    steps += tuple(step for step in made if step.removes is not None)  # never held back
    return Setup(
        name=job.name,
        digest=job.digest,
        source=source,
        source_facts=source_facts(job),
        steps=steps,
        lanes=tuple(_lanes(job, environ, planning=planning)),
        options=options,
        secrets=secrets,
        hashed=job.hashed_keys,
        sync=Sync(job.sync.resend_after) if job.sync.mode == "changes" else None,
        lists=lists,
        erasing=job.erasing,
        spec=job.spec if job.erases else b"",
    )


def _lanes(job: Job, environ: Mapping[str, str], *, planning: bool) -> Iterator[LaneSetup]:
    for place in job.used_destinations.values():
        missing = [] if planning else list(dict.fromkeys(missing_surfaces(job, place, environ)))
        if missing:
            raise JobError(missing)
        yield lane_setup(place, environ, operations_of(job, place))


def missing_surfaces(job: Job, place: Destination, environ: Mapping[str, str]) -> Iterator[str]:
    """Say which credentials are not set of surfaces that a step needs, and what else it may say."""
    for step in job.steps:
        for surface in step.operation.surfaces if step.destination == place.name else ():
            names = [one.variable for one in place.credentials if one.surface == surface]
            if surface not in open_surfaces(place, environ):
                instead = f"; {step.operation.instead}" if step.operation.instead else ""
                yield f"{place.auth_at}: set {_to_set(names)}, which {step.operation.name} needs{instead}"


def _refuse_without_secret(job: Job) -> None:
    """Refuse a job that needs a ledger secret."""
    if job.hashed_keys or job.erases:
        why = (
            "this job erases people, and its ledger names them by keyed hashes alone"
            if job.erases
            else "this job keeps hashed keys"
        )
        raise LedgerError(
            f"{why}: set {LEDGER_SECRET} (or {LEDGER_SECRET}_FILE) to a long random text, such as"
            " `openssl rand -hex 32` prints, and keep it as long as the ledger"
        )


def given_secrets(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the ledger secrets that are set, one a line, newest first."""
    lines = (variable(LEDGER_SECRET, environ) or "").splitlines()
    return tuple(line.strip().encode() for line in lines if line.strip())


def _steps(job: Job, source: Source) -> tuple[StepSetup, ...]:
    found = compile_rules(_rules(job), source.schema, first=(job.steps[0].fields, job.steps[0].operation))
    problems = list(_told(job, found, ("source",)))
    rules = found if isinstance(found, CompiledRules) else CompiledRules()
    steps: list[StepSetup] = []
    for step in job.steps:
        mapping = compile_step(
            step.fields,
            step.operation,
            KEYS_ALONE if step.removes else source.schema,
            _by_key() if step.removes else rules,
            where=step.where,
            nulls="send" if step.nulls == "send" else "omit",
            terms=_terms(job, step),
            resubscribe=step.resubscribe,
        )
        if isinstance(mapping, list):
            problems += _told(job, mapping, ("steps", step.index))
        else:
            steps.append(_step_setup(job, step, mapping))
    if problems:
        hint = [f"{job.document.name}: {source.hint}"] if source.hint else []
        raise JobError([*dict.fromkeys(problems), *hint])
    return tuple(steps)


def erasing_steps(job: Job, source: Source) -> tuple[StepSetup, ...]:
    """Compile the steps that erase people, to read them back.

    Raises:
        JobError: The source does not have what they need.
    """
    chosen = tuple(step for step in job.steps if step.operation.erasing is not None)
    return _steps(replace(job, steps=chosen), source)


def _step_setup(job: Job, step: Step, mapping: Any) -> StepSetup:
    return StepSetup(
        index=step.index,
        name=step.name,
        destination=step.destination,
        operation=step.operation,
        terms=_terms(job, step),
        mapping=mapping,
        batch_size=step.batch_size,
        duplicates=step.duplicates,
        opted_out="include" if job.source.opted_out is None else step.opted_out,
        approval=step.approval,
        scope=job.scope(step),
        brings=any(step.index in other.removes for other in job.steps),
        removes=_removes(job, step),
    )


def _by_key() -> CompiledRules:
    """Return the rules of rows that hold nothing but a key of the ledger."""
    found = compile_rules(Rules(key=Column(KEY)), KEYS_ALONE)
    if isinstance(found, list):
        raise TypeError(found)
    return found


def _removes(job: Job, step: Step) -> Removes | None:
    if not step.removes:
        return None
    told = [each for each in job.steps if each.destination == step.destination and not each.removes]
    return Removes(
        brought=tuple(job.scope(each) for each in told if each.index in step.removes),
        told=tuple(job.scope(each) for each in told),
    )


def _terms(job: Job, step: Step) -> Terms:
    return Terms(job.destinations[step.destination].settings, step.options)


def _rules(job: Job) -> Rules:
    given = job.source
    return Rules(key=given.key_spec, where=given.where, opted_out=given.opted_out)


def _told(job: Job, found: object, below: tuple[str | int, ...]) -> Iterator[str]:
    problems: list[Problem] = found if isinstance(found, list) else []
    for problem in problems:
        yield job.document.problem((*below, *problem.path), problem.message)


def operations_of(job: Job, place: Destination) -> frozenset[str]:
    """Return the names of the operations a job uses at a destination."""
    return frozenset(step.operation.name for step in job.steps if step.destination == place.name)


def lane_setup(
    place: Destination, environ: Mapping[str, str], operations: frozenset[str] = frozenset()
) -> LaneSetup:
    """Return a destination made ready to be sent to."""
    where = place_of(place, environ, operations)
    preflight = place.system.preflight
    return LaneSetup(
        name=place.name,
        read=place.system.read,
        concurrency=place.concurrency,
        policy=place.retry,
        drain=place.drain,
        ways={surface: _way(place, surface, environ) for surface in ("", *sorted(where.surfaces))},
        preflight=preflight(where) if preflight else None,
        pinned=place.system.pinned(place.settings),
    )


def _way(place: Destination, surface: str, environ: Mapping[str, str]) -> WaySetup:
    return WaySetup(
        rate=place.surface_rates[surface] if surface else place.rate,
        reserve=0.0 if surface else place.reserve,
        period=None if surface else place.answering.budget_period,
        concurrency=place.concurrency,
        open_sender=opener(place, environ, surface),
    )


def place_of(place: Destination, environ: Mapping[str, str], operations: frozenset[str]) -> Place:
    """Return what a system's probes are told of a destination."""
    return Place(place.base_url, place.settings, operations, open_surfaces(place, environ))


def open_surfaces(place: Destination, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the further surfaces whose credentials are set."""
    wanted = [credential for credential in place.credentials if credential.surface]
    unset = {one.surface for one in wanted if not _credential(place, one, environ)}
    return frozenset(place.system.surfaces) - unset


def opener(
    place: Destination, environ: Mapping[str, str], surface: str = ""
) -> Callable[[], AbstractAsyncContextManager[Sender]]:
    """Return what opens the connections to a surface of a destination; credentials are looked up only then.

    The function it returns raises JobError if a credential is not set.
    """

    def open_sender() -> AbstractAsyncContextManager[Sender]:
        secrets = credentials(place, environ, surface)
        headers = (place.system.surfaces[surface] if surface else place.system).headers(
            secrets, place.settings
        )
        url = place.surface_urls[surface] if surface else place.base_url
        return Transport(Endpoint(url, headers, place.timeout, place.concurrency))

    return open_sender


def credentials(place: Destination, environ: Mapping[str, str], surface: str = "") -> dict[str, str]:
    """Return a destination's secrets: what the job names, else the system's own variables.

    Raises:
        JobError: One that the surface needs is not set.
    """
    wanted = place.credentials
    found = {one.option: _credential(place, one, environ) for one in wanted}
    needed = [one for one in wanted if one.surface == surface and (surface or one.required)]
    missing = [one.variable for one in needed if not found[one.option]]
    if missing:
        raise JobError([f"{place.auth_at}: set {_to_set(missing)}"])
    return {option: secret for option, secret in found.items() if secret}


def _to_set(variables: Iterable[str]) -> str:
    return " and ".join(f"{name} (or {name}_FILE)" for name in variables)


def _credential(place: Destination, wanted: Credential, environ: Mapping[str, str]) -> str:
    if wanted.option not in place.auth:
        return (variable(wanted.variable, environ) or "") if wanted.variable else ""
    text, missing = fill_text(place.auth[wanted.option], environ)
    if missing and wanted.required:
        raise JobError([f"{place.auth_at}.{wanted.option}: set {missing[0]} (or {missing[0]}_FILE)"])
    return "" if missing else text
