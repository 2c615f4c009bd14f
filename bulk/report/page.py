"""Pages of HTML that need nothing but themselves: no scripts, no fonts, no requests to anywhere."""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bulk.conversation import Status, Verification
from bulk.ledger.view import StepView, View
from bulk.report.evidence import moment
from bulk.report.summary import examples

_GOOD = frozenset({Verification.ABSENT.value})


def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("bulk.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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


def ledger_page(view: View, now: float, version: str) -> str:
    """Return the page about a pass of a ledger."""
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
            steps=[_step(step) for step in view.steps],
            runs=runs,
            exit_code=runs[-1]["exit_code"] if runs else None,
            advice=list(_advice(view)),
            ledger=view.path.name,
            keys=(view.fact("keys") or "plain").partition(" ")[0],
            sources=[path.rpartition("/")[2] for path in view.source["paths"]],
            fingerprint=view.fingerprint,
            digest=view.digest,
        )
    )


def _step(step: StepView) -> dict[str, Any]:
    named = {"name": step.name, "destination": step.destination, "operation": step.operation}
    return {**named, "counts": step.counts, "reasons": examples(step)}


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    facts = run["facts"]
    return {
        "run": run["run"],
        "began": moment(run["started_at"]),
        "ended": moment(run["ended_at"]),
        "exit_code": run["exit_code"],
        "version": facts.get("version", ""),
        "approval": facts.get("approval", ""),
    }


def _advice(view: View) -> Iterator[dict[str, str]]:
    """Yield what to do next, and the command that does it."""
    counts = [step.counts for step in view.steps]
    if any(count[Status.PENDING] for count in counts):
        yield {"why": "Some rows are pending; the same command continues.", "command": "bulk run JOB"}
    if any(count[Status.FAILED] or count[Status.REJECTED] for count in counts):
        see = f"bulk export {view.path.name} -o failed.csv --status failed,rejected --with-source"
        yield {
            "why": "See which rows did not go well, and why; mend them and feed them back.",
            "command": see,
        }
    if any(count[Status.FAILED] for count in counts):
        yield {"why": "Send the failed ones again as they are.", "command": "bulk run JOB --retry failed"}
    yield {
        "why": "One line per row and step.",
        "command": f"bulk export {view.path.name} -o outcomes.csv",
    }
