"""``bulk init``: look at a file, and write a job that carries it over."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli import completing


def init(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The export: csv, tsv, ndjson, xlsx, …")],
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="SYSTEM",
            help="Where its people go, such as customerly.",
            autocompletion=completing.systems,
        ),
    ],
    operation: Annotated[
        str | None,
        typer.Option(
            metavar="OP",
            help="What is done with them; default: create or update, or unsubscribe if they have left.",
            autocompletion=completing.operations,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The job; default: SOURCE with the suffix .yaml; - is stdout.",
        ),
    ] = None,
) -> None:
    """Look at an export and write a commented job file with a guessed mapping; send nothing.

    Exports of HubSpot, Salesforce, Intercom, Mailchimp, Pipedrive, Zendesk, Klaviyo, ActiveCampaign and
    Brevo are known by their columns; others are guessed by names and values. On a terminal it asks what
    it cannot know.

    Example: bulk init jobs/data/hubspot-contacts.csv --to customerly -o contacts.yaml
    """
    from bulk.cli.starting import Wanted, start

    raise typer.Exit(start(Wanted(source=source, system=to, operation=operation, output=output)))
