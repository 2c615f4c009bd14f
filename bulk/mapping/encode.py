"""Final values to JSON text: objects are written whole, and what they lack is taken out after."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import groupby
from typing import Literal

import orjson
import polars as pl

from bulk.conversation import ROW
from bulk.mapping.nested import holds_objects
from bulk.mapping.tree import Branch, Fixed, Leaf, Node, leaves

Nulls = Literal["omit", "send"]
_NOTHING = "{}"
_MARKS = frozenset('":,{}[]\\')
"""What JSON uses outside of texts, and a backslash: names with any of these are looked for nowhere."""


def encode(values: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls) -> pl.Series:
    """Return each record as one compact JSON object; members without a value are left out."""
    if nodes and all(_is_plain(node, nulls) for node in nodes):
        return _plain(values, nodes, nulls)
    runs = groupby(nodes, lambda node: _is_plain(node, nulls))
    parts = [part for plain, run in runs for part in _run(values, tuple(run), nulls, plain=plain)]
    members = values.select(ROW, *(part.alias(f"part {place}") for place, part in enumerate(parts)))
    names = members.columns[1:]
    joined = pl.concat_str(names, separator=",", ignore_nulls=True) if names else pl.lit("")
    # ROW keeps the height of the frame where every part is a constant.
    return members.select(ROW, pl.concat_str(pl.lit("{"), joined, pl.lit("}"))).to_series(1)


def encode_branch(values: pl.DataFrame, branch: Branch, nulls: Nulls) -> pl.Series:
    """Return an object field alone, null where it would be left out."""
    return _held(encode(values, branch.members, nulls))


def field_texts(values: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls) -> pl.DataFrame:
    """Return ROW and each field, named as in the job, as its value's JSON text; null if it is left out."""
    texts = []
    for node in nodes:
        held = _held(encode(values, (replace(node, name="v"),), nulls))
        texts.append(held.str.strip_prefix('{"v":').str.strip_suffix("}").alias(node.path[0]))
    return pl.DataFrame([values[ROW], *texts])


def _held(objects: pl.Series) -> pl.Series:
    """Make objects without a member null."""
    return objects.set(objects == _NOTHING, None)


def _is_plain(node: Node, nulls: Nulls) -> bool:
    """Tell whether a member is nothing but values that are not JSON yet, and can be taken out by its name.

    Where nulls are sent, nothing may have to be taken out.
    """
    if not node.name or not _MARKS.isdisjoint(node.name):
        return False
    if isinstance(node, Branch):
        return bool(node.members) and all(_is_plain(member, nulls) for member in node.members)
    if isinstance(node, Fixed) or node.read.json:
        return False
    return node.nullable if nulls == "send" else not holds_objects(node.read.dtype)


def _plain(values: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls) -> pl.Series:
    """Return objects of plain members.

    They are written whole, a null where there is no value, and only those with a null are looked at again,
    which is quicker than to write members one by one and to join them.
    """
    objects = values.select(ROW, _struct(nodes).struct.json_encode()).to_series(1)
    given = tuple(leaves(nodes))
    if nulls == "send" or not any(values[leaf.sent].null_count() for leaf in given):
        return objects
    branches = tuple(_branches(nodes))
    first = [
        held[0] for held in (nodes, *(branch.members for branch in branches)) if isinstance(held[0], Leaf)
    ]
    names = frozenset(leaf.name for leaf in given)
    objects = _without(objects, _rows(values, given, pl.any_horizontal), _behind(names, "null"))
    objects = _without(objects, _rows(values, first, pl.any_horizontal), _leading(names, "null"))
    for branch in branches:
        empty = _rows(values, tuple(leaves(branch.members)), pl.all_horizontal)
        objects = _without(objects, empty, _behind(frozenset({branch.name}), _NOTHING))
        objects = _without(objects, empty, _leading(frozenset({branch.name}), _NOTHING))
    return objects


def _struct(nodes: tuple[Node, ...]) -> pl.Expr:
    return pl.struct(
        _struct(node.members).alias(node.name)
        if isinstance(node, Branch)
        else pl.col(node.sent).alias(node.name)
        for node in nodes
        if not isinstance(node, Fixed)
    )


def _branches(nodes: tuple[Node, ...]) -> Iterator[Branch]:
    """Yield all objects, each after those within it."""
    for node in nodes:
        if isinstance(node, Branch):
            yield from _branches(node.members)
            yield node


def _rows(
    values: pl.DataFrame, lacking: Sequence[Leaf], which: Callable[[Iterable[pl.Expr]], pl.Expr]
) -> pl.Series:
    """Return the places of the rows that lack any, or all, of some values."""
    if not lacking:
        return pl.Series(dtype=pl.UInt32)
    return values.select(which(pl.col(leaf.sent).is_null() for leaf in lacking)).to_series().arg_true()


def _without(objects: pl.Series, places: pl.Series, change: tuple[str, str]) -> pl.Series:
    """Return objects after a change to those at some places."""
    if places.is_empty():
        return objects
    return objects.scatter(places, objects.gather(places).str.replace_all(*change))


@lru_cache
def _behind(names: frozenset[str], value: str) -> tuple[str, str]:
    """Return what to replace, and by what, so that members are gone that stand behind others.

    Only what is meant is found. A comma or a brace with a quote behind it stands outside of texts, or ends
    one; and behind a text there is a mark of JSON's own, which no plain name holds.
    """
    return f",{_members(names, value)}", ""


@lru_cache
def _leading(names: frozenset[str], value: str) -> tuple[str, str]:
    """Return what to replace, and by what, so that members are gone that come first."""
    return rf"\{{{_members(names, value)},?", "{"


def _members(names: Iterable[str], value: str) -> str:
    """Return the pattern of members of these names and this value."""
    return f"(?:{'|'.join(map(_pattern, sorted(names)))}):{pl.escape_regex(value)}"


def _pattern(name: str) -> str:
    """Return the pattern of a name as polars writes it."""
    nothing: str = pl.select(pl.struct(pl.lit(None).alias(name)).struct.json_encode()).item()
    return pl.escape_regex(nothing.removeprefix("{").removesuffix(":null}"))


def _run(
    values: pl.DataFrame, nodes: tuple[Node, ...], nulls: Nulls, *, plain: bool
) -> Iterator[pl.Expr | pl.Series]:
    """Yield members that stand beside each other, null where they are left out: plain ones as one text."""
    if plain:
        yield _bare(_held(_plain(values, nodes, nulls)))
        return
    for node in nodes:
        if isinstance(node, Branch):
            inner = encode_branch(values, node, nulls).to_frame("inner")
            yield inner.select(pl.concat_str(pl.lit(f"{_name(node)}:"), "inner")).to_series()
        else:
            yield _member(node, nulls) if isinstance(node, Leaf) else _constant(node, nulls)


def _constant(node: Fixed, nulls: Nulls) -> pl.Expr:
    """Return name and value of a constant; null if it is left out."""
    left_out = node.value is None and (nulls == "omit" or not node.nullable)
    return pl.lit(None if left_out else f"{_name(node)}:{node.written}", pl.String)


def _member(leaf: Leaf, nulls: Nulls) -> pl.Expr:
    """Return name and value of one member; null where it has none."""
    value = pl.col(leaf.sent)
    send_nulls = nulls == "send" and leaf.nullable
    if leaf.read.json:
        text = value.fill_null("null") if send_nulls else value
        return pl.concat_str(pl.lit(f"{_name(leaf)}:"), text)
    bare = pl.struct(value.alias(leaf.name)).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")
    return bare if send_nulls else pl.when(value.is_not_null()).then(bare)


def _bare(objects: pl.Series) -> pl.Series:
    """Return the members of objects without the braces round them."""
    return objects.str.strip_prefix("{").str.strip_suffix("}")


def _name(node: Node) -> str:
    return orjson.dumps(node.name).decode()
