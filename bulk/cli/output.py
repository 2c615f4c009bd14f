"""Files that commands write for their owner alone, whole or not at all."""

import codecs
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import polars as pl
from polars.exceptions import PolarsError
from polars.io.plugins import register_io_source

from bulk.errors import UsageError

FORMATS = ("csv", "ndjson", "parquet")
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
    """Open the output for its owner alone; a file that was there is replaced only by a whole one.

    Raises:
        UsageError: It cannot be written, or not to its end.
    """
    try:
        if str(output) == "-":
            yield sys.stdout.buffer
            return
        part = output.with_name(f".{output.name}.part")
        part.unlink(missing_ok=True)  # it may be somebody else's, readable by all, or lead elsewhere
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    except BrokenPipeError:  # who reads standard output has seen enough
        raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(f"-o {output}: cannot be written ({why})") from None


def write(
    file: BinaryIO, kind: str, frames: Iterable[pl.DataFrame], separator: str = ",", encoding: str = "utf-8"
) -> None:
    """Write frames to a file, each as it comes; all have the same columns.

    Raises:
        UsageError: A parquet file is asked for, and there is no frame to tell its columns.
        OSError: The file cannot be written.
    """
    try:
        _write(file, kind, frames, separator, encoding)
    except (OSError, PolarsError) as error:  # polars tells the system's errors in words only
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from None


def _write(file: BinaryIO, kind: str, frames: Iterable[pl.DataFrame], separator: str, encoding: str) -> None:
    if kind == "ndjson":
        file.writelines(frame.write_ndjson().encode() for frame in frames)
    elif kind == "parquet":
        found = _stream(frames)
        if found is None:
            raise UsageError("there is nothing to write, and a parquet file needs columns")
        found.sink_parquet(file)
    elif encoding != "utf-8":
        file.writelines(_encoded(map(_flat, frames), separator, encoding))
    elif (found := _stream(map(_flat, frames))) is not None:
        found.sink_csv(file, separator=separator)


def _stream(frames: Iterable[pl.DataFrame]) -> pl.LazyFrame | None:
    """Return frames as one that is never whole in memory; None if there is none."""
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        return None
    return register_io_source(lambda *_: chain([first], rest), schema=first.schema, validate_schema=True)


def _encoded(frames: Iterable[pl.DataFrame], separator: str, encoding: str) -> Iterator[bytes]:
    """Yield frames as lines in an encoding that polars does not write."""
    encoder = codecs.getincrementalencoder(encoding)("replace")  # vendors' words may not fit the codec
    for index, frame in enumerate(frames):
        yield encoder.encode(frame.write_csv(include_header=not index, separator=separator))


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(_as_json(name) for name, dtype in frame.schema.items() if dtype.is_nested())


def _as_json(name: str) -> pl.Expr:
    """Write lists and objects as JSON text: csv knows nothing else."""
    opening = '{"_":'
    held = pl.struct(pl.col(name).alias("_")).struct.json_encode()
    text = held.str.slice(len(opening)).str.strip_suffix("}")
    return pl.when(pl.col(name).is_not_null()).then(text).alias(name)


def spreadsheet_safe(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Keep spreadsheets from running a cell of these columns."""
    texts = [name for name in names if frame.schema[name] == pl.String]
    runs = frame.select(pl.col(name).str.contains(_RUNS_IN_A_SPREADSHEET).any() for name in texts)
    running = (
        name for name in texts if runs[name].item()
    )  # mostly none, and looking costs less than writing
    return frame.with_columns(pl.col(name).str.replace(_RUNS_IN_A_SPREADSHEET, "'$1") for name in running)
