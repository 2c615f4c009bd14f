"""Carries out one conversation: asks for what it yields, records what it settles."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from bulk.conversation import (
    Act,
    Batch,
    Conversation,
    Found,
    Remember,
    Reply,
    Request,
    Settle,
    Settled,
    Split,
    Status,
    Verdict,
    Wait,
    halves,
)
from bulk.ledger import Board, Entry, Intent, Memory
from bulk.runner.committer import Committer


class Line(Protocol):
    """The way to a destination."""

    async def exchange(self, request: Request, tries: "Tries", caution: "Caution | None") -> Reply:
        """Send a request until there is an answer, or none is to be had."""

    async def wait(self, seconds: float) -> None:
        """Let time pass, holding nothing."""


class OutdatedError(Exception):
    """Raised where a conversation was about to begin, and what was known of its people may no longer hold."""


@dataclass(slots=True)
class Tries:
    """How often a conversation's requests were tried, and when it began.

    ``outdated`` is asked when nothing but the first sending is left.
    """

    attempts: int = 0
    first_sent_at: float | None = None
    outdated: Callable[[], bool] | None = None

    def check(self) -> None:
        """Raise OutdatedError before the first request, if what was known may no longer hold."""
        if self.first_sent_at is None and self.outdated is not None and self.outdated():
            raise OutdatedError


@dataclass(slots=True)
class Caution:
    """Keeps the ledger's word on a request that must not be repeated blindly.

    It is declared durably when nothing but the sending is left, and withdrawn when a try was certainly
    not processed, unless an earlier one may have been.
    """

    committer: Committer
    intents: list[Intent]
    doubtful: bool = False

    async def declare(self) -> None:
        """Return once it is durable that the request may be sent."""
        await self.committer.intend(self.intents)

    def processed(self, *, maybe: bool) -> None:
        """Take note of whether the last try may have been processed."""
        self.doubtful = self.doubtful or maybe
        if not self.doubtful:
            self.committer.withdraw([replace(intent, withdrawn=True) for intent in self.intents])


@dataclass(slots=True)
class Seen:
    """What became of a batch and all its parts: counts by status, and the distinct refusals."""

    counts: dict[Status, int] = field(default_factory=dict)
    refusals: set[str] = field(default_factory=set)
    split: bool = False

    def add(self, verdict: Verdict, count: int) -> None:
        """Count records that settled alike."""
        self.counts[verdict.status] = self.counts.get(verdict.status, 0) + count
        if verdict.status is Status.FAILED:
            self.refusals.add(verdict.error_message)


async def _at_once() -> None:
    """Wait for nothing."""


async def _nobody(_batch: Batch, _found: Found) -> Mapping[int, Verdict]:
    """Keep nobody: only steps that erase people may find somebody."""
    raise RuntimeError("a step that erases nobody found somebody")


@dataclass(frozen=True, slots=True)
class Talker:
    """Carries out the conversations of one step."""

    step: int
    converse: Callable[[Batch], Conversation]
    line: Line
    committer: Committer
    board: Board
    now: Callable[[], float]
    scrub: bool = False
    """Whether vendors' messages are left out, because they may name people."""
    brings: bool = False
    """Whether it must be known whom a request may have brought, also one that may be sent again."""
    before_split: Callable[[], Awaitable[None]] = _at_once
    """Waits until another batch may be split."""
    keep: Callable[[Batch, Found], Awaitable[Mapping[int, Verdict]]] = _nobody
    """Keeps durably who was found; returns, by position, the verdicts on those who must be left alone."""

    async def talk(self, batch: Batch, outdated: Callable[[], bool] | None = None) -> Seen:
        """Settle every record of a batch.

        Raises:
            OutdatedError: ``outdated`` said so before anything was sent.
        """
        seen = Seen()
        await self._converse(batch, seen, Tries(outdated=outdated))
        return seen

    async def _converse(self, batch: Batch, seen: Seen, tries: Tries) -> None:
        conversation, settled = self.converse(batch), bytearray(len(batch))
        reply: Reply | frozenset[int] | None = None
        while (act := _next(conversation, reply)) is not None:
            if isinstance(act, Split) and len(batch) > 1 and not any(settled):
                conversation.close()
                if not seen.split:
                    await self.before_split()
                seen.split = True
                for half in halves(batch):
                    await self._converse(half, seen, Tries())
                return
            if isinstance(act, Settle | Split):
                self._settle(batch, act, tries, seen, settled)
                await self.committer.room()
                reply = None
            elif isinstance(act, Found):
                held = await self.keep(batch, act)
                alone = tuple(Settled(position, position + 1, held[position]) for position in sorted(held))
                self._settle(batch, Settle(alone), tries, seen, settled)
                reply = frozenset(held)
            else:
                reply = await self._do(act, batch, tries)
        if not all(settled):
            raise RuntimeError("a conversation ended before it had settled every record")

    async def _do(self, act: Request | Wait | Remember, batch: Batch, tries: Tries) -> Reply | None:
        if isinstance(act, Request):
            careful = act.irreversible or not act.repeatable or (self.brings and act.method != "GET")
            caution = Caution(self.committer, self._intents(batch)) if careful else None
            return await self.line.exchange(act, tries, caution)
        if isinstance(act, Wait):
            await self.line.wait(act.seconds)
            return None
        first, last = int(batch.rows[0]), int(batch.rows[-1])
        await self.committer.remember(Memory(self.step, first, last, act.data))
        return None

    def _intents(self, batch: Batch) -> list[Intent]:
        now = self.now()
        return [Intent(self.step, first, last, now) for first, last in self.board.runs(batch.rows)]

    def _settle(
        self, batch: Batch, act: Settle | Split, tries: Tries, seen: Seen, settled: bytearray
    ) -> None:
        """Hand the outcomes over, and mark in ``settled`` whose they are: each record has one."""
        runs = act.verdicts if isinstance(act, Settle) else (Settled(0, len(batch), act.refusal),)
        now = self.now()
        for run in runs:
            if any(settled[run.start : run.stop]):
                raise RuntimeError("a conversation settled a record twice")
            settled[run.start : run.stop] = b"\x01" * (run.stop - run.start)
            verdict = _scrubbed(run.verdict) if self.scrub else run.verdict
            for first, last in self.board.runs(batch.rows[run.start : run.stop]):
                self.committer.settle(
                    Entry(self.step, first, last, verdict, tries.attempts, tries.first_sent_at, now)
                )
            seen.add(run.verdict, run.stop - run.start)


def _scrubbed(verdict: Verdict) -> Verdict:
    """Return a verdict without the vendor's words and ids."""
    kept = verdict.ours or not verdict.error_message
    message = verdict.error_message if kept else "the destination's message is not kept in a hashed ledger"
    return replace(verdict, error_message=message, object_id="")


def _next(conversation: Conversation, reply: Reply | frozenset[int] | None) -> Act | None:
    """Return what the conversation wants next; None if it has ended."""
    try:
        return conversation.send(reply)
    except StopIteration:
        return None
