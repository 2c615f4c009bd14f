"""Tells a job's webhook how a run ended, and what became of every row since it was last told."""

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import orjson
import polars as pl

from bulk.api.assembly import Order, worker
from bulk.api.contacts import Note
from bulk.api.untold import Untold, untold
from bulk.api.webhook import UntoldError, Webhook
from bulk.conversation import Status
from bulk.errors import BulkError
from bulk.job.notify import Notify
from bulk.ledger import Ledger
from bulk.ledger.view import EXPORT, View
from bulk.report.advice import Commands, finished_facts
from bulk.runner.committer import Work

AT_ONCE = 1000
"""Outcomes in one post."""
OUTCOME = tuple(name for name in EXPORT if name not in {"key", "error_message"})
"""What is told of an outcome: the columns of an export, without those that may name somebody."""
_INTERRUPTED = 128
"""Exit codes above say which signal ended a run."""
_SETTLED = [status.value for status in Status if status is not Status.PENDING]


class Notifier:
    """Tells the webhook of one run; nothing that happens there changes what the run ends with.

    It works on the event loop that is running when it is called. ``commands`` deal with the ledger, where the
    command line is known.
    """

    def __init__(self, order: Order, note: Note, warn: Note, commands: Commands | None = None) -> None:
        self._order = order
        self._note = note
        self._warn = warn
        self._commands = commands

    async def finished(self, code: int, ledger: Ledger) -> None:
        """Tell the outcomes, if the job says so, then the summary, as the ledger has them now.

        Args:
            code: What the run ends with.
            ledger: The run's, at rest.
        """
        notify = self._told()
        if notify is not None:
            self._note("telling_webhook")
            await self._guarded(self._finished(notify, code, ledger))

    async def failed(self, code: int, error: Exception) -> None:
        """Tell that the run could not begin, was refused, or broke off; there may be no ledger."""
        notify = self._told()
        if notify is None:
            return
        facts = {
            "event": "failed",
            "exit_code": code,
            "ledger": str(self._order.ledger_path),
            "job": self._order.job.name,
            "error": _why(code, error),
        }
        await self._guarded(self._failed(notify, facts))

    def _told(self) -> Notify | None:
        """Return who is told; note it if somebody is spared."""
        if self._order.told is None and self._order.job.notify is not None:
            self._note("webhook_spared", why="--sandbox tells nobody but a webhook on this machine")
        return self._order.told

    async def _guarded(self, telling: Awaitable[None]) -> None:
        try:
            await telling
        except (UntoldError, BulkError) as error:
            self._warn("webhook_not_told", why=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has ended as it ended
            self._warn("webhook_not_told", why=f"unexpected error: {type(error).__name__}")

    async def _failed(self, notify: Notify, facts: Mapping[str, Any]) -> None:
        async with Webhook(notify) as webhook:
            await webhook.post(orjson.dumps(facts))

    async def _finished(self, notify: Notify, code: int, ledger: Ledger) -> None:
        with worker("notify") as work:
            view = await work(partial(View, ledger.path))
            try:
                facts = await work(partial(finished_facts, view, code, self._commands))
                async with Webhook(notify) as webhook:
                    telling = _Outcomes(webhook, view, ledger, work) if notify.outcomes else None
                    await self._all(webhook, facts, telling)
            finally:
                await work(view.close)

    async def _all(self, webhook: Webhook, facts: Mapping[str, Any], outcomes: "_Outcomes | None") -> None:
        """Tell the summary last: whoever has it has everything, unless the outcomes were not taken."""
        why: Exception | None = None
        if outcomes is not None:
            try:
                await outcomes.tell(facts)
            except (UntoldError, BulkError) as error:
                why = error
        await webhook.post(orjson.dumps(facts))
        if why is not None:
            raise UntoldError(f"of outcomes: {why}; the next run tells them")
        self._note("webhook_told", posts=webhook.taken)


@dataclass(frozen=True, slots=True)
class _Outcomes:
    """Tells what became of rows; ``work`` reads, since a ledger may be long and others use the loop."""

    webhook: Webhook
    view: View
    ledger: Ledger
    work: Work

    async def tell(self, facts: Mapping[str, Any]) -> None:
        """Tell pass after pass, and note of each that it was told: else the next run tells it again.

        Raises:
            UntoldError: A post was not taken.
        """
        if not self.ledger.run:
            return
        about = {"event": "outcomes", **{name: facts[name] for name in ("job", "ledger", "pass", "run")}}
        sequence = count(1)
        for one in await self.work(partial(untold, self.view)):
            await self._tell(one, about | {"pass": one.number}, sequence)
            # By the run under way: runs that are over stay as evidence may have told them.
            await self.work(partial(self.ledger.learn, one.noted))

    async def _tell(self, one: Untold, about: Mapping[str, Any], sequence: Iterator[int]) -> None:
        async with self._pass(one.number) as view:
            waiting = batches(view, one.after)
            while (batch := await self.work(partial(next, waiting, None))) is not None:
                head = orjson.dumps({**about, "sequence": next(sequence)})
                await self.webhook.post(b'%b,"outcomes":[%b]}' % (head[:-1], batch))

    @asynccontextmanager
    async def _pass(self, number: int) -> AsyncIterator[View]:
        """Open a pass, unless it is the one that is open: a long one takes memory."""
        if number == self.view.number:
            yield self.view
            return
        view = await self.work(partial(View, self.view.path, number))
        try:
            yield view
        finally:
            await self.work(view.close)


def _why(code: int, error: Exception) -> str:
    """Say what happened; what is not ours to say may name somebody."""
    if isinstance(error, BulkError):
        return str(error)
    return "interrupted" if code > _INTERRUPTED else "unexpected error"


def batches(view: View, after: int | None) -> Iterator[bytes]:
    """Yield the outcomes of a pass that are newer than an entry: JSON objects, with commas between them."""
    for frame in view.lines(after):
        lines = frame.filter(pl.col("status").is_in(_SETTLED)).select(OUTCOME)
        for part in lines.iter_slices(AT_ONCE):
            texts = part.select(pl.struct(pl.all()).struct.json_encode()).to_series()
            yield ",".join(texts).encode()
