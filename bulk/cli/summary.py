"""The table at the end of a run, why rows did not go well, and the commands that come next."""

import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from bulk.cli.terminal import console, read_or_not
from bulk.conversation import Status
from bulk.ledger.view import View
from bulk.report.advice import Commands, advice, finished_facts, remedies, stops


def print_summary(path: Path, code: int, commands: Commands, *, as_json: bool) -> None:
    """Tell on stderr how every step stands, the commonest reasons, where the ledger is, and what comes next.

    Args:
        path: The ledger.
        code: The exit code.
        commands: Those that deal with it.
        as_json: Whether it is told as one line of JSON.
    """
    with View(path) as view:
        text = _line(view, code, commands) if as_json else _screenful(view, commands)
    with read_or_not():
        sys.stderr.write(text)
        sys.stderr.flush()


def _line(view: View, code: int, commands: Commands) -> str:
    return orjson.dumps(finished_facts(view, code, commands)).decode() + "\n"


def _screenful(view: View, commands: Commands) -> str:
    screen = console(sys.stderr)
    with screen.capture() as captured:
        screen.print(counts_table(view, screen))
        for said in [*told_causes(view, commands), *_next_steps(view, commands)]:
            screen.print(said, markup=False)
    return captured.get()


def told_causes(view: View, commands: Commands | None = None) -> Iterator[str]:
    """Yield the commonest reasons why rows did not go well, each with the command that deals with it."""
    before: dict[str, str] = {}
    for cause, remedy in remedies(view, commands):
        yield f"  {cause}"
        if remedy == before:
            yield "    (as above)"
        else:
            yield f"    {remedy['why']}"
            yield f"    {remedy['command']}"
        before = remedy


def counts_table(view: View, screen: Console) -> Table:
    """Return the counts of every step as a table; too wide for a terminal, it leaves out empty columns."""
    table = _table(view, tuple(Status))
    if table.__rich_measure__(screen, screen.options.update(width=10_000)).maximum <= screen.width:
        return table
    found = {status for step in view.steps for status in Status if step.counts[status]}
    narrow = _table(view, tuple(status for status in Status if status in found | {Status.SUCCEEDED}))
    narrow.box, narrow.pad_edge, narrow.collapse_padding = None, False, True
    return narrow


def _table(view: View, statuses: tuple[Status, ...]) -> Table:
    table = Table("step", "rows", *(status.value for status in statuses))
    for column in table.columns[1:]:
        column.justify = "right"
    for step in view.steps:
        cells = (f"{step.counts[status]:,}" for status in statuses)
        table.add_row(step.name, f"{view.rows or 0:,}", *cells)
    return table


def _next_steps(view: View, commands: Commands) -> Iterator[str]:
    """Yield why the run stopped, where the ledger is, and what goes on with it."""
    for why in stops(view):
        yield f"Stopped: {why}"
    yield f"Ledger: {view.path}"
    if view.state != "finished":
        first = next(advice(view, commands))
        yield from (first["why"], f"    {first['command']}")
