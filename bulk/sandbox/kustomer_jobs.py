"""Bulk jobs: accepted at once, done later batch by batch, and complete whatever became of their items."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bulk.sandbox.kustomer_answers import Refused, missing, moment, object_id, resource
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour
from bulk.sandbox.kustomer_due import Due

JOB, BATCH = 0xB0, 0xB1
_QUEUED_SHARE = 3


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to do: it returns the id of an object, or is refused."""

    client_ref: str | None
    work: Callable[[float], str]


@dataclass(slots=True, eq=False)
class JobBatch:
    """Some items of a job, and what became of them."""

    id: str
    items: Sequence[Item]
    object_ids: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    completed_at: float | None = None

    def attributes(self) -> dict[str, Any]:
        """Return the batch as Kustomer shows it."""
        done = self.completed_at is not None
        told: dict[str, Any] = {
            "status": "complete" if done else "queued",
            "successCount": len(self.object_ids),
            "failureCount": len(self.errors),
            "objectIds": self.object_ids,
            "errors": self.errors,
            "completedAt": moment(self.completed_at) if self.completed_at is not None else None,
        }
        correlated = any(item.client_ref is not None for item in self.items)
        return {**told, "results": self.results} if correlated else told


@dataclass(frozen=True, slots=True)
class Job:
    """A bulk request that was accepted; ``verb`` is what becomes of its objects."""

    id: str
    kind: str
    verb: str
    submitted_at: float
    batches: Sequence[JobBatch]


class Jobs:
    """All jobs by id."""

    def __init__(self, behaviour: KustomerBehaviour, due: Due, counts: Counter[str]) -> None:
        self._behaviour = behaviour
        self._due = due
        self._counts = counts
        self._all: dict[str, Job] = {}
        self._batches = 0
        self._results = 0

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._all.values())

    def get(self, identifier: str) -> Job:
        """Find a job."""
        found = self._all.get(identifier)
        if found is None:
            raise missing("bulk operation")
        return found

    def submit(self, kind: str, verb: str, items: Sequence[Item], now: float) -> Job:
        """Accept items; their batches follow each other evenly."""
        size = self._behaviour.job_batch
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        batches = tuple(JobBatch(self._batch_id(), part) for part in parts)
        job = Job(object_id(JOB, len(self._all) + 1), kind, verb, now, batches)
        self._all[job.id] = job
        self._counts["items_submitted"] += len(items)
        for number, batch in enumerate(batches, 1):
            self._schedule(job, batch, now + self._behaviour.job_seconds * number / len(batches))
        return job

    def status(self, job: Job, now: float) -> str:
        """Return queued, running or complete; there is no other."""
        if all(batch.completed_at is not None for batch in job.batches) and not self._behaviour.stuck_jobs:
            return "complete"
        queued_until = job.submitted_at + self._behaviour.job_seconds / _QUEUED_SHARE
        return "queued" if now < queued_until else "running"

    def shown(self, job: Job, now: float) -> dict[str, Any]:
        """Return a job as it stands under ``data``."""
        status, total = self.status(job, now), len(job.batches)
        done = sum(batch.completed_at is not None for batch in job.batches)
        attributes = {
            "status": status,
            "type": job.verb,
            "batches": {"complete": done if status == "complete" else min(done, total - 1), "total": total},
            "createdAt": moment(job.submitted_at),
        }
        return resource("bulk", job.id, attributes, f"/bulk/{job.id}")

    def _batch_id(self) -> str:
        self._batches += 1
        return object_id(BATCH, self._batches)

    def _schedule(self, job: Job, batch: JobBatch, time: float) -> None:
        self._due.at(time, lambda when: self._run(job, batch, when))

    def _run(self, job: Job, batch: JobBatch, now: float) -> None:
        for item in batch.items:
            told = self._do(job, batch, item, now)
            if item.client_ref is not None and not self._lose():
                batch.results.append({"_clientRef": item.client_ref, **told})
        # The vendor says that their order must not be trusted.
        order = Random(batch.id)  # noqa: S311 - an order that is the same every time
        order.shuffle(batch.object_ids)
        order.shuffle(batch.results)
        batch.completed_at = now

    def _do(self, job: Job, batch: JobBatch, item: Item, now: float) -> dict[str, Any]:
        try:
            identifier = item.work(now)
        except Refused as refused:
            self._counts["items_failed"] += 1
            batch.errors.append({"message": refused.message})
            return {"status": "error", "error": refused.message}
        batch.object_ids.append(identifier)
        return {"status": job.verb, "objectId": identifier}

    def _lose(self) -> bool:
        self._results += 1
        each = self._behaviour.lost_results
        return each > 0 and self._results % each == 0
