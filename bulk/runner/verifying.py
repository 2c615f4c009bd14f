"""Reads erased people back, again and again while they are still shown, until the patience is over."""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from bulk.conversation import Batch, Conversation, Status, Verdict, Verification
from bulk.destinations.erasure import STILL_PRESENT
from bulk.ledger import Entry
from bulk.plan.packing import without
from bulk.runner.reading_back import read_back
from bulk.runner.stop import StoppingError
from bulk.runner.talk import Line

FIRST, LONGER = 2.0, 3.0
"""Seconds after acceptance when somebody is read for the first time, and how much later each read is."""
BY_HAND = "by_hand"
"""Reason of somebody who is gone, of whom the vendor says that its API does not erase for good."""
RETURNED = "returned"
"""Reason of somebody who was seen to be gone, and is there again."""
_RETURNED = "the person was gone, and the destination shows the person again"
Outcomes = Mapping[int, Entry]
"""By row, what holds of those who are read back."""


def reads(patience: float) -> Iterator[float]:
    """Yield how long after acceptance each read is due; the last one when the patience ends."""
    at = FIRST
    while at < patience:
        yield at
        at *= LONGER
    yield patience


@dataclass(order=True, slots=True)
class _Due:
    """People to be read at a time, in unix seconds."""

    at: float
    number: int
    batch: Batch = field(compare=False)
    last: bool = field(compare=False)


def verified(before: Entry, row: int, said: Verdict, now: float, by_hand: str = "") -> Entry:
    """Return the outcome of a row that was read back; what is known of its removal stays."""
    told = _gone(before.verdict, by_hand) if said.status is Status.SUCCEEDED else _shown(before.verdict, said)
    verdict = replace(told, status=said.status, verification=said.verification, ours=True)
    return replace(before, first_row=row, last_row=row, verdict=verdict, finished_at=now)


def _gone(before: Verdict, by_hand: str) -> Verdict:
    """Say of somebody who is gone what is left to be done."""
    removed = before.reason != "not_present"
    kept = "" if before.reason in {STILL_PRESENT.reason, RETURNED, BY_HAND} else before.reason
    reason = BY_HAND if by_hand and removed else kept
    return replace(before, reason=reason, error_message=by_hand if removed else "")


def _shown(before: Verdict, said: Verdict) -> Verdict:
    """Say of somebody who is there that he still is, or that he is again."""
    if before.verification == Verification.ABSENT or before.reason == RETURNED:
        return replace(before, reason=RETURNED, error_message=_RETURNED)
    return replace(before, reason=said.reason, error_message=said.error_message)


class Verifying:
    """Reads back the people of one step."""

    def __init__(  # noqa: PLR0913 - the parts it connects
        self,
        verify: Callable[[Batch], Conversation],
        *,
        line: Line,
        settle: Callable[[Entry], None],
        unix: Callable[[], float],
        patience: float,
        workers: int,
        by_hand: str = "",
    ) -> None:
        self._verify = verify
        self._line = line
        self._settle = settle
        self._unix = unix
        self._patience = patience
        self._workers = workers
        self._by_hand = by_hand
        self._heap: list[_Due] = []
        self._number = 0
        self._outcomes: Outcomes = {}

    async def run(self, batches: Iterable[Batch], outcomes: Outcomes) -> None:
        """Read people back until each is seen to be gone, or the patience is over.

        Who could not be read stays as he is.

        Args:
            batches: Who is to be read; who was accepted together should stand together.
            outcomes: By row, the outcome that holds: when it was known, its removal was accepted.

        It ends early when the destination stops.
        """
        self._outcomes = outcomes
        for batch in batches:
            self._plan(batch)
        async with asyncio.TaskGroup() as group:
            for number in range(min(self._workers, len(self._heap))):
                group.create_task(self._work(), name=f"reader {number}")

    def _plan(self, batch: Batch) -> None:
        """Plan the next read of people: never after the patience, but at least one."""
        now = self._unix()
        accepted = max(self._accepted_at(int(row)) for row in batch.rows)
        times = [accepted + seconds for seconds in reads(self._patience) if accepted + seconds > now]
        at = times[0] if times else now
        self._number += 1
        heapq.heappush(self._heap, _Due(at, self._number, batch, last=len(times) <= 1))

    def _accepted_at(self, row: int) -> float:
        """Return when a row was accepted; somebody who was read back before is waited for no more."""
        before = self._outcomes[row]
        waits = before.verdict.verification == Verification.PENDING
        return before.finished_at if waits else float("-inf")

    async def _work(self) -> None:
        while self._heap:
            due = heapq.heappop(self._heap)
            try:
                if (early := due.at - self._unix()) > 0:
                    await self._line.wait(early)
                await self._read(due)
            except StoppingError:
                return

    async def _read(self, due: _Due) -> None:
        """Read people once; settle who is gone, and plan to read the others again."""
        settled = np.zeros(len(due.batch), dtype=np.bool_)
        for run in await read_back(self._verify(due.batch), self._line):
            if run.verdict.verification == Verification.ABSENT or (
                due.last and run.verdict.verification == Verification.STILL_PRESENT
            ):
                settled[run.start : run.stop] = True
                self._note(due.batch, range(run.start, run.stop), run.verdict)
        if not due.last and not settled.all():
            self._plan(without(due.batch, settled))

    def _note(self, batch: Batch, positions: Iterable[int], said: Verdict) -> None:
        now = self._unix()
        for position in positions:
            row = int(batch.rows[position])
            self._settle(verified(self._outcomes[row], row, said, now, self._by_hand))
