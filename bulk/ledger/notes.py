"""What a run has the ledger note beside outcomes: what a pass is, what is to be sent, what to remember."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class PassFacts:
    """What identifies a pass.

    Attributes:
        job: The job's name.
        digest: Fingerprint of the job.
        fingerprint: Fingerprint of the source.
        source: How to read the source again, without secrets.
        steps: Name, destination and operation of each step.
        erasing: If any step erases people, what is told of that: destinations, options, holds.
        spec: And the job as JSON without credentials, which is kept sealed.
    """

    job: str
    digest: str
    fingerprint: str
    source: Mapping[str, Any]
    steps: Sequence[tuple[str, str, str]]
    erasing: Mapping[str, Any] | None = None
    spec: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Intent:
    """Rows whose request is about to be sent and must not be repeated blindly.

    ``withdrawn`` takes that back: the request was certainly not processed.
    """

    step: int
    first_row: int
    last_row: int
    at: float
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """What a conversation asked to remember about its rows."""

    step: int
    first_row: int
    last_row: int
    data: Mapping[str, Any]
