"""Recognise a known export by its columns, and tell what each column means."""

from collections.abc import Iterable, Mapping, Sequence

from bulk.starting.exports import EXPORTS, Export
from bulk.starting.meanings import Known, folded
from bulk.starting.names import named


def recognised(columns: Iterable[str]) -> Export | None:
    """Return the export that has these columns, if it is a known one."""
    names = {folded(column) for column in columns}
    return next(
        (one for one in EXPORTS for mark in one.marks.split("|") if names.issuperset(mark.split())),
        None,
    )


def meanings(columns: Sequence[str], export: Export | None) -> Mapping[str, Known]:
    """Return what is known of columns; of those that have no known name there is nothing."""
    found = {column: _known(folded(column), export) for column in columns}
    return {column: known for column, known in found.items() if known is not None}


def _known(name: str, export: Export | None) -> Known | None:
    if export is None:
        return named(name)
    name = name.removeprefix(export.prefix) or name
    if name in export.columns:
        return export.columns[name]
    beginning = next((known for start, known in export.starting.items() if name.startswith(start)), None)
    return beginning or named(name)
