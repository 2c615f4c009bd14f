"""The steps of one destination, one after another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bulk.conversation import Batch, Conversation, Lost, Status, Verdict
from bulk.errors import RefusedError, SourceError, StoppedError
from bulk.ledger import Entry, Ledger
from bulk.ledger.board import AWAITING, CODE, Mask, code_set
from bulk.plan.subjects import naming
from bulk.runner.committer import Committer, Work
from bulk.runner.erasing import Erasure
from bulk.runner.feed import Encode, Extent, Left, Rows, feed
from bulk.runner.lane import Lane
from bulk.runner.memories import Memories
from bulk.runner.people import People
from bulk.runner.reading_back import read_back
from bulk.runner.sending import Bounds, Sending
from bulk.runner.setup import LaneSetup, Setup, StepSetup
from bulk.runner.stop import StoppingError
from bulk.runner.suppressing import Suppressing
from bulk.runner.talk import Talker, Tries

MOST_WAITING = 64
"""Conversations beyond the slots: those that wait for a retry hold no slot, and others go on meanwhile."""
FEWEST_QUEUED = 8
"""Batches that wait for a worker at the least, however large they are."""
MOST_QUEUED = 20_000
"""Records that wait for a worker."""
_INTERRUPTED = Verdict(
    Status.UNKNOWN,
    "interrupted",
    error_message="the run ended after this was sent and before its answer; it is not safe to send again",
)


@dataclass(frozen=True, slots=True)
class LaneSteps:
    """Carries out the steps of one destination."""

    lane: LaneSetup
    line: Lane
    steps: list[StepSetup]
    setup: Setup
    ledger: Ledger
    committer: Committer
    people: People
    suppressing: Mapping[str, Suppressing]
    source_work: Work
    unix: Callable[[], float]
    judged: bool
    """Whether this run has judged the rows itself: contacts are still those they were judged by."""

    async def run(self) -> None:
        """Run every step to its end, or until the destination stops."""
        for position, step in enumerate(self.steps):
            if self.line.stop.requested:
                break
            self.line.step = step.index
            if not await self._cleared(step):
                break
            await self._run_step(step, self.steps[:position])
            await self.committer.flush()
            await self._verify(step)
        self.line.step = len(self.setup.steps)

    async def _cleared(self, step: StepSetup) -> bool:
        """Before anything that can never be undone: is this the right account? If not, stop."""
        probe = self.lane.preflight
        pending = self.ledger.boards[step.index].counts[Status.PENDING]
        if probe is None or not pending or not (step.operation.irreversible or self.lane.pinned):
            return True
        try:
            with self.line.at_stage("asks whether this is the right account"):
                reply = await self.line.exchange(probe.request, Tries())
        except StoppingError:
            return False
        problem = reply.message if isinstance(reply, Lost) else probe.problem(reply)
        if problem:
            self.line.stop.request(StoppedError(f"{self.lane.name}: {problem}; nothing was sent"))
        return not problem

    async def _run_step(self, step: StepSetup, before: list[StepSetup]) -> None:
        boards = self.ledger.boards
        step = replace(step, terms=replace(step.terms, seed=f"{self.ledger.seed} {step.name}"))
        memories = Memories(self.ledger.remembered(step.index))
        talker = Talker(
            step=step.index,
            converse=partial(_converse, step),
            line=self.line,
            committer=self.committer,
            board=boards[step.index],
            now=self.unix,
            brings=step.brings,
            scrub=self.setup.hashed,
        )
        erasure = self._erasure(step)
        if erasure is not None:
            talker = replace(talker, keep=erasure.keep)
        sending = Sending(
            talker,
            board=boards[step.index],
            earlier=[boards[other.index] for other in before],
            attempted=await self._after_crash(step, memories),
            memories=memories,
            found={} if erasure is None else erasure.found(),
            bounds=self._bounds(),
            stop=self.line.stop,
            keys_repeat=step.keys_repeat,
            workers=self.lane.concurrency,
            most_workers=self.lane.concurrency + min(MOST_WAITING, 3 * self.lane.concurrency),
            waiting=max(FEWEST_QUEUED, min(2 * self.lane.concurrency, MOST_QUEUED // step.batch_size)),
            after_canary=partial(self._after_canary, step),
            suppressing=self.suppressing.get(step.heeds),
        )
        self.line.before_wait = sending.reinforce
        await sending.run(self._batches(step))

    def _erasure(self, step: StepSetup) -> Erasure | None:
        """Return what a step does beside its conversations if it erases people."""
        if step.operation.erasing is None:
            return None
        return Erasure(
            step=step,
            erasing=step.operation.erasing,
            ledger=self.ledger,
            committer=self.committer,
            holds=self.suppressing.get(step.heeds),
            recipe=naming(self.setup.secret or b""),
            line=self.line,
            unix=self.unix,
            workers=self.lane.concurrency,
        )

    async def _verify(self, step: StepSetup) -> None:
        """Read back whoever was accepted by a step that erases people, by this run or a former one."""
        erasure = self._erasure(step)
        if erasure is not None and erasure.is_due and not self.line.stop.requested:
            chunks = feed(self.setup.source, self._encode(step), ~erasure.awaiting, erasure.packer())
            batches = [batch async for batch in self._fed(chunks)]
            with self.line.at_stage("reads back who was removed"):
                await erasure.verify(batches)

    @property
    def _extent(self) -> Extent:
        options = self.setup.options
        return Extent(options.limit, 0 if "canary" in options.overrides else options.canary)

    def _bounds(self) -> Bounds:
        options = self.setup.options
        lifted = options.overrides
        return Bounds(
            canary=self._extent.canary,
            max_failure_rate=None if "max_failure_rate" in lifted else options.max_failure_rate,
            again=options.again,
        )

    async def _after_crash(self, step: StepSetup, memories: Memories) -> Mask:
        """Find what may have been in flight when a former run ended.

        What must not be repeated is unknown, unless something is remembered by which it can be continued.
        """
        attempted = self.ledger.intended(step.index)
        if step.operation.repeatable or not attempted.any():
            return attempted
        rows = (np.flatnonzero(attempted & ~memories.mask(attempted.size)) + 1).astype(np.uint32)
        for first, last in self.ledger.boards[step.index].runs(rows):
            self.committer.settle(Entry(step.index, first, last, _INTERRUPTED, 1, None, self.unix()))
        await self.committer.flush()
        attempted[rows.astype(np.int64) - 1] = False
        return attempted

    async def _batches(self, step: StepSetup) -> AsyncIterator[Batch]:
        """Yield the step's batches; the next chunk is read while the present one is sent."""
        board, among = self.ledger.boards[step.index], self._bounds().wanted
        rows, encode, packer = self._rows(step), self._encode(step), step.packer()
        # Nobody else holds on to what is wanted: it takes a byte a row, and the way is long.
        async for batch in self._fed(
            feed(rows, encode, board.told, packer, self._extent, among[board.codes])
        ):
            yield batch

    def _encode(self, step: StepSetup) -> Encode:
        return step.encode if self.judged else step.encode_again

    async def _fed(self, chunks: Iterator[list[Batch]]) -> AsyncIterator[Batch]:
        """Yield the batches of chunks, of which the next is read while the present one is used."""
        upcoming = asyncio.ensure_future(self.source_work(lambda: next(chunks, None)))
        try:
            while (batches := await self._next(upcoming)) is not None:
                upcoming = asyncio.ensure_future(self.source_work(lambda: next(chunks, None)))
                for batch in batches:
                    yield batch
        except SourceError as error:
            self.line.stop.request(error)
            raise StoppingError from None
        finally:
            upcoming.cancel()

    async def _next(self, upcoming: asyncio.Future[list[Batch] | None]) -> list[Batch] | None:
        """Wait for a chunk; only what is not there yet holds anybody up."""
        if upcoming.done():
            return upcoming.result()
        with self.line.at_stage("reads the source"):
            return await upcoming

    def _rows(self, step: StepSetup) -> Rows:
        return self.setup.source if step.removes is None else Left(self.ledger.keys_to_send(step.index))

    async def _after_canary(self, step: StepSetup, canary: list[Batch]) -> None:
        """Refuse to go on unless every canary record is settled well, and shown as it was sent."""
        board = self.ledger.boards[step.index]
        await self._verify(step)
        bad = code_set(CODE[Status.FAILED], CODE[Status.UNKNOWN], CODE[Status.PENDING], AWAITING)
        faulty = [int(one.rows[0]) for one in canary if board.having(one.rows, bad).any()]
        with self.line.at_stage("reads the canary back"):
            differing = [] if faulty else await self._differing(step, canary)
        if faulty or differing:
            rows = ", ".join(map(str, faulty[:10]))
            what = f"of the first {len(canary)} records, {len(faulty)} did not go well (rows {rows})"
            refused = RefusedError(f"guard canary: {what if faulty else differing[0]}; nothing else was sent")
            self.line.stop.request(refused)
            raise StoppingError
        try:
            await self.people.canary_passed(step.name, len(canary))
        except RefusedError as refused:
            self.line.stop.request(refused)
            raise StoppingError from None

    async def _differing(self, step: StepSetup, canary: list[Batch]) -> list[str]:
        """Read all canary records back side by side; say what differs."""
        said = await asyncio.gather(*(self._differs(step, one) for one in canary), return_exceptions=True)
        for stopped in said:
            if isinstance(stopped, BaseException):
                raise stopped
        return [one for one in said if isinstance(one, str)]

    async def _differs(self, step: StepSetup, one: Batch) -> str | None:
        """Read one canary record back; say in what it differs from what was sent, if it does."""
        sent = self.ledger.boards[step.index].having(one.rows, code_set(CODE[Status.SUCCEEDED])).all()
        if step.operation.confirm is None or not sent:
            return None
        verdict = (await read_back(step.operation.confirm(one, step.terms), self.line))[0].verdict
        if verdict.status is Status.SUCCEEDED:
            return None
        # Only what our own comparison found is shown; a destination's words may name somebody.
        said = verdict.error_message if verdict.reason == "no_effect" else verdict.reason
        return f"row {int(one.rows[0])} was accepted, but reading it back says: {said}"


def _converse(step: StepSetup, batch: Batch) -> Conversation:
    return step.operation.converse(batch, step.terms)
