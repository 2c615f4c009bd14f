"""What a run is made of: its steps, its destinations, its options."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from bulk.conversation import IDENTIFIER, KEY, RECORD, ROW, WHY, WITHHELD, Response, Status
from bulk.destinations.operation import Operation, Terms
from bulk.destinations.system import Probe, Reading
from bulk.ledger import PassFacts
from bulk.mapping import Identifier, StepMapping
from bulk.pacing import Rate
from bulk.plan.matching import Contacts
from bulk.plan.packing import Packer
from bulk.retry import RetryPolicy
from bulk.runner.suppressing import Lists
from bulk.runner.way import Sender
from bulk.source import Source


@dataclass(frozen=True, slots=True)
class Naming:
    """What names the people of a row: the identifiers that any step sends, and the key."""

    parts: tuple[tuple[StepMapping, tuple[Identifier, ...]], ...]

    def identified(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW and the columns of identifiers of a source chunk."""
        found = [mapping.identified(frame, chosen) for mapping, chosen in self.parts]
        more = [column for other in found[1:] for column in other.drop(ROW, IDENTIFIER).get_columns()]
        return found[0].hstack(more)


@dataclass(frozen=True, slots=True)
class Removes:
    """What a step takes back from a place, as scopes.

    Attributes:
        brought: What the steps deliver to that brought the people whom it removes.
        told: What all steps of its destination deliver to: nothing of it counts for somebody who was removed.
    """

    brought: tuple[str, ...]
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepSetup:
    """One step, ready to run."""

    index: int
    name: str
    destination: str
    operation: Operation
    terms: Terms
    mapping: StepMapping
    batch_size: int
    duplicates: str
    opted_out: str
    approval: str = ""
    """Why it needs approval, in words; empty if it needs none."""
    scope: str = ""
    """Names what it delivers to, in what the ledger knows to have arrived."""
    naming: Naming | None = None
    """What names people, to be looked for in lists; None if the step is held back from nobody."""
    heeds: str = ""
    """The reason of the lists whose people it is held back from."""
    brings: bool = False
    """Whether those whom it brings are removed once they leave the source."""
    removes: Removes | None = None
    """What it takes back, if its rows are not the source's but those who have left it."""

    @property
    def adds(self) -> bool:
        """Whether it adds to people; of an operation that may be anything, keeping every row says so."""
        return self.operation.adds and (bool(self.operation.fields) or self.duplicates == "keep_all")

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return source rows that are to be sent as records, beside them what names people."""
        return self._named(self.mapping.encode(frame, self.terms.seed), frame)

    def encode_again(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return source rows that were to be sent when they were judged, as ``encode`` does.

        Contacts may be others by now. Rows that are not to be sent any more are empty records, which keep
        their places in batches; WITHHELD and WHY say so.
        """
        if self.mapping.contacts is None:
            return self.encode(frame)
        judged = self.mapping.judge(frame)
        fine = judged["reason"].is_null()
        fault = judged.select(
            ROW,
            KEY,
            pl.lit("{}").alias(RECORD),
            pl.col("reason").alias(WITHHELD),
            pl.col("message").alias(WHY),
        )
        parts = [self.mapping.encode(frame.filter(fine), self.terms.seed), fault.filter(~fine)]
        records = pl.concat(parts, how="diagonal").sort(ROW)
        return self._named(records, frame)

    def _named(self, records: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
        named = [] if self.naming is None else self.naming.identified(frame).drop(ROW).get_columns()
        return records.hstack(named)

    @property
    def keys_repeat(self) -> bool:
        """Whether records that have a key in common may be sent, and are then kept in order."""
        return self.duplicates == "keep_all" and self.mapping.rules.key is not None

    def packer(self) -> Packer:
        """Return what cuts the step's records into batches."""
        batching = self.operation.batching
        return Packer(
            self.batch_size,
            keys_repeat=self.keys_repeat,
            max_bytes=batching.max_bytes if batching else None,
            group=batching.group if batching else None,
        )


@dataclass(frozen=True, slots=True)
class WaySetup:
    """One surface of a destination, ready to be sent to.

    Attributes:
        rate: The declared rate; None finds it by trying.
        reserve: Share of the rate that is left to others.
        period: Seconds over which a budget told by headers is counted, if known.
        concurrency: Requests in flight at the most.
        open_sender: Opens the connections; called inside the running loop.
    """

    rate: Rate | None
    reserve: float
    period: float | None
    concurrency: int
    open_sender: Callable[[], AbstractAsyncContextManager[Sender]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class LaneSetup:
    """One destination, ready to be sent to.

    Attributes:
        ways: By surface; the main one is the empty name, and one whose credential is not set is missing.
        preflight: A probe that must find no problem before anything that can never be undone is sent.
        pinned: Whether it must find none before anything at all is sent.
        asked_at: When something was last asked of it for this run, in unix seconds; None if nothing was.
        found: Requests per second that it was then found to allow, if it was.
    """

    name: str
    read: Callable[[Response], Reading | None]
    concurrency: int
    policy: RetryPolicy
    drain: float
    ways: Mapping[str, WaySetup]
    preflight: Probe | None = None
    pinned: bool = False
    asked_at: float | None = None
    found: float | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line and the guards say.

    Attributes:
        limit: Only the first so many sendable records of each step.
        again: Statuses that are sent once more.
        fresh: Begin a new pass in any case.
        max_records: Guard on the records of a step.
        min_records: Guard on the records of a step.
        max_shrink: Guard on the records of a step, against the last pass.
        max_failure_rate: Guard on the share of failed and unknown.
        canary: So many records of each step go alone first.
        tolerate: Share of failed and rejected with which a pass still ends well.
        overrides: Guards that are lifted for this run.
        facts: What the ledger notes about this run.
    """

    limit: int | None = None
    again: frozenset[Status] = frozenset()
    fresh: bool = False
    max_records: int | None = None
    min_records: int | None = None
    max_shrink: float | None = None
    max_failure_rate: float | None = None
    canary: int = 0
    tolerate: float = 0.0
    overrides: frozenset[str] = frozenset()
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sync:
    """Only what has changed is sent.

    Attributes:
        resend_after: Seconds after which what was delivered is sent again; None never does.
    """

    resend_after: float | None = None

    def since(self, now: float) -> float:
        """Return before when a delivery does not count any more."""
        return 0.0 if self.resend_after is None else max(0.0, now - self.resend_after)


@dataclass(frozen=True, slots=True)
class Setup:
    """A job made ready to run."""

    name: str
    digest: str
    source: Source
    source_facts: dict[str, Any]
    steps: tuple[StepSetup, ...]
    lanes: tuple[LaneSetup, ...]
    options: Options
    secrets: tuple[bytes, ...]
    """Those there are, newest first, if keys are hashed or people are erased."""
    hashed: bool = False
    """Whether the ledger keeps hashed keys."""
    secret: bytes | None = None
    """The one that the ledger was made with; known once it is open."""
    sync: Sync | None = None
    """How changes are told; None if every pass sends everything."""
    lists: Mapping[str, Lists] = field(default_factory=dict)
    """Suppression lists and holds, by the reason for which their people are skipped."""

    contacts: Mapping[str, Contacts] = field(default_factory=dict)
    """By destination, the contacts that rows are found among; empty if nobody is looked for."""

    erasing: Mapping[str, Any] | None = None
    """What the ledger notes of a job that erases people: destinations, options, holds."""
    spec: bytes = field(default=b"", repr=False)
    """And the job as JSON, without credentials."""

    @property
    def key_secret(self) -> bytes | None:
        """What keys are hashed with in the ledger, or None to keep them as they are."""
        return self.secret if self.hashed else None

    def facts(self, fingerprint: str) -> PassFacts:
        """Return what identifies a pass over this job's source."""
        steps = [(step.name, step.destination, step.operation.name) for step in self.steps]
        return PassFacts(
            self.name, self.digest, fingerprint, self.source_facts, steps, self.erasing, self.spec
        )
