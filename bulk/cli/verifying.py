"""Carries out ``bulk verify``: puts ledger, source and destinations together, tells what was seen."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import typer

from bulk import __version__
from bulk.cli.logs import logger, warn_of_network
from bulk.cli.looking import Looking, Met, write_met
from bulk.cli.loop import runner
from bulk.conversation import ROW
from bulk.destinations.operation import Terms
from bulk.errors import LedgerError, SourceError, UsageError
from bulk.job import Job
from bulk.job.load import is_matched, load_spec
from bulk.ledger import Ledger
from bulk.ledger.record import PassRecord, reading
from bulk.plan.subjects import naming
from bulk.prepare import LEDGER_SECRET, erasing_steps, given_secrets, source_options
from bulk.reaching import account, credentials, lane_setup, operations_of
from bulk.runner.accounts import hold_accounts
from bulk.runner.lane import Lane
from bulk.runner.opening import open_lane
from bulk.runner.rereading import Reread, Tally
from bulk.runner.setup import StepSetup
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.way import World
from bulk.source import open_source
from bulk.verify.people import Asked, Matched, asked

PRESENT, UNREAD = 3, 4
"""Exit codes: somebody is there; somebody could not be read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    ledger: Path
    source: Path | None
    contacts: str | None
    output: Path | None
    as_json: bool
    json_log: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Passes that were made by the same job.

    Attributes:
        job: The job, as far as people are read back by it.
        matched: Whether its source named nobody: people were found among contacts.
        asked: Whom its steps were asked to erase, by pass and step.
    """

    job: Job
    matched: bool
    asked: tuple[Asked, ...]


def verify_again(wanted: Wanted) -> int:
    """Read everybody back; return the exit code.

    Raises:
        BulkError: It cannot be done, or stopped early; what was seen until then is in the ledger.
    """
    _check(wanted)
    secrets = given_secrets(os.environ)
    if not secrets:
        raise LedgerError(f"set {LEDGER_SECRET} (or {LEDGER_SECRET}_FILE) as it was when the ledger was made")
    with ExitStack() as stack:
        if not wanted.ledger.exists():
            raise LedgerError(f"{wanted.ledger}: there is no such ledger")
        log = logger(json=wanted.json_log, ledger=wanted.ledger.name)
        warn_of_network(log, wanted.ledger)
        ledger = Ledger(wanted.ledger)
        stack.callback(ledger.close)
        secret = ledger.reopen(secrets)
        ledger.last_pass()
        groups = _groups(ledger)
        session = _Session(wanted, ledger, secret, log)
        for group in groups:
            stack.enter_context(_held(group.job))
        code: int = runner()(session.go(groups))
    return code


def _check(wanted: Wanted) -> None:
    if wanted.source is not None and wanted.contacts is not None:
        raise UsageError("--source and --contacts exclude each other")
    if wanted.output is not None and wanted.contacts is None:
        raise UsageError("-o writes who returned, so it needs --contacts")


def _groups(ledger: Ledger) -> list[Group]:
    """Return the passes of a ledger by the jobs that made them.

    Raises:
        LedgerError: A pass was made against the sandbox, which is gone.
    """
    with reading(ledger.path) as reader:
        passes = reader.record().passes
    for one in passes:
        if any(place["base_url"] == "sandbox" for place in one.facts["destinations"].values()):
            raise LedgerError(f"{ledger.path}: pass {one.number} was made with --sandbox, which is gone")
    specs = {one.number: ledger.erasures.job(one.number) for one in passes}
    ordered = sorted(passes, key=lambda one: (specs[one.number], one.number))
    return [
        Group(load_spec(spec, os.environ), is_matched(spec), tuple(_asked(same)))
        for spec, same in groupby(ordered, key=lambda one: specs[one.number])
    ]


def _asked(passes: Iterator[PassRecord]) -> Iterator[Asked]:
    for one in passes:
        for step in one.steps:
            yield asked(one.number, step)


@contextmanager
def _held(job: Job) -> Iterator[None]:
    """Hold the accounts of a job's destinations."""
    places = job.used_destinations
    with hold_accounts({name: account(place, os.environ) for name, place in places.items()}, os.environ):
        yield


class _Session:
    """One reading of everybody."""

    def __init__(self, wanted: Wanted, ledger: Ledger, secret: bytes, log: Any) -> None:
        self._wanted = wanted
        self._ledger = ledger
        self._recipe = naming(secret)
        self._log = log
        self._stops: list[Stop] = []
        self._caught: list[int] = []
        self._tallies: dict[str, Tally] = {}
        self._met: list[Met] = []

    async def go(self, groups: list[Group]) -> int:
        """Read the people of every job; tell what was seen; return the exit code."""
        how = "contacts" if self._wanted.contacts else "source"
        self._ledger.begin_run(time.time(), {"version": __version__, "verify": how})
        with self._signals():
            for group in groups:
                await self._group(group)
        self._count_unfinished(groups)
        code = self._code()
        self._ledger.end_run(time.time(), code, {})
        self._tell(code)
        return code

    async def _group(self, group: Group) -> None:
        matched = [] if self._wanted.contacts else await asyncio.to_thread(self._match, group)
        async with AsyncExitStack() as stack:
            lanes = {name: await self._open(group.job, name, stack) for name in group.job.used_destinations}
            async with asyncio.TaskGroup() as tasks:
                for name, lane in lanes.items():
                    tasks.create_task(self._read(group, matched, lane), name=f"destination {name}")

    async def _read(self, group: Group, matched: list[Matched], lane: Lane) -> None:
        """Read the people of one destination, until it stops."""
        try:
            if self._wanted.contacts is None:
                await self._by_source(group, matched, lane)
            else:
                await self._by_contacts(group, lane)
        except StoppingError:
            self._log.info("stopped", destination=lane.name, why=str(lane.stop.reason or "interrupted"))

    async def _open(self, job: Job, name: str, stack: AsyncExitStack) -> Lane:
        place = job.destinations[name]
        setup = lane_setup(place, os.environ, operations_of(job, place))
        for surface in setup.ways:
            credentials(place, os.environ, surface)
        stop = Stop()
        self._stops.append(stop)
        world = World(unix=time.time, draw=random.random, sleep=asyncio.sleep)
        return await open_lane(setup, stack, stop=stop, world=world)

    def _match(self, group: Group) -> list[Matched]:
        """Find the people of a job among the rows of its source, or in the ledger if that names nobody."""
        if group.matched:
            self._log.info("source_names_nobody", job=group.job.name, instead="--contacts pull")
            return [Matched(one, *self._sealed(one)) for one in group.asked]
        job, path = group.job, self._wanted.source
        if path is not None:
            source = job.source.model_copy(update={"path": str(path.resolve())})
            job = replace(job, source=source)
        matched = [Matched(one) for one in group.asked]
        try:
            with open_source(source_options(job)) as source_file:
                steps = {step.name: step for step in erasing_steps(job, source_file)}
                for chunk in source_file.chunks():
                    for one in matched:
                        self._take(steps[one.asked.step.name], chunk.frame, one)
        except SourceError as error:
            raise SourceError(
                f"{error}; name a file that still names the people with --source FILE,"
                " or, once there is none, look for them among the contacts with --contacts pull"
            ) from None
        return matched

    def _sealed(self, one: Asked) -> tuple[list[pl.DataFrame], dict[int, list[int]]]:
        """Return the rows whose people the ledger still names, and which of them are one person: none."""
        rows = list(self._ledger.erasures.found(one.number, one.step.index))
        frames = [pl.DataFrame({ROW: pl.Series(rows, dtype=pl.UInt32)})] if rows else []
        return frames, {row: [row] for row in rows}

    def _take(self, step: StepSetup, frame: pl.DataFrame, matched: Matched) -> None:
        erasing = step.operation.erasing
        if erasing is not None and frame.height:
            good = step.mapping.judge(frame)["reason"].is_null()
            matched.take(step.mapping.encode(frame.filter(good)), erasing.kinds, self._recipe)

    async def _by_source(self, group: Group, matched: list[Matched], lane: Lane) -> None:
        """Read the people of one destination back."""
        for one in matched:
            reread = _reread(group.job, one.asked, lane.name)
            if reread is None or lane.stop.requested:
                continue
            tally = await reread.by_records(
                one.records,
                one.alike,
                ledger=self._ledger,
                line=lane,
                unix=time.time,
                workers=group.job.destinations[lane.name].concurrency,
            )
            self._note(lane.name, one.asked.number, tally)

    async def _by_contacts(self, group: Group, lane: Lane) -> None:
        """Look for the people of one destination among its contacts."""
        here = [(one, _reread(group.job, one, lane.name)) for one in group.asked]
        rereads = [(one, reread) for one, reread in here if reread is not None]
        looking = Looking([(one, reread.erasing) for one, reread in rereads], self._recipe)
        place = group.job.destinations[lane.name]
        complete = await looking.look(self._wanted.contacts or "", place, lane)
        for one, reread in rereads:
            present = looking.present(one)
            tally = reread.by_listing(present, ledger=self._ledger, complete=complete, now=time.time())
            self._note(lane.name, one.number, tally)
        self._met += looking.met(lane.name)
        self._log.info("looked", destination=lane.name, contacts=looking.seen)

    def _count_unfinished(self, groups: list[Group]) -> None:
        """Count whom the last pass is still to erase as unread: nobody may take them for gone."""
        for one in (one for group in groups for one in group.asked if one.number == self._ledger.number):
            if unsent := self._ledger.boards[one.step.index].unsent:
                place = one.step.destination
                self._log.warning("not_erased_yet", destination=place, rows=unsent, next="run the job again")
                self._add(place, Tally(unread=unsent))

    def _note(self, destination: str, number: int, tally: Tally) -> None:
        self._add(destination, tally)
        counts = {"absent": tally.absent, "still_present": tally.still_present, "unread": tally.unread}
        self._log.info("read_back", destination=destination, number=number, **counts)

    def _add(self, destination: str, tally: Tally) -> None:
        self._tallies[destination] = self._tallies.get(destination, Tally()) + tally

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the reading; what was seen until then is kept."""
        loop = asyncio.get_running_loop()

        def stop(number: int) -> None:
            self._caught.append(number)
            for one in self._stops:
                one.request()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _code(self) -> int:
        if self._caught:
            return 128 + self._caught[0]
        if any(tally.still_present for tally in self._tallies.values()):
            return PRESENT
        stopped = any(stop.reason is not None for stop in self._stops)
        return UNREAD if stopped or any(tally.unread for tally in self._tallies.values()) else 0

    def _tell(self, code: int) -> None:
        """Tell what was seen, and write who returned."""
        if self._wanted.output is not None:
            write_met(self._wanted.output, self._met)
        counts = {
            name: {"absent": one.absent, "still_present": one.still_present, "unread": one.unread}
            for name, one in sorted(self._tallies.items())
        }
        if self._wanted.as_json:
            facts = {"ledger": str(self._wanted.ledger), "exit_code": code, "destinations": counts}
            typer.echo(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode())
            return
        for name, one in counts.items():
            typer.echo(
                f"{name}: {one['absent']:,} absent, {one['still_present']:,} still present,"
                f" {one['unread']:,} not read"
            )


def _reread(job: Job, one: Asked, destination: str) -> Reread | None:
    """Return how the people of a step are read back, if it is one of this destination."""
    step = next((step for step in job.steps if step.name == one.step.name), None)
    if step is None or step.destination != destination or step.operation.erasing is None:
        return None
    terms = Terms(job.destinations[destination].settings, step.options)
    return Reread(one.number, one.step.index, step.operation.erasing, terms, step.batch_size, one.rows)
