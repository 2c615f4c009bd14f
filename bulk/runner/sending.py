"""One step on its way: batches in source order to a bounded number of workers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from bulk.conversation import WHY, WITHHELD, Batch, Name, Records, Status, Verdict
from bulk.errors import BulkError, RefusedError, StoppedError
from bulk.ledger import Board, Entry
from bulk.ledger.board import CODE, EARLIER_STEP, Mask, Rows, code_set
from bulk.plan.packing import wanted_parts, without
from bulk.plan.reading import withheld
from bulk.runner.conflicts import Conflicts
from bulk.runner.memories import Memories
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.suppressing import Suppressing
from bulk.runner.talk import OutdatedError, Seen, Talker

ENOUGH_TO_JUDGE = 100
"""Settled records from which on the failure rate is judged while the step runs."""
SPLITS_TO_JUDGE = 3
_BAD = code_set(CODE[Status.FAILED], CODE[Status.UNKNOWN])
_HELD_BACK = code_set(EARLIER_STEP)
_EARLIER = Verdict(Status.SKIPPED, "earlier_step", error_message="an earlier step of this destination failed")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a step may go.

    Attributes:
        canary: So many go alone first; they come in batches of their own.
        max_failure_rate: Share of failed and unknown at which the step is refused, or None.
        again: Statuses that are sent once more.
    """

    canary: int = 0
    max_failure_rate: float | None = None
    again: frozenset[Status] = frozenset()

    @property
    def wanted(self) -> Mask:
        """Whether a row is to be sent, by the code of what became of it so far."""
        return code_set(CODE[Status.PENDING], EARLIER_STEP, *(CODE[status] for status in self.again))


@dataclass(slots=True)
class _Progress:
    passed: int = 0
    settled: int = 0
    bad: int = 0
    split_refusals: list[str | None] = field(default_factory=list)


class Sending:
    """Sends the records of one step that still need it."""

    def __init__(  # noqa: PLR0913 - the parts it connects
        self,
        talker: Talker,
        *,
        board: Board,
        earlier: list[Board],
        attempted: Mask,
        memories: Memories,
        found: Mapping[int, Sequence[Name]],
        bounds: Bounds,
        stop: Stop,
        keys_repeat: bool,
        workers: int,
        most_workers: int,
        waiting: int,
        after_canary: Callable[[list[Batch]], Awaitable[None]],
        suppressing: Suppressing | None,
    ) -> None:
        self._talker = replace(talker, before_split=self._may_split)
        self._splits = 0
        self._judged = asyncio.Event()
        self._board = board
        self._earlier = earlier
        self._attempted = attempted
        self._memories = memories
        self._found = found
        self._bounds = bounds
        self._stop = stop
        self._conflicts = Conflicts() if keys_repeat else None
        self._workers = workers
        self._most_workers = most_workers
        self._group: asyncio.TaskGroup | None = None
        self._after_canary = after_canary
        self._suppressing = suppressing
        self._untouched: tuple[Records | None, bool] = (None, False)
        self._queue: asyncio.Queue[tuple[Batch, int | None] | None] = asyncio.Queue(waiting)
        self._progress = _Progress()
        self._wanted = bounds.wanted

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Send what is wanted of ``batches``; return when all is settled or the stop was requested."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._work(), name=f"worker {number}")
            self._group = group
            with contextlib.suppress(StoppingError):
                await self._dispatch_all(batches)
            await self._queue.put(None)
        self._group = None
        self._judge_rate(at_end=True)

    def reinforce(self) -> None:
        """Add a worker, up to a bound: one of those at work is going to wait, and holds no slot meanwhile."""
        if self._group is not None and self._workers < self._most_workers:
            self._group.create_task(self._work(), name=f"worker {self._workers}")
            self._workers += 1

    async def _dispatch_all(self, batches: AsyncIterator[Batch]) -> None:
        canary: list[Batch] = []
        gate, untried = self._bounds.canary, False
        async for batch in batches:
            sent = await self._dispatch(batch)
            self._progress.passed += len(batch)
            if len(canary) < gate:
                untried = sent or untried
                canary += [batch.part(at, at + 1) for at in range(len(batch))]
                if len(canary) >= gate and untried:
                    await self._pass_gate(canary)
        if len(canary) < gate and untried:
            await self._pass_gate(canary)

    async def _pass_gate(self, canary: list[Batch]) -> None:
        """Wait until the canary is settled and durable, then have it looked at."""
        await self._queue.join()
        if self._stop.requested:
            raise StoppingError
        await self._talker.committer.flush()
        await self._after_canary(canary)

    async def _dispatch(self, batch: Batch) -> bool:
        """Queue the wanted parts of a batch, unless an earlier step failed; tell if there were any."""
        if self._stop.requested:
            raise StoppingError
        if not len(batch):
            return False
        if self._is_untouched(batch.records):
            await self._queue.put((batch, await self._conflicts.hold(batch) if self._conflicts else None))
            return True
        wanted = self._board.having(batch.rows, self._wanted)
        held = self._hold_back(batch, wanted)
        held |= self._withhold(batch, wanted & ~held)
        if held.any():
            wanted &= ~held
            if (wanted | held).all() and not self._memories:
                batch, wanted = without(batch, held), wanted[wanted]
        for part in wanted_parts(batch, wanted):
            ticket = await self._conflicts.hold(part) if self._conflicts else None
            await self._queue.put((self._marked(part), ticket))
        return bool(wanted.any())

    def _is_untouched(self, records: Records) -> bool:
        """Tell whether no former run, no earlier step and no canary has to do with any of these records.

        Asked once for all batches of a chunk, before the first of them is under way.
        """
        if self._untouched[0] is not records:
            index = records.rows.astype(np.int64) - 1
            known = self._earlier or self._memories or self._found
            plain = not (known or self._progress.passed < self._bounds.canary)
            fresh = not self._board.codes[index].any() and not self._attempted[index].any()
            self._untouched = (records, plain and bool(fresh) and WITHHELD not in records.frame.columns)
        return self._untouched[1]

    def _marked(self, part: Batch) -> Batch:
        """Add what former runs left about these records."""
        attempted = bool(self._attempted[part.rows.astype(np.int64) - 1].any())
        memory = self._memories.of(int(part.rows[0]), int(part.rows[-1])) if self._memories else {}
        found = {row: self._found[row] for row in part.rows.tolist() if row in self._found}
        if not (attempted or memory or found):
            return part
        return replace(part, attempted=attempted, memory=memory, found=found)

    def _hold_back(self, batch: Batch, wanted: Mask) -> Mask:
        """Settle the rows that failed in an earlier step; return which they are."""
        if not self._earlier:
            return np.zeros(len(batch), dtype=np.bool_)
        failed: Mask = np.logical_or.reduce([board.having(batch.rows, _BAD) for board in self._earlier])
        new = failed & wanted & ~self._board.having(batch.rows, _HELD_BACK)
        self._settle(batch.rows[new], _EARLIER)
        return failed

    def _withhold(self, batch: Batch, wanted: Mask) -> Mask:
        """Settle the rows that may not be sent any more, as their contacts are now; return which they are.

        What a former run began with a system is carried to its end.
        """
        held = np.zeros(len(batch), dtype=np.bool_)
        if WITHHELD not in batch.records.frame.columns:
            return held
        for place, (reason, why) in enumerate(zip(batch.column(WITHHELD), batch.column(WHY), strict=True)):
            row = int(batch.rows[place])
            if reason is None or not wanted[place] or self._memories.of(row, row) or row in self._found:
                continue
            held[place] = True
            self._settle(batch.rows[place : place + 1], withheld(reason, why))
        return held

    async def _work(self) -> None:
        """Talk about batches until there are no more; after the stop, let them lie."""
        while (item := await self._queue.get()) is not None:
            await self._talk(*item)
            self._queue.task_done()
        self._queue.put_nowait(None)  # for the next worker; there is room, since nothing follows it

    async def _talk(self, batch: Batch, ticket: int | None) -> None:
        try:
            if self._stop.requested:
                return
            if self._suppressing is None:
                self._judge(await self._talker.talk(batch))
            else:
                await self._talk_with_allowed(batch, self._suppressing)
        except StoppingError:
            pass
        except StoppedError as stopped:
            self._stop.request(stopped)
        finally:
            if ticket is not None and self._conflicts:
                self._conflicts.release(ticket)

    async def _talk_with_allowed(
        self, batch: Batch, suppressing: Suppressing, *, again: bool = False
    ) -> None:
        """Talk about those who may be written to; think once more if a list changes while they wait."""
        parts = await self._still_allowed(batch, suppressing)
        outdated = None
        if not batch.memory and not again:
            outdated = partial(suppressing.outdated, suppressing.version)
        for part in parts:
            try:
                if not self._stop.requested:
                    self._judge(await self._talker.talk(part, outdated))
            except OutdatedError:
                await self._talk_with_allowed(part, suppressing, again=True)

    async def _still_allowed(self, batch: Batch, suppressing: Suppressing) -> Iterable[Batch]:
        """Settle the records of people who stand in a list by now; return the rest.

        What a former run began with a system is carried to its end.
        """
        if batch.memory:
            return (batch,)
        lists = await suppressing.standing(batch)
        if lists is None or not (lists >= 0).any():
            return (batch,)
        for number in np.unique(lists[lists >= 0]).tolist():
            self._settle(batch.rows[lists == number], suppressing.verdict(number))
        return wanted_parts(batch, lists < 0)

    def _settle(self, rows: Rows, verdict: Verdict) -> None:
        """Settle rows that are not sent."""
        now = self._talker.now()
        for first, last in self._board.runs(rows):
            self._talker.committer.settle(Entry(self._talker.step, first, last, verdict, 0, None, now))

    def _judge(self, seen: Seen) -> None:
        """Stop the step if what came back says that going on would do harm."""
        progress = self._progress
        progress.settled += sum(seen.counts.values())
        progress.bad += seen.counts.get(Status.FAILED, 0) + seen.counts.get(Status.UNKNOWN, 0)
        self._judge_rate(at_end=False)
        if seen.split and len(progress.split_refusals) < SPLITS_TO_JUDGE:
            alike = len(seen.refusals) == 1 and set(seen.counts) == {Status.FAILED}
            progress.split_refusals.append(next(iter(seen.refusals)) if alike else None)
            self._judge_splits(progress.split_refusals)

    async def _may_split(self) -> None:
        """Let so many batches be split, and the others wait until those have been judged."""
        self._splits += 1
        if self._splits > SPLITS_TO_JUDGE:
            with self._stop.interruptible():
                await self._judged.wait()

    def _judge_rate(self, *, at_end: bool) -> None:
        most, progress = self._bounds.max_failure_rate, self._progress
        if most is None or not progress.settled or (progress.settled < ENOUGH_TO_JUDGE and not at_end):
            return
        if progress.bad / progress.settled > most:
            self._refuse(
                RefusedError(
                    f"guard max_failure_rate: {progress.bad:,} of {progress.settled:,} records failed,"
                    f" more than {most:.1%}; look at them with bulk export --status failed"
                )
            )

    def _judge_splits(self, refusals: list[str | None]) -> None:
        if len(refusals) == SPLITS_TO_JUDGE:
            self._judged.set()
        if len(refusals) == SPLITS_TO_JUDGE and refusals[0] is not None and len(set(refusals)) == 1:
            self._refuse(
                StoppedError(
                    f"the first {SPLITS_TO_JUDGE} refused batches were refused record by record and alike;"
                    " mend the job and run it with --fresh (bulk export shows what was said)"
                )
            )

    def _refuse(self, reason: BulkError) -> None:
        self._stop.request(reason)
