"""A job made ready to run: its source opened, its mappings compiled, its destinations reachable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import polars as pl

from bulk.conversation import KEY
from bulk.destinations.operation import Terms
from bulk.errors import JobError, LedgerError, SourceError
from bulk.job import Job
from bulk.job.environment import variable
from bulk.job.resolved import Step
from bulk.mapping import CompiledRules, Problem, Rules, compile_rules, compile_step
from bulk.mapping.spec import Column
from bulk.matching import Matching, ToList, matching
from bulk.matching import to_list as listings
from bulk.reaching import lane_setup, missing_surfaces, operations_of
from bulk.runner.listing import Pulled
from bulk.runner.setup import LaneSetup, Options, Removes, Setup, StepSetup, Sync
from bulk.source import Source, SourceOptions, open_source
from bulk.suppression import suppressing

KEYS_ALONE = pl.Schema({KEY: pl.String()})
"""The columns of rows that are people who have left the source."""
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
        SourceError: It cannot be read; with the line of the job file that names it.
    """
    try:
        return open_source(source_options(job, spool_dir), stdin)
    except SourceError as error:
        key = "database" if job.source.database else error.key
        raise SourceError(job.document.problem(("source", key), str(error)), error.key) from error


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
    *,
    planning: bool = False,
) -> Setup:
    """Compile every step of a job against its source.

    Args:
        job: The job.
        source: Its source, opened.
        environ: Where credentials and secrets are looked up.
        options: What the command line and the guards say.
        listed: By destination, the contacts that ``to_list`` asked for.
        planning: Whether nothing is sent and nothing written, so that no ledger secret is needed.

    Raises:
        JobError: With every mistake that job, source and contacts show together.
        LedgerError: The ledger's secret is not set.
    """
    secrets = given_secrets(environ)
    if not secrets and not planning:
        refuse_without_secret(job)
    matched = matching(job, source, listed)
    made = _steps(job, source, matched)
    steps, lists = suppressing(job, tuple(step for step in made if step.removes is None), secrets)
    steps += tuple(step for step in made if step.removes is not None)  # never held back
    return Setup(
        name=job.name,
        digest=job.digest,
        source=source,
        source_facts=source_facts(job),
        steps=steps,
        lanes=tuple(_heard(lane, listed.get(lane.name)) for lane in lanes(job, environ, planning=planning)),
        options=options,
        secrets=secrets,
        hashed=job.hashed_keys,
        sync=Sync(job.sync.resend_after) if job.sync.mode == "changes" else None,
        lists=lists,
        contacts=matched.contacts,
        erasing=job.erasing,
        spec=job.spec if job.erases else b"",
    )


def _heard(lane: LaneSetup, listed: Pulled | None) -> LaneSetup:
    """Return a destination that knows what was asked of it already."""
    return lane if listed is None else replace(lane, asked_at=listed.at, found=listed.found)


def lanes(job: Job, environ: Mapping[str, str], *, planning: bool = False) -> Iterator[LaneSetup]:
    """Yield the job's destinations, made ready to be sent to.

    Raises:
        JobError: A credential is not set that a step cannot do without, unless nothing is sent.
    """
    for place in job.used_destinations.values():
        missing = [] if planning else list(dict.fromkeys(missing_surfaces(job, place, environ)))
        if missing:
            raise JobError(missing)
        yield lane_setup(place, environ, operations_of(job, place))


def refuse_without_secret(job: Job) -> None:
    """Refuse a job that needs a ledger secret.

    Raises:
        LedgerError: It needs one.
    """
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


def _steps(job: Job, source: Source, matched: Matching) -> tuple[StepSetup, ...]:
    first = (job.steps[0].fields, job.steps[0].operation)
    found = compile_rules(_rules(job, source), source.schema, first=first)
    problems = list(_told(job, found, ("source",)))
    rules = found if isinstance(found, CompiledRules) else CompiledRules()
    steps: list[StepSetup] = []
    for step in job.steps:
        contacts = None if step.removes else matched.contacts.get(step.destination)
        if job.match is not None and contacts is None:
            continue  # its columns are not known, for a reason that is told already
        mapping = compile_step(
            step.fields,
            step.operation,
            KEYS_ALONE if step.removes else source.schema,
            _by_key() if step.removes else rules,
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


def erasing_steps(job: Job, source: Source) -> tuple[StepSetup, ...]:
    """Compile the steps that erase people, to read them back.

    Raises:
        JobError: The source does not have what they need.
    """
    chosen = tuple(step for step in job.steps if step.operation.erasing is not None)
    return _steps(replace(job, steps=chosen), source, Matching())


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


def _rules(job: Job, source: Source) -> Rules:
    key, match = job.source.key_spec, job.match
    if key is None and match is not None and match.column in source.schema:
        key = Column(match.column)
    hashed = match is not None and match.hash != "none" and key == Column(match.column)
    return Rules(key, job.source.where, job.source.opted_out, "always" if hashed else "addresses")


def _told(job: Job, found: object, below: tuple[str | int, ...]) -> Iterator[str]:
    problems: list[Problem] = found if isinstance(found, list) else []
    for problem in problems:
        yield job.document.problem((*below, *problem.path), problem.message)
