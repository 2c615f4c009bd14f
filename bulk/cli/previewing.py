"""Shows what a job would send."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import typer

from bulk.conversation import ROW, Batch, Request
from bulk.job import Job, load_job
from bulk.ledger import Board
from bulk.ledger.columns import status_codes
from bulk.plan.guards import plan_digest
from bulk.plan.packing import Packer
from bulk.prepare import open_job_source, prepare
from bulk.runner.feed import feed
from bulk.runner.prepass import read_source
from bulk.runner.setup import Options, Setup, StepSetup
from bulk.source import Source

HIDDEN = "***"


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

    @property
    def digest(self) -> str:
        """What ``--confirm`` names."""
        sendable = [board.sendable for board in self.boards]
        return plan_digest(self.setup.digest, self.setup.source.fingerprint(), self.rows, sendable)


def make_plan(job: Job, source: Source) -> Plan:
    """Read the whole source and plan every step.

    Raises:
        BulkError: Job or source have mistakes.
    """
    setup = prepare(job, source, {**os.environ, "BULK_LEDGER_SECRET": "not needed to plan"}, Options())
    told = Told(len(setup.steps))
    reading = read_source(setup, told, None, told)
    return Plan(setup, reading.rows, told.boards(reading.rows), reading.told)


def show(path: Path, settings: tuple[str, ...], count: int, *, as_json: bool, mask: bool) -> None:
    """Print a job's plan and its first requests.

    Raises:
        BulkError: Job or source have mistakes.
    """
    job = load_job(path, os.environ, settings)
    with open_job_source(job) as source:
        plan = make_plan(job, source)
        facts = {
            "digest": plan.digest,
            "rows": plan.rows,
            "steps": [_step_facts(plan, step, job) for step in plan.setup.steps],
            "requests": [
                shown for step in plan.setup.steps for shown in _requests(plan, step, job, count, mask=mask)
            ],
        }
    typer.echo(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode() if as_json else _text(facts))


def _step_facts(plan: Plan, step: StepSetup, job: Job) -> dict[str, Any]:
    records = plan.boards[step.index].sendable
    fields = frozenset(job.steps[step.index].fields)
    requests = -(-records // step.batch_size) * step.operation.exchanges(fields, step.terms)
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
        "told": {
            f"{status}: {reason}": rows for (status, reason), rows in sorted(plan.reasons[step.index].items())
        },
    }


def _requests(plan: Plan, step: StepSetup, job: Job, count: int, *, mask: bool) -> Iterator[dict[str, Any]]:
    """Yield the first request of each conversation over the first rows."""
    left = count
    packer = Packer(step.batch_size, keys_repeat=step.duplicates == "keep_all")
    for batches in (
        feed(plan.setup.source, step.mapping, plan.boards[step.index].told, packer) if count else ()
    ):
        for batch in batches:
            part = batch.part(0, min(left, len(batch)))
            yield _shown(step, job, part, mask=mask)
            left -= len(part)
            if not left:
                return


def _shown(step: StepSetup, job: Job, batch: Batch, *, mask: bool) -> dict[str, Any]:
    request = next(step.operation.converse(batch, step.terms))
    if not isinstance(request, Request):
        raise TypeError("a conversation must begin with a request to be previewed")
    place = job.destinations[step.destination]
    hidden = {credential.option: HIDDEN for credential in place.system.credentials}
    headers = dict(place.system.headers(hidden, place.settings)) | dict(request.headers)
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    body = request.body.decode() if request.body is not None else None
    return {
        "step": step.name,
        "rows": batch.rows.tolist(),
        "method": request.method,
        "url": place.base_url + (masked_path(request.path) if mask else request.path),
        "headers": headers,
        "body": masked_body(body) if mask and body else body,
    }


def masked_path(path: str) -> str:
    """Hide every value of a query, and every part of a path that holds encoded or mixed characters."""
    plain, question, query = path.partition("?")
    parts = [part if re.fullmatch(r"[a-z-]*", part) else HIDDEN for part in plain.split("/")]
    return "/".join(parts) + question + re.sub(r"=[^&]*", f"={HIDDEN}", query)


def masked_body(body: str) -> str:
    """Hide every value of a JSON body."""
    return orjson.dumps(_masked(orjson.loads(body))).decode()


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return HIDDEN


def _text(facts: dict[str, Any]) -> str:
    lines = [f"{facts['rows']:,} rows"]
    for step in facts["steps"]:
        seconds = "rate found by trying" if step["seconds"] is None else f"about {step['seconds']:,} s"
        undone = ", can never be undone" if step["irreversible"] else ""
        lines.append(
            f"{step['name']}: {step['records']:,} records in {step['requests']:,} requests, {seconds}"
            f" ({step['operation']} at {step['destination']}{undone})"
        )
        lines += [f"  {rows:,} {reason}" for reason, rows in step["told"].items()]
    for request in facts["requests"]:
        rows = ", ".join(map(str, request["rows"]))
        lines += ["", f"# {request['step']}, row{'s' if len(request['rows']) > 1 else ''} {rows}"]
        lines.append(f"{request['method']} {request['url']}")
        lines += [f"{name}: {value}" for name, value in request["headers"].items()]
        lines += ["", request["body"]] if request["body"] is not None else []
    return "\n".join([*lines, "", f"digest: {facts['digest']}"])
