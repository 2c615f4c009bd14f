"""Looks for the people of an erasure, before anybody is touched: ``bulk check --find``."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import polars as pl
import typer

from bulk.api.planning import Plan
from bulk.cli.loop import runner
from bulk.cli.output import format_of, private, write
from bulk.conversation import Batch, Reply, Request
from bulk.destinations.operation import Erasing, Sighting, State
from bulk.errors import UsageError
from bulk.job import Job
from bulk.reaching import account, lane_setup, operations_of
from bulk.runner.accounts import hold_accounts
from bulk.runner.feed import feed
from bulk.runner.lane import Lane
from bulk.runner.opening import open_lane
from bulk.runner.setup import StepSetup
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.talk import Tries
from bulk.runner.way import World

UNREAD = 4
FOUND = pl.Schema(
    {
        "row": pl.UInt32,
        "destination": pl.String,
        "state": pl.String,
        "records": pl.UInt32,
        "children": pl.UInt32,
    }
)
Line = tuple[int, str, str, int, int | None]


def find_all(job: Job, plan: Plan, output: Path) -> int:
    """Write whom the erasing steps of a job would find; return the exit code.

    Raises:
        UsageError: The job erases nobody, or the file cannot be written.
        BulkError: The people cannot be looked for.
    """
    steps = [step for step in plan.setup.steps if step.operation.erasing is not None]
    if not steps:
        raise UsageError("--find looks for the people of an erasure, and this job erases nobody")
    kind = format_of(output)
    places = {name: job.destinations[name] for name in {step.destination for step in steps}}
    accounts = {name: account(place, os.environ) for name, place in places.items()}
    found: list[Line] = []
    with hold_accounts(accounts, os.environ):
        complete = runner()(_look(job, plan, steps, found))
    frame = pl.DataFrame(sorted(found, key=lambda line: line[:2]), schema=FOUND, orient="row")
    with private(output) as file:
        write(file, kind, [frame])
    _tell(frame)
    unread = State.UNREAD in frame["state"].to_list()
    return UNREAD if unread or not complete else 0


def _tell(frame: pl.DataFrame) -> None:
    for destination in sorted(set(frame["destination"])):
        states = Counter(frame.filter(pl.col("destination") == destination)["state"])
        told = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
        typer.echo(f"destination {destination}: {told}")


async def _look(job: Job, plan: Plan, steps: list[StepSetup], found: list[Line]) -> int:
    """Look everybody up, at all destinations side by side; tell whether nothing stopped that early."""
    stops: list[Stop] = []
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for name in sorted({step.destination for step in steps}):
            place = job.destinations[name]
            stop = Stop()
            stops.append(stop)
            setup = lane_setup(place, os.environ, operations_of(job, place))
            world = World(unix=time.time, draw=random.random, sleep=asyncio.sleep)
            lane = await open_lane(setup, stack, stop=stop, world=world)
            here = [step for step in steps if step.destination == name]
            group.create_task(_at(lane, plan, here, place.concurrency, found), name=f"destination {name}")
    for stop in stops:
        if stop.reason is not None:
            typer.echo(f"stopped: {stop.reason}", err=True)
    return int(not any(stop.requested for stop in stops))


async def _at(lane: Lane, plan: Plan, steps: list[StepSetup], workers: int, found: list[Line]) -> None:
    for step in steps:
        waiting = _batches(plan, step)
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(_work(lane, step, waiting, found), name=f"look-up {number}")


def _batches(plan: Plan, step: StepSetup) -> Iterator[Batch]:
    told = plan.boards[step.index].told
    for batches in feed(plan.setup.source, step.encode, told, step.packer()):
        yield from batches


async def _work(lane: Lane, step: StepSetup, waiting: Iterator[Batch], found: list[Line]) -> None:
    erasing = step.operation.erasing
    while erasing is not None and (batch := next(waiting, None)) is not None:
        try:
            for seen in await _sightings(lane, erasing, step, batch):
                row = int(batch.rows[seen.position])
                found.append((row, step.destination, seen.state.value, seen.records, seen.children))
        except StoppingError:
            return


async def _sightings(lane: Lane, erasing: Erasing, step: StepSetup, batch: Batch) -> list[Sighting]:
    """Carry out the look-ups of a batch."""
    looking = erasing.look(batch, step.terms)
    reply: Reply | None = None
    seen: list[Sighting] = []
    while True:
        try:
            act = looking.send(reply)
        except StopIteration:
            return seen
        reply = None
        if isinstance(act, Request):
            reply = await _answer(lane, act)
        elif isinstance(act, Sighting):
            seen.append(act)
        else:
            await lane.wait(act.seconds)


async def _answer(lane: Lane, request: Request) -> Reply:
    return await lane.exchange(request, Tries())
