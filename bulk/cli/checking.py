"""Examines a job: its file, its source, its credentials."""

import asyncio
import os
from pathlib import Path

import typer

from bulk.cli.contacts import held_and_listed
from bulk.cli.logs import logger
from bulk.cli.previewing import Plan, list_sentence, make_plan, match_sentence
from bulk.conversation import Lost
from bulk.errors import BulkError
from bulk.job import Job, load_job
from bulk.job.resolved import Destination
from bulk.prepare import open_job_source, opener, operations_of, place_of, to_list
from bulk.source import Source

FAULTY = 2


def examine(path: Path, settings: tuple[str, ...], ledger: Path | None, *, offline: bool) -> int:
    """Say what is well and what is not; return the exit code.

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
        listed = held_and_listed(job, source, logger(json=False, job=job.name).info)
        plan = make_plan(job, source, ledger, listed)
        typer.echo(f"job: {job.name}, {len(job.steps)} steps, nothing wrong with the file")
        _say_plan(plan)
    problems = 0 if offline or lists else asyncio.run(_probe_all(job))
    return FAULTY if problems else 0


def _say_unlisted(job: Job, source: Source) -> None:
    """Say what can be said of a job whose contacts are not listed."""
    to_list(job, source)
    typer.echo(f"job: {job.name}, {len(job.steps)} steps, nothing wrong with the file")
    typer.echo(f"source: {source.description}, {len(source.columns)} columns")
    typer.echo(
        "match: contacts are not listed offline, so nothing is said of what the steps would send,"
        " nor of columns that only contacts have"
    )


def _say_plan(plan: Plan) -> None:
    source = plan.setup.source
    typer.echo(f"source: {source.description}, {plan.rows:,} rows, {len(source.columns)} columns")
    if plan.compared:
        typer.echo(f"sync: {plan.compared}")
    unused = sorted(set(source.columns).intersection(*(step.mapping.unused for step in plan.setup.steps)))
    if unused:
        typer.echo(f"columns no step uses: {', '.join(unused)}")
    for step, board, reasons in zip(plan.setup.steps, plan.boards, plan.reasons, strict=True):
        told = ", ".join(f"{rows:,} {status}: {reason}" for (status, reason), rows in sorted(reasons.items()))
        typer.echo(f"step {step.name}: {board.sendable:,} records to send{f'; {told}' if told else ''}")
        if step.approval:
            typer.echo(f"step {step.name}: {step.operation.name} {step.approval}")
        if step.operation.warning:
            typer.echo(f"step {step.name}: {step.operation.warning}")
    for facts in plan.suppression:
        typer.echo(list_sentence(facts))
    for facts in plan.match:
        typer.echo(match_sentence(facts))


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
    for surface in sorted(set(place.system.surfaces) - where.surfaces):
        typer.echo(f"destination {place.name}: {surface} is not used, its credential is not set")
    return problems
