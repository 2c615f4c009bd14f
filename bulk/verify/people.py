"""The people of an erasing step, found again by the keyed hashes of what names them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from bulk.conversation import ROW, Name
from bulk.ledger.record import StepRecord
from bulk.plan.subjects import FOUND, HASH, KIND, REFERENCE, found_subjects, given_subjects
from bulk.plan.suppression import Recipe

Named = frozenset[tuple[str, bytes]]
"""Everything that names somebody: kind and keyed hash of each identifier."""


def named_rows(subjects: pl.DataFrame) -> Iterator[tuple[int, Named]]:
    """Yield each row with everything that names its person."""
    names: dict[int, set[tuple[str, bytes]]] = {}
    for row, kind, digest in subjects.select(ROW, KIND, HASH).iter_rows():
        names.setdefault(row, set()).add((kind, digest))
    for row, found in names.items():
        yield row, frozenset(found)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who a step of a pass was asked to erase.

    Attributes:
        by_given: Rows by everything that they give.
        by_any: Rows by anything that they give or that was found of their person.
    """

    number: int
    step: StepRecord
    by_given: Mapping[Named, Sequence[int]]
    by_any: Mapping[tuple[str, bytes], Sequence[int]]

    @property
    def rows(self) -> list[int]:
        """All rows."""
        return sorted(row for rows in self.by_given.values() for row in rows)

    @property
    def references(self) -> dict[int, str]:
        """What the requests are called, by row, as far as they are."""
        named = self.step.requests.filter(pl.col(REFERENCE).is_not_null())
        return dict(named.select(ROW, REFERENCE).iter_rows())

    def rows_of(self, names: Iterable[tuple[str, bytes]]) -> dict[int, tuple[str, bytes]]:
        """Return the rows whose person has any of these identifiers, with the first that told it."""
        found: dict[int, tuple[str, bytes]] = {}
        for name in names:
            for row in self.by_any.get(name, ()):
                found.setdefault(row, name)
        return found


def asked(number: int, step: StepRecord) -> Asked:
    """Return whom a step of a pass was asked to erase."""
    given: dict[Named, list[int]] = {}
    for row, names in named_rows(step.subjects.filter(~pl.col(FOUND))):
        given.setdefault(names, []).append(row)
    anything: dict[tuple[str, bytes], list[int]] = {}
    for row, names in named_rows(step.subjects):
        for name in names:
            anything.setdefault(name, []).append(row)
    return Asked(number, step, given, anything)


@dataclass(slots=True)
class Matched:
    """The records of a step's people, gathered from source rows; each person once.

    Attributes:
        asked: Whom it is about.
        frames: Records, with the row of the pass in place of the source's.
        alike: Further rows of the same people, by the row that stands for them.
    """

    asked: Asked
    frames: list[pl.DataFrame] = field(default_factory=list)
    alike: dict[int, list[int]] = field(default_factory=dict)

    def take(self, records: pl.DataFrame, kinds: Mapping[str, str], recipe: Recipe) -> None:
        """Take source rows as records: those whose people the step was asked to erase are kept."""
        rows: dict[int, int] = {}
        for row, names in named_rows(given_subjects(records, kinds, recipe)):
            known = self.asked.by_given.get(names)
            if known and known[0] not in self.alike:
                rows[row] = known[0]
                self.alike[known[0]] = list(known)
        if rows:
            self.frames.append(
                records.filter(pl.col(ROW).is_in(list(rows))).with_columns(
                    pl.col(ROW).replace_strict(rows, return_dtype=pl.UInt32)
                )
            )

    @property
    def records(self) -> pl.DataFrame | None:
        """All records, by row; None if there are none."""
        return pl.concat(self.frames).sort(ROW) if self.frames else None

    @property
    def missing(self) -> list[int]:
        """The rows whose people the source did not name."""
        met = {row for rows in self.alike.values() for row in rows}
        return [row for row in self.asked.rows if row not in met]


def hashed(names: Iterable[Name], kinds: Mapping[str, str], recipe: Recipe) -> list[tuple[str, bytes]]:
    """Return kind and keyed hash of identifiers, as a ledger keeps them."""
    frame = found_subjects(1, names, kinds, recipe)
    return [(kind, digest) for kind, digest in frame.select(KIND, HASH).iter_rows()]
