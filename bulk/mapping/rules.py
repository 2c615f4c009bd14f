"""What belongs to a row rather than to a step: its key, whether it is wanted, whether it opted out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

import polars as pl

from bulk.destinations.fields import Kind
from bulk.destinations.operation import Operation
from bulk.mapping.convert import reading_of
from bulk.mapping.expression import check_expression
from bulk.mapping.kinds import dialled, fitted
from bulk.mapping.names import source_column, unknown
from bulk.mapping.problem import Problem
from bulk.mapping.reading import Reading, same
from bulk.mapping.spec import Column, Expression, FieldSpec

Fields = Mapping[str, FieldSpec]
Path = tuple[str | int, ...]
Lower = Literal["always", "never", "addresses"]

_ADDRESS = "email"  # where an operation takes any field
_NAMING = (("phone",), ("user_id", "id", "externalId"), ("cio_id",))


@dataclass(frozen=True, slots=True)
class Rules:
    """The source's own settings, the same for all steps of a job.

    Attributes:
        key: The job's ``source.key``; None takes the first naming field of the first step.
        where: Rows outside are skipped.
        opted_out: Rows that opted out.
        key_case: When keys of the job's own are brought to lower case.
    """

    key: Column | Expression | None = None
    where: str | None = None
    opted_out: str | None = None
    key_case: Lower = "addresses"


@dataclass(frozen=True, slots=True)
class Key:
    """How keys are read and compared.

    Attributes:
        raw: Over source columns, where they come from.
        read: How raw values become keys.
        lower: When they are brought to lower case: always, never, or where they hold an @.
        phone: Whether they are phone numbers, of which the digits count.
    """

    raw: pl.Expr
    read: Reading
    lower: Lower
    phone: bool = False

    def normalised(self, value: pl.Expr) -> pl.Expr:
        """Bring keys to the form they are compared in; values are trimmed already."""
        if self.phone:
            return pl.coalesce(dialled(value), value)
        if self.lower == "never":
            return value
        small = value.str.to_lowercase()
        if self.lower == "always":
            return small
        return pl.when(value.str.contains("@", literal=True)).then(small).otherwise(value)


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """Rules whose expressions were found fit."""

    where: pl.Expr | None = None
    opted_out: pl.Expr | None = None
    key: Key | None = None


def compile_rules(
    rules: Rules, schema: pl.Schema, *, first: tuple[Fields, Operation] | None = None
) -> CompiledRules | list[Problem]:
    """Check the rules against the source; ``first`` is the job's first step, for the default key."""
    problems: list[Problem] = []

    def condition(sql: str | None, name: str) -> pl.Expr | None:
        found = None if sql is None else compile_condition(sql, schema, (name,))
        if isinstance(found, list):
            problems.extend(found)
            return None
        return found

    where, opted_out = condition(rules.where, "where"), condition(rules.opted_out, "opted_out")
    key = (
        _key(rules.key, schema, Kind.IDENTIFIER, rules.key_case)
        if rules.key is not None
        else _default_key(first, schema)
    )
    if isinstance(key, list):
        problems.extend(key)
        key = None
    return problems or CompiledRules(where, opted_out, key)


def compile_condition(sql: str, schema: pl.Schema, path: Path) -> pl.Expr | list[Problem]:
    """Compile an expression that must be true or false."""
    found = check_expression(sql, schema, path)
    if isinstance(found, list):
        return found
    dtype = dtype_of(found, schema)
    if isinstance(dtype, pl.Boolean):
        return found
    return [Problem(path, f"must be true or false, but the expression gives {dtype}")]


def compile_value(spec: Column | Expression, schema: pl.Schema, path: Path) -> pl.Expr | list[Problem]:
    """Return the raw values of a column or an expression."""
    if isinstance(spec, Expression):
        return check_expression(spec.sql, schema, path)
    if spec.name not in schema:
        return [Problem(path, unknown("column", spec.name, schema.names()))]
    return source_column(spec.name)


def dtype_of(expression: pl.Expr, schema: pl.Schema) -> pl.DataType:
    """Return the data type an expression gives over a source."""
    return schema.to_frame().select(expression.alias("value")).dtypes[0]


def _key(spec: Column | Expression, schema: pl.Schema, kind: Kind, lower: Lower) -> Key | list[Problem]:
    raw = compile_value(spec, schema, ("key",))
    if isinstance(raw, list):
        return raw
    read = reading_of(dtype_of(raw, schema), spec.shaping, kind)
    read = read if isinstance(read, str) else fitted(read, kind)
    if isinstance(read, str):
        return [Problem(("key",), read)]
    return Key(raw, read, "never" if read.convert is same and _in_lower_case(raw) else lower)


def _in_lower_case(raw: pl.Expr) -> bool:
    """Tell whether an expression ends by bringing text to lower case, which need not be done again."""
    return any(within.str.to_lowercase().meta.eq(raw) for within in raw.meta.pop()[:1])


def _default_key(first: tuple[Fields, Operation] | None, schema: pl.Schema) -> Key | None:
    """Key rows by what names the record in the first step; its mistakes are told there."""
    if first is None:
        return None
    fields, operation = first
    name = naming_field(fields, operation)
    if name is None:
        return None
    kind = _kinds(operation).get(name)
    spec = cast("Column | Expression", fields[name])
    if kind is Kind.EMAIL:
        key = _key(spec, schema, kind, "always")
    else:
        key = _key(spec, schema, Kind.IDENTIFIER, "never")
    return None if isinstance(key, list) else replace(key, phone=kind is Kind.PHONE)


def _kinds(operation: Operation) -> dict[str, Kind]:
    """Return the kinds of its fields; one that takes any field has none but this to tell an address by."""
    return {field.name: field.kind for field in operation.fields} or {_ADDRESS: Kind.EMAIL}


def naming_field(fields: Fields, operation: Operation) -> str | None:
    """Return the field that names a step's records by default (e-mail, phone, id); None if it maps none."""
    read = [name for name, spec in fields.items() if isinstance(spec, (Column, Expression))]
    kinds = _kinds(operation)
    emails = tuple(name for name in read if kinds.get(name) is Kind.EMAIL)
    groups = (emails, *_NAMING)
    return next((name for group in groups for name in group if name in read), None)
