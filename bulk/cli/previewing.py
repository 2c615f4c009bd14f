"""Shows what a job would send."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import typer

from bulk.cli.contacts import held_and_listed
from bulk.cli.logs import logger
from bulk.conversation import ROW, Batch, Request, Response, Wait
from bulk.job import Job, load_job
from bulk.job.environment import variable
from bulk.job.resolved import Destination
from bulk.ledger import Board
from bulk.ledger.columns import status_codes
from bulk.ledger.deliveries import Known, as_known, newest
from bulk.plan.guards import plan_digest
from bulk.prepare import LEDGER_SECRET, NO_CONTACTS, open_job_source, prepare
from bulk.runner.feed import feed
from bulk.runner.listing import Pulled
from bulk.runner.prepass import comparisons, finding_nobody, read_source
from bulk.runner.setup import Options, Setup, StepSetup
from bulk.source import Source

HIDDEN = "***"
NOTHING = newest(())
MOST_FORESEEN = 20
"""Requests of one conversation that are shown, beside those for each of its records."""
MOST_EACH = 8


class Told:
    """Keeps in memory what rows were told, instead of a ledger."""

    def __init__(self, steps: int) -> None:
        self.frames: list[list[pl.DataFrame]] = [[] for _ in range(steps)]
        self.rows_read = 0

    def write_keys(self, frame: pl.DataFrame) -> None:
        """Keys are of no use here."""

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        """Keep what rows were told in a step."""
        self.frames[step].append(frame)

    def write_contents(self, step: int, frame: pl.DataFrame) -> None:
        """Nothing is sent, so nothing will have arrived."""

    def boards(self, rows: int) -> list[Board]:
        """Return the boards of all steps."""
        boards = [Board(rows) for _ in self.frames]
        for board, frames in zip(boards, self.frames, strict=True):
            for frame in frames:
                board.tell(frame[ROW].to_numpy(), status_codes(frame["status"]))
        return boards


@dataclass(frozen=True, slots=True)
class Plan:
    """A job's plan, made without a ledger."""

    setup: Setup
    rows: int
    boards: list[Board]
    reasons: list[dict[tuple[str, str], int]]
    met: list[bool]
    """By suppression list, whether any row stands in it."""
    compared: str = ""
    """With what the source was compared, if only changes are sent."""
    nobody: tuple[str, ...] = ()
    """Destinations that have contacts for no row."""

    @property
    def suppression(self) -> list[dict[str, Any]]:
        """What is told of each suppression list."""
        return [
            {"list": one.name, "entries": int(one.members.size), "matches": met}
            for one, met in zip(self.setup.suppression.lists, self.met, strict=True)
        ]

    @property
    def match(self) -> list[dict[str, Any]]:
        """What is told of the contacts of each destination."""
        return [
            {"destination": name, "contacts": found.listed, "matches": name not in self.nobody}
            for name, found in self.setup.contacts.items()
        ]

    @property
    def digest(self) -> str:
        """What ``--confirm`` names."""
        sendable = [board.sendable for board in self.boards]
        return plan_digest(self.setup.digest, self.setup.source.fingerprint(), self.rows, sendable)


def make_plan(
    job: Job, source: Source, ledger: Path | None, listed: Mapping[str, Pulled] = NO_CONTACTS
) -> Plan:
    """Read the whole source and plan every step; where only changes are sent, compare with the ledger.

    ``listed`` holds the contacts that the job asks for.

    Raises:
        BulkError: Job or source have mistakes, or the ledger is none.
    """
    secret = variable(LEDGER_SECRET, os.environ) if job.hashed_keys else None
    environ = {**os.environ, LEDGER_SECRET: secret or "not needed to plan"}
    setup = prepare(job, source, environ, Options(), listed)
    told = Told(len(setup.steps))
    known, compared = _known(setup, ledger or Path(f"{job.name}.ledger"), secret=bool(secret))
    changes = comparisons(setup, lambda scope: known.get(scope, NOTHING), time.time())
    reading = read_source(setup, told, None, told, changes)
    boards, met = told.boards(reading.rows), reading.met.tolist()
    nobody = tuple(finding_nobody(reading, setup))
    return Plan(setup, reading.rows, boards, reading.told, met, compared, nobody)


def _known(setup: Setup, ledger: Path, *, secret: bool) -> tuple[dict[str, Known], str]:
    """Return what arrived, as a run would find it, and say in words where that stands."""
    if setup.sync is None:
        return {}, ""
    if not ledger.exists():
        return {}, f"there is no ledger {ledger}: everything counts as new (another one: --ledger PATH)"
    if setup.secret is not None and not secret:
        return (
            {},
            f"{LEDGER_SECRET} is not set, so {ledger} cannot be compared with: everything counts as new",
        )
    scopes = [step.scope for step in setup.steps]
    known = as_known(ledger, setup.digest, setup.source.fingerprint(), scopes)
    return known, f"compared with what {ledger} says was delivered"


def show(
    path: Path, settings: tuple[str, ...], count: int, ledger: Path | None, *, as_json: bool, mask: bool
) -> None:
    """Print a job's plan and its first requests.

    Raises:
        BulkError: Job or source have mistakes, or the ledger is none.
    """
    job = load_job(path, os.environ, settings)
    with open_job_source(job) as source:
        listed = held_and_listed(job, source, logger(json=False, job=job.name).info)
        plan = make_plan(job, source, ledger, listed)
        facts = {
            "digest": plan.digest,
            "rows": plan.rows,
            "compared": plan.compared,
            "suppression": plan.suppression,
            "match": plan.match,
            "steps": [_step_facts(plan, step, job) for step in plan.setup.steps],
            "requests": [
                shown for step in plan.setup.steps for shown in _requests(plan, step, job, count, mask=mask)
            ],
        }
    typer.echo(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode() if as_json else _text(facts))


def _step_facts(plan: Plan, step: StepSetup, job: Job) -> dict[str, Any]:
    records = plan.boards[step.index].sendable
    requests = _request_count(plan, step, records, frozenset(job.steps[step.index].fields))
    rate = job.destinations[step.destination].rate
    share = 1 - job.destinations[step.destination].reserve
    return {
        "name": step.name,
        "destination": step.destination,
        "operation": step.operation.name,
        "records": records,
        "requests": requests,
        "seconds": round(requests * rate.period / (rate.limit * share), 1) if rate else None,
        "irreversible": step.operation.irreversible,
        "approval": step.approval,
        "warning": step.operation.warning,
        "told": {
            f"{status}: {reason}": rows for (status, reason), rows in sorted(plan.reasons[step.index].items())
        },
    }


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
    for batches in feed(plan.setup.source, step.encode, told, step.packer()):
        yield from batches


def _requests(plan: Plan, step: StepSetup, job: Job, count: int, *, mask: bool) -> Iterator[dict[str, Any]]:
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
    reply: Response | None = None
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
        elif not isinstance(act, Wait):
            return


def _shown(step: StepSetup, job: Job, batch: Batch, request: Request, *, mask: bool) -> dict[str, Any]:
    place = job.destinations[step.destination]
    headers = masked_headers(place, request.surface) | dict(request.headers)
    if request.body is not None:
        headers.setdefault("Content-Type", "application/json")
    body = request.body.decode() if request.body is not None else None
    url = place.surface_urls[request.surface] if request.surface else place.base_url
    return {
        "step": step.name,
        "rows": batch.rows.tolist(),
        "method": request.method,
        "url": url + (masked_path(request.path) if mask else request.path),
        "headers": headers,
        "body": masked_body(body) if mask and body else body,
    }


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


def list_sentence(facts: Mapping[str, Any]) -> str:
    """Say in one line how a suppression list fares."""
    size = f"suppression {facts['list']}: {facts['entries']:,} entries"
    return size if facts["matches"] else f"{size}; warning: nobody in this source stands in it"


def match_sentence(facts: Mapping[str, Any]) -> str:
    """Say in one line how the match fares at a destination."""
    size = f"match: {facts['contacts']:,} contacts for {facts['destination']}"
    return size if facts["matches"] else f"{size}; warning: nobody in this source is among them"


def _text(facts: dict[str, Any]) -> str:
    lines = [f"{facts['rows']:,} rows", *filter(None, [facts["compared"]])]
    for step in facts["steps"]:
        seconds = "rate found by trying" if step["seconds"] is None else f"about {step['seconds']:,} s"
        undone = f", {step['approval']}" if step["approval"] else ""
        lines.append(
            f"{step['name']}: {step['records']:,} records in {step['requests']:,} requests, {seconds}"
            f" ({step['operation']} at {step['destination']}{undone})"
        )
        lines += [f"  {step['warning']}"] if step["warning"] else []
        lines += [f"  {rows:,} {reason}" for reason, rows in step["told"].items()]
    lines += map(list_sentence, facts["suppression"])
    lines += map(match_sentence, facts["match"])
    for request in facts["requests"]:
        rows = ", ".join(map(str, request["rows"]))
        lines += ["", f"# {request['step']}, row{'s' if len(request['rows']) > 1 else ''} {rows}"]
        lines.append(f"{request['method']} {request['url']}")
        lines += [f"{name}: {value}" for name, value in request["headers"].items()]
        lines += ["", request["body"]] if request["body"] is not None else []
    return "\n".join([*lines, "", f"digest: {facts['digest']}"])
