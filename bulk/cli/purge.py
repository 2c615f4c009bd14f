"""``bulk purge``: clears people out of our own older ledgers."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli import completing


def purge(
    ledgers: Annotated[
        list[Path],
        typer.Argument(
            metavar="LEDGER...", readable=False, help="The ledgers.", autocompletion=completing.ledger_files
        ),
    ],
    *,
    people: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Whom to clear out: a file that names them, one a line or in columns."
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Drop the rows of passes that began earlier: 2026-01-31."),
    ] = None,
) -> None:
    """Replace people's keys, ids and messages by keyed hashes, or drop the rows of old passes.

    Counts and the chain stay, and whom an erasing step was asked to erase stays known as a hash.

    Example: bulk purge crm-migration.ledger suppression-sync.ledger --people erased.txt
    """
    from bulk.cli.purging import purge_all

    raise typer.Exit(purge_all(ledgers, people, before))
