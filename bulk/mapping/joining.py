"""Contacts that rows of a source are about: what a step's mapping needs of them."""

from typing import Protocol

import polars as pl


class Joining(Protocol):
    """Gives each row the columns of its contact."""

    @property
    def column(self) -> str:
        """The source's column that names people."""

    @property
    def schema(self) -> pl.Schema:
        """The columns that rows are given."""

    @property
    def faults(self) -> tuple[tuple[str, str], ...]:
        """Why a row is not to be sent, by the number in MATCH from 1: a reason and a sentence."""

    def joined(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows with the columns of their contacts, null where there is none, and MATCH."""
