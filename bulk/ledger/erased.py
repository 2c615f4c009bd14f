"""Reads from a ledger who was to be erased, so that nobody of them is ever imported again."""

from collections.abc import Collection
from pathlib import Path

import polars as pl

from bulk.errors import LedgerError
from bulk.ledger.columns import unpacked
from bulk.ledger.erasures import HASH, KIND
from bulk.ledger.file import connect_reader, read_fact, translated


def secret_of(path: Path) -> str:
    """Return what a ledger calls the secret with which its erased people are hashed.

    Raises:
        LedgerError: The file is not a ledger, is damaged, or records no erasures.
    """
    found = read_fact(path, "subjects")
    if found is None:
        raise LedgerError(f"{path}: this ledger records no erasures")
    return found


def erased(path: Path, kinds: Collection[str]) -> list[bytes]:
    """Return the keyed hashes of everything of some kinds that names whom any step was asked to erase.

    Raises:
        LedgerError: The file is not a ledger, or damaged.
    """
    connection = connect_reader(path)
    try:
        with translated(path):
            bodies = connection.execute("SELECT body FROM subjects ORDER BY seq")
            frames = [unpacked(body).filter(pl.col(KIND).is_in(list(kinds))) for (body,) in bodies]
    finally:
        connection.close()
    return pl.concat(frames)[HASH].unique().to_list() if frames else []
