"""What is wrong with the rows of a chunk: the first fault in mapping order, with its reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

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
    if not faults:
        return frame.select(pl.lit(None, pl.String).alias("reason"), pl.lit(None, pl.String).alias("message"))
    found = frame.select(
        pl.coalesce(
            pl.when(fault.applies).then(pl.lit(number, pl.UInt32)) for number, fault in enumerate(faults)
        ).alias("found")
    ).to_series()
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
    naming = [node.present() for node in nodes if node.path[0] in operation.one_of]
    if naming:
        needed = ", ".join(operation.one_of)
        yield Fault(~pl.any_horizontal(naming), "missing_field", f"needs one of {needed}")


def _node_faults(node: Node, failed: Mapping[str, str]) -> Iterator[Fault]:
    if isinstance(node, Leaf):
        yield from _leaf_faults(node, failed)
    elif isinstance(node, Branch):
        for member in node.members:
            yield from _node_faults(member, failed)
        if node.most is not None and len(node.members) > node.most:
            count = pl.sum_horizontal(member.present().cast(pl.UInt32) for member in node.members)
            yield Fault(count > node.most, "too_many", f"{_named(node)}: has more than {node.most} members")


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
