"""Writes a ledger's outcomes to a file."""

import codecs
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from bulk.cli.output import format_of, private, spreadsheet_safe, writer
from bulk.conversation import ROW, Status
from bulk.errors import LedgerError, SourceError, UsageError
from bulk.ledger.view import EXPORT, View
from bulk.source import Source, SourceOptions, open_source


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
        origin = _open_source(view, source) if with_source else None
        separator, encoding = _text_form(view) if with_source else (",", "utf-8")
        with private(output) as file, writer(file, kind, separator, encoding) as write:
            lines = (frame.filter(pl.col("status").is_in(wanted)) for frame in view.lines())
            for frame in _joined(lines, origin) if origin else lines:
                write(_safe(frame) if kind == "csv" else frame)


def _statuses(text: str | None) -> list[str]:
    known = [status.value for status in Status]
    asked = [part.strip() for part in text.split(",")] if text else known
    for status in asked:
        if status not in known:
            raise UsageError(f'--status: there is no status "{status}"; there are {", ".join(known)}')
    return asked


def _open_source(view: View, moved_to: Path | None) -> Source:
    facts = view.source
    paths = (str(moved_to.resolve()),) if moved_to else tuple(facts["paths"])
    if not paths or paths == ("-",):
        raise SourceError(
            "the source was standard input or a query; name a file that holds it with --source FILE"
        )
    options = SourceOptions(
        paths=paths,
        base=Path(facts["base"]),
        format=facts["format"],
        encoding=facts["encoding"],
        separator=facts["separator"],
        null_values=tuple(facts["null_values"]),
    )
    source = open_source(options)
    if source.fingerprint() != view.fingerprint:
        raise SourceError(
            "the source is not the one this pass was made from;"
            " name that with --source FILE, or leave --with-source out"
        )
    return source


def _text_form(view: View) -> tuple[str, str]:
    """Write as the source was written, so that the job can read what was exported."""
    separator = view.source["separator"] or ("\t" if view.source["format"] == "tsv" else ",")
    return separator, codecs.lookup(view.source["encoding"] or "utf-8").name


def _joined(lines: Iterator[pl.DataFrame], source: Source) -> Iterator[pl.DataFrame]:
    """Put the source's columns beside the outcomes; those named like one of ours keep their name."""
    clashing = {name: f"bulk_{name}" for name in EXPORT if name in source.columns}
    rows = _rows_of(source)
    known = pl.DataFrame(schema={ROW: pl.UInt32, **source.schema})
    for frame in lines:
        last = int(frame["row"][-1]) if frame.height else 0
        parts, end = [known], _end(known)
        while end < last and (chunk := next(rows, None)) is not None:
            end = _end(chunk)
            needed = pl.col(ROW).is_in(frame["row"].implode()) | (pl.col(ROW) > last)
            parts.append(chunk.select(known.columns).filter(needed))
        known = pl.concat(parts)
        yield frame.rename(clashing).join(
            known, left_on=clashing.get("row", "row"), right_on=ROW, how="left", maintain_order="left"
        )
        known = known.filter(pl.col(ROW) > last)


def _end(frame: pl.DataFrame) -> int:
    return int(frame[ROW][-1]) if frame.height else 0


def _rows_of(source: Source) -> Iterator[pl.DataFrame]:
    return (chunk.frame for chunk in source.chunks() if chunk.frame.height)


def _safe(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep spreadsheets from running a cell of ours; the source's own columns are left as they are."""
    return spreadsheet_safe(frame, [name for name in frame.columns if name.removeprefix("bulk_") in EXPORT])


__all__ = ["write_export"]
