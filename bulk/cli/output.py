"""Files that commands write for their owner alone, whole or not at all."""

import codecs
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import polars as pl

from bulk.errors import UsageError

FORMATS = ("csv", "ndjson", "parquet")
Writer = Callable[[pl.DataFrame], None]
_RUNS_IN_A_SPREADSHEET = r"^([=+\-@\t\r])"


def format_of(output: Path) -> str:
    """Return the format a suffix stands for.

    Raises:
        UsageError: There is none.
    """
    if str(output) == "-":
        return "csv"
    kind = output.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise UsageError(f"-o {output}: the suffix must be one of {', '.join(FORMATS)}")
    return kind


@contextmanager
def private(output: Path) -> Iterator[BinaryIO]:
    """Open the output for its owner alone; a file that was there is replaced only by a whole one."""
    if str(output) == "-":
        yield sys.stdout.buffer
        return
    part = output.with_name(f".{output.name}.part")
    try:
        part.unlink(missing_ok=True)  # it may be somebody else's, readable by all, or lead elsewhere
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"-o {output}: cannot be written ({error.strerror})") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def writer(file: BinaryIO, kind: str, separator: str, encoding: str) -> Iterator[Writer]:
    """Open what writes frames to a file, one after another; all have the same columns."""
    if kind == "parquet":
        frames: list[pl.DataFrame] = []
        yield frames.append
        if not frames:
            raise UsageError("there is nothing to write, and a parquet file needs columns")
        pl.concat(frames).write_parquet(file)
    elif kind == "ndjson":
        yield partial(_write_ndjson, file)
    else:
        yield _csv_writer(file, separator, encoding)


def _write_ndjson(file: BinaryIO, frame: pl.DataFrame) -> None:
    file.write(frame.write_ndjson().encode())


def _csv_writer(file: BinaryIO, separator: str, encoding: str) -> Writer:
    encoder = codecs.getincrementalencoder(encoding)("replace")  # vendors' words may not fit the codec
    written = False

    def write(frame: pl.DataFrame) -> None:
        nonlocal written
        flat = frame.with_columns(_as_json(name) for name, dtype in frame.schema.items() if dtype.is_nested())
        file.write(encoder.encode(flat.write_csv(include_header=not written, separator=separator)))
        written = True

    return write


def _as_json(name: str) -> pl.Expr:
    """Write lists and objects as JSON text: csv knows nothing else."""
    opening = '{"_":'
    held = pl.struct(pl.col(name).alias("_")).struct.json_encode()
    text = held.str.slice(len(opening)).str.strip_suffix("}")
    return pl.when(pl.col(name).is_not_null()).then(text).alias(name)


def spreadsheet_safe(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Keep spreadsheets from running a cell of these columns."""
    texts = (name for name in names if frame.schema[name] == pl.String)
    return frame.with_columns(pl.col(name).str.replace(_RUNS_IN_A_SPREADSHEET, "'$1") for name in texts)
