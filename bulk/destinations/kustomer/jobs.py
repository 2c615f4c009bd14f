"""Kustomer's bulk jobs: accepted at once, worked off later; only their results speak about records."""

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bulk.conversation import Act, Lost, Reply, Request, Response, Status, Verdict, Wait
from bulk.destinations.address import encoded
from bulk.destinations.kustomer.answers import NOT_FOUND
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.verdicts import LONGEST_MESSAGE, is_2xx

Rows = npt.NDArray[np.uint32]
_ENDED = frozenset({"complete", "completed"})
_WRITTEN = frozenset({"created", "updated", "success"})
_LOST_POLLS = 3
"""Questions in a row without an answer after which a job's records are given up for this run."""
_READINGS = 3
"""How often the results are read while some are missing: they may lag behind the job's status."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that Kustomer accepted.

    Attributes:
        id: Kustomer's id of it.
        creates: Whether it creates customers; else it updates them.
        positions: The records in it, counted from 0 in their batch.
        doubtful: Whether an earlier request may have done its work already.
    """

    id: str
    creates: bool
    positions: tuple[int, ...]
    doubtful: bool = False


def memory(jobs: Sequence[Job], rows: Rows) -> dict[str, Any]:
    """Return what must be remembered to go on with these jobs; ``rows`` are those of the batch."""
    return {
        "jobs": [
            {
                "id": job.id,
                "creates": job.creates,
                "rows": [int(rows[position]) for position in job.positions],
                "doubtful": job.doubtful,
            }
            for job in jobs
        ]
    }


def remembered(data: Mapping[str, Any], rows: Rows) -> list[Job]:
    """Return the jobs that an earlier conversation remembered about rows of a batch.

    The batch may be a part of the one they were submitted for, as when only some of it is sent again.
    """
    at = {row: position for position, row in enumerate(rows.tolist())}
    jobs = [
        Job(
            job["id"],
            job["creates"],
            tuple(at[row] for row in job["rows"] if row in at),
            job["doubtful"],
        )
        for job in data.get("jobs", ())
    ]
    return [job for job in jobs if job.positions]


@dataclass(frozen=True, slots=True)
class Result:
    """What a job says of one record: the customer's id, or why there is none."""

    object_id: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """What a job says when it has ended: results by ``_clientRef``, and the answer they stand in."""

    by_ref: Mapping[str, Sequence[Result]]
    response: Response | None = None

    def of(self, ref: str) -> Result | None:
        """Return the one result of a record; None if there is none, or more than one."""
        found = self.by_ref.get(ref, ())
        return found[0] if len(found) == 1 else None


def finish(
    job: Job, refs: Sequence[str], settings: KustomerSettings
) -> Generator[Act, Any, Results | Verdict]:
    """Wait until a job has ended and read its results; a verdict if it does not end."""
    waited, lost = 0.0, 0
    for asked in range(_most_questions(settings)):
        pause = settings.pause(asked)
        yield Wait(pause)
        waited += pause
        reply: Reply = yield Request("GET", f"/bulk/{encoded(job.id)}")
        if isinstance(reply, Lost):
            lost += 1
            if lost == _LOST_POLLS:
                return _unfinished(job, reply.message, reply.reason)
        elif reply.status == NOT_FOUND:
            return Results({})
        elif _has_ended(reply):
            return (yield from _results(job, refs, settings))
        else:
            lost = 0
        if waited >= settings.patience:
            break
    return _unfinished(job, f"it has not ended after {waited:,.0f} s")


def _most_questions(settings: KustomerSettings) -> int:
    """Return a bound that patience reaches first: the pauses grow to the longest."""
    return int(settings.patience / settings.poll_first) + 2


def _unfinished(job: Job, why: str, reason: str = "job_unfinished") -> Verdict:
    message = f"bulk job {job.id}: {why}; send unknown records again to go on asking for it"
    return Verdict(Status.UNKNOWN, reason, error_message=message)


def _has_ended(response: Response) -> bool:
    """Tell whether a job has ended; that says nothing yet about its records."""
    body = response.json
    data = body.get("data") if isinstance(body, dict) and is_2xx(response) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    return isinstance(attributes, dict) and str(attributes.get("status")).lower() in _ENDED


def _results(job: Job, refs: Sequence[str], settings: KustomerSettings) -> Generator[Act, Any, Results]:
    """Read the results until each record has one, a few times."""
    found = Results({})
    for number in range(_READINGS):
        if number:
            yield Wait(settings.pause(number))
        reply: Reply = yield Request("GET", f"/bulk/{encoded(job.id)}/batches")
        if isinstance(reply, Response) and is_2xx(reply):
            found = results(reply)
            if all(ref in found.by_ref for ref in refs):
                break
    return found


def results(response: Response) -> Results:
    """Read the results of all batches of a job."""
    body = response.json
    data = body.get("data") if isinstance(body, dict) else None
    by_ref: dict[str, list[Result]] = defaultdict(list)
    for item in _entries(data if isinstance(data, list) else [data]):
        ref = item.get("_clientRef")
        if isinstance(ref, str | int):
            by_ref[str(ref)].append(_result(item))
    return Results(by_ref, response)


def _entries(batches: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    for batch in batches:
        inner = batch.get("attributes") if isinstance(batch, dict) else None
        shown = inner if isinstance(inner, dict) else batch if isinstance(batch, dict) else {}
        listed = shown.get("results")
        yield from (item for item in (listed if isinstance(listed, list) else ()) if isinstance(item, dict))


def _result(item: Mapping[str, Any]) -> Result:
    error = item.get("error") or item.get("errors")
    if str(item.get("status")).lower() in _WRITTEN and not error:
        return Result(object_id=str(item.get("objectId") or "")[:100])
    return Result(error=_words(error)[:LONGEST_MESSAGE] or "refused without an explanation")


def _words(error: Any) -> str:
    """Return the vendor's words, in whatever form they come."""
    if isinstance(error, list):
        return "; ".join(filter(None, map(_words, error)))
    if isinstance(error, dict):
        parts = [error.get(name) for name in ("code", "message", "detail", "title")]
        return ": ".join(str(part) for part in parts if part)
    return str(error) if error else ""
