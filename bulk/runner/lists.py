"""Reads lists of people: one column of any file that could be a source, or whom a ledger says were erased."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from bulk.conversation import ROW
from bulk.errors import LedgerError, SourceError, suggestion
from bulk.ledger.erased import erased
from bulk.plan.subjects import COMPARABLE
from bulk.plan.suppression import DIGITS, Hashes, Listed, Recipe, gathered, shortened, without
from bulk.source import Chunk, SourceOptions, open_source
from bulk.source.contents import Stat, stat_of
from bulk.source.locating import locate

State = tuple[tuple[str, Stat | None], ...]
"""The files of a list and what tells whether they have changed."""


class ColumnError(SourceError):
    """A list has no such column."""


class Origin(Protocol):
    """Where a list is read from."""

    @property
    def name(self) -> str:
        """What people call it."""

    def state(self) -> State:
        """Return what changes when the list does."""

    def members(self, recipe: Recipe) -> Hashes:
        """Return who stands in it, sorted."""


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

    def members(self, recipe: Recipe) -> Hashes:
        """Read who stands in the list.

        Raises:
            SourceError: It cannot be read, or is not hashed as the recipe says.
        """
        texts = 0

        def counted(found: pl.Series) -> Hashes:
            nonlocal texts
            texts += found.len()
            return recipe.listed(found)

        members = self.gathered(counted)
        if texts and not members.size and recipe.hash != "none":
            digits = DIGITS[recipe.hash]
            raise SourceError(
                f"{self.name} holds no {recipe.hash}, which has {digits} hexadecimal digits;"
                " check `hash` and `column`"
            )
        return members

    def gathered(self, hashes: Callable[[pl.Series], Hashes]) -> Hashes:
        """Read all of it as hashes, sorted.

        Raises:
            SourceError: It cannot be read.
        """
        return gathered(hashes(texts) for texts in self.texts())

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
class Erased:
    """Everybody whom a ledger's erasing steps were asked to erase.

    Attributes:
        path: The ledger.
    """

    path: Path

    @property
    def name(self) -> str:
        """What people call it, without folders."""
        return self.path.name

    def state(self) -> State:
        """Return what changes when the ledger does, be it held by a run."""
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return tuple((path.name, stat_of(path) if path.exists() else None) for path in files)

    def members(self, recipe: Recipe) -> Hashes:  # noqa: ARG002 - they are hashed already, by that recipe
        """Read who stands in it.

        Raises:
            SourceError: It cannot be read.
        """
        try:
            return gathered([shortened(erased(self.path, COMPARABLE))])
        except LedgerError as error:
            raise SourceError(str(error)) from None


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list of people of a job, and how it is read.

    Attributes:
        place: Where it stands in the job, for messages.
        origin: What is read.
        recipe: How identifiers are compared with it.
        columns: The columns of identifiers that are compared with it.
        excepted: Who is taken off it.
        why: What people say of it, such as the reason of a hold.
    """

    place: str
    origin: Origin
    recipe: Recipe
    columns: frozenset[str]
    excepted: Column | None = None
    why: str = ""

    def state(self) -> State:
        """Return what changes when its files do.

        Raises:
            SourceError: They cannot be found.
        """
        return self.origin.state() + (self.excepted.state() if self.excepted else ())

    def read(self) -> Listed:
        """Read the list as it is now.

        Raises:
            SourceError: It cannot be read, or is not hashed as the job says.
        """
        members = self.origin.members(self.recipe)
        return self.listed(members, None if self.excepted is None else self.exceptions(self.excepted))

    def exceptions(self, column: Column) -> Hashes:
        """Read who is taken off it.

        Raises:
            SourceError: They cannot be read.
        """
        return column.gathered(self.recipe.excepted)

    def listed(self, members: Hashes, excepted: Hashes | None) -> Listed:
        """Return the list, given who stands in it and who is taken off it."""
        members = members if excepted is None else without(members, excepted)
        return Listed(self.origin.name, self.recipe, self.columns, members, why=self.why)
