"""``bulk report``: what a ledger says, as a page; or the evidence of its erasures."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli.status import LedgerArgument


def report(
    ledger: LedgerArgument,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="A page, .html; with --evidence a JSON file, .json."
        ),
    ],
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence",
            help="Write the evidence of erasures instead: JSON with keyed hashes, and a page to print."
            " It is signed if BULK_SIGNING_KEY is set.",
        ),
    ] = False,
) -> None:
    """Write a page about a ledger that needs nothing else, or the evidence of its erasures.

    Example: bulk report erasure.ledger -o evidence.json --evidence
    """
    from bulk.cli.reporting import write_evidence, write_page

    raise typer.Exit(write_evidence(ledger, output) if evidence else write_page(ledger, output))
