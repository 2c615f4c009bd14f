"""The table at the end of a run, and the commands that come next."""

import sys
from pathlib import Path

import orjson
from rich.table import Table

from bulk.cli.terminal import console
from bulk.conversation import Status
from bulk.ledger.view import View
from bulk.report.summary import finished_facts, top_reasons


def print_summary(path: Path, code: int, *, as_json: bool) -> None:
    """Tell on stderr how every step stands, the commonest reasons, and where the ledger is."""
    with View(path) as view:
        if as_json:
            sys.stderr.write(orjson.dumps(finished_facts(view, code)).decode() + "\n")
            return
        screen = console(sys.stderr)
        screen.print(counts_table(view))
        for said in top_reasons(view):
            screen.print(f"  {said}", markup=False)
        screen.print(f"Ledger: {path}", markup=False)
        for command in _next_steps(view, path):
            screen.print(command, markup=False)


def counts_table(view: View) -> Table:
    """Return the counts of every step as a table."""
    table = Table("step", "rows", *(status.value for status in Status))
    for column in table.columns[1:]:
        column.justify = "right"
    for step in view.steps:
        cells = (f"{step.counts[status]:,}" for status in Status)
        table.add_row(step.name, f"{view.rows or 0:,}", *cells)
    return table


def _next_steps(view: View, path: Path) -> list[str]:
    lines = []
    if any(step.counts[Status.PENDING] for step in view.steps):
        lines.append("Some rows are pending: run the same command again to continue.")
    if any(step.counts[Status.FAILED] or step.counts[Status.REJECTED] for step in view.steps):
        lines.append(
            f"See which and why: bulk export {path} -o failed.csv --status failed,rejected --with-source"
        )
    if any(step.counts[Status.FAILED] for step in view.steps):
        lines.append("Send the failed ones again: the same command with --retry failed")
    if any(step.counts[Status.UNKNOWN] for step in view.steps):
        lines.append(
            "Look there whether the unknown ones arrived; to send them once more, whether they did or not:"
            " the same command with --retry unknown"
        )
    return lines
