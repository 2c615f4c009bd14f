"""``bulk check``: a job, its source and its credentials, without writing anything."""

from typing import Annotated

import typer

from bulk.cli.preview import LedgerOption
from bulk.cli.run import JobArgument, SetOption


def check(
    job: JobArgument,
    *,
    settings: SetOption = None,
    ledger: LedgerOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Send nothing at all.")] = False,
) -> None:
    """Check the job, read the source, prove the credentials; write nothing.

    A job with `match` lists the contacts of its destinations, which only reads; not with --offline, where
    nothing is said of what such a job would send.

    Example: bulk check jobs/crm-migration.yaml --offline
    """
    from bulk.cli.checking import examine

    raise typer.Exit(examine(job, tuple(settings or ()), ledger, offline=offline))
