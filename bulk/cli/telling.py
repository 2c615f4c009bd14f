"""Prints what a ledger says."""

from pathlib import Path

import orjson
import typer
from rich.console import Console

from bulk.cli.summary import counts_table
from bulk.ledger.view import View
from bulk.report import seconds_left, status_facts, top_reasons


def tell_status(path: Path, *, as_json: bool) -> None:
    """Print the counts of the last pass.

    Raises:
        LedgerError: The file is no ledger.
    """
    with View(path) as view:
        if as_json:
            typer.echo(orjson.dumps(status_facts(view), option=orjson.OPT_INDENT_2).decode())
            return
        console = Console()
        balance = "balanced" if view.balanced else "still reading" if view.rows is None else "NOT BALANCED"
        console.print(
            f"{view.job}: pass {view.number}, {view.state}, {balance}", highlight=False, markup=False
        )
        console.print(counts_table(view))
        for line in top_reasons(view):
            console.print(f"  {line}", highlight=False, markup=False)
        left = seconds_left(view)
        if left:
            console.print(f"about {left:,.0f} s left at the present rate", highlight=False, markup=False)
