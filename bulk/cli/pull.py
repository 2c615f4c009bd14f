"""``bulk pull``: read what a system holds into a file."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli import completing
from bulk.cli.run import LogFormat, SetOption

DestinationArgument = Annotated[
    str,
    typer.Argument(
        help="A system, such as customerly, or with --job a destination of that job.",
        autocompletion=completing.destinations,
    ),
]
KindArgument = Annotated[
    str,
    typer.Argument(
        help="What to list: users, leads, tags, people, customers, …", autocompletion=completing.listings
    ),
]


def pull(  # noqa: PLR0913 - one parameter per option
    destination: DestinationArgument,
    kind: KindArgument,
    *,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="csv, ndjson or parquet, by suffix."),
    ],
    job: Annotated[
        Path | None,
        typer.Option(
            metavar="JOB",
            help="The job whose destination, rate and credentials to use.",
            autocompletion=completing.job_files,
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N.")] = None,
    by: Annotated[
        tuple[str, Path] | None,
        typer.Option(metavar="IDENTIFIER FILE", help="Only these people: --by email addresses.txt"),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="NAME=VALUE", help="Only these, such as segment=7; see bulk destinations."
        ),
    ] = None,
    segment: Annotated[
        str | None, typer.Option(metavar="ID", help="Only people of a segment: --where segment=ID")
    ] = None,
    filter_: Annotated[
        str | None,
        typer.Option("--filter", metavar="JSON", help="The system's own filter: --where filter=JSON"),
    ] = None,
    settings: SetOption = None,
    log_format: Annotated[
        LogFormat, typer.Option(envvar="BULK_LOG_FORMAT", help="Lines for people, or JSON lines.")
    ] = LogFormat.CONSOLE,
) -> None:
    """List what a system holds, paced and without repetitions; the file appears when it is whole.

    Example: bulk pull customerly users -o users.parquet
    """
    from bulk.cli.pulling import Wanted, fetch

    wanted = Wanted(
        destination=destination,
        kind=kind,
        output=output,
        job=job,
        limit=limit,
        by=by,
        where=(*(where or ()), *_named(segment=segment, filter=filter_)),
        settings=tuple(settings or ()),
        json_log=log_format is LogFormat.JSON,
    )
    raise typer.Exit(fetch(wanted))


def _named(**options: str | None) -> list[str]:
    """Return options that have a switch of their own in the form of ``--where``."""
    return [f"{name}={value}" for name, value in options.items() if value is not None]
