"""What was seen of a source: its columns, its first rows, how it is read."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from bulk.mapping.names import is_pattern


@dataclass(frozen=True)
class Seen:
    """A source as far as it was looked at.

    Attributes:
        path: As the job names it.
        stem: Its file's name without folder and suffixes.
        sample: Its first rows, numbered, as they are read.
        complete: Whether these are all.
        format: What its name does not say of its format, else None.
        encoding: A Python codec, or None where a job need not name it.
        separator: What stands between its fields; None where there is nothing between them.
    """

    path: str
    stem: str
    sample: pl.DataFrame
    columns: tuple[str, ...]
    complete: bool
    format: str | None = None
    encoding: str | None = None
    separator: str | None = None

    @cached_property
    def schema(self) -> pl.Schema:
        """Its columns and their types."""
        return pl.Schema({name: self.sample.schema[name] for name in self.columns})

    def raw(self, column: str) -> pl.Series:
        """Return a column under another name: polars would take some names of columns for patterns."""
        return self.sample.get_column(column).alias("raw")

    def filled(self, column: str) -> pl.Series:
        """Return the values of a column that say something; text without the spaces around it."""
        values = self.raw(column)
        if values.dtype != pl.String:
            return values.drop_nulls()
        bare = values.str.strip_chars().drop_nulls()
        return bare.filter(bare != "")

    def share(self, column: str, among: Collection[str]) -> float:
        """Return the share of a text column's values that are among some words, whatever their case."""
        values = self.filled(column)
        if values.is_empty() or not isinstance(values.dtype, pl.String):
            return 0.0
        return int(values.str.to_lowercase().is_in(list(among)).sum()) / len(values)

    def said(self, column: str) -> frozenset[str]:
        """Return the different words of a text column, in lower case; none if there are many."""
        values = self.filled(column)
        if values.dtype != pl.String:
            return frozenset()
        different = values.str.to_lowercase().unique()
        return frozenset(different) if len(different) <= _FEW else frozenset()


MOST = 0.95
"""The share of values that must be of a kind, for the few others to be mistakes."""
_FEW = 40
"""More different values than any column has that says yes or no, or how somebody stands to e-mails."""


def quoted(column: str) -> str:
    """Return a column as SQL names it."""
    return '"' + column.replace('"', '""') + '"'


def speakable(column: str) -> bool:
    """Tell whether a column can be named in the expressions of a job's source."""
    return not is_pattern(column) and "${" not in column and bool(column.strip())
