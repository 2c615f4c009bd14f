"""Excel and OpenDocument workbooks: the first sheet, its first row that is not blank being the header.

A few kilobytes of a workbook may stand for billions of cells, so it is read in a process of its own.
"""

import io
import sys
from collections.abc import Iterator
from datetime import time
from typing import Final

import fastexcel
import polars as pl

from bulk.errors import SourceError
from bulk.source.confined import confined
from bulk.source.options import named_columns
from bulk.source.text import TextFile

_LARGEST: Final = 512 << 20
_OLE: Final = b"\xd0\xcf\x11\xe0"
_SHOWN_DATE: Final = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def read_workbook(file: TextFile) -> pl.DataFrame:
    """Return the first sheet as columns of text, dates in ISO 8601, without blank rows."""
    read = confined(write_sheet, file.name, stdin=_content(file))
    if read is None:
        raise SourceError(f"{file.name} cannot be read, or not with 4 GB of memory; save it as csv")
    return pl.read_ipc(io.BytesIO(read))


def write_sheet(name: str) -> None:
    """Read a workbook from standard input, and write its sheet as Arrow IPC."""
    read_sheet(sys.stdin.buffer.read(), name).write_ipc(sys.stdout.buffer)


def read_sheet(data: bytes, name: str) -> pl.DataFrame:
    """Return what ``read_workbook`` does, within this process."""
    try:
        workbook = fastexcel.read_excel(data)
        texts = pl.DataFrame(
            workbook.load_sheet(0, header_row=None, dtypes="string", schema_sample_rows=None)
        )
    except fastexcel.FastExcelError as error:
        if data.startswith(_OLE) and not name.lower().endswith(".xls"):
            raise SourceError(f"{name} seems to be protected by a password; save it without one") from error
        raise SourceError(f"{name} is not a readable workbook; open it and save it again") from error
    if not texts.height:
        raise SourceError(f"the first sheet of {name} is empty; a header row is needed")
    filled = texts.select(pl.any_horizontal(pl.all().is_not_null() & (pl.all() != ""))).to_series()
    header = filled.arg_max() or 0
    if not filled.any():
        raise SourceError(f"the first sheet of {name} is empty; a header row is needed")
    columns = named_columns([name or "" for name in texts.row(header)], name)
    kept = filled & (pl.int_range(texts.height, eager=True) > header)
    stamps = pl.DataFrame(workbook.load_sheet(0, header_row=None, dtypes="datetime", schema_sample_rows=None))
    dated = [_dated(text, stamp) for text, stamp in zip(texts.filter(kept), stamps.filter(kept), strict=True)]
    return pl.DataFrame([column.alias(name) for column, name in zip(dated, columns, strict=True)])


def _content(file: TextFile) -> bytes:
    stream, content = file.open(), bytearray()
    try:
        while part := stream.read(1 << 20):
            content += part
            if len(content) > _LARGEST:
                raise SourceError(f"{file.name} is larger than 512 MB; save it as csv")
    finally:
        stream.close()
    return bytes(content)


def _dated(texts: pl.Series, stamps: pl.Series) -> pl.Series:
    """Write the cells that hold a date in ISO 8601; a text that only looks like one stays as it is.

    A number can be read as a date too, so a cell is a date if it can be and is also shown as one.
    """
    shown = texts.str.contains(_SHOWN_DATE) & stamps.is_not_null()
    if not shown.any():
        return texts
    found = stamps.filter(shown.fill_null(value=False))
    plain = bool((found.dt.time() == time()).all())
    written = texts.str.slice(0, 10) if plain else texts.str.replace(" ", "T", literal=True)
    return written.zip_with(shown.fill_null(value=False), texts)


def workbook_frames(frame: pl.DataFrame, rows: int) -> Iterator[pl.DataFrame]:
    """Yield a sheet in parts; an empty one as one part, for its columns."""
    yield from frame.iter_slices(rows) if frame.height else [frame]
