"""Shows what a job would send."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from bulk.api.contacts import Listing, Note, held_and_listed
from bulk.api.planning import Plan, make_plan
from bulk.conversation import Batch, Found, Request, Response, Wait
from bulk.job import Job
from bulk.job.resolved import Destination
from bulk.plan.reading import ON_HOLD, SUPPRESSED
from bulk.prepare import open_job_source
from bulk.runner.feed import Left, feed
from bulk.runner.setup import StepSetup

HIDDEN = "***"
MOST_FORESEEN = 20
"""Requests of one conversation that are shown, beside those for each of its records."""
MOST_EACH = 8


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What a step would send.

    Attributes:
        name: The step.
        destination: Where it sends to.
        operation: What it does there.
        records: How many records it sends.
        requests: How many requests that takes, if none is sent twice.
        seconds: How long they take at the destination's rate; None if that is found by trying.
        irreversible: Whether it can never be undone.
        approval: Why it needs approval, in words; empty if it needs none.
        warning: What to know of the operation; mostly empty.
        told: How many rows are not sent, by ``status: reason``.
    """

    name: str
    destination: str
    operation: str
    records: int
    requests: int
    seconds: float | None
    irreversible: bool
    approval: str
    warning: str
    told: dict[str, int]


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request as it would be sent, but for its secrets; its URL and body may show people's data."""

    step: str
    rows: list[int]
    method: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Preview:
    """A job's plan and its first requests.

    Attributes:
        digest: Names the plan: what is approved by it is sent, or nothing.
        rows: How many rows the source has, those included that only the ledger knows.
        left: How many of them are people who have left the list.
        compared: With what the source was compared, if only changes are sent.
        warnings: What may do harm.
        suppression: Of each suppression list ``list``, ``entries``, ``matches``.
        holds: The same of each list of holds.
        match: Of each destination whose contacts were listed ``destination``, ``contacts``, ``matches``.
        steps: What each step would send.
        requests: The first requests of each step.
        notify: Who is told of a run, and what; empty if nobody is.
    """

    digest: str
    rows: int
    left: int
    compared: str
    warnings: tuple[str, ...]
    suppression: list[dict[str, Any]]
    holds: list[dict[str, Any]]
    match: list[dict[str, Any]]
    steps: tuple[PlannedStep, ...]
    requests: tuple[ShownRequest, ...] = field(repr=False)
    notify: str = ""


def made_preview(  # noqa: PLR0913 - what it is made from
    job: Job,
    environ: Mapping[str, str],
    count: int,
    ledger: Path | None,
    *,
    mask: bool,
    note: Note,
    listing: Listing,
) -> Preview:
    """Plan a job, and make the requests of the first ``count`` rows of each step; send nothing.

    Raises:
        BulkError: Job or source have mistakes, or the ledger is none.
    """
    with open_job_source(job) as source:
        plan = make_plan(job, source, environ, ledger, held_and_listed(job, source, environ, note, listing))
        return Preview(
            digest=plan.digest,
            rows=plan.rows,
            left=sum(frame.height for frame in plan.left),
            compared=plan.compared,
            warnings=plan.warnings,
            suppression=plan.lists(SUPPRESSED),
            holds=plan.lists(ON_HOLD),
            match=plan.match,
            steps=tuple(_planned(plan, step, job) for step in plan.setup.steps),
            requests=tuple(
                shown for step in plan.setup.steps for shown in _requests(plan, step, job, count, mask=mask)
            ),
            notify=str(job.notify or ""),
        )


def _planned(plan: Plan, step: StepSetup, job: Job) -> PlannedStep:
    records = plan.boards[step.index].sendable
    requests = _request_count(plan, step, records, frozenset(job.steps[step.index].fields))
    rate = job.destinations[step.destination].rate
    share = 1 - job.destinations[step.destination].reserve
    return PlannedStep(
        name=step.name,
        destination=step.destination,
        operation=step.operation.name,
        records=records,
        requests=requests,
        seconds=round(requests * rate.period / (rate.limit * share), 1) if rate else None,
        irreversible=step.operation.irreversible,
        approval=step.approval,
        warning=step.operation.warning,
        told={
            f"{status}: {reason}": rows for (status, reason), rows in sorted(plan.reasons[step.index].items())
        },
    )


def _request_count(plan: Plan, step: StepSetup, records: int, fields: frozenset[str]) -> int:
    """Return how many requests a step takes if nothing is split or sent twice."""
    batching = step.operation.batching
    if step.batch_size == 1:
        batches = records
    elif step.duplicates == "keep_all" or (batching and (batching.max_bytes or batching.group is not None)):
        batches = sum(1 for _ in _batches(plan, step))
    else:
        batches = -(-records // step.batch_size)
    each = step.operation.exchanges_each(fields, step.terms)
    return batches * step.operation.exchanges(fields, step.terms) + records * each


def _batches(plan: Plan, step: StepSetup) -> Iterator[Batch]:
    told = plan.boards[step.index].told
    rows = plan.setup.source if step.removes is None else Left(plan.left)
    for batches in feed(rows, step.encode, told, step.packer()):
        yield from batches


def _requests(plan: Plan, step: StepSetup, job: Job, count: int, *, mask: bool) -> Iterator[ShownRequest]:
    """Yield the requests of the conversations over the first rows, as far as they can be foreseen."""
    step = replace(step, terms=replace(step.terms, seed=first_seed(plan, step)))
    left = count
    for batch in _batches(plan, step) if count else ():
        part = batch.part(0, min(left, len(batch)))
        yield from (_shown(step, job, part, request, mask=mask) for request in _foreseen(step, part))
        left -= len(part)
        if not left:
            return


def first_seed(plan: Plan, step: StepSetup) -> str:
    """Return the seed of a step in the first pass of a new ledger."""
    return f"{plan.setup.source.fingerprint()} 1 {step.name}"


def _foreseen(step: StepSetup, batch: Batch) -> Iterator[Request]:
    """Yield the first request of a conversation, and those after it that the operation can foresee."""
    conversation = step.operation.converse(batch, step.terms)
    suppose = step.operation.suppose
    reply: Response | frozenset[int] | None = None
    for _ in range(MOST_FORESEEN + MOST_EACH * len(batch)):
        try:
            act = conversation.send(reply)
        except StopIteration:
            return
        reply = None
        if isinstance(act, Request):
            yield act
            reply = suppose(act) if suppose else None
            if reply is None:
                return
        elif isinstance(act, Found):
            reply = frozenset()
        elif not isinstance(act, Wait):
            return


def _shown(step: StepSetup, job: Job, batch: Batch, request: Request, *, mask: bool) -> ShownRequest:
    place = job.destinations[step.destination]
    headers = masked_headers(place, request.surface) | dict(request.headers)
    if request.body is not None:
        headers.setdefault("Content-Type", "application/json")
    body = request.body.decode() if request.body is not None else None
    url = place.surface_urls[request.surface] if request.surface else place.base_url
    return ShownRequest(
        step=step.name,
        rows=batch.rows.tolist(),
        method=request.method,
        url=url + (masked_path(request.path) if mask else request.path),
        headers=headers,
        body=masked_body(body) if mask and body else body,
    )


def masked_headers(place: Destination, surface: str) -> dict[str, str]:
    """Return the headers of a surface with everything hidden that depends on a secret."""
    speaker = place.system.surfaces[surface] if surface else place.system

    def with_secrets(text: str) -> Mapping[str, str]:
        auth = {one.option: text if one.secret else place.auth[one.option] for one in place.credentials}
        return speaker.headers(auth, place.settings)

    shown, other = with_secrets(HIDDEN), with_secrets("another")
    return {
        name: value if value == other.get(name) else _masked_header(value) for name, value in shown.items()
    }


def _masked_header(value: str) -> str:
    """Hide a header's value but for a scheme before it, such as ``Bearer``."""
    scheme, space, _ = value.partition(" ")
    return f"{scheme}{space}{HIDDEN}" if space else HIDDEN


def masked_path(path: str) -> str:
    """Hide every value of a query, and every part of a path that holds encoded or mixed characters."""
    plain, question, query = path.partition("?")
    parts = [part if re.fullmatch(r"[a-z-]*", part) else HIDDEN for part in plain.split("/")]
    return "/".join(parts) + question + re.sub(r"=[^&]*", f"={HIDDEN}", query)


def masked_body(body: str) -> str:
    """Hide every value of a JSON body, and of a form."""
    try:
        return orjson.dumps(_masked(orjson.loads(body))).decode()
    except orjson.JSONDecodeError:
        return re.sub(r"=[^&]*", f"={HIDDEN}", body)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return HIDDEN
