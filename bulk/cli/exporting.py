"""Writes a ledger's outcomes to a file."""

import codecs
from pathlib import Path

import polars as pl

from bulk.api.outcomes import known_statuses, open_origin, outcomes
from bulk.cli.output import format_of, private, spreadsheet_safe, write
from bulk.errors import LedgerError, UsageError
from bulk.ledger.view import EXPORT, View


def write_export(
    ledger: Path,
    output: Path,
    statuses: str | None,
    number: int | None,
    *,
    source: Path | None,
    with_source: bool,
) -> None:
    """Write one line per row and step, in row order, a chunk at a time.

    Raises:
        UsageError: The suffix or a status is unknown.
        LedgerError: The file is no ledger.
        SourceError: The source is gone, or is not what the pass was made from.
    """
    wanted, kind = _statuses(statuses), format_of(output)
    with View(ledger, number) as view:
        if view.rows is None:
            raise LedgerError(f"{ledger}: the source is still being read; there is nothing to export yet")
        origin = open_origin(view, source) if with_source else None
        separator, encoding = _text_form(view) if with_source else (",", "utf-8")
        frames = outcomes(view, wanted, origin)
        with private(output) as file:
            write(file, kind, map(_safe, frames) if kind == "csv" else frames, separator, encoding)


def _statuses(text: str | None) -> list[str]:
    try:
        return known_statuses([part.strip() for part in text.split(",")] if text else ())
    except UsageError as error:
        raise UsageError(f"--status: {error}") from None


def _text_form(view: View) -> tuple[str, str]:
    """Write as the source was written, so that the job can read what was exported."""
    separator = view.source["separator"] or ("\t" if view.source["format"] == "tsv" else ",")
    return separator, codecs.lookup(view.source["encoding"] or "utf-8").name


def _safe(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep spreadsheets from running a cell of ours; the source's own columns are left as they are."""
    return spreadsheet_safe(frame, [name for name in frame.columns if name.removeprefix("bulk_") in EXPORT])
