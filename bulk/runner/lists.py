"""Reads suppression lists: any file that could be a source, one column of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bulk.conversation import ROW
from bulk.errors import SourceError, suggestion
from bulk.plan.suppression import DIGITS, Hashes, Listed, Recipe, gathered, without
from bulk.source import Chunk, SourceOptions, open_source
from bulk.source.contents import Stat, stat_of
from bulk.source.locating import locate

State = tuple[tuple[str, Stat | None], ...]
"""The files of a list and what tells whether they have changed."""


class ColumnError(SourceError):
    """A list has no such column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the files that a list is read from.

    Attributes:
        paths: As in the job.
        base: The folder that relative paths start from.
        column: Its name; None for plain lines.
    """

    paths: tuple[str, ...]
    base: Path
    column: str | None

    @property
    def name(self) -> str:
        """What people call it, without folders."""
        return ", ".join(path.rpartition("/")[2] for path in self.paths)

    def state(self) -> State:
        """Return what changes when the files do."""
        places = locate(self.paths, self.base)
        return tuple((place.name, _stat(place.path)) for place in places)

    def texts(self) -> Iterator[pl.Series]:
        """Yield what stands in the column, a chunk at a time, without nulls.

        Raises:
            ColumnError: There is no such column.
            SourceError: It cannot be read to its end.
        """
        if "-" in self.paths:
            raise SourceError("a list cannot be read from standard input; name a file")
        with open_source(SourceOptions(self.paths, self.base)) as source:
            column = self._found(source.schema)
            for chunk in source.chunks():
                refuse_malformed(chunk, "is not held back")
                texts = chunk.frame[column]
                yield (texts if texts.dtype == pl.String else texts.cast(pl.String)).drop_nulls()
            if source.changed():
                raise SourceError(f"{self.name} changed while it was being read")

    def _found(self, schema: pl.Schema) -> str:
        names = schema.names()
        if self.column is None:
            if names == ["line"]:
                return names[0]
            raise ColumnError(f'"column" is missing; {self.name} has {", ".join(names)}')
        if self.column not in names:
            near = suggestion(self.column, names)
            raise ColumnError(f'{self.name} has no column "{self.column}"{near}')
        if schema[self.column].is_nested() or schema[self.column].is_float():
            raise ColumnError(f'column "{self.column}" of {self.name} holds no texts and no whole numbers')
        return self.column


def _stat(path: Path | None) -> Stat | None:
    return None if path is None else stat_of(path)


def refuse_malformed(chunk: Chunk, harm: str) -> None:
    """Refuse a list with a row that cannot be read; ``harm``: what would become of whoever stands there."""
    if not chunk.malformed.is_empty():
        line, why = chunk.malformed.select("line", "message").row(0)
        where = f"line {line}" if line is not None else f"row {chunk.malformed[ROW][0]}"
        raise SourceError(f"{where} cannot be read, {why}; mend it, or whoever stands there {harm}")


@dataclass(frozen=True, slots=True)
class ListFile:
    """A suppression list of a job, and how it is read.

    Attributes:
        place: Where it stands in the job, for messages.
        column: What is read.
        recipe: How identifiers are compared with it.
        columns: The columns of identifiers that are compared with it.
        excepted: Who is taken off it.
    """

    place: str
    column: Column
    recipe: Recipe
    columns: frozenset[str]
    excepted: Column | None = None

    def state(self) -> State:
        """Return what changes when its files do.

        Raises:
            SourceError: They cannot be found.
        """
        return self.column.state() + (self.excepted.state() if self.excepted else ())

    def read(self) -> Listed:
        """Read the list as it is now.

        Raises:
            SourceError: It cannot be read, or is not hashed as the job says.
        """
        members = self.members()
        if self.excepted is not None:
            members = without(members, self.exceptions(self.excepted))
        return Listed(self.column.name, self.recipe, self.columns, members)

    def members(self) -> Hashes:
        """Read who stands in the list.

        Raises:
            SourceError: It cannot be read, or is not hashed as the job says.
        """
        texts = 0

        def counted(found: pl.Series) -> Hashes:
            nonlocal texts
            texts += found.len()
            return self.recipe.listed(found)

        members = _gathered(self.column, counted)
        if texts and not members.size and self.recipe.hash != "none":
            digits = DIGITS[self.recipe.hash]
            raise SourceError(
                f"{self.column.name} holds no {self.recipe.hash}, which has {digits} hexadecimal digits;"
                " check `hash` and `column`"
            )
        return members

    def exceptions(self, column: Column) -> Hashes:
        """Read who is taken off it.

        Raises:
            SourceError: They cannot be read.
        """
        return _gathered(column, self.recipe.excepted)


def _gathered(column: Column, hashes: Callable[[pl.Series], Hashes]) -> Hashes:
    return gathered(hashes(texts) for texts in column.texts())
