"""A job made ready to run: its source opened, its mappings compiled, its destinations reachable."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from bulk.destinations.operation import Terms
from bulk.destinations.system import Credential, Place
from bulk.errors import JobError, LedgerError
from bulk.job import Job
from bulk.job.environment import fill_text, variable
from bulk.job.model import ColumnField, ExprField
from bulk.job.resolved import Destination, Step
from bulk.mapping import CompiledRules, Problem, Rules, compile_rules, compile_step
from bulk.mapping.spec import Column, Expression
from bulk.matching import Matching, ToList, matching
from bulk.matching import to_list as listings
from bulk.runner.listing import Pulled
from bulk.runner.setup import LaneSetup, Options, Setup, StepSetup, Sync, WaySetup
from bulk.runner.way import Sender
from bulk.source import Source, SourceOptions, open_source
from bulk.suppression import suppressing
from bulk.transport import Endpoint, Transport

NO_CONTACTS: Mapping[str, Pulled] = MappingProxyType({})
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


def to_list(job: Job, source: Source) -> tuple[ToList, ...]:
    """Return the contacts that have to be listed before the job can be made ready.

    Raises:
        JobError: With every mistake that job and source show before.
    """
    wanted, problems = listings(job, source)
    if wanted:
        rules = compile_rules(_rules(job, source), source.schema)
        _refuse([*_told(job, rules, ("source",)), *problems], job, source)
    return wanted


def prepare(
    job: Job,
    source: Source,
    environ: Mapping[str, str],
    options: Options,
    listed: Mapping[str, Pulled] = NO_CONTACTS,
) -> Setup:
    """Compile every step of a job against its source.

    Args:
        job: The job.
        source: Its source.
        environ: Where secrets are looked up.
        options: What the command line and the guards say.
        listed: By destination, the contacts that ``to_list`` asked for.

    Raises:
        JobError: With every mistake that job, source and contacts show together.
        LedgerError: The ledger's secret is not set.
    """
    matched = matching(job, source, listed)
    steps, suppression = suppressing(job, _steps(job, source, matched))
    return Setup(
        name=job.name,
        digest=job.digest,
        source=source,
        source_facts=source_facts(job),
        steps=steps,
        lanes=tuple(_heard(lane, listed.get(lane.name)) for lane in lanes(job, environ)),
        options=options,
        secret=ledger_secret(job, environ),
        sync=Sync(job.sync.resend_after) if job.sync.mode == "changes" else None,
        suppression=suppression,
        contacts=matched.contacts,
    )


def _heard(lane: LaneSetup, listed: Pulled | None) -> LaneSetup:
    """Return a destination that knows what was asked of it already."""
    return lane if listed is None else replace(lane, asked_at=listed.at, found=listed.found)


def lanes(job: Job, environ: Mapping[str, str]) -> Iterator[LaneSetup]:
    """Yield the job's destinations, made ready to be sent to.

    Raises:
        JobError: A credential is not set that a step cannot do without.
    """
    for place in job.used_destinations.values():
        for step in job.steps:
            for surface in step.operation.surfaces if step.destination == place.name else ():
                credentials(place, environ, surface)
        yield lane_setup(place, environ, operations_of(job, place))


def ledger_secret(job: Job, environ: Mapping[str, str]) -> bytes | None:
    """Return what the job's ledger hashes keys with; None if it keeps them as they are.

    Raises:
        LedgerError: The secret is not set.
    """
    if not job.hashed_keys:
        return None
    secret = variable(LEDGER_SECRET, environ)
    if not secret:
        raise LedgerError(f"this job keeps hashed keys: set {LEDGER_SECRET} (or {LEDGER_SECRET}_FILE)")
    return secret.splitlines()[0].strip().encode()


def _steps(job: Job, source: Source, matched: Matching) -> tuple[StepSetup, ...]:
    first = (job.steps[0].fields, job.steps[0].operation)
    found = compile_rules(_rules(job, source), source.schema, first=first)
    problems = list(_told(job, found, ("source",)))
    rules = found if isinstance(found, CompiledRules) else CompiledRules()
    steps: list[StepSetup] = []
    for step in job.steps:
        contacts = matched.contacts.get(step.destination)
        if job.match is not None and contacts is None:
            continue  # its columns are not known, for a reason that is told already
        mapping = compile_step(
            step.fields,
            step.operation,
            source.schema,
            rules,
            where=step.where,
            nulls="send" if step.nulls == "send" else "omit",
            terms=_terms(job, step),
            resubscribe=step.resubscribe,
            contacts=contacts,
        )
        if isinstance(mapping, list):
            problems += _told(job, mapping, ("steps", step.index))
        else:
            steps.append(_step_setup(job, step, mapping))
    _refuse([*problems, *matched.problems], job, source)
    return tuple(steps)


def _refuse(problems: Sequence[str], job: Job, source: Source) -> None:
    if problems:
        hint = [f"{job.document.name}: {source.hint}"] if source.hint else []
        raise JobError([*dict.fromkeys(problems), *hint])


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
    )


def _terms(job: Job, step: Step) -> Terms:
    return Terms(job.destinations[step.destination].settings, step.options)


def _rules(job: Job, source: Source) -> Rules:
    given, match = job.source.key, job.match
    key: Column | Expression | None = None
    if isinstance(given, str):
        key = Column(given)
    elif isinstance(given, ColumnField | ExprField):
        key = given.spec()
    elif match is not None and match.column in source.schema:
        key = Column(match.column)
    hashed = match is not None and match.hash != "none" and key == Column(match.column)
    return Rules(key, job.source.where, job.source.opted_out, "always" if hashed else "addresses")


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


def account(place: Destination, environ: Mapping[str, str]) -> str:
    """Name an account by its address and credentials; the name is only ever used as a hash.

    Raises:
        JobError: A credential is not set.
    """
    return "|".join((place.system.name, place.base_url, *credentials(place, environ).values()))


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
        either = " and ".join(f"{name} (or {name}_FILE)" for name in missing)
        raise JobError([f"{place.auth_at}: set {either}"])
    return {option: secret for option, secret in found.items() if secret}


def _credential(place: Destination, wanted: Credential, environ: Mapping[str, str]) -> str:
    if wanted.option not in place.auth:
        return (variable(wanted.variable, environ) or "") if wanted.variable else ""
    text, missing = fill_text(place.auth[wanted.option], environ)
    if missing and wanted.required:
        raise JobError([f"{place.auth_at}.{wanted.option}: set {missing[0]} (or {missing[0]}_FILE)"])
    return "" if missing else text
