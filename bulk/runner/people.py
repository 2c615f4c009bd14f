"""Who is asked before harm could be done, and what they are shown."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a step would send."""

    name: str
    destination: str
    operation: str
    approval: str
    records: int
    pending: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run is about to do, before its first request."""

    digest: str
    rows: int
    steps: tuple[PlannedStep, ...]


class People(Protocol):
    """Who is asked before harm could be done."""

    async def approve(self, planned: Planned) -> str:
        """Return how the plan was approved, or raise RefusedError."""

    async def canary_passed(self, step: str, records: int) -> None:
        """Return to go on after the canary, or raise RefusedError."""
