"""One run of a job: choose the pass, read, guard, send, drain, sum up."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from bulk.conversation import Status
from bulk.errors import BulkError, RefusedError, StoppedError
from bulk.ledger import Board, Ledger
from bulk.plan.guards import Limits, plan_digest, refusals
from bulk.plan.reading import Reading
from bulk.runner.asking import asked_of
from bulk.runner.committer import Committer, Work
from bulk.runner.lane import Lane
from bulk.runner.opening import open_lane
from bulk.runner.people import People, Planned, PlannedStep
from bulk.runner.prepass import (
    Comparisons,
    choose_pass,
    comparisons,
    finding_nobody,
    read_into,
    unmet,
)
from bulk.runner.setup import LaneSetup, Options, Setup
from bulk.runner.steps import LaneSteps
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.suppressing import Suppressing
from bulk.runner.way import World

SOME_FAILED = 3
"""Exit code of a finished pass in which some records failed, were rejected or are unknown."""


class Run:
    """One run; everything it needs of the world is handed to it.

    Attributes:
        phase: ``reading``, ``sending`` or ``done``.
        rows_read: Rows the pre-pass has read so far.
        lanes: The destinations under way, by name.
        asked: How many rows each step is to settle in this run; empty before anything is sent.
    """

    def __init__(  # noqa: PLR0913 - the parts it connects
        self,
        setup: Setup,
        ledger: Ledger,
        *,
        people: People,
        world: World,
        source_work: Work,
        ledger_work: Work,
        note: Callable[..., None],
    ) -> None:
        self.setup = setup
        self.ledger = ledger
        self.phase = "reading"
        self.rows_read = 0
        self.lanes: dict[str, Lane] = {}
        self.asked: list[int] = []
        self._people = people
        self._world = world
        self._source_work = source_work
        self._ledger_work = ledger_work
        self._note = note
        self._stop = Stop()
        self._abort = asyncio.Event()
        self._compared = Comparisons()
        self._judged = False
        self._suppressing = {
            reason: Suppressing(given, source_work, world.sleep, note)
            for reason, given in setup.lists.items()
        }

    def interrupt(self) -> None:
        """Stop: no new requests; a second call does not wait for those in flight either."""
        if self._stop.requested:
            self._abort.set()
        self._stop.request()
        for lane in self.lanes.values():
            lane.stop.request()

    def reads_lists(self, reason: str) -> bool:
        """Tell whether lists that changed, of those who are held back for a reason, are being read again."""
        return reason in self._suppressing and self._suppressing[reason].reading

    @property
    def unfinished(self) -> bool:
        """Whether rows are pending that this run was asked to settle."""
        boards = self.ledger.boards
        return self.ledger.rows is None or any(board.counts[Status.PENDING] for board in boards)

    async def go(self) -> int:
        """Do it all; return the exit code.

        Raises:
            BulkError: Nothing was sent, for the reason it gives.
        """
        fresh = await self._read()
        if self._stop.requested:
            return StoppedError.exit_code
        planned = self._planned()
        await self._guard(planned, fresh=fresh)
        self.asked = [asked_of(board, self.setup.options) for board in self.ledger.boards]
        self.phase = "sending"
        if fresh:
            await self._succeed_former()
        await self._ledger_work(
            partial(
                self.ledger.begin_run,
                self._world.unix(),
                {**self.setup.options.facts, "digest": planned.digest},
            )
        )
        await self._send()
        self.phase = "done"
        code = self._exit_code()
        await self._ledger_work(partial(self.ledger.end_run, self._world.unix(), code, self._learned()))
        return code

    async def _read(self) -> bool:
        """Choose the pass and do its pre-pass if that is due; return whether the pass is new."""
        fingerprint = await self._source_work(self.setup.source.fingerprint)
        new = await self._ledger_work(
            lambda: choose_pass(self.setup, self.ledger, fingerprint, self._world.unix)
        )
        if not new:
            self.rows_read = self.ledger.rows or 0
            self._note("resuming", rows=self.ledger.rows)
            return False
        self._note("reading", source=self.setup.source.description)
        known = partial(self.ledger.deliveries.known, former=self.ledger.former)
        named, now = self.ledger.named, self._world.unix()
        self._compared = await self._ledger_work(lambda: comparisons(self.setup, known, named, now))
        try:
            reading = await self._source_work(
                lambda: read_into(self.ledger, self.setup, self._stop, self, self._compared)
            )
        except StoppingError:
            return True
        end, marks = self.ledger.end_reading, self.setup.source.kept_marks
        await self._ledger_work(partial(end, reading.rows, self._world.unix(), marks))
        self._judged, self._compared = True, replace(self._compared, changes={})  # millions of hashes
        for lists in self._suppressing.values():
            lists.told = True
        for name in unmet(reading, self.setup):
            self._note("list_matches_nothing", list=name)
        self._tell_left(reading)
        for name in finding_nobody(reading, self.setup):
            self._note("match_finds_nobody", destination=name)
        return True

    def _tell_left(self, reading: Reading) -> None:
        """Note who has left the list, if that matters."""
        leaving = self._compared.leaving
        if reading.left:
            self._note("left_the_list", people=sum(frame.height for frame in reading.left))
        if reading.spared:
            self._note("nobody_removed", people=reading.spared, malformed_rows=reading.malformed)
        if leaving is not None and leaving.unnamed.size:
            self._note("left_without_a_key", people=leaving.unnamed.size)

    def _planned(self) -> Planned:
        boards = self.ledger.boards
        steps = tuple(
            PlannedStep(
                step.name,
                step.destination,
                step.operation.name,
                step.approval,
                boards[step.index].sendable,
                boards[step.index].unsent,
            )
            for step in self.setup.steps
        )
        facts = self.ledger.facts
        rows = self.ledger.rows or 0
        return Planned(
            plan_digest(facts.digest, facts.fingerprint, rows, [step.records for step in steps]), rows, steps
        )

    async def _guard(self, planned: Planned, *, fresh: bool) -> None:
        """Refuse what the guards or the people refuse; a refused new pass is no pass."""
        options = self.setup.options
        try:
            limits = Limits(options.max_records, options.min_records, options.max_shrink)
            listed, before = await self._ledger_work(partial(self._listed, limits, fresh=fresh))
            records = [step.records for step in planned.steps]
            removals = [(records[index], people) for index, people in self._compared.removals.items()]
            found = refusals(limits, records, listed, before, removals)
            _refuse_unless_overridden(found, options.overrides)
            options.facts["approval"] = await self._people.approve(planned)
        except RefusedError:
            if fresh:
                await self._ledger_work(self.ledger.drop_pass)
            raise

    def _listed(self, limits: Limits, *, fresh: bool) -> tuple[int | None, int | None]:
        """Return how many records the list has, and how many that of the last pass had, as guards need it.

        A pass that goes on was compared when it began.
        """
        if limits.min_records is None and limits.max_shrink is None:
            return None, None
        former = self.ledger.former if fresh and limits.max_shrink is not None else None
        return self.ledger.listed(self.ledger.number), None if former is None else self.ledger.listed(former)

    async def _succeed_former(self) -> None:
        """End the pass before this one for good: what arrived is known, what is pending is superseded."""
        former, deliveries = self.ledger.former, self.ledger.deliveries
        if self.setup.sync is None:
            await self._ledger_work(deliveries.forget)
        elif former is not None:
            rows = await self._ledger_work(partial(deliveries.take_over, former, self._world.unix()))
            if rows:
                self._note("superseded", rows=rows)
            await self._ledger_work(self._lose_unnamed)

    def _lose_unnamed(self) -> None:
        leaving = self._compared.leaving
        if leaving is not None and leaving.unnamed.size:
            scopes = [scope for step in self.setup.steps if step.removes for scope in step.removes.brought]
            self.ledger.deliveries.lose(scopes, leaving.unnamed)

    async def _send(self) -> None:
        """Send to all destinations side by side, and let what is in flight finish after a stop."""
        async with AsyncExitStack() as stack:
            for lane in self.setup.lanes:
                self.lanes[lane.name] = await self._open(lane, stack)
            try:
                await self._send_all()
                self._tell_traffic()
            except* BulkError as errors:
                raise _first(errors) from None

    def _tell_traffic(self) -> None:
        """Note what was sent to each destination, if anything was."""
        for name, lane in self.lanes.items():
            sent = lane.traffic
            if sent.requests:
                counts = {"requests": sent.requests, "retries": sent.retries, "throttled": sent.throttled}
                self._note("sent", destination=name, **counts)

    async def _send_all(self) -> None:
        committer = Committer(self.ledger, self._ledger_work)
        async with asyncio.TaskGroup() as group:
            group.create_task(committer.run(), name="committer")
            sending = [
                group.create_task(self._steps(lane, committer).run(), name=f"destination {lane.name}")
                for lane in self.setup.lanes
            ]
            watch = group.create_task(self._drain(sending), name="drain")
            await asyncio.wait(sending)
            watch.cancel()
            committer.close()

    async def _open(self, lane: LaneSetup, stack: AsyncExitStack) -> Lane:
        stop = Stop()
        if self._stop.requested:
            stop.request()
        found = lane.found or self.ledger.found_rates().get(lane.name)
        return await open_lane(
            lane, stack, stop=stop, world=self._world, quiet_for=self._quiet_for(lane), found=found
        )

    def _steps(self, lane: LaneSetup, committer: Committer) -> LaneSteps:
        return LaneSteps(
            lane=lane,
            line=self.lanes[lane.name],
            steps=[step for step in self.setup.steps if step.destination == lane.name],
            setup=self.setup,
            ledger=self.ledger,
            committer=committer,
            people=self._people,
            suppressing=self._suppressing,
            source_work=self._source_work,
            unix=self._world.unix,
            judged=self._judged,
        )

    def _quiet_for(self, lane: LaneSetup) -> float | None:
        """Return the seconds since something was last asked or answered: the server may still count that."""
        known = [at for at in (self.ledger.last_answer(), lane.asked_at) if at is not None]
        return max(0.0, self._world.unix() - max(known)) if known else None

    async def _drain(self, sending: list[asyncio.Task[None]]) -> None:
        """After an interruption give requests in flight a while, then leave them as a crash would."""
        await self._stop.event.wait()
        patience = max(lane.drain for lane in self.setup.lanes)
        try:
            async with asyncio.timeout(patience):
                await self._abort.wait()
        except TimeoutError:
            self._note("drain_ended", seconds=patience)
        for task in sending:
            task.cancel()

    def _learned(self) -> dict[str, dict[str, Any]]:
        """Return what rates the destinations were found to allow, when they wanted none, why they stopped."""
        rates = {name: lane.found_rate for name, lane in self.lanes.items()}
        pauses = {name: lane.pauses for name, lane in self.lanes.items()}
        stops = {name: str(lane.stop.reason) for name, lane in self.lanes.items() if lane.stop.reason}
        return {
            **({"stopped": stops} if stops else {}),
            "rates": {name: rate for name, rate in rates.items() if rate is not None},
            "pauses": {name: told for name, told in pauses.items() if told},
        }

    def _exit_code(self) -> int:
        """Tell the ledger's state, or why the run ended early."""
        reasons = [lane.stop.reason for lane in self.lanes.values() if lane.stop.reason]
        for reason in reasons:
            self._note("stopped", why=str(reason))
        if reasons:
            return max(reason.exit_code for reason in reasons)
        return ledger_code(self.ledger.boards, self.setup.options)


def _first(errors: BaseExceptionGroup[BulkError]) -> BulkError:
    """Return the first error of a group of groups."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _refuse_unless_overridden(found: Sequence[tuple[str, str]], overrides: frozenset[str]) -> None:
    for name, figures in found:
        if name not in overrides:
            how = f"if that is right, run with --override {name} --reason TEXT"
            raise RefusedError(f"guard {name}: {figures}; {how}")


def ledger_code(boards: Sequence[Board], options: Options) -> int:
    """Return the exit code that the ledger's state asks for."""
    counts = [board.counts for board in boards]
    pending = sum(count[Status.PENDING] for count in counts)
    if (pending and options.limit is None) or any(board.awaiting for board in boards):
        return StoppedError.exit_code
    # A test-send judges what it sent; rejected rows are judged at the end of the pass.
    concerned = (Status.FAILED,) if pending else (Status.FAILED, Status.REJECTED)
    bad = [sum(count[status] for status in concerned) for count in counts]
    if any(count[Status.UNKNOWN] for count in counts):
        return SOME_FAILED
    rows = boards[0].codes.size if boards else 0
    return SOME_FAILED if any(found > options.tolerate * rows for found in bad) else 0
