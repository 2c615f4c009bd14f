"""The evidence of erasures: what was asked, done, accepted and seen, with keyed hashes in place of people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import ROW, Status, Verification
from bulk.ledger.record import PassRecord, Record, StepRecord

FORMAT = "bulk erasure evidence 1"
APPROACHING = 7 * 86400.0
"""Seconds before a deadline from which on it approaches."""
_KEPT_OF_A_RUN = ("version", "approval", "digest", "overrides", "reason", "approved_by", "limit", "verify")
_NOTHING = -1
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Issued:
    """When, by what and over how much of a ledger evidence is made.

    Attributes:
        at: Unix seconds.
        version: Of bulk.
        links: How many links the ledger's chain has.
        head: The hash of the last one, in hexadecimal.
    """

    at: float
    version: str
    links: int
    head: str


def statement(record: Record, issued: Issued) -> Json:
    """Return what can be said of the erasures in a ledger, as JSON values."""
    requests = [request for one in record.passes for request in _requests(one)]
    return {
        "format": FORMAT,
        "created_at": moment(issued.at),
        "version": issued.version,
        "ledger": {"secret": record.secret, "links": issued.links, "head": issued.head},
        "passes": [_pass(one) for one in record.passes],
        "requests": requests,
        "holds": [hold for one in record.passes for hold in _holds(one)],
        "deadlines": list(_deadlines(requests, issued.at)),
        "by_hand": sorted({told for one in record.passes for told in _by_hand(one)}),
        "elsewhere": list(_elsewhere(record)),
    }


def moment(seconds: float | None) -> str | None:
    """Return unix seconds as ISO 8601 in UTC, to the millisecond."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pass(one: PassRecord) -> Json:
    return {
        "pass": one.number,
        "job": one.job,
        "job_digest": one.digest,
        "source": one.fingerprint,
        "rows": one.rows,
        "started_at": moment(one.started_at),
        **{name: one.facts[name] for name in ("destinations", "steps", "holds")},
        "runs": [_run(run) for run in one.runs],
    }


def _run(run: Mapping[str, Any]) -> Json:
    kept = {name: run[name] for name in _KEPT_OF_A_RUN if run.get(name)}
    return {"run": run["run"], "started_at": moment(run["started_at"]), **kept}


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of a pass, by row.

    Attributes:
        holds: Index of the outcome that holds, or -1.
        accepted_at: When the removal was accepted, in unix seconds; NaN if it was not.
        told: What rows were told that were not sent.
        given: Hashes of what rows give, by row.
        found: And of what was found beside.
    """

    record: StepRecord
    holds: npt.NDArray[np.int64]
    accepted_at: npt.NDArray[np.float64]
    told: Mapping[int, tuple[str, str, str]]
    given: Mapping[int, list[Json]]
    found: Mapping[int, list[Json]]
    noted: Mapping[int, tuple[str | None, float | None, float | None]]


def _by_row(step: StepRecord, rows: int) -> _Step:
    holds = np.full(rows, _NOTHING, dtype=np.int64)
    accepted = np.full(rows, np.nan)
    lines = step.outcomes.select("first_row", "last_row", "verification", "finished_at").iter_rows()
    for index, (first, last, verification, finished_at) in enumerate(lines):
        holds[first - 1 : last] = index
        if verification == Verification.PENDING:
            accepted[first - 1 : last] = finished_at
    asked = pl.col(ROW).is_in(step.subjects[ROW].unique().implode())
    rejected = pl.col("status") == Status.REJECTED.value
    lines = step.told.filter(asked | rejected).iter_rows()
    told = {row: (status, reason, said) for row, status, reason, said in lines}
    noted = {row: (reference, received, due) for row, reference, received, due in step.requests.iter_rows()}
    given, found = _hashes(step.subjects, found=False), _hashes(step.subjects, found=True)
    return _Step(step, holds, accepted, told, given, found, noted)


def _hashes(subjects: pl.DataFrame, *, found: bool) -> dict[int, list[Json]]:
    by_row: dict[int, list[Json]] = {}
    chosen = (
        subjects.filter(pl.col("found") == found)
        .select(ROW, "kind", "hash")
        .unique()
        .sort(ROW, "kind", "hash")
    )
    for row, kind, digest in chosen.iter_rows():
        by_row.setdefault(row, []).append({"kind": kind, "hash": digest.hex()})
    return by_row


def _requests(one: PassRecord) -> Iterator[Json]:
    """Yield every request of a pass: a row whose person any step was asked to erase, or that was rejected."""
    steps = [_by_row(step, one.rows or 0) for step in one.steps]
    for row in sorted({row for step in steps for row in (*step.given, *step.told)}):
        asked = [step for step in steps if row in step.given or row in step.told]
        given = (each for step in asked for each in step.given.get(row, ()))
        subjects = {(each["kind"], each["hash"]): each for each in given}
        yield {
            "pass": one.number,
            "row": row,
            **_noted(steps, row),
            "subjects": [subjects[key] for key in sorted(subjects)],
            "outcomes": [_outcome(step, row) for step in asked],
        }


def _noted(steps: list[_Step], row: int) -> Json:
    """Return what is noted of a request, in whichever step it is."""
    noted = next((step.noted[row] for step in steps if row in step.noted), (None, None, None))
    reference, received_at, due_at = noted
    return {"reference": reference, "received_at": moment(received_at), "due_at": moment(due_at)}


def _outcome(step: _Step, row: int) -> Json:
    """Return what became of a row in a step."""
    told = {
        "step": step.record.name,
        "destination": step.record.destination,
        "operation": step.record.operation,
        "found": step.found.get(row, []),
        "verification": "",
        "attempts": 0,
        **dict.fromkeys(("first_sent_at", "accepted_at", "verified_at")),
    }
    if row in step.told:
        status, reason, _ = step.told[row]
        return {**told, "status": status, "reason": reason}
    index = int(step.holds[row - 1])
    if index == _NOTHING:
        return {**told, "status": Status.PENDING.value, "reason": ""}
    held = step.record.outcomes.row(index, named=True)
    accepted_at = float(step.accepted_at[row - 1])
    seen = held["verification"] in {Verification.ABSENT, Verification.STILL_PRESENT}
    return {
        **told,
        **{name: held[name] for name in ("status", "reason", "verification", "attempts")},
        "first_sent_at": moment(held["first_sent_at"]),
        "accepted_at": None if np.isnan(accepted_at) else moment(accepted_at),
        "verified_at": moment(held["finished_at"]) if seen else None,
    }


def _holds(one: PassRecord) -> Iterator[Json]:
    """Yield the rows of a pass that stand in a list of holds, told before sending or found out then."""
    for step in one.steps:
        noted = {row: reference for row, reference, _, _ in step.requests.iter_rows()}
        held = step.told.filter(pl.col("reason") == "on_hold")
        told = [(row, said) for row, _, _, said in held.iter_rows()]
        found = step.outcomes.filter(pl.col("reason") == "on_hold").select("first_row", "error_message")
        for row, said in sorted({*told, *found.iter_rows()}):
            yield {
                "pass": one.number,
                "row": row,
                "step": step.name,
                "destination": step.destination,
                "hold": said.removeprefix("stands in "),
                "reference": noted.get(row),
            }


def is_answered(request: Mapping[str, Any]) -> bool:
    """Tell whether everything that was asked is done, and seen to be done."""
    return all(one["verification"] == Verification.ABSENT for one in request["outcomes"])


def _deadlines(requests: list[Json], now: float) -> Iterator[Json]:
    """Yield the requests that are not answered and have a deadline, the most urgent first."""
    open_requests = [one for one in requests if one["due_at"] and not is_answered(one)]
    for one in sorted(open_requests, key=lambda one: (one["due_at"], one["pass"], one["row"])):
        left = datetime.fromisoformat(one["due_at"]).timestamp() - now
        state = "overdue" if left < 0 else "approaching" if left <= APPROACHING else "open"
        yield {
            **{name: one[name] for name in ("pass", "row", "reference", "due_at")},
            "days_left": round(left / 86400, 1),
            "state": state,
        }


def _by_hand(one: PassRecord) -> Iterator[str]:
    """Yield what people must do themselves at the destinations of a pass."""
    for step in one.steps:
        said = one.facts["steps"][step.name].get("by_hand")
        if said:
            yield f"{step.destination}: {said}"


def _elsewhere(record: Record) -> Iterator[str]:
    """Yield the other places where the same people may still stand."""
    sources = {path.rpartition("/")[2] for one in record.passes for path in one.source["paths"]}
    for name in sorted(sources):
        yield f"the source file {name}, and its copies"
    yield "files written by bulk pull and bulk export, and lists made from them"
    yield "older ledgers with keys in plain: bulk purge LEDGER --people FILE"
    yield "backups of all these, and of the destinations: after a restore, bulk verify --contacts pull"


def differences(given: Mapping[str, Any], made: Mapping[str, Any], purged: frozenset[int]) -> list[str]:
    """Say in what evidence differs from what the ledger said when it was made.

    Rows of passes that were dropped since cannot be compared.
    """
    problems = [
        f"{name} is not what the ledger says"
        for name in ("format", "by_hand")
        if given.get(name) != made[name]
    ]
    for name, parts in (
        ("passes", ("pass",)),
        ("requests", ("pass", "row")),
        ("holds", ("pass", "row", "step")),
    ):
        problems += _differing(name, parts, (given.get(name), made[name]), purged)
    return problems


def _differing(
    name: str, parts: tuple[str, ...], both: tuple[Any, list[Json]], purged: frozenset[int]
) -> Iterator[str]:
    given, made = both
    listed = given if isinstance(given, list) else []
    there = {tuple(one.get(part) for part in parts): one for one in listed if isinstance(one, dict)}
    known = {tuple(one[part] for part in parts): one for one in made}
    for key in sorted({*there, *known}, key=str):
        if key[0] in purged:
            continue
        where = f"{name}: " + ", ".join(f"{part} {value}" for part, value in zip(parts, key, strict=True))
        if key not in known:
            yield f"{where} is not in the ledger"
        elif key not in there:
            yield f"{where} is missing from the evidence"
        elif there[key] != known[key]:
            members = sorted({*there[key], *known[key]})
            wrong = [member for member in members if there[key].get(member) != known[key].get(member)]
            yield f"{where}: {', '.join(wrong)} is not what the ledger says"
