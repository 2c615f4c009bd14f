import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from ledgers import BAD, begin, entries_in, entry
from virtual_time import run

from bulk.conversation import Status
from bulk.errors import StoppedError
from bulk.ledger import Intent, Ledger, Memory
from bulk.runner import committer as committer_module
from bulk.runner.committer import GATHER, Committer

T = TypeVar("T")
ROWS = 100


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = begin(tmp_path / "x.ledger", ROWS, chunk=ROWS)
    yield opened
    opened.close()


class Executor:
    """Runs work inline after a while, and counts how often."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.times: list[float] = []

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        return self._run(function)

    async def _run(self, function: Callable[[], T]) -> T:
        await asyncio.sleep(self.seconds)
        result = function()
        self.times.append(asyncio.get_running_loop().time())
        return result


def committing(
    ledger: Ledger, use: Callable[[Committer], Coroutine[Any, Any, None]], executor: Executor | None = None
) -> Executor:
    """Let ``use`` settle things in virtual time; return what was executed."""
    work = executor or Executor()

    async def main() -> None:
        committer = Committer(ledger, work)
        async with asyncio.TaskGroup() as group:
            group.create_task(committer.run(), name="committer")
            await use(committer)
            committer.close()

    run(main())
    return work


def succeeded(ledger: Ledger) -> int:
    return ledger.boards[0].counts[Status.SUCCEEDED]


def test_outcomes_are_committed_in_one_group_well_within_50_ms(ledger: Ledger) -> None:
    async def use(committer: Committer) -> None:
        for row in range(1, 11):
            committer.settle(entry(row, row))
        await asyncio.sleep(0.05)
        assert succeeded(ledger) == 10

    work = committing(ledger, use)

    assert (succeeded(ledger), len(work.times)) == (10, 1)
    assert work.times[0] == pytest.approx(GATHER)
    assert GATHER < 0.05
    assert entries_in(ledger) == [(1, 10)]


def test_a_flush_does_not_wait_for_company(ledger: Ledger) -> None:
    async def use(committer: Committer) -> None:
        committer.settle(entry(1, 2))
        await committer.flush()
        assert succeeded(ledger) == 2

    assert committing(ledger, use).times == pytest.approx([0.0], abs=1e-6)


def test_what_is_settled_during_a_commit_goes_into_the_next(ledger: Ledger) -> None:
    async def use(committer: Committer) -> None:
        committer.settle(entry(1, 1))
        flushing = asyncio.create_task(committer.flush())
        await asyncio.sleep(0.5)
        committer.settle(entry(2, 2, BAD))
        await flushing
        assert (succeeded(ledger), ledger.boards[0].counts[Status.FAILED]) == (1, 0)

    work = committing(ledger, use, Executor(1.0))

    assert (len(work.times), ledger.boards[0].counts[Status.FAILED]) == (2, 1)


def test_an_intent_is_durable_when_intending_returns(ledger: Ledger) -> None:
    async def use(committer: Committer) -> None:
        await committer.intend([Intent(0, 3, 4, 1.0)])
        assert ledger.intended(0)[:5].tolist() == [False, False, True, True, False]

    committing(ledger, use)


def test_a_withdrawn_intent_is_committed_without_anybody_waiting_for_it(ledger: Ledger) -> None:
    async def use(committer: Committer) -> None:
        await committer.intend([Intent(0, 3, 4, 1.0)])
        committer.withdraw([Intent(0, 3, 3, 2.0, withdrawn=True)])

    committing(ledger, use)

    assert ledger.intended(0)[:5].tolist() == [False, False, False, True, False]


def test_a_memory_is_durable_when_remembering_returns(ledger: Ledger) -> None:
    async def use(committer: Committer) -> None:
        await committer.remember(Memory(0, 1, 5, {"job": "j1"}))
        assert ledger.remembered(0) == {(1, 5): {"job": "j1"}}

    committing(ledger, use)


def test_intents_of_many_requests_share_a_commit(ledger: Ledger) -> None:
    async def use(committer: Committer) -> None:
        async with asyncio.TaskGroup() as group:
            for row in range(1, 51):
                group.create_task(committer.intend([Intent(0, row, row, 1.0)]), name=f"row {row}")

    work = committing(ledger, use, Executor(0.01))

    assert ledger.intended(0).sum() == 50
    assert len(work.times) <= 2


def test_closing_commits_what_is_left(ledger: Ledger) -> None:
    async def use(committer: Committer) -> None:
        committer.settle(entry(1, 7))

    committing(ledger, use)

    assert succeeded(ledger) == 7


def test_closing_with_nothing_left_commits_nothing(ledger: Ledger) -> None:
    async def use(_committer: Committer) -> None:
        pass

    assert committing(ledger, use).times == []


def test_there_is_room_until_too_many_outcomes_wait(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer_module, "FULL", 3)

    async def use(committer: Committer) -> None:
        for row in (1, 2, 3):
            committer.settle(entry(row, row))
            await committer.room()
        assert succeeded(ledger) == 0
        committer.settle(entry(4, 4))
        await committer.room()
        assert succeeded(ledger) == 4

    committing(ledger, use)


def test_a_ledger_that_cannot_be_written_ends_the_run_and_nobody_waits_for_ever(ledger: Ledger) -> None:
    pages = ledger._query("PRAGMA page_count")[0][0]
    ledger._query(f"PRAGMA max_page_count = {pages}")

    async def use(committer: Committer) -> None:
        await committer.remember(Memory(0, 1, 5, {"long": "x" * 100_000}))

    with pytest.raises(ExceptionGroup) as caught:
        committing(ledger, use)

    assert caught.group_contains(StoppedError, match="SQLITE_FULL")
