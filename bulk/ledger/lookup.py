"""Finds the keys of identities in what the passes of a ledger kept, the newest first."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import KEY
from bulk.ledger.columns import unpacked
from bulk.ledger.file import connect_reader, translated

Hashes = npt.NDArray[np.uint64]
Hash = Callable[[pl.Series], Hashes]


def named_in(path: Path, wanted: Hashes, hashed: Hash) -> pl.Series:
    """Return the keys of identities, from any pass, without writing anything.

    Raises:
        LedgerError: The file is not a ledger, or damaged.
    """
    connection = connect_reader(path)
    try:
        return named(connection, path, wanted, hashed)
    finally:
        connection.close()


def named(
    connection: sqlite3.Connection, path: Path, wanted: Hashes, hashed: Hash, before: int | None = None
) -> pl.Series:
    """Return the keys of identities (ascending), each once: of the newest pass first, there in row order.

    Args:
        connection: To the ledger.
        path: Where it is, for messages.
        wanted: The identities. One that no pass knows is left out.
        hashed: Hashes keys to identities.
        before: Only passes before this one.
    """
    found = [pl.Series(KEY, [], dtype=pl.String)]
    with translated(path):
        chunks = connection.execute(
            "SELECT pass, first_row FROM keys WHERE ? IS NULL OR pass < ?", (before, before)
        ).fetchall()
        for number, first_row in sorted(chunks, key=lambda chunk: (-chunk[0], chunk[1])):
            if not wanted.size:
                break
            ((body,),) = connection.execute(
                "SELECT body FROM keys WHERE pass = ? AND first_row = ?", (number, first_row)
            )
            keys = unpacked(body)[KEY].drop_nulls()
            places, wanted = _found(hashed(keys), wanted)
            found.append(keys.gather(places))
    return pl.concat(found)


def _found(hashes: Hashes, wanted: Hashes) -> tuple[npt.NDArray[np.intp], Hashes]:
    """Return where hashes stand that are wanted, each once, ascending; and which are still wanted."""
    place = np.minimum(np.searchsorted(wanted, hashes), wanted.size - 1)
    here = np.flatnonzero(wanted[place] == hashes)
    met, firsts = np.unique(place[here], return_index=True)
    return np.sort(here[firsts]), np.delete(wanted, met)
