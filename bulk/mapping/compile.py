"""A step's fields against its operation and its source: a compiled step, or everything that is wrong."""

from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from bulk.conversation import ROW
from bulk.destinations.operation import Operation, Terms
from bulk.mapping.encode import Nulls
from bulk.mapping.joining import Joining
from bulk.mapping.planting import Planting
from bulk.mapping.problem import Problem
from bulk.mapping.rules import CompiledRules, Fields, Key, compile_condition
from bulk.mapping.step import KEY_COLUMNS, StepMapping
from bulk.mapping.tree import Branch, Fixed, Node, leaves

_NO_TERMS = Terms()


def compile_step(  # noqa: PLR0913 - what a step says beside its fields
    fields: Fields,
    operation: Operation,
    schema: pl.Schema,
    rules: CompiledRules,
    *,
    where: str | None = None,
    nulls: Nulls = "omit",
    terms: Terms = _NO_TERMS,
    resubscribe: bool = False,
    contacts: Joining | None = None,
) -> StepMapping | list[Problem]:
    """Compile one step.

    Args:
        fields: The step's fields, in written order.
        operation: What it does.
        schema: The columns of the source, whose rows the step is given later.
        rules: What belongs to the row.
        where: The step's own filter.
        nulls: Whether members without a value are left out or sent as null.
        terms: What the operation is told beside the fields; the seed comes with the rows.
        resubscribe: Whether values that re-subscribe somebody are sent.
        contacts: Those that rows are about; their columns can be used like those of the source.
    """
    of_contacts = pl.Schema() if contacts is None else contacts.schema
    schema = pl.Schema({name: dtype for name, dtype in schema.items() if name != ROW} | of_contacts)
    planting = Planting(schema, resubscribe=resubscribe)
    planted = [planting.field(name, spec, operation) for name, spec in fields.items()]
    nodes = tuple(node for node in planted if node is not None)
    problems = [*planting.problems, *_unfit(fields, operation), *_crowded(nodes, nulls)]
    condition = None if where is None else compile_condition(where, schema, ("where",))
    if isinstance(condition, list):
        return [*problems, *condition]
    if problems:
        return problems
    conditions = [condition, rules.where, rules.opted_out, None if rules.key is None else rules.key.raw]
    used = _roots([*planting.raws.values(), *conditions], schema)
    if contacts is not None:
        used.add(contacts.column)
    own = [name for name in schema if name not in of_contacts]
    return StepMapping(
        operation,
        nodes,
        planting.raws,
        rules,
        condition,
        nulls,
        columns=tuple(name for name in own if name in used),
        unused=tuple(name for name in own if name not in used),
        terms=terms,
        contacts=contacts,
        where_of_contact=not _roots([condition], schema).isdisjoint(of_contacts),
        key_columns=KEY_COLUMNS if rules.key is None else _key_columns(rules.key, planting.raws, nodes),
    )


def _key_columns(key: Key, raws: Mapping[str, pl.Expr], nodes: tuple[Node, ...]) -> tuple[str, str]:
    """Return the columns of keys before they are cleaned, and after: those of a field that has them."""
    raw, cleaned = KEY_COLUMNS
    raw = next((name for name, expression in raws.items() if expression.meta.eq(key.raw)), raw)
    clean = key.read.clean(pl.col(raw))
    alike = (
        leaf for leaf in leaves(nodes) if leaf.raw == raw and leaf.read.clean(pl.col(raw)).meta.eq(clean)
    )
    return raw, next((leaf.cleaned for leaf in alike), cleaned)


def _unfit(fields: Fields, operation: Operation) -> Iterator[Problem]:
    """Find what the operation needs and no field gives."""
    for field in operation.fields:
        if field.required and field.name not in fields:
            yield Problem(("fields",), f'{operation.name} needs the field "{field.name}"')
    for group in (operation.one_of, operation.also_one_of):
        if group and not any(name in fields for name in group):
            yield Problem(("fields",), f"{operation.name} needs one of {', '.join(group)}")


def _crowded(nodes: Iterable[Node], nulls: Nulls) -> Iterator[Problem]:
    """Find objects that would have too many members in every record."""
    for node in nodes:
        if isinstance(node, Branch) and node.most is not None:
            always = sum(
                isinstance(member, Fixed)
                or (nulls == "send" and not isinstance(member, Branch) and member.nullable)
                for member in node.members
            )
            if always > node.most:
                yield Problem(
                    ("fields", *node.path), f"has {always} members; at most {node.most} are allowed"
                )


def _roots(expressions: Iterable[pl.Expr | None], schema: pl.Schema) -> set[str]:
    """Name the columns expressions read; names that look like patterns are resolved by polars."""
    given = [expression for expression in expressions if expression is not None]
    if not given:
        return set()
    roots: set[str] = set()
    for expression in given:
        for name in expression.meta.root_names():
            roots.update([name] if name in schema else schema.to_frame().select(pl.col(name)).columns)
    return roots
