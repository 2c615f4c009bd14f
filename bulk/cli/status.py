"""``bulk status``: what became of the rows, also while a run goes on."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli import completing

LedgerArgument = Annotated[
    Path,
    typer.Argument(
        metavar="LEDGER", readable=False, help="The ledger.", autocompletion=completing.ledger_files
    ),
]


def status(
    ledger: LedgerArgument,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Count rows per step and status, and say whether they balance, how fast it goes and for how long.

    Example: bulk status crm-migration.ledger
    """
    from bulk.cli.telling import tell_status

    tell_status(ledger, as_json=as_json)
