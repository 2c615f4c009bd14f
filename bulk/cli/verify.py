"""``bulk verify``: reads every erased person back again."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli.run import LogFormat
from bulk.cli.status import LedgerArgument


def verify(
    ledger: LedgerArgument,
    *,
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What names the people, if the source was moved; the ledger has only hashes."
        ),
    ] = None,
    contacts: Annotated[
        str | None,
        typer.Option(
            metavar="pull|FILE",
            help="Look for them among all contacts of the destinations instead, or in a file of contacts:"
            " once the source is gone.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="With --contacts: who returned, by keyed hash, as csv."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="BULK_LOG_FORMAT", help="Lines for people, or JSON lines.")
    ] = LogFormat.CONSOLE,
) -> None:
    """Read every erased person back again, of all passes, and update the ledger; remove nobody.

    Exit code 3 while anyone is present, 4 while anyone could not be read or is still to be erased, else 0.

    Example: bulk verify erasure.ledger --source requests.csv
    """
    from bulk.cli.verifying import Wanted, verify_again

    wanted = Wanted(
        ledger=ledger,
        source=source,
        contacts=contacts,
        output=output,
        as_json=as_json,
        json_log=log_format is LogFormat.JSON,
    )
    raise typer.Exit(verify_again(wanted))
