"""``bulk export``: one line per row and step, to a file."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli import completing
from bulk.cli.status import LedgerArgument


def export(
    ledger: LedgerArgument,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="csv, ndjson or parquet, by suffix; - is csv to stdout."
        ),
    ],
    statuses: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="LIST",
            help="Only these, such as failed,rejected.",
            autocompletion=completing.statuses,
        ),
    ] = None,
    with_source: Annotated[
        bool,
        typer.Option(
            "--with-source", help="Add the source's columns, so that the file can be mended and fed back."
        ),
    ] = False,
    source: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the source is now, if it was moved.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--pass", min=1, help="An earlier pass; default: the last.")
    ] = None,
) -> None:
    """Write one line per row and step.

    Example: bulk export crm-migration.ledger -o failed.csv --status failed,rejected --with-source
    """
    from bulk.cli.exporting import write_export

    write_export(ledger, output, statuses, number, source=source, with_source=with_source)
