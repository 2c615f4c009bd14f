"""``bulk audit``: whether anything that a ledger recorded of erasures was changed, without a network."""

from pathlib import Path
from typing import Annotated

import typer

from bulk.cli.status import LedgerArgument


def audit(
    ledger: LedgerArgument,
    evidence: Annotated[
        Path | None,
        typer.Argument(
            metavar="EVIDENCE", readable=False, help="Evidence that bulk report --evidence wrote."
        ),
    ] = None,
    *,
    public_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The public key, in PEM, of who must have signed the evidence."),
    ] = None,
) -> None:
    """Recompute a ledger's hash chain, and compare evidence with it, also older evidence.

    Exit code 3 if any recorded value was changed. Without a signature this shows accident, with one forgery.

    Example: bulk audit erasure.ledger evidence.json --public-key audit.pem
    """
    from bulk.cli.auditing import examine

    raise typer.Exit(examine(ledger, evidence, public_key))
