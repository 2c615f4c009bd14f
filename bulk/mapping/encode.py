"""Final values to JSON text, column by column: members without a value are left out."""

from dataclasses import replace
from typing import Literal

import orjson
import polars as pl

from bulk.conversation import ROW
from bulk.mapping.tree import Branch, Fixed, Leaf, Node, leaves

Nulls = Literal["omit", "send"]
_NOTHING = "{}"


def encode(values: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls) -> pl.Series:
    """Return each record as one compact JSON object."""
    members = (
        _member(leaf, nulls, complete=values[leaf.sent].null_count() == 0).alias(_column(leaf))
        for leaf in leaves(nodes)
    )
    return _braced(values.select(ROW, *members), nodes, nulls)


def encode_branch(values: pl.DataFrame, branch: Branch, nulls: Nulls) -> pl.Series:
    """Return an object field alone, null where it would be left out."""
    objects = encode(values, branch.members, nulls)
    return objects.set(objects == _NOTHING, None)


def field_texts(values: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls) -> pl.DataFrame:
    """Return ROW and each field, named as in the job, as its value's JSON text; null if it is left out."""
    texts = []
    for node in nodes:
        alone = encode(values, (replace(node, name="v"),), nulls)
        held = alone.set(alone == _NOTHING, None)
        texts.append(held.str.strip_prefix('{"v":').str.strip_suffix("}").alias(node.path[0]))
    return pl.DataFrame([values[ROW], *texts])


def _braced(members: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls) -> pl.Series:
    """Return objects of these members, the inner ones first."""
    inner = [
        _braced(members, node.members, nulls).alias(_column(node))
        for node in nodes
        if isinstance(node, Branch)
    ]
    parts = [_part(node, nulls) for node in nodes]
    joined = pl.concat_str(parts, separator=",", ignore_nulls=True) if parts else pl.lit("")
    # ROW keeps the height of the frame where every part is a constant.
    return (
        members.with_columns(inner).select(ROW, pl.concat_str(pl.lit("{"), joined, pl.lit("}"))).to_series(1)
    )


def _part(node: Node, nulls: Nulls) -> pl.Expr:
    """Return one member, name and value; null where it is left out."""
    if isinstance(node, Leaf):
        return pl.col(_column(node))
    if isinstance(node, Fixed):
        left_out = node.value is None and (nulls == "omit" or not node.nullable)
        return pl.lit(None if left_out else f"{_name(node)}:{node.written}", pl.String)
    inner = pl.col(_column(node))
    return pl.concat_str(pl.lit(f"{_name(node)}:"), pl.when(inner != _NOTHING).then(inner))


def _member(leaf: Leaf, nulls: Nulls, *, complete: bool) -> pl.Expr:
    value = pl.col(leaf.sent)
    send_nulls = nulls == "send" and leaf.nullable
    if leaf.read.json:
        text = value.fill_null("null") if send_nulls else value
        return pl.concat_str(pl.lit(f"{_name(leaf)}:"), text)
    alone = pl.struct(value.alias(leaf.name)).struct.json_encode()
    bare = alone.str.strip_prefix("{").str.strip_suffix("}")
    return bare if complete or send_nulls else pl.when(value.is_not_null()).then(bare)


def _column(node: Leaf | Branch) -> str:
    return f"member {node.cleaned}" if isinstance(node, Leaf) else f"object {node.path[-1]}"


def _name(node: Node) -> str:
    return orjson.dumps(node.name).decode()
