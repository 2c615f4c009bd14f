"""``bulk check``: a job, its source and its credentials, without writing anything."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli.preview import LedgerOption
from bulk.cli.run import JobArgument, SetOption
from bulk.errors import UsageError


def check(
    job: JobArgument,
    *,
    settings: SetOption = None,
    ledger: LedgerOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Send nothing at all.")] = False,
    find: Annotated[
        bool,
        typer.Option(
            "--find", help="Look for the people whom the job would erase, and touch nobody; needs -o."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="With --find: whom it would find, row by row."),
    ] = None,
) -> None:
    """Check the job, read the source, prove the credentials; write nothing.

    A job with `match` lists the contacts of its destinations, which only reads; not with --offline, where
    nothing is said of what such a job would send.

    Example: bulk check jobs/crm-migration.yaml --offline
    """
    from bulk.cli.checking import examine

    if find != (output is not None) or (find and offline):
        raise UsageError("--find writes whom it finds: bulk check JOB --find -o FILE, and not --offline")
    raise typer.Exit(examine(job, tuple(settings or ()), ledger, offline=offline, found=output))
