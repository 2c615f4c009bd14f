"""What is wrong with the rows of a chunk: the first fault in mapping order, with its reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from bulk.conversation import ROW
from bulk.destinations.operation import Operation
from bulk.mapping.tree import Branch, Leaf, Node

RAISED = "the expression cannot be computed for this row"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the rows for which ``applies`` holds."""

    applies: pl.Expr
    reason: str
    message: str | None


def first_fault(frame: pl.DataFrame, faults: Sequence[Fault]) -> pl.DataFrame:
    """Return ``reason`` and ``message`` of each row, null where there is no fault."""
    numbered = [pl.when(fault.applies).then(pl.lit(number, pl.UInt32)) for number, fault in enumerate(faults)]
    nothing = pl.lit(None, pl.UInt32)
    # ROW keeps the height of the frame where every fault is a constant.
    found = frame.select(ROW, pl.coalesce([*numbered, nothing]).alias("found"))["found"]
    return pl.DataFrame(
        {
            "reason": pl.Series([fault.reason for fault in faults], dtype=pl.String).gather(found),
            "message": pl.Series([fault.message for fault in faults], dtype=pl.String).gather(found),
        }
    )


def field_faults(nodes: Sequence[Node], operation: Operation, failed: Mapping[str, str]) -> Iterator[Fault]:
    """Yield the faults of a step's fields; ``failed``: by raw value, the column marking where it raised."""
    for node in nodes:
        yield from _node_faults(node, failed)
        field = operation.field(node.path[0])
        if field is not None and field.required:
            yield Fault(~node.present(), "missing_field", f"no {field.name}")
    for group in (operation.one_of, operation.also_one_of):
        given = [node.present() for node in nodes if node.path[0] in group]
        if given:
            yield Fault(~pl.any_horizontal(given), "missing_field", f"needs one of {', '.join(group)}")


def _node_faults(node: Node, failed: Mapping[str, str]) -> Iterator[Fault]:
    if isinstance(node, Leaf):
        yield from _leaf_faults(node, failed)
    elif isinstance(node, Branch):
        for member in node.members:
            yield from _node_faults(member, failed)
        yield from _branch_faults(node)


def _branch_faults(branch: Branch) -> Iterator[Fault]:
    for member in branch.members:
        if member.path[-1] in branch.needed:
            why = f"{_named(branch)}: no {member.path[-1]}"
            yield Fault(branch.present() & ~member.present(), "missing_field", why)
    if branch.most is not None and len(branch.members) > branch.most:
        count = pl.sum_horizontal(member.present().cast(pl.UInt32) for member in branch.members)
        why = f"{_named(branch)}: has more than {branch.most} members"
        yield Fault(count > branch.most, "too_many", why)


def _leaf_faults(leaf: Leaf, failed: Mapping[str, str]) -> Iterator[Fault]:
    name = _named(leaf)
    cleaned, value = pl.col(leaf.cleaned), pl.col(leaf.value)
    if leaf.raw in failed:
        yield Fault(pl.col(failed[leaf.raw]), "bad_value", f"{name}: {RAISED}")
    if leaf.value != leaf.cleaned:
        lost = cleaned.is_not_null() & value.is_null()
        for refusal in leaf.read.refusals:
            applies = lost if refusal.applies is None else lost & refusal.applies(cleaned)
            yield Fault(applies, "bad_value", f"{name}: {refusal.why}")
        yield Fault(lost, "bad_value", f"{name}: cannot be converted")
    for test in leaf.tests:
        yield Fault(test.fails(value), test.reason, f"{name}: {test.why}")


def _named(node: Node) -> str:
    return f'field "{".".join(node.path)}"'
