"""Examines a job: its file, its source, its credentials."""

import asyncio
import os
from pathlib import Path

import typer

from bulk.cli.previewing import Plan, make_plan
from bulk.conversation import Lost
from bulk.destinations.system import Place, Probe
from bulk.errors import BulkError
from bulk.job import Job, load_job
from bulk.job.resolve import Destination
from bulk.prepare import open_job_source, opener

FAULTY = 2


def examine(path: Path, settings: tuple[str, ...], *, offline: bool) -> int:
    """Say what is well and what is not; return the exit code.

    Raises:
        BulkError: Job or source cannot be used.
    """
    job = load_job(path, os.environ, settings)
    typer.echo(f"job: {job.name}, {len(job.steps)} steps, nothing wrong with the file")
    with open_job_source(job) as source:
        _say_plan(make_plan(job, source))
    if offline:
        return 0
    problems = asyncio.run(_probe_all(job))
    return FAULTY if problems else 0


def _say_plan(plan: Plan) -> None:
    source = plan.setup.source
    typer.echo(f"source: {source.description}, {plan.rows:,} rows, {len(source.columns)} columns")
    unused = sorted(set(source.columns).intersection(*(step.mapping.unused for step in plan.setup.steps)))
    if unused:
        typer.echo(f"columns no step uses: {', '.join(unused)}")
    for step, board, reasons in zip(plan.setup.steps, plan.boards, plan.reasons, strict=True):
        told = ", ".join(f"{rows:,} {status}: {reason}" for (status, reason), rows in sorted(reasons.items()))
        typer.echo(f"step {step.name}: {board.sendable:,} records to send{f'; {told}' if told else ''}")
        if step.operation.irreversible:
            typer.echo(f"step {step.name}: {step.operation.name} can never be undone")


async def _probe_all(job: Job) -> int:
    """Prove what can be proven of every destination; return how many problems there are."""
    problems = 0
    for place in job.used_destinations.values():
        for probe in place.system.probes(Place(place.base_url, place.settings)):
            try:
                problem = await _problem(place, probe)
            except BulkError as error:
                problem = str(error)
            typer.echo(f"destination {place.name}: {problem or probe.proves}")
            problems += bool(problem)
    return problems


async def _problem(place: Destination, probe: Probe) -> str | None:
    async with opener(place, os.environ)() as sender:
        reply = await sender.send(probe.request)
    return reply.message if isinstance(reply, Lost) else probe.problem(reply)
