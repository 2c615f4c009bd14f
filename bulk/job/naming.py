"""What a job's key is, and which field of a step holds it."""

from collections.abc import Collection, Mapping

from bulk.destinations.operation import Operation
from bulk.job.model import Source
from bulk.mapping import naming_field
from bulk.mapping.spec import Column, Expression, FieldSpec


def key_of(
    source: Source, fields: Mapping[str, FieldSpec], operation: Operation
) -> Column | Expression | None:
    """Return where the key comes from, given the first step's fields; None if it is the row number."""
    if source.key_spec is not None:
        return source.key_spec
    name = naming_field(fields, operation)
    given = None if name is None else fields[name]
    return given if isinstance(given, Column | Expression) else None


def key_field(
    key: Column | Expression | None,
    fields: Mapping[str, FieldSpec],
    operation: Operation,
    among: Collection[str] | None = None,
) -> str | None:
    """Return the field (one ``among`` these) that a step maps from the key's origin; None if it has none."""
    holding = {
        name: given for name, given in fields.items() if given == key and (among is None or name in among)
    }
    return naming_field(holding, operation) or next(iter(holding), None)
