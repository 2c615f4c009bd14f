"""Who approves what can never be undone: whoever starts the run, or somebody who is asked then."""

from dataclasses import dataclass

from bulk.errors import RefusedError
from bulk.runner.people import Planned


@dataclass(frozen=True, slots=True)
class Approval:
    """Approves what was approved beforehand.

    Attributes:
        yes: Whether everything is approved.
        digest: The digest of the plan that is approved, and no other; None if that was not said.
        limit: How many records of each step are sent at most.
    """

    yes: bool = False
    digest: str | None = None
    limit: int | None = None

    async def approve(self, planned: Planned) -> str:
        """Return how the plan was approved, in words that the ledger keeps.

        Raises:
            RefusedError: Nobody approved it.
        """
        if self.digest is not None and self.digest != planned.digest:
            raise RefusedError(
                "the plan is not the one that was confirmed: job, source or plan changed since;"
                " look at bulk preview again"
            )
        if self.digest is not None:
            return self.said(self.digest)
        count = sum(self._count(step.pending) for step in planned.steps if step.approval)
        if not count:
            return "not needed"
        if self.yes:
            return self.said(None)
        undone = [f"{step.operation} {step.approval}" for step in planned.steps if step.approval]
        return await self.ask("; ".join(dict.fromkeys(undone)), count, planned.digest)

    def said(self, digest: str | None) -> str:
        """Return in words how everything, or the plan of a digest, was approved."""
        return f"approve={True if digest is None else digest}"

    async def ask(self, reasons: str, _count: int, digest: str) -> str:
        """Return how a plan was approved that was not approved beforehand.

        Raises:
            RefusedError: Nobody approved it.
        """
        raise RefusedError(
            f"{reasons} and nobody approved it: look at bulk.preview(job),"
            f' then run with approve="{digest}" or approve=True'
        )

    def _count(self, pending: int) -> int:
        return pending if self.limit is None else min(pending, self.limit)

    async def canary_passed(self, step: str, records: int) -> None:
        """Go on after the canary."""
