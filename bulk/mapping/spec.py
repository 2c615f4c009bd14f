"""How a job says where the value of a field comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Conversion = Literal["int", "float", "bool", "unix_seconds", "iso8601", "json"]


@dataclass(frozen=True, slots=True)
class Shaping:
    """What is done with a value after it was read.

    Attributes:
        convert: The ``as:`` of the job.
        split: Separator at which text becomes a list of texts.
        format: ``strptime`` format of a date.
        timezone: IANA name of the zone of dates without an offset.
    """

    convert: Conversion | None = None
    split: str | None = None
    format: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A source column."""

    name: str
    shaping: Shaping = Shaping()


@dataclass(frozen=True, slots=True)
class Expression:
    """A row-wise polars SQL expression over source columns."""

    sql: str
    shaping: Shaping = Shaping()


@dataclass(frozen=True, slots=True)
class Constant:
    """The same JSON value for every record."""

    value: Any


@dataclass(frozen=True, slots=True)
class Nested:
    """An object whose members are mapped one by one."""

    members: Mapping[str, "FieldSpec"]


FieldSpec = Column | Expression | Constant | Nested


def leaves(
    spec: FieldSpec, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Column | Expression | Constant]]:
    """Yield every value of a field with its path below the field, depth first in written order."""
    if isinstance(spec, Nested):
        for name, member in spec.members.items():
            yield from leaves(member, (*path, name))
    else:
        yield path, spec
