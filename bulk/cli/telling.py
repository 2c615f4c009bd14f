"""Prints what a ledger says."""

import sys
from pathlib import Path

import orjson
import typer

from bulk.cli.summary import counts_table, told_causes
from bulk.cli.terminal import console
from bulk.ledger.view import View
from bulk.report.summary import seconds_left, status_facts


def tell_status(path: Path, *, as_json: bool) -> None:
    """Print the counts of the last pass.

    Raises:
        LedgerError: The file is no ledger.
    """
    with View(path) as view:
        if as_json:
            typer.echo(orjson.dumps(status_facts(view), option=orjson.OPT_INDENT_2).decode())
            return
        screen = console(sys.stdout)
        balance = "balanced" if view.balanced else "still reading" if view.rows is None else "NOT BALANCED"
        screen.print(f"{view.job}: pass {view.number}, {view.state}, {balance}", markup=False)
        screen.print(counts_table(view, screen))
        for line in told_causes(view):
            screen.print(line, markup=False)
        left = seconds_left(view)
        if left:
            screen.print(f"about {left:,.0f} s left at the present rate", markup=False)
