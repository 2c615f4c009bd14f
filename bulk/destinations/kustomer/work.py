"""What is known of a batch on its way, and what a bulk job's results make of its records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bulk.conversation import Batch, Settle, Settled, Status, Verdict
from bulk.destinations.kustomer.answers import says_duplicate, says_outdated
from bulk.destinations.kustomer.jobs import Job, Result, Results
from bulk.destinations.kustomer.person import Person, person
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.kustomer.write import Aim, Task

_UNANSWERED = "the bulk job ended without one result for this record"


@dataclass(slots=True)
class Work:
    """What is known of a batch on its way.

    Attributes:
        batch: The batch.
        aim: What is to become of its records.
        settings: The destination's own options.
        look_first: Whether records are looked up before they are written.
        jobs: Jobs that Kustomer accepted.
        verdicts: By position, what became of records.
        alone: By position, records that are written by requests of their own.
        doubts: By position, records to be read back, and the verdict if they are not shown as sent.
        unfinished: Whether some job has not ended.
    """

    batch: Batch
    aim: Aim
    settings: KustomerSettings
    look_first: bool
    jobs: list[Job]
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    alone: dict[int, Task] = field(default_factory=dict)
    doubts: dict[int, Verdict] = field(default_factory=dict)
    unfinished: bool = False

    def person(self, position: int) -> Person:
        """Return a record."""
        return person(self.batch, position, self.settings)

    def task(self, position: int, *, doubtful: bool = False) -> Task:
        """Return the task of writing a record by a request of its own."""
        return Task(self.person(position), self.aim, doubtful)

    def ref(self, position: int) -> str:
        """Return the record's ``_clientRef``: unique in the request, and nothing about the person."""
        return str(int(self.batch.rows[position]))

    def settle(self) -> Settle:
        """Settle every record, in one commit: until then, the same rows can be resumed as a whole."""
        return Settle(tuple(_runs(self.verdicts)))


def _runs(verdicts: Mapping[int, Verdict]) -> Iterator[Settled]:
    start = 0
    for position in range(1, len(verdicts) + 1):
        if verdicts.get(position) != verdicts[start]:
            yield Settled(start, position, verdicts[start])
            start = position


def take(work: Work, job: Job, found: Results | Verdict) -> None:
    """Note what a job says of its records; "complete" alone says nothing."""
    for position in job.positions:
        if isinstance(found, Verdict):
            work.verdicts[position], work.unfinished = found, True
            continue
        result = found.of(work.ref(position))
        if result is None:
            status = Status.FAILED if _may_be_sent_again(work, job, position) else Status.UNKNOWN
            work.doubts[position] = Verdict(status, "unanswered", error_message=_UNANSWERED)
        else:
            _read_result(work, job, position, (result, found))


def _may_be_sent_again(work: Work, job: Job, position: int) -> bool:
    return not job.creates or work.person(position).is_unique


def _read_result(work: Work, job: Job, position: int, told: tuple[Result, Results]) -> None:
    result, where = told
    verdict = _verdict(result, where)
    if verdict.reason in {"", "refused"}:
        work.verdicts[position] = verdict
    elif work.aim is not Aim.CREATE:
        work.alone[position] = work.task(position)
    elif job.doubtful:
        work.doubts[position] = verdict
    else:
        work.verdicts[position] = verdict


def _verdict(result: Result, where: Results) -> Verdict:
    response = where.response
    status, request_id = (response.status, response.request_id) if response else (None, "")
    if not result.error:
        return Verdict(Status.SUCCEEDED, "", status, request_id=request_id, object_id=result.object_id)
    duplicate, outdated = says_duplicate(result.error), says_outdated(result.error)
    reason = "duplicate" if duplicate else "conflict" if outdated else "refused"
    return Verdict(Status.FAILED, reason, status, "", result.error, request_id)
