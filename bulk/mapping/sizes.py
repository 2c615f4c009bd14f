"""How long records may become as JSON, told without encoding them."""

from collections.abc import Iterator, Sequence

import orjson
import polars as pl

from bulk.mapping.tree import Branch, Fixed, Leaf, Node

_ESCAPED = 6  # bytes that one becomes at worst, as \\u0000
_PLAIN = 32  # bytes of a number, true, false
_AROUND = 1024  # what an operation writes around the fields
_TIMES = 2  # how often it may write each field


def most_bytes(nodes: Sequence[Node]) -> pl.Expr:
    """Return more bytes than any sensible form of a record has."""
    return pl.sum_horizontal(_AROUND, *_parts(nodes)).cast(pl.Int64) * _TIMES


def _parts(nodes: Sequence[Node]) -> Iterator[pl.Expr]:
    for node in nodes:
        yield pl.lit(len(orjson.dumps(node.name)) + 2)
        if isinstance(node, Branch):
            yield pl.lit(2)
            yield from _parts(node.members)
        else:
            yield pl.lit(len(node.written.encode())) if isinstance(node, Fixed) else _leaf(node).fill_null(4)


def _leaf(leaf: Leaf) -> pl.Expr:
    value, dtype = pl.col(leaf.sent), leaf.read.dtype
    if leaf.read.json:
        return value.str.len_bytes()
    if isinstance(dtype, pl.String):
        return value.str.len_bytes() * _ESCAPED + 2
    if dtype == pl.List(pl.String):
        return value.list.eval(pl.element().str.len_bytes() * _ESCAPED + 3).list.sum() + 2
    if dtype.is_nested():
        return pl.struct(value).struct.json_encode().str.len_bytes()
    return pl.lit(_PLAIN)
