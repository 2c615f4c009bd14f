"""Files that know their types (parquet, Arrow IPC): columns as stored."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import polars as pl
from polars.exceptions import PolarsError

from bulk.conversation import ROW
from bulk.errors import SourceError
from bulk.source.confined import MEMORY, confined
from bulk.source.options import Chunk, Mark, Sizes, malformed_rows, named_columns, same_columns, with_nulls

_SCANS: Final[dict[str, Callable[..., pl.LazyFrame]]] = {"parquet": pl.scan_parquet, "ipc": pl.scan_ipc}
_T = TypeVar("_T")
_AS_TEXT: Final = (pl.Categorical, pl.Enum, pl.Decimal, pl.Null)


def scanned(kind: str, path: str, name: str) -> pl.LazyFrame:
    """Open a file or an address without reading its rows."""
    frame = _SCANS[kind](path, glob=False)
    with_reason(frame.collect_schema, kind, name)
    return frame


def with_reason(work: Callable[[], _T], kind: str, name: str) -> _T:
    """Do some work on a file, telling in a sentence if it is not what it should be."""
    try:
        return work()
    except (PolarsError, OSError) as error:
        raise not_whole(kind, name) from error


def not_whole(kind: str, name: str) -> SourceError:
    """Say that a file is damaged, or another than its name says."""
    return SourceError(f"{name} is not a whole {kind} file; check its format or fetch it again")


def batches(frame: pl.LazyFrame, kind: str, name: str, rows: int) -> Iterator[pl.DataFrame]:
    """Yield a file's rows in order."""
    found = iter(frame.collect_batches(chunk_size=rows, maintain_order=True))
    while (batch := with_reason(lambda: next(found, None), kind, name)) is not None:
        yield batch


def _check_whole(kind: str, path: str, name: str, rows: int) -> None:
    """Refuse a file that cannot be read to its end."""
    with Path(path).open("rb") as file:
        memory = MEMORY + os.fstat(file.fileno()).st_size  # it is mapped
        if confined(read_to_end, kind, name, str(rows), stdin=file, memory=memory) is None:
            raise not_whole(kind, name)


def read_to_end(kind: str, name: str, rows: str) -> None:
    """Read the file on standard input, and keep nothing."""
    for _ in batches(scanned(kind, "/dev/fd/0", name), kind, name, int(rows)):
        pass


def text_where_needed(schema: pl.Schema, name: str) -> dict[str, pl.DataType]:
    """Return the types that rows are given; a column that cannot be sent is refused."""
    types: dict[str, pl.DataType] = {}
    for column, dtype in schema.items():
        if _holds_binary(dtype):
            raise SourceError(f'column "{column}" of {name} is binary; leave it out or store it as text')
        types[column] = pl.String() if isinstance(dtype, _AS_TEXT) else dtype
    return types


def _holds_binary(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(
            _holds_binary(field.dtype) for field in dtype.fields if isinstance(field.dtype, pl.DataType)
        )
    inner = getattr(dtype, "inner", None)
    return isinstance(dtype, pl.Binary | pl.Object) or (
        isinstance(inner, pl.DataType) and _holds_binary(inner)
    )


class Frames:
    """Rows that come as frames: from typed files, workbooks, databases."""

    def __init__(
        self,
        frames: Callable[[], Iterator[pl.DataFrame]],
        schema: pl.Schema,
        name: str,
        null_values: Sequence[str],
    ) -> None:
        self._frames = frames
        self._nulls = null_values
        self._stored = schema.names()
        names = named_columns(self._stored, name)
        types = text_where_needed(schema, name)
        self.schema = pl.Schema(dict(zip(names, types.values(), strict=True)))
        self.hint = ""

    def chunks(self, start: Mark | None = None) -> Iterator[Chunk]:
        """Yield the rows of all frames in order, or those from a mark on."""
        passed = start.rows if start else 0
        done = 0
        for frame in self._frames():
            rest = frame.slice(max(0, passed - done))
            if rest.height:
                yield self._chunk(rest, done + frame.height - rest.height)
            done += frame.height

    def _chunk(self, frame: pl.DataFrame, done: int) -> Chunk:
        frame = frame.select(self._stored)
        frame.columns = self.schema.names()
        numbers = pl.int_range(done + 1, done + 1 + frame.height, dtype=pl.UInt32, eager=True).alias(ROW)
        typed = with_nulls(frame.cast(self.schema), self._nulls)
        return Chunk(typed.insert_column(0, numbers), malformed_rows(), Mark(done))


def typed_files(
    kind: str, files: Sequence[tuple[str, str]], null_values: Sequence[str], sizes: Sizes
) -> Frames:
    """Read parquet or Arrow IPC files, given as pairs of a name and a path; each is read to its end first."""
    for name, path in files:
        _check_whole(kind, path, name, sizes.rows)
    scans = [(name, scanned(kind, path, name)) for name, path in files]
    first, schema = scans[0][0], scans[0][1].collect_schema()
    for name, scan in scans:
        _same_schema(first, schema, name, scan.collect_schema())

    def frames() -> Iterator[pl.DataFrame]:
        for name, scan in scans:
            yield from batches(scan, kind, name, sizes.rows)

    return Frames(frames, schema, first, null_values)


def _same_schema(first: str, schema: pl.Schema, other: str, found: pl.Schema) -> None:
    same_columns(first, schema.names(), other, found.names())
    for column, dtype in schema.items():
        if found[column] != dtype and not isinstance(dtype, _AS_TEXT):
            raise SourceError(
                f'column "{column}" has one type in {first} and another in {other}; store them alike'
            )
