"""Examines a job: its file, its source, its credentials."""

import asyncio
import os
from pathlib import Path

import typer

from bulk.api.contacts import held_and_listed
from bulk.api.planning import Plan, make_plan
from bulk.cli.contacts import listing
from bulk.cli.finding import find_all
from bulk.cli.logs import logger
from bulk.cli.planned import list_sentence, match_sentence
from bulk.conversation import Lost
from bulk.errors import BulkError
from bulk.job import Job, load_job
from bulk.job.resolved import Destination
from bulk.plan.reading import ON_HOLD, SUPPRESSED
from bulk.prepare import open_job_source, to_list
from bulk.reaching import missing_surfaces, opener, operations_of, place_of
from bulk.source import Source

FAULTY = 2


def examine(
    path: Path,
    settings: tuple[str, ...],
    ledger: Path | None,
    *,
    offline: bool,
    found: Path | None = None,
) -> int:
    """Say what is well and what is not; return the exit code.

    With ``found``, a file, also write whom an erasure would find.

    Raises:
        BulkError: Job or source cannot be used.
    """
    job = load_job(path, os.environ, settings)
    lists = job.match is not None and job.match.contacts.pull is not None
    with open_job_source(job) as source:
        if lists and offline:
            _say_unlisted(job, source)
            return 0
        if lists and asyncio.run(_probe_all(job)):  # before anything is listed, which may take a while
            return FAULTY
        note = logger(json=False, job=job.name).info
        listed = held_and_listed(job, source, os.environ, note, listing(note))
        plan = make_plan(job, source, os.environ, ledger, listed)
        _say_job(job)
        _say_plan(plan)
        if offline or (not lists and asyncio.run(_probe_all(job))):
            return 0 if offline else FAULTY
        return 0 if found is None else find_all(job, plan, found)


def _say_job(job: Job) -> None:
    typer.echo(f"job: {job.name}, {len(job.steps)} steps, nothing wrong with the file")
    if job.notify is not None:
        typer.echo(f"notify: {job.notify}")


def _say_unlisted(job: Job, source: Source) -> None:
    """Say what can be said of a job whose contacts are not listed."""
    to_list(job, source)
    _say_job(job)
    typer.echo(f"source: {source.description}, {len(source.columns)} columns")
    typer.echo(
        "match: contacts are not listed offline, so nothing is said of what the steps would send,"
        " nor of columns that only contacts have"
    )


def _say_plan(plan: Plan) -> None:
    source = plan.setup.source
    rows, left = plan.rows, sum(frame.height for frame in plan.left)
    typer.echo(f"source: {source.description}, {rows - left:,} rows, {len(source.columns)} columns")
    if plan.compared:
        typer.echo(f"sync: {plan.compared}{f'; {left:,} people have left the list' if left else ''}")
    for warning in plan.warnings:
        typer.echo(f"warning: {warning}")
    reading = [step for step in plan.setup.steps if step.removes is None]
    unused = sorted(set(source.columns).intersection(*(step.mapping.unused for step in reading)))
    if unused:
        typer.echo(f"columns no step uses: {', '.join(unused)}")
    _say_steps(plan)
    for kind, reason in (("suppression", SUPPRESSED), ("hold", ON_HOLD)):
        for facts in plan.lists(reason):
            typer.echo(list_sentence(kind, facts))
    for facts in plan.match:
        typer.echo(match_sentence(facts))


def _say_steps(plan: Plan) -> None:
    for step, board, reasons in zip(plan.setup.steps, plan.boards, plan.reasons, strict=True):
        told = ", ".join(f"{rows:,} {status}: {reason}" for (status, reason), rows in sorted(reasons.items()))
        typer.echo(f"step {step.name}: {board.sendable:,} records to send{f'; {told}' if told else ''}")
        if step.approval:
            typer.echo(f"step {step.name}: {step.operation.name} {step.approval}")
        if step.operation.warning:
            typer.echo(f"step {step.name}: {step.operation.warning}")


async def _probe_all(job: Job) -> int:
    """Prove what can be proven of every destination; return how many problems there are."""
    problems = 0
    for place in job.used_destinations.values():
        try:
            problems += await _probe(place, job)
        except BulkError as error:
            typer.echo(f"destination {place.name}: {error}")
            problems += 1
    return problems


async def _probe(place: Destination, job: Job) -> int:
    """Send the probes of one destination; return how many problems they found."""
    where = place_of(place, os.environ, operations_of(job, place))
    problems = 0
    for probe in place.system.probes(where):
        async with opener(place, os.environ, probe.request.surface)() as sender:
            reply = await sender.send(probe.request)
        problem = reply.message if isinstance(reply, Lost) else probe.problem(reply)
        typer.echo(f"destination {place.name}: {problem or probe.proves}")
        problems += bool(problem)
    for missing in missing_surfaces(job, place, os.environ):
        typer.echo(f"destination {place.name}: {missing}")
        problems += 1
    for surface in sorted(set(place.system.surfaces) - where.surfaces):
        typer.echo(f"destination {place.name}: {surface} is not used, its credential is not set")
    return problems
