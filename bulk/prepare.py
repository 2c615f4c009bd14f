"""A job made ready to run: its source opened, its mappings compiled, its destinations reachable."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, BinaryIO

from bulk.destinations.operation import Terms
from bulk.destinations.system import System
from bulk.errors import JobError, LedgerError
from bulk.job import Job
from bulk.job.environment import fill_text, variable
from bulk.job.model import ColumnField, ExprField
from bulk.job.resolve import Destination, Step
from bulk.mapping import CompiledRules, Problem, Rules, compile_rules, compile_step
from bulk.mapping.spec import Column, Expression
from bulk.runner.lane import Sender
from bulk.runner.setup import LaneSetup, Options, Setup, StepSetup
from bulk.source import Source, SourceOptions, open_source
from bulk.transport import Endpoint, Transport

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


def prepare(job: Job, source: Source, environ: Mapping[str, str], options: Options) -> Setup:
    """Compile every step of a job against its source.

    Raises:
        JobError: With every mistake that job and source show together.
        LedgerError: The ledger's secret is not set.
    """
    return Setup(
        name=job.name,
        digest=job.digest,
        source=source,
        source_facts=source_facts(job),
        steps=_steps(job, source),
        lanes=tuple(_lane(place, environ) for place in job.used_destinations.values()),
        options=options,
        secret=_secret(job, environ),
    )


def _secret(job: Job, environ: Mapping[str, str]) -> bytes | None:
    if not job.hashed_keys:
        return None
    secret = variable(LEDGER_SECRET, environ)
    if not secret:
        raise LedgerError(f"this job keeps hashed keys: set {LEDGER_SECRET} (or {LEDGER_SECRET}_FILE)")
    return secret.splitlines()[0].strip().encode()


def _steps(job: Job, source: Source) -> tuple[StepSetup, ...]:
    found = compile_rules(_rules(job), source.schema, first=(job.steps[0].fields, job.steps[0].operation))
    problems = list(_told(job, found, ("source",)))
    rules = found if isinstance(found, CompiledRules) else CompiledRules()
    steps: list[StepSetup] = []
    for step in job.steps:
        mapping = compile_step(
            step.fields,
            step.operation,
            source.schema,
            rules,
            where=step.where,
            nulls="send" if step.nulls == "send" else "omit",
        )
        if isinstance(mapping, list):
            problems += _told(job, mapping, ("steps", step.index))
        else:
            steps.append(_step_setup(job, step, mapping))
    if problems:
        hint = [f"{job.document.name}: {source.hint}"] if source.hint else []
        raise JobError([*dict.fromkeys(problems), *hint])
    return tuple(steps)


def _step_setup(job: Job, step: Step, mapping: Any) -> StepSetup:
    return StepSetup(
        index=step.index,
        name=step.name,
        destination=step.destination,
        operation=step.operation,
        terms=Terms(job.destinations[step.destination].settings),
        mapping=mapping,
        batch_size=step.batch_size,
        duplicates=step.duplicates,
        opted_out="include" if job.source.opted_out is None else step.opted_out,
    )


def _rules(job: Job) -> Rules:
    given = job.source.key
    key: Column | Expression | None = None
    if isinstance(given, str):
        key = Column(given)
    elif isinstance(given, ColumnField | ExprField):
        key = given.spec()
    return Rules(key=key, where=job.source.where, opted_out=job.source.opted_out)


def _told(job: Job, found: object, below: tuple[str | int, ...]) -> Iterator[str]:
    problems: list[Problem] = found if isinstance(found, list) else []
    for problem in problems:
        yield job.document.problem((*below, *problem.path), problem.message)


def _lane(place: Destination, environ: Mapping[str, str]) -> LaneSetup:
    return LaneSetup(
        name=place.name,
        read=place.system.read,
        rate=place.rate,
        reserve=place.reserve,
        concurrency=place.concurrency,
        policy=place.retry,
        drain=place.drain,
        open_sender=opener(place, environ),
    )


def opener(
    place: Destination, environ: Mapping[str, str]
) -> Callable[[], AbstractAsyncContextManager[Sender]]:
    """Return what opens the connections to a destination; credentials are looked up only then.

    The function it returns raises JobError if a credential is not set.
    """

    def open_sender() -> AbstractAsyncContextManager[Sender]:
        headers = place.system.headers(credentials(place, environ), place.settings)
        return Transport(Endpoint(place.base_url, headers, place.timeout, place.concurrency))

    return open_sender


def credentials(place: Destination, environ: Mapping[str, str]) -> dict[str, str]:
    """Return a destination's secrets: what the job names, else the system's own variables.

    Raises:
        JobError: One of them is not set.
    """
    found = {option: _credential(place, option, name, environ) for option, name in _wanted(place.system)}
    missing = [name for option, name in _wanted(place.system) if not found[option]]
    if missing:
        either = " and ".join(f"{name} (or {name}_FILE)" for name in missing)
        raise JobError([f"{place.auth_at}: set {either}"])
    return found


def _wanted(system: System) -> list[tuple[str, str]]:
    return [(credential.option, credential.variable) for credential in system.credentials]


def _credential(place: Destination, option: str, name: str, environ: Mapping[str, str]) -> str:
    if option not in place.auth:
        return variable(name, environ) or ""
    text, missing = fill_text(place.auth[option], environ)
    if missing:
        raise JobError([f"{place.auth_at}.{option}: set {missing[0]} (or {missing[0]}_FILE)"])
    return text
