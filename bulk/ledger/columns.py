"""Frames as compressed Arrow bytes: how the ledger keeps what is told to many rows at once."""

import sqlite3
import zlib
from io import BytesIO

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import KEY, ROW
from bulk.ledger.board import CODE

STATUS, REASON, MESSAGE = "status", "reason", "message"
TOLD = pl.Schema({ROW: pl.UInt32, STATUS: pl.String, REASON: pl.String, MESSAGE: pl.String})
KEYS = pl.Schema({ROW: pl.UInt32, KEY: pl.String})


_CHECK = 4
"""Bytes of checksum before a frame: reading a damaged one can end the process."""


class DamagedError(sqlite3.DatabaseError):
    """A frame is not what was packed."""


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
    if zlib.crc32(memoryview(body)[_CHECK:]) != int.from_bytes(body[:_CHECK], "big"):
        raise DamagedError
    return pl.read_ipc(BytesIO(memoryview(body)[_CHECK:]))


def status_codes(statuses: pl.Series) -> npt.NDArray[np.uint8]:
    """Return the board's codes of a column of statuses."""
    codes = {status.value: code for status, code in CODE.items()}
    return statuses.replace_strict(codes, return_dtype=pl.UInt8).to_numpy()
