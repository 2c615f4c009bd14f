"""Prints what a job would send."""

import os
from pathlib import Path

import orjson
import typer

from bulk.api.previewing import Preview, made_preview
from bulk.cli.contacts import listing
from bulk.cli.logs import logger
from bulk.cli.planned import list_sentence, match_sentence
from bulk.job import load_job


def show(
    path: Path, settings: tuple[str, ...], count: int, ledger: Path | None, *, as_json: bool, mask: bool
) -> None:
    """Print a job's plan and its first requests.

    Raises:
        BulkError: Job or source have mistakes, or the ledger is none.
    """
    job = load_job(path, os.environ, settings)
    note = logger(json=False, job=job.name).info
    shown = made_preview(job, os.environ, count, ledger, mask=mask, note=note, listing=listing(note))
    typer.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() if as_json else _text(shown))


def _text(shown: Preview) -> str:
    left = f", of which {shown.left:,} are people who have left the list" if shown.left else ""
    lines = [f"{shown.rows:,} rows{left}", *filter(None, [shown.compared])]
    lines += [f"warning: {warning}" for warning in shown.warnings]
    lines += [f"notify: {shown.notify}"] if shown.notify else []
    for step in shown.steps:
        seconds = "rate found by trying" if step.seconds is None else f"about {step.seconds:,} s"
        undone = f", {step.approval}" if step.approval else ""
        lines.append(
            f"{step.name}: {step.records:,} records in {step.requests:,} requests, {seconds}"
            f" ({step.operation} at {step.destination}{undone})"
        )
        lines += [f"  {step.warning}"] if step.warning else []
        lines += [f"  {rows:,} {reason}" for reason, rows in step.told.items()]
    lines += [list_sentence("suppression", one) for one in shown.suppression]
    lines += [list_sentence("hold", one) for one in shown.holds]
    lines += map(match_sentence, shown.match)
    for request in shown.requests:
        rows = ", ".join(map(str, request.rows))
        lines += ["", f"# {request.step}, row{'s' if len(request.rows) > 1 else ''} {rows}"]
        lines.append(f"{request.method} {request.url}")
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        lines += ["", request.body] if request.body is not None else []
    return "\n".join([*lines, "", f"digest: {shown.digest}"])
