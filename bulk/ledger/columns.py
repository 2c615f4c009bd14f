"""Frames as compressed Arrow bytes: how the ledger keeps what is told to many rows at once."""

import sqlite3
import zlib
from io import BytesIO

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.exceptions import PolarsError

from bulk.conversation import KEY, ROW
from bulk.errors import LedgerError
from bulk.ledger.board import CODE

LAST, STATUS, REASON, MESSAGE = "last", "status", "reason", "message"
TOLD = pl.Schema({ROW: pl.UInt32, LAST: pl.UInt32, STATUS: pl.String, REASON: pl.String, MESSAGE: pl.String})
"""What the plan told the rows from ROW to LAST."""
KEYS = pl.Schema({ROW: pl.UInt32, KEY: pl.String})


_CHECK = 4
"""Bytes of checksum before a frame: reading a damaged one can end the process."""


class DamagedError(LedgerError, sqlite3.DatabaseError):
    """A frame is not what was packed."""

    def __init__(self) -> None:
        super().__init__("what the ledger keeps of rows is damaged; restore it from a backup")


def packed(frame: pl.DataFrame) -> bytes:
    """Return a frame as bytes."""
    buffer = BytesIO()
    frame.write_ipc(buffer, compression="zstd")
    body = buffer.getvalue()
    return zlib.crc32(body).to_bytes(_CHECK, "big") + body


def unpacked(body: bytes) -> pl.DataFrame:
    """Return the frame that was packed.

    Raises:
        DamagedError: It has changed since.
    """
    frame = memoryview(body)[_CHECK:]
    if not frame or zlib.crc32(frame) != int.from_bytes(body[:_CHECK], "big"):
        raise DamagedError
    try:
        return pl.read_ipc(BytesIO(frame))
    except (PolarsError, OSError) as error:
        raise DamagedError from error


def as_told(frame: pl.DataFrame) -> pl.DataFrame:
    """Return what single rows were told (ROW ascending, status, reason, message), neighbours alike as one."""
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in (STATUS, REASON, MESSAGE))
    goes_on = ((pl.col(ROW).diff() == 1) & same).fill_null(value=False)
    lasts = frame.filter(~goes_on.shift(-1, fill_value=False))[ROW]
    return frame.filter(~goes_on).with_columns(lasts.alias(LAST)).select(TOLD.names())


def unpacked_told(body: bytes, rows: int) -> pl.DataFrame:
    """Return what a plan told rows (columns of ``TOLD``); the first version wrote every row for itself.

    Raises:
        DamagedError: It has changed since, or speaks of other rows than those from 1 to ``rows``.
    """
    frame = unpacked(body)
    if LAST not in frame.columns:
        frame = frame.with_columns(pl.col(ROW).alias(LAST)).select(TOLD.names())
    if frame.schema != TOLD:
        raise DamagedError
    if frame[ROW].null_count() or frame[LAST].null_count():
        raise DamagedError
    firsts, lasts = frame[ROW].to_numpy(), frame[LAST].to_numpy()
    if not ((firsts >= 1) & (lasts >= firsts) & (lasts <= rows)).all():
        raise DamagedError
    return frame


def told_rows(told: pl.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return every row that was told something, ascending, and beside it the place where that stands."""
    firsts, lasts = (told[name].to_numpy().astype(np.int64) for name in (ROW, LAST))
    lengths = lasts - firsts + 1
    places = np.repeat(np.arange(told.height), lengths)
    within = np.arange(places.size) - (np.cumsum(lengths) - lengths)[places]
    return firsts[places] + within, places


def status_codes(statuses: pl.Series) -> npt.NDArray[np.uint8]:
    """Return the board's codes of a column of statuses."""
    codes = {status.value: code for status, code in CODE.items()}
    return statuses.replace_strict(codes, return_dtype=pl.UInt8).to_numpy()
