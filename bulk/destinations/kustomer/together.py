"""Create and update many customers at once: look up, submit bulk jobs, read what became of each record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

from bulk.conversation import (
    Batch,
    Conversation,
    Lost,
    Remember,
    Reply,
    Request,
    Split,
    Status,
    Verdict,
    lost_verdict,
)
from bulk.destinations.kustomer.answers import refusal
from bulk.destinations.kustomer.body import update_body
from bulk.destinations.kustomer.customer import Customer, object_id
from bulk.destinations.kustomer.jobs import Job, Results, finish, memory, remembered
from bulk.destinations.kustomer.look_up import find, identifiers
from bulk.destinations.kustomer.person import Person
from bulk.destinations.kustomer.settings import UpsertOptions, WriteOptions
from bulk.destinations.kustomer.work import Work, take
from bulk.destinations.kustomer.write import NOT_FOUND_VERDICT, Aim, Task, create, read_back, write
from bulk.destinations.operation import Terms
from bulk.destinations.verdicts import is_2xx

MOST_RECORDS = 100
MOST_BYTES = 100_000
"""Of a request's body."""
_NOT_IN_BULK_UPDATES = frozenset({"whatsapps", "instagramIds"})
"""Lists that the schema of bulk updates does not have."""
_INTERRUPTED = Verdict(
    Status.UNKNOWN,
    "interrupted",
    error_message="may have been created before; without an identifier it cannot be told, nor sent again",
)
_EMPTY = Verdict(
    Status.SKIPPED,
    "not_found",
    error_message="its contact is not there any more, so there is nothing to send",
)
_NAMELESS = Verdict(Status.REJECTED, "missing_field", error_message="has no identifier to look up")


def writing(aim: Aim) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that creates, updates or does whichever is called for."""

    def converse(batch: Batch, terms: Terms) -> Conversation:
        options = terms.options if isinstance(terms.options, WriteOptions) else UpsertOptions()
        first = not isinstance(options, UpsertOptions) or options.lookup == "first"
        jobs = remembered(batch.memory, batch.rows)
        work = Work(batch, aim, terms.settings, first and aim is not Aim.CREATE, jobs)
        if len(batch) == 1 and not work.jobs:
            yield from _one(work)
        else:
            yield from _many(work)

    return converse


def _one(work: Work) -> Conversation:
    refused = _unfit(work, work.person(0))
    if refused is None:
        work.alone[0] = work.task(0, doubtful=work.batch.attempted)
        yield from _write_alone(work)
    else:
        work.verdicts[0] = refused
    yield work.settle()


def _unfit(work: Work, who: Person) -> Verdict | None:
    """Say why a record must not be sent, if so."""
    if not (who.id or who.body):
        return _EMPTY
    if work.aim is Aim.CREATE:
        return _INTERRUPTED if work.batch.attempted and not who.is_unique else None
    return None if any(identifiers(who)) else _NAMELESS


def _many(work: Work) -> Conversation:
    """Updates go first: they can be repeated, so a batch can still be split if the creates are refused."""
    in_jobs = {position for job in work.jobs for position in job.positions}
    updates, creates = yield from _sorted(work, [at for at in range(len(work.batch)) if at not in in_jobs])
    yield from _submit_all(work, updates, creates=False)
    yield from _submit_all(work, creates, creates=True)
    for job in work.jobs:
        found = yield from finish(job, [work.ref(position) for position in job.positions], work.settings)
        take(work, job, found)
    yield from _write_alone(work)
    for position, otherwise in work.doubts.items():
        work.verdicts[position] = yield from read_back(
            work.person(position), work.settings, otherwise=otherwise
        )
    yield work.settle()
    if work.jobs and not work.unfinished:
        yield Remember({})


def _write_alone(work: Work) -> Conversation:
    for position, task in sorted(work.alone.items(), key=itemgetter(0)):
        if not (task.person.id or task.person.body):
            work.verdicts[position] = _EMPTY
        elif work.aim is Aim.CREATE:
            work.verdicts[position] = yield from create(task, work.settings)
        else:
            first = work.look_first or len(work.batch) > 1
            work.verdicts[position] = yield from write(task, work.settings, look_first=first)


_Bodies = dict[int, bytes]
"""By position, what a job says of a record."""


def _sorted(work: Work, positions: Sequence[int]) -> Any:
    """Look records up as far as that is wanted; return the bodies of updates and creates."""
    updates: _Bodies = {}
    creates: _Bodies = {}
    known: set[str] = set()
    for position in positions:
        who = work.person(position)
        finding: Any = _unfit(work, who)
        if finding is None and work.look_first:
            finding = yield from find(who, work.settings)
        if isinstance(finding, Customer):
            _plan_update(work, position, who, finding, (known, updates))
        elif isinstance(finding, Verdict):
            work.verdicts[position] = finding
        elif work.aim is Aim.UPDATE:
            work.verdicts[position] = NOT_FOUND_VERDICT
        else:
            creates[position] = _encoded(work, position, who.body)
    return updates, creates


def _plan_update(
    work: Work, position: int, who: Person, shown: Customer, into: tuple[set[str], _Bodies]
) -> None:
    """A customer's second update in a batch goes alone: it must see what the first has made of the lists."""
    known, updates = into
    body = update_body(who.body, shown, work.settings)
    if isinstance(body, Verdict):
        work.verdicts[position] = body
    elif shown.id in known or _NOT_IN_BULK_UPDATES & body.keys():
        work.alone[position] = Task(who, work.aim)
    else:
        known.add(shown.id)
        updates[position] = _encoded(work, position, {"id": shown.id, **body})


def _encoded(work: Work, position: int, body: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"_clientRef": work.ref(position), **body})


def _submit_all(work: Work, bodies: _Bodies, *, creates: bool) -> Conversation:
    doubtful = creates and work.batch.attempted
    for portion in _portions(bodies):
        if len(portion) == 1:
            position = next(iter(portion))
            work.alone[position] = work.task(position, doubtful=doubtful)
        else:
            yield from _submit(work, portion, creates=creates, doubtful=doubtful)


def _portions(bodies: _Bodies) -> Iterator[_Bodies]:
    """Cut bodies into requests that are not too long."""
    portion: _Bodies = {}
    size = 2
    for position, body in bodies.items():
        if portion and (len(portion) == MOST_RECORDS or size + len(body) + 1 > MOST_BYTES):
            yield portion
            portion, size = {}, 2
        portion[position] = body
        size += len(body) + 1
    if portion:
        yield portion


def _submit(work: Work, portion: _Bodies, *, creates: bool, doubtful: bool) -> Conversation:
    """Submit a job and remember it before anything else is done; a refusal splits the batch."""
    request = Request(
        "POST" if creates else "PUT",
        "/customers/bulk",
        b"[" + b",".join(portion.values()) + b"]",
        repeatable=work.aim is not Aim.CREATE,
    )
    reply: Reply = yield request
    if isinstance(reply, Lost):
        yield from _after_loss(work, portion, lost_verdict(request, reply), doubtful=doubtful)
    elif not is_2xx(reply):
        if work.jobs:
            yield Remember({})
        yield Split(refusal(reply))
    elif job_id := object_id(reply):
        work.jobs.append(Job(job_id, creates, tuple(portion), doubtful))
        yield Remember(memory(work.jobs, work.batch.rows))
    else:
        take(work, Job("", creates, tuple(portion), doubtful), Results({}, reply))


def _after_loss(work: Work, portion: _Bodies, verdict: Verdict, *, doubtful: bool) -> Conversation:
    """Submit once more what cannot be created twice; its duplicates may then be our own."""
    again = {}
    for position, body in portion.items():
        if verdict.status is not Status.UNKNOWN or not work.person(position).is_unique:
            work.verdicts[position] = verdict
        elif doubtful:
            work.doubts[position] = verdict
        else:
            again[position] = body
    if again:
        yield from _submit(work, again, creates=True, doubtful=True)
