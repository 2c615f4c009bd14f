"""``bulk preview``: the exact requests of a job, without sending any."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli import completing
from bulk.cli.run import JobArgument, SetOption

LedgerOption = Annotated[
    Path | None,
    typer.Option(
        "--ledger",
        help="If only changes are sent, compare with this ledger; default: <name>.ledger, if there is one.",
        autocompletion=completing.ledger_files,
    ),
]


def preview(
    job: JobArgument,
    *,
    rows: Annotated[int, typer.Option("-n", min=0, help="Rows shown per step.")] = 3,
    settings: SetOption = None,
    ledger: LedgerOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    mask: Annotated[bool, typer.Option("--mask", help="Hide the values of people.")] = False,
) -> None:
    """Show the exact requests of the first rows, counts, duration and the plan digest; send nothing.

    A job with `match` lists the contacts of its destinations first; that only reads.

    Example: bulk preview jobs/crm-migration.yaml -n 1 --mask
    """
    from bulk.cli.previewing import show

    show(job, tuple(settings or ()), rows, ledger, as_json=as_json, mask=mask)
