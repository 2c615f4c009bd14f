"""What a source is asked for, and the chunks of rows it gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import polars as pl

from bulk.conversation import KEY, MATCH, RECORD, ROW
from bulk.errors import SourceError

RESERVED: Final = frozenset({ROW, KEY, RECORD, MATCH})
MALFORMED: Final = "malformed_row"
BLOCK_SIZE: Final = 3 << 20
"""Bytes of text that make a chunk; typed formats take as many rows as would fit about that."""
BATCH_ROWS: Final = 65_536
LONGEST_FIELD: Final = 1 << 20
"""Bytes within which a quoted field must end, its quotes included."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """A job's source, as written there.

    Attributes:
        paths: Files relative to ``base``, globs, ``s3://`` ``gs://`` ``az://`` addresses, or ``-`` for stdin.
        base: The folder that relative paths start from.
        format: csv tsv ndjson parquet ipc excel lines; None goes by the file's suffix.
        encoding: A Python codec; None is UTF-8 unless a byte-order mark says otherwise.
        separator: One character; None is the format's own.
        null_values: Texts that are null, compared as written.
        database_uri: ``sqlite:///…`` or ``postgresql://…``, together with ``query``.
        query: The SELECT whose result is the source.
        spool_dir: Folder of the unlinked files that hold what can be read only once.
    """

    paths: tuple[str, ...] = ()
    base: Path = field(default_factory=Path)
    format: str | None = None
    encoding: str | None = None
    separator: str | None = None
    null_values: tuple[str, ...] = ("",)
    database_uri: str | None = field(default=None, repr=False)
    query: str | None = None
    spool_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is read at once: bytes of text, rows of a typed format, bytes of a quoted field."""

    block: int = BLOCK_SIZE
    rows: int = BATCH_ROWS
    longest: int = LONGEST_FIELD


class Mark(NamedTuple):
    """A place in a source from which its rows can be read as if all before them had been read.

    Attributes:
        rows: How many rows are before it.
        file: Number of the file, from 0.
        offset: Bytes of that file before it, decompressed; nothing where rows come as frames.
        line: Number of its line in that file.
    """

    rows: int
    file: int = 0
    offset: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive rows: the good ones, what is wrong with the others, and where they begin, if known."""

    frame: pl.DataFrame
    malformed: pl.DataFrame
    mark: Mark | None = None

    @property
    def last(self) -> int:
        """The number of the last row, 0 if there is none."""
        return max(part[ROW][-1] if part.height else 0 for part in (self.frame, self.malformed))


class Reader(Protocol):
    """What every format offers: columns known at once, and rows from the start as often as wanted."""

    @property
    def schema(self) -> pl.Schema:
        """Columns and types, without the row number."""

    @property
    def hint(self) -> str:
        """What may explain a missing column, or nothing."""

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """Yield all rows in order, numbered from 1, or those from one of the marks that were found before."""


Fault = tuple[int, int | None, str]
"""Row number, physical line if there are lines, and the sentence for people."""


def malformed_rows(faults: Sequence[Fault] = ()) -> pl.DataFrame:
    """Return malformed rows as a frame."""
    rows, lines, messages = zip(*faults, strict=True) if faults else ((), (), ())
    columns = [
        pl.Series(ROW, rows, dtype=pl.UInt32),
        pl.Series("line", lines, dtype=pl.Int64),
        pl.Series("reason", [MALFORMED] * len(faults), dtype=pl.String),
        pl.Series("message", messages, dtype=pl.String),
    ]
    return pl.DataFrame(columns)


def named_columns(header: Sequence[str], where: str) -> tuple[str, ...]:
    """Name the nameless columns by position, and refuse duplicate and reserved names."""
    columns = tuple(name or f"column_{position}" for position, name in enumerate(header, 1))
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(columns, 1):
        positions.setdefault(name, []).append(position)
    for name, found in positions.items():
        if len(found) > 1:
            listed = ", ".join(map(str, found))
            raise SourceError(f'{where} has column "{name}" more than once (columns {listed}); rename one')
        if name in RESERVED:
            raise SourceError(f'{where} has a column "{name}", a name that is kept for bulk; rename it')
    return columns


def with_nulls(frame: pl.DataFrame, nulls: Sequence[str]) -> pl.DataFrame:
    """Make null what the job says is null."""
    if not nulls or not frame.width:
        return frame
    texts = pl.col(pl.String)
    kept = texts != nulls[0] if len(nulls) == 1 else ~texts.is_in(list(nulls))
    return frame.with_columns(pl.when(kept).then(texts).name.keep())


def same_columns(first: str, expected: Sequence[str], other: str, found: Sequence[str]) -> None:
    """Refuse files whose columns differ, naming the first difference."""
    if tuple(expected) == tuple(found):
        return
    for position, (one, two) in enumerate(zip(expected, found, strict=False), 1):
        if one != two:
            raise SourceError(
                f'column {position} is "{one}" in {first} but "{two}" in {other}; give them the same columns'
            )
    more, fewer = (first, other) if len(expected) > len(found) else (other, first)
    extra = (expected if len(expected) > len(found) else found)[min(len(expected), len(found))]
    raise SourceError(f'{more} has a column "{extra}" that {fewer} has not; give them the same columns')
