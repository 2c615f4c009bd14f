"""Pages of HTML that need nothing but themselves: no scripts, no fonts, no requests to anywhere."""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bulk.conversation import Status, Verification
from bulk.ledger.standing import StepView
from bulk.ledger.view import View
from bulk.report.advice import advice, remedies
from bulk.report.chart import clock, drawn, duration
from bulk.report.evidence import moment
from bulk.report.summary import kinds
from bulk.report.timeline import MOST_ATTEMPTS, attempts, timeline

DEEPEST = 4
_PLAIN = (str, int, float)
_GOOD = frozenset({Verification.ABSENT.value})


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("bulk.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["MOST_ATTEMPTS"] = MOST_ATTEMPTS
    return environment


def evidence_page(evidence: Mapping[str, Any]) -> str:
    """Return the page that shows evidence, to be read and printed."""
    statement = evidence["statement"]
    outcomes = [outcome for request in statement["requests"] for outcome in request["outcomes"]]
    absent = sum(outcome["verification"] in _GOOD for outcome in outcomes)
    pending = sum(outcome["status"] == Status.PENDING for outcome in outcomes)
    skipped = sum(outcome["status"] == Status.SKIPPED for outcome in outcomes)
    return (
        _templates()
        .get_template("evidence.html.j2")
        .render(
            made=statement,
            job=statement["passes"][-1]["job"] if statement["passes"] else "",
            counts={
                "absent": absent,
                "pending": pending,
                "bad": len(outcomes) - absent - pending - skipped,
            },
            digest=evidence["digest"],
            signature=evidence["signature"],
        )
    )


def ledger_page(view: View, now: float, version: str, erasures: Mapping[str, Any] | None = None) -> str:
    """Return the page about a pass of a ledger.

    Args:
        view: The pass.
        now: Unix seconds.
        version: Of bulk.
        erasures: What can be said of the erasures in the ledger, if it records any.
    """
    runs = [_run(run) for run in view.runs]
    return (
        _templates()
        .get_template("ledger.html.j2")
        .render(
            job=view.job,
            number=view.number,
            state=view.state,
            made_at=moment(now),
            version=version,
            rows=view.rows or 0,
            balanced=view.balanced,
            statuses=[status.value for status in Status],
            steps=[_step(step, view) for step in view.steps],
            made=erasures,
            runs=runs,
            exit_code=runs[-1]["exit_code"] if runs else None,
            settings=list(_settings(next((run["job"] for run in reversed(runs) if run["job"]), {}))),
            advice=list(advice(view)),
            remedies=list(remedies(view)),
            ledger=view.path.name,
            keys=(view.fact("keys") or "plain").partition(" ")[0],
            sources=[path.rpartition("/")[2] for path in view.source["paths"]],
            fingerprint=view.fingerprint,
            digest=view.digest,
        )
    )


def _step(step: StepView, view: View) -> dict[str, Any]:
    found, left_out = kinds(step)
    counted = attempts(step.held)
    return {
        "name": step.name,
        "destination": step.destination,
        "operation": step.operation,
        "counts": step.counts,
        "total": sum(step.counts.values()),
        "kinds": found,
        "left_out": left_out,
        "attempts": counted,
        "answered": sum(rows for _, rows in counted),
        "chart": drawn(timeline(step.held, view.runs, view.pauses(step.destination))),
    }


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    facts = run["facts"]
    told = ("version", "python", "platform", "approval", "job")
    return {
        "run": run["run"],
        "began": clock(run["started_at"]),
        "took": "" if run["ended_at"] is None else duration(run["ended_at"] - run["started_at"]),
        "exit_code": run["exit_code"],
        "asked": list(_asked(facts)),
        **{name: facts.get(name, "") for name in told},
    }


def _asked(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the command line of a run asked for; of settings only which, since values may be secrets."""
    if facts.get("verify"):
        yield "verify"
    if facts.get("sandbox"):
        yield "--sandbox"
    if "limit" in facts:
        yield f"--limit {facts['limit']}"
    for option, name in (("--set", "settings"), ("--override", "overrides")):
        for one in _texts(facts.get(name)):
            yield f"{option} {one}"


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _settings(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield every setting of a job by its dotted path, as text; none is deeper than ``DEEPEST``."""
    if isinstance(value, dict) and len(path) < DEEPEST:
        for name, inner in value.items():
            yield from _settings(inner, (*path, name))
    elif isinstance(value, list):
        yield ".".join(path), ", ".join(str(one) for one in value if isinstance(one, _PLAIN))
    elif isinstance(value, _PLAIN):
        yield ".".join(path), str(value)
