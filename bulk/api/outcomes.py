"""What a ledger holds, as frames: one line per row and step."""

from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from bulk.conversation import ROW, Status
from bulk.errors import SourceError, UsageError
from bulk.ledger.view import EXPORT, View
from bulk.source import Source, SourceOptions, open_source

_NUMBERS = {"row": pl.UInt32(), "http_status": pl.Int64(), "attempts": pl.Int64()}
"""The columns that are no texts."""


def read_ledger(
    path: str | Path,
    *,
    status: str | Collection[str] = (),
    number: int | None = None,
    with_source: bool = False,
    source: str | Path | None = None,
) -> pl.DataFrame:
    """Return a ledger's outcomes, one line per row and step, in row order, as ``bulk export`` writes them.

    Args:
        path: The ledger; a run may be writing it.
        status: One status or several; default: all.
        number: An earlier pass; default: the last.
        with_source: Whether the source's columns stand beside the outcomes.
        source: Where the source is now, if it was moved.

    Raises:
        UsageError: There is no such status.
        LedgerError: The file is no ledger, or holds no outcomes yet.
        SourceError: The source is gone, or is not what the pass was made from.
    """
    wanted = known_statuses((status,) if isinstance(status, str) else status)
    with View(Path(path), number) as view:
        moved_to = Path(source) if source is not None else None
        frames = list(outcomes(view, wanted, open_origin(view, moved_to) if with_source else None))
    return (
        pl.concat(frames)
        if frames
        else pl.DataFrame(schema={name: _NUMBERS.get(name, pl.String()) for name in EXPORT})
    )


def known_statuses(asked: Collection[str]) -> list[str]:
    """Return the statuses asked for; all if none is.

    Raises:
        UsageError: There is no such status.
    """
    known = [status.value for status in Status]
    for status in asked:
        if status not in known:
            raise UsageError(f'there is no status "{status}"; there are {", ".join(known)}')
    return list(asked) or known


def outcomes(view: View, wanted: Collection[str], origin: Source | None) -> Iterator[pl.DataFrame]:
    """Yield one line per row and step, a chunk at a time.

    Args:
        view: The pass.
        wanted: Only outcomes of these statuses.
        origin: The source whose columns stand beside them; ``bulk_`` marks our own that are named alike.

    Raises:
        LedgerError: The source is still being read.
    """
    lines = (frame.filter(pl.col("status").is_in(wanted)) for frame in view.lines())
    return _joined(lines, origin) if origin is not None else lines


def open_origin(view: View, moved_to: Path | None) -> Source:
    """Open the source that a pass was made from.

    Raises:
        SourceError: It is gone, or is another one.
    """
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
