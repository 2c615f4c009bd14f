"""Asks the person at the terminal before harm could be done; elsewhere the command line must say it."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import typer

from bulk.api.approving import Approval
from bulk.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Asker(Approval):
    """Approves by ``--confirm``, ``--yes``, or a typed count.

    Attributes:
        harmless: Nothing real is at stake: after the canary nobody is asked.
        aside: A context in which the terminal is free for a question.
    """

    harmless: bool = False
    aside: Callable[[], AbstractContextManager[None]] = nullcontext

    def said(self, digest: str | None) -> str:
        """Return the option by which everything, or the plan of a digest, was approved."""
        return "--yes" if digest is None else f"--confirm {digest}"

    async def ask(self, reasons: str, count: int, digest: str) -> str:
        """On a terminal, have the number of records typed.

        Raises:
            RefusedError: There is no terminal, or the number is not right.
        """
        if not sys.stdin.isatty():
            raise RefusedError(
                f"{reasons} and nobody approved it: look at bulk preview,"
                f" then run with --confirm {digest} or --yes"
            )
        with self.aside():
            await asyncio.to_thread(_typed_count, reasons, count)
        return "typed count"

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
