"""The values of a step's fields that name people: e-mail addresses, phone numbers, ids."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from bulk.conversation import IDENTIFIER
from bulk.mapping.nested import instance
from bulk.mapping.reading import whole_text
from bulk.mapping.tree import Branch, Fixed, Leaf, Node

_CONTACT = frozenset({"email", "emailaddress", "phone", "phonenumber"})
_IDS = frozenset({"userid", "id", "externalid", "cioid"})
_PEOPLE = frozenset({"primary", "secondary", "to"})
_LISTS = frozenset(
    {"emails", "sharedemails", "phones", "sharedphones", "whatsapps", "externalids", "sharedexternalids"}
)
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Identifier:
    """A field, or a member of one, that holds what names people, or documents that may hold it.

    Attributes:
        path: Names from the field down.
        node: Its place among the step's fields.
        also: Names of further fields and members that count.
        step: The number of its step.
    """

    path: Path
    node: Leaf | Fixed
    also: frozenset[str]
    step: int

    @property
    def column(self) -> str:
        """What its column is called."""
        return f"{IDENTIFIER}{self.step}.{'.'.join(self.path)}"

    def values(self, values: pl.DataFrame) -> pl.Expr | pl.Series:
        """Return what names people: a text for each record, or a list of texts; null where there is none."""
        if isinstance(self.node, Fixed):
            return pl.lit(
                pl.Series([sorted(self._within(self.node.value))], dtype=pl.List(pl.String))
            ).first()
        value, dtype = pl.col(self.node.value), self.node.read.dtype
        if self.node.read.json:
            return self._of_documents(values[self.node.value])
        if isinstance(dtype, pl.List) and instance(dtype.inner).is_nested():
            written = pl.when(value.is_not_null()).then(pl.struct(value.alias("v")).struct.json_encode())
            bare = written.str.strip_prefix('{"v":').str.strip_suffix("}")
            return self._of_documents(values.select(bare).to_series())
        if isinstance(dtype, pl.List):
            return value.cast(pl.List(pl.String))
        return whole_text(value) if dtype.is_float() else value.cast(pl.String)

    def _of_documents(self, texts: pl.Series) -> pl.Series:
        """Look into JSON texts."""
        found: list[list[str] | None] = [
            None if text is None else sorted(self._within(orjson.loads(text))) for text in texts
        ]
        return pl.Series(found, dtype=pl.List(pl.String))

    def _within(self, value: Any) -> set[str]:
        return set(_named(value, self.path, self.also))


def identifiers(nodes: tuple[Node, ...], also: Collection[str] = (), step: int = 0) -> Iterator[Identifier]:
    """Yield what names people among a step's fields; ``also`` names fields and members that count as well."""
    further = frozenset(also)
    for node in nodes:
        if isinstance(node, Branch):
            yield from identifiers(node.members, further, step)
        elif _may_name(node, further):
            yield Identifier(node.path, node, further, step)


def _may_name(node: Leaf | Fixed, also: frozenset[str]) -> bool:
    if isinstance(node, Fixed):
        return any(_named(node.value, node.path, also))
    dtype = node.read.dtype
    document = node.read.json or (isinstance(dtype, pl.List) and instance(dtype.inner).is_nested())
    return document or (not isinstance(dtype, pl.Boolean) and names_people(node.path, also))


def names_people(path: Path, also: Collection[str] = ()) -> bool:
    """Tell whether what stands at a path names somebody."""
    last, above = _folded(path[-1]), {_folded(part) for part in path[-2:-1]}
    if last in _CONTACT or last in _LISTS or any(fits(path, name) for name in also):
        return True
    return last in _IDS and above <= (_PEOPLE | _LISTS)


def fits(path: Path, name: str) -> bool:
    """Tell whether a name means a path: all of it, its field, or its last member."""
    return name in {".".join(path), path[0], path[-1]}


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def _named(value: Any, path: Path, also: frozenset[str]) -> Iterator[str]:
    """Yield the texts and whole numbers inside a JSON value that name people."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _named(member, (*path, name), also)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, path, also)
    elif isinstance(value, (str, int)) and not isinstance(value, bool) and names_people(path, also):
        yield str(value)
