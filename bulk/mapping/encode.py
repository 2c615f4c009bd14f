"""Final values to JSON text: rows without a gap as whole objects, the others column by column."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Literal

import numpy as np
import orjson
import polars as pl

from bulk.conversation import ROW
from bulk.mapping.tree import Branch, Fixed, Leaf, Node, leaves

Nulls = Literal["omit", "send"]
_NOTHING = "{}"


def encode(values: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls) -> pl.Series:
    """Return each record as one compact JSON object; members without a value are left out.

    Most records of most files have no gap, and encoding an object whole takes a third of the time.
    """
    columns = [leaf.sent for leaf in leaves(nodes)]
    values = values.select(ROW, *dict.fromkeys(columns))
    left_out = [leaf.sent for leaf in leaves(nodes) if nulls == "omit" or not leaf.nullable]
    if not any(values[name].null_count() for name in left_out):
        return values.select(ROW, _whole(nodes, nulls)).to_series(1)
    gaps = values.select(pl.any_horizontal(pl.col(left_out).is_null())).to_series()
    whole = values.filter(~gaps).select(ROW, _whole(nodes, nulls)).to_series(1)
    order = np.argsort(np.argsort(gaps.to_numpy(), kind="stable"), kind="stable")
    return pl.concat([whole, _with_gaps(values.filter(gaps), nodes, nulls)]).gather(pl.Series(order))


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


def _whole(nodes: tuple[Node, ...], nulls: Nulls) -> pl.Expr:
    """Return objects of which nothing is left out but what is left out of all."""
    if nodes and all(map(_is_plain, nodes)):
        return _struct(nodes).struct.json_encode()
    runs = groupby(nodes, _is_plain)
    parts = [part for plain, run in runs for part in _run(tuple(run), nulls, plain=plain)]
    joined = pl.concat_str(parts, separator=",", ignore_nulls=True) if parts else pl.lit("")
    return pl.concat_str(pl.lit("{"), joined, pl.lit("}"))


def _run(nodes: tuple[Node, ...], nulls: Nulls, *, plain: bool) -> Iterator[pl.Expr]:
    """Yield members that stand beside each other: plain ones as one text."""
    if plain:
        yield _bare(_struct(nodes).struct.json_encode())
        return
    for node in nodes:
        if isinstance(node, Branch):
            inner = _whole(node.members, nulls)
            written = inner if any(leaves(node.members)) else pl.when(inner != _NOTHING).then(inner)
            yield pl.concat_str(pl.lit(f"{_name(node)}:"), written)
        else:
            yield _member(node, nulls) if isinstance(node, Leaf) else _part(node, nulls)


def _is_plain(node: Node) -> bool:
    """Tell whether a member is nothing but values that are not JSON yet."""
    if isinstance(node, Branch):
        return bool(node.members) and all(map(_is_plain, node.members))
    return isinstance(node, Leaf) and not node.read.json


def _struct(nodes: tuple[Node, ...]) -> pl.Expr:
    return pl.struct(
        _struct(node.members).alias(node.name)
        if isinstance(node, Branch)
        else pl.col(node.sent).alias(node.name)
        for node in nodes
        if not isinstance(node, Fixed)
    )


def _with_gaps(values: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls) -> pl.Series:
    """Return objects that lack a member each."""
    members = (_member(leaf, nulls).alias(_column(leaf)) for leaf in leaves(nodes))
    return _braced(values.select(ROW, *members), nodes, nulls)


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


def _member(leaf: Leaf, nulls: Nulls) -> pl.Expr:
    """Return name and value of one member; null where it has none."""
    value = pl.col(leaf.sent)
    send_nulls = nulls == "send" and leaf.nullable
    if leaf.read.json:
        text = value.fill_null("null") if send_nulls else value
        return pl.concat_str(pl.lit(f"{_name(leaf)}:"), text)
    bare = _bare(pl.struct(value.alias(leaf.name)).struct.json_encode())
    return bare if send_nulls else pl.when(value.is_not_null()).then(bare)


def _bare(objects: pl.Expr) -> pl.Expr:
    """Return the members of objects without the braces round them."""
    return objects.str.strip_prefix("{").str.strip_suffix("}")


def _column(node: Leaf | Branch) -> str:
    return f"member {node.cleaned}" if isinstance(node, Leaf) else f"object {node.path[-1]}"


def _name(node: Node) -> str:
    return orjson.dumps(node.name).decode()
