"""``bulk run``: run a job, or go on with it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bulk.cli import completing


class LogFormat(StrEnum):
    """How a run tells what it does."""

    CONSOLE = "console"
    JSON = "json"


class Again(StrEnum):
    """Outcomes that may be sent once more."""

    FAILED = "failed"
    UNKNOWN = "unknown"


JobArgument = Annotated[
    Path,
    typer.Argument(metavar="JOB", readable=False, help="The job file.", autocompletion=completing.job_files),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Lay a value over the job: destinations.customerly.rate=50/s"
    ),
]
MetricsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write metrics there, for the textfile collector of Prometheus' node exporter."
    ),
]
MetricsPortOption = Annotated[
    int | None,
    typer.Option(min=1, max=65535, metavar="PORT", help="Offer metrics to Prometheus there while it runs."),
]
RunLedgerOption = Annotated[
    Path | None,
    typer.Option(
        help="The ledger; default: <name>.ledger in the working directory.",
        autocompletion=completing.ledger_files,
    ),
]
OverrideOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GUARD",
        help="Lift one guard for this run; needs --reason.",
        autocompletion=completing.guards,
    ),
]


def run(  # noqa: PLR0913 - one parameter per option
    job: JobArgument,
    *,
    ledger: RunLedgerOption = None,
    settings: SetOption = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Only the first N sendable rows: the test-send; the rest stays pending."),
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Send to local servers instead of the systems.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Approve what can never be undone.")] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Approve exactly the plan that bulk preview showed.")
    ] = None,
    retry: Annotated[list[Again] | None, typer.Option(help="Send these outcomes once more.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new pass in any case.")] = False,
    require_ledger: Annotated[
        bool,
        typer.Option("--require-ledger", help="Refuse to begin without a ledger: a volume was not mounted."),
    ] = False,
    override: OverrideOption = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; the ledger keeps it.")] = None,
    metrics: MetricsOption = None,
    metrics_port: MetricsPortOption = None,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="BULK_LOG_FORMAT", help="Lines for people, or JSON lines.")
    ] = LogFormat.CONSOLE,
) -> None:
    """Run a job, or go on with it: settled rows are not sent again.

    A job with `match` lists the contacts of its destinations before anything is sent.

    Example: bulk run jobs/crm-migration.yaml --sandbox
    """
    from bulk.cli.running import Asked, execute

    asked = Asked(
        job=job,
        ledger=ledger,
        settings=tuple(settings or ()),
        limit=limit,
        sandbox=sandbox,
        yes=yes,
        confirm=confirm,
        retry=tuple(item.value for item in retry or ()),
        fresh=fresh,
        require_ledger=require_ledger,
        overrides=tuple(override or ()),
        reason=reason,
        json_log=log_format is LogFormat.JSON,
        metrics=metrics,
        metrics_port=metrics_port,
    )
    raise typer.Exit(execute(asked))
