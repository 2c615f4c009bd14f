"""Writes reports: a page about a ledger, or the evidence of its erasures."""

import os
import time
from pathlib import Path
from typing import Any

import orjson
import typer

from bulk import __version__
from bulk.cli.output import private
from bulk.errors import UsageError
from bulk.job.environment import variable
from bulk.ledger.file import translated
from bulk.ledger.record import reading
from bulk.ledger.view import View
from bulk.report.evidence import Issued, statement
from bulk.report.page import evidence_page, ledger_page
from bulk.report.signing import private_key, sealed

SIGNING_KEY = "BULK_SIGNING_KEY"
CHANGED = 3


def write_evidence(ledger: Path, output: Path) -> int:
    """Write the evidence, and the page that shows it beside it; return the exit code.

    Nothing is written of a ledger in which something was changed.

    Raises:
        LedgerError: The file is no ledger, or records no erasures.
        UsageError: The output or the signing key cannot be used.
    """
    if output.suffix != ".json":
        raise UsageError(f"-o {output}: evidence is JSON, so the suffix is .json")
    pem = variable(SIGNING_KEY, os.environ)
    key = None if pem is None else private_key(pem, SIGNING_KEY)
    with reading(ledger) as reader:
        record = reader.record()
        checked = reader.check()
        if checked.problems:
            typer.echo(
                f"{ledger}: something that it recorded was changed, so it is no evidence:"
                f" look at `bulk audit {ledger}`",
                err=True,
            )
            return CHANGED
    made = statement(record, Issued(time.time(), __version__, checked.links, checked.head))
    evidence = sealed(made, key)
    page = output.with_suffix(".html")
    _write(output, orjson.dumps(evidence, option=orjson.OPT_INDENT_2))
    _write(page, evidence_page(evidence).encode())
    signed = "signed" if key else f"not signed, since {SIGNING_KEY} is not set"
    typer.echo(f"{output} ({len(made['requests']):,} requests, {signed}) and {page}", err=True)
    return 0


def write_page(ledger: Path, output: Path) -> int:
    """Write the page about a ledger; return the exit code.

    Raises:
        LedgerError: The file is no ledger.
        UsageError: The output cannot be used.
    """
    if output.suffix not in {".html", ".htm"}:
        raise UsageError(f"-o {output}: a report is a page, so the suffix is .html")
    now = time.time()
    with View(ledger) as view, translated(ledger):
        page = ledger_page(view, now, __version__, _erasures(view, now))
    _write(output, page.encode())
    typer.echo(str(output), err=True)
    return 0


def _erasures(view: View, now: float) -> dict[str, Any] | None:
    """Return what a ledger says of erasures; None if it records none."""
    if view.fact("subjects") is None:
        return None
    with reading(view.path) as reader:
        return statement(reader.record(), Issued(now, __version__, 0, ""))


def _write(output: Path, content: bytes) -> None:
    with private(output) as file:
        file.write(content)
