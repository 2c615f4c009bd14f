"""Identifiers of events: always the same one for the same row of the same pass, or the same id of yours."""

import re
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import polars as pl

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", dtype=np.uint8)
_LENGTH = 26
_BEGIN = b"01"
"""A ULID begins with a time in milliseconds; with these two characters it lies between 2004 and 2039."""
_STEP = np.uint64(0x9E3779B97F4A7C15)
_BITS = np.arange(55, -5, -5, dtype=np.uint64)
"""Twelve characters of five bits each: the lower sixty bits of a number."""

_ULID = re.compile(rb"[0-7][0-9A-HJKMNP-TV-Z]{25}")
Words = npt.NDArray[np.uint64]


def ulids(seed: str, rows: pl.Series) -> pl.Series:
    """Return a ULID for each row number: 120 bits that depend on seed and row alone."""
    keys = blake2b(seed.encode(), digest_size=16).digest()
    numbers = rows.to_numpy().astype(np.uint64)
    text = np.empty((numbers.size, _LENGTH), dtype=np.uint8)
    text[:, :2] = np.frombuffer(_BEGIN, dtype=np.uint8)
    for half, start in enumerate((2, 14)):
        key = np.uint64(int.from_bytes(keys[8 * half : 8 * half + 8]))
        words = _mixed(key + numbers * _STEP)
        text[:, start : start + 12] = _ALPHABET[(words[:, None] >> _BITS) & np.uint64(31)]
    joined = text.tobytes().decode("ascii")
    return pl.Series([joined[at : at + _LENGTH] for at in range(0, len(joined), _LENGTH)], dtype=pl.String)


def ulids_of(ids: pl.Series) -> pl.Series:
    """Return a ULID for each id of yours: itself if it is one, else one that depends on the id alone."""
    known = {text: _ulid_of(text) for text in ids.unique() if text is not None}
    return pl.Series([known.get(text) for text in ids], dtype=pl.String)


def _ulid_of(text: str) -> str:
    raw = text.encode()
    if _ULID.fullmatch(raw.upper()):
        return text.upper()
    number = int.from_bytes(blake2b(raw, digest_size=15).digest())
    digits = [_ALPHABET[number >> shift & 31] for shift in range(115, -5, -5)]
    return (_BEGIN + bytes(digits)).decode("ascii")


def _mixed(words: Words) -> Words:
    """Scatter numbers over all 64 bits, none onto another's place (splitmix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
