"""Asks the person at the terminal before harm could be done; elsewhere the command line must say it."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import typer

from bulk.errors import RefusedError
from bulk.runner.people import Planned


@dataclass(frozen=True, slots=True)
class Asker:
    """Approves by ``--confirm``, ``--yes``, or a typed count.

    Attributes:
        yes: ``--yes``.
        confirm: The digest of ``--confirm``.
        limit: How many records of each step are sent at most.
        harmless: Nothing real is at stake: after the canary nobody is asked.
        aside: A context in which the terminal is free for a question.
    """

    yes: bool
    confirm: str | None
    limit: int | None
    harmless: bool = False
    aside: Callable[[], AbstractContextManager[None]] = nullcontext

    async def approve(self, planned: Planned) -> str:
        """Return how the plan was approved.

        Raises:
            RefusedError: Nobody approved it.
        """
        if self.confirm is not None and self.confirm != planned.digest:
            raise RefusedError(
                "the plan is not the one that was confirmed: job, source or plan changed since;"
                " look at bulk preview again"
            )
        if self.confirm is not None:
            return f"--confirm {self.confirm}"
        count = sum(self._count(step.pending) for step in planned.steps if step.approval)
        if not count:
            return "not needed"
        if self.yes:
            return "--yes"
        undone = [f"{step.operation} {step.approval}" for step in planned.steps if step.approval]
        reasons = "; ".join(dict.fromkeys(undone))
        if not sys.stdin.isatty():
            raise RefusedError(
                f"{reasons} and nobody approved it: look at bulk preview,"
                f" then run with --confirm {planned.digest} or --yes"
            )
        with self.aside():
            await asyncio.to_thread(_typed_count, reasons, count)
        return "typed count"

    def _count(self, pending: int) -> int:
        return pending if self.limit is None else min(pending, self.limit)

    async def canary_passed(self, step: str, records: int) -> None:
        """On a terminal, ask whether to go on.

        Raises:
            RefusedError: The answer is no.
        """
        if self.yes or self.harmless or not sys.stdin.isatty():
            return
        question = f"{step}: the first {records} records went well. Go on with the rest?"
        with self.aside():
            agreed = await asyncio.to_thread(typer.confirm, question, err=True)
        if not agreed:
            raise RefusedError("stopped after the canary, as you said; run the same command again to go on")


def _typed_count(reasons: str, count: int) -> None:
    typer.echo(f"{count:,} records: {reasons}.", err=True)
    typed = typer.prompt("Type the number of records to go on", err=True)
    if typed.replace(",", "").strip() != str(count):
        raise RefusedError("the number is not right; nothing was sent")
