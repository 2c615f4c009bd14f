"""Which records are as they were delivered before, by hashes that stay the same for years."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

from bulk.conversation import CONTENT, GONE, IDENTITY, KEY, NAMELESS, RECORD, ROW

UNCHANGED = "unchanged"
Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Hash = Callable[[pl.Series], Hashes]
_BYTES = 8
_HASHED_AT_ONCE = 4000
"""So many texts are objects of Python at a time: they stay near the processor, which takes half the time."""
_NEIGHBOURS = 2
"""So many fewer first bits of hashes than it takes to number them are told apart at once."""
_LONGEST_SECRET = 64
"""Bytes of secret that BLAKE2b takes."""


class Comparison(Protocol):
    """Compares the records of a step with what was delivered."""

    def compare(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW, IDENTITY, CONTENT and whether a record is UNCHANGED, for rows that may be sent."""

    def gone(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW, IDENTITY and CONTENT of rows (ROW, KEY) whose people are not there any more."""


@dataclass(frozen=True)
class Delivered:
    """What is known to have arrived in one step, by ascending identity.

    Attributes:
        identities: Hashes of keys, or of key and object.
        contents: Hashes of the records; where a step adds to people, of their keys.
        at: When, in unix seconds; 0 if what was sent last did not certainly arrive.
    """

    identities: Hashes
    contents: Hashes
    at: npt.NDArray[np.uint32]

    def places(self, identities: Hashes) -> npt.NDArray[np.int64]:
        """Return where what is known of identities stands, -1 where nothing is.

        Hashes are spread evenly: the first bits of one tell nearly where it stands, and a few steps the rest.
        """
        known, (starts, bits) = self.identities, self._starts
        if not known.size:
            return np.full(identities.size, -1, dtype=np.int64)
        places = starts[identities >> bits].astype(np.int64)
        behind = np.flatnonzero(known[places] < identities)
        while behind.size:
            places[behind] += 1
            behind = behind[places[behind] < known.size]
            behind = behind[known[places[behind]] < identities[behind]]
        np.minimum(places, known.size - 1, out=places)
        return np.where(known[places] == identities, places, -1)

    @cached_property
    def _starts(self) -> tuple[npt.NDArray[np.uint32], np.uint64]:
        """Return where the few hashes with the same first bits begin, and how many bits are left."""
        bits = max(1, self.identities.size.bit_length() - _NEIGHBOURS)
        left = np.uint64(64 - bits)
        starts = np.searchsorted(self.identities, np.arange(1 << bits, dtype=np.uint64) << left)
        return np.minimum(starts, self.identities.size - 1).astype(np.uint32), left


@dataclass(frozen=True, slots=True)
class Changes:
    """Compares the records of one step with what was delivered.

    Attributes:
        contents: Returns KEY and, as RECORD, all that is sent of rows, in their order.
        hashed: Hashes text.
        delivered: What is known to have arrived.
        since: What was delivered before then, in unix seconds, is sent again.
        adds: Whether the step adds to people: then what it adds is part of the identity.
    """

    contents: Callable[[pl.DataFrame], pl.DataFrame]
    hashed: Hash
    delivered: Delivered
    since: float = 0.0
    adds: bool = False

    def compare(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW, IDENTITY, CONTENT and whether a record is UNCHANGED, for rows that may be sent."""
        records = self.contents(frame)
        nameless = records[KEY].is_null()
        with_object = nameless | self.adds
        about = records[KEY]
        if with_object.any():
            both = pl.concat_str(pl.col(KEY).fill_null(""), pl.lit("\x00"), RECORD)
            about = records.select(pl.when(with_object).then(both).otherwise(KEY)).to_series()
        identities = self.hashed(about)
        # An addition is told by its identity; its content says who loses it by being removed.
        contents = self.hashed(records[KEY].fill_null("") if self.adds else records[RECORD])
        contents[nameless.to_numpy()] = NAMELESS
        return pl.DataFrame(
            {
                ROW: frame[ROW],
                IDENTITY: identities,
                CONTENT: contents,
                UNCHANGED: self._unchanged(identities, contents, with_object.to_numpy()),
            }
        )

    def gone(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW, IDENTITY and CONTENT of rows (ROW, KEY) whose people are not there any more.

        Only of those to whom something was delivered: it does not count any more, should they be back. What
        was added to somebody is not looked at.
        """
        rows = frame.filter(pl.col(KEY).is_not_null() & (not self.adds))
        identities = self.hashed(rows[KEY])
        lost = rows.select(ROW, pl.Series(IDENTITY, identities), pl.lit(GONE, pl.UInt64).alias(CONTENT))
        return lost.filter(pl.Series(self.delivered.places(identities) >= 0))

    def _unchanged(self, identities: Hashes, contents: Hashes, with_object: Mask) -> Mask:
        known = self.delivered
        places = known.places(identities)
        unchanged, at = places >= 0, places[places >= 0]
        alike = with_object[unchanged] | (known.contents[at] == contents[unchanged])
        unchanged[unchanged] = alike & (known.at[at] > self.since)
        return unchanged


def stable_hash(secret: bytes | None) -> Hash:
    """Return how text is hashed: quickly, or with a secret, so that nobody else can try addresses out."""
    if secret is None:
        return _plain
    key = secret if len(secret) <= _LONGEST_SECRET else hashlib.blake2b(secret).digest()

    def keyed(texts: pl.Series) -> Hashes:
        digests = [
            hashlib.blake2b(text, digest_size=_BYTES, key=key).digest()
            for text in texts.cast(pl.Binary).to_list()
        ]
        return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)

    return keyed


def _plain(texts: pl.Series) -> Hashes:
    parts = (
        part.to_series().to_list() for part in texts.cast(pl.Binary).to_frame().iter_slices(_HASHED_AT_ONCE)
    )
    return np.fromiter(map(xxhash.xxh3_64_intdigest, chain.from_iterable(parts)), np.uint64, texts.len())
