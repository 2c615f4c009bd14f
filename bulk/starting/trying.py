"""Try a field on the rows that were seen, with the mapping that a run uses."""

from dataclasses import replace

from bulk.destinations.operation import Operation
from bulk.mapping import CompiledRules, compile_rules, compile_step
from bulk.mapping.rules import Rules
from bulk.mapping.spec import FieldSpec, Nested
from bulk.starting.seen import Seen

Path = tuple[str, ...]


def nested(path: Path, spec: FieldSpec) -> FieldSpec:
    """Return what a field is given, so that ``spec`` stands at the path below it."""
    for name in reversed(path):
        spec = Nested({name: spec})
    return spec


def rejected(seen: Seen, operation: Operation, path: Path, spec: FieldSpec) -> int | None:
    """Return how many of the rows a field alone would have rejected; None if it cannot be mapped so."""
    field = operation.field(path[0])
    alone = replace(
        operation,
        fields=() if field is None else (replace(field, required=False),),
        one_of=(),
        also_one_of=(),
        item=None,
        batching=None,
    )
    fields = {path[0]: nested(path[1:], spec)}
    step = compile_step(fields, alone, seen.schema, CompiledRules())
    if isinstance(step, list):
        return None
    return int(step.judge(seen.sample)["reason"].is_not_null().sum())


def fits(seen: Seen, operation: Operation, path: Path, spec: FieldSpec) -> bool:
    """Tell whether a field takes every row that was seen."""
    return rejected(seen, operation, path, spec) == 0


def true_of(seen: Seen, condition: str) -> int | None:
    """Return of how many rows a condition of the source is true; None if it is no condition."""
    rules = compile_rules(Rules(opted_out=condition), seen.schema)
    if isinstance(rules, list) or rules.opted_out is None:
        return None
    return int(seen.sample.select(rules.opted_out.alias("held"))["held"].fill_null(value=False).sum())
