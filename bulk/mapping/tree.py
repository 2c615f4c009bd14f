"""A step's fields as a tree: values read from the source, constants, and objects of these."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Operation
from bulk.mapping.convert import reading_of
from bulk.mapping.documents import misnamed
from bulk.mapping.kinds import Test, constant_fault, fitted, tests_of
from bulk.mapping.names import unknown
from bulk.mapping.problem import Problem
from bulk.mapping.reading import Reading, same
from bulk.mapping.rules import Path, compile_value, dtype_of
from bulk.mapping.spec import Column, Constant, FieldSpec, Nested, Shaping


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value read from the source.

    Attributes:
        path: Names from the field down.
        raw: Column of its raw values.
        cleaned: Column of its values, null where there is nothing to send.
        value: Column of its values as they are sent; the same one if nothing is converted.
        read: How raw values become final ones.
        tests: What final values must pass.
    """

    path: tuple[str, ...]
    raw: str
    cleaned: str
    value: str
    read: Reading
    tests: tuple[Test, ...]

    def present(self) -> pl.Expr:
        """Tell for which records there is something to send."""
        return pl.col(self.value).is_not_null()


@dataclass(frozen=True, slots=True)
class Fixed:
    """A constant, already JSON."""

    path: tuple[str, ...]
    value: Any
    written: str

    def present(self) -> pl.Expr:
        """Tell for which records there is something to send."""
        return pl.lit(self.value is not None)


@dataclass(frozen=True, slots=True)
class Branch:
    """An object of members."""

    path: tuple[str, ...]
    members: tuple["Node", ...]
    most: int | None = None

    def present(self) -> pl.Expr:
        """Tell for which records there is something to send."""
        return pl.any_horizontal([member.present() for member in self.members])


Node = Leaf | Fixed | Branch


def leaves(nodes: tuple[Node, ...]) -> Iterator[Leaf]:
    """Yield every value read from the source, in mapping order."""
    for node in nodes:
        if isinstance(node, Branch):
            yield from leaves(node.members)
        elif isinstance(node, Leaf):
            yield node


@dataclass
class Planting:
    """The work of turning field specifications into a tree, collecting every problem on the way."""

    schema: pl.Schema
    problems: list[Problem] = field(default_factory=list)
    raws: dict[str, pl.Expr] = field(default_factory=dict)
    _names: dict[tuple[str, ...], str] = field(default_factory=dict)
    _leaves: int = 0

    def field(self, name: str, spec: FieldSpec, operation: Operation) -> Node | None:
        """Plant one field of an operation; an operation that lists no fields takes any."""
        known = operation.field(name)
        if known is None and operation.fields:
            names = [each.name for each in operation.fields]
            self._fault((name,), unknown("field", name, names))
            return None
        return self._node(spec, (name,), known, None if known is None else known.kind)

    def _fault(self, path: tuple[str, ...], message: str) -> None:
        self.problems.append(Problem(("fields", *path), message))

    def _node(
        self, spec: FieldSpec, path: tuple[str, ...], known: Field | None, kind: Kind | None
    ) -> Node | None:
        if isinstance(spec, Nested):
            return self._nested(spec, path, known, kind)
        if isinstance(spec, Constant):
            return self._constant(spec, path, known, kind)
        where: Path = ("fields", *path)
        raw = compile_value(spec, self.schema, where)
        if isinstance(raw, list):
            self.problems.extend(raw)
            return None
        source = ("column", spec.name) if isinstance(spec, Column) else ("expression", spec.sql)
        return self._value(raw, source, spec.shaping, path, (known, kind))

    def _value(
        self,
        raw: pl.Expr,
        source: tuple[str, ...],
        shaping: Shaping,
        path: tuple[str, ...],
        wanted: tuple[Field | None, Kind | None],
    ) -> Node | None:
        known, kind = wanted
        dtype = dtype_of(raw, self.schema)
        if isinstance(dtype, pl.Struct) and kind in {None, Kind.OBJECT} and shaping.convert in {None, "json"}:
            return self._struct(raw, source, dtype, path, wanted)
        read = reading_of(dtype, shaping, kind)
        read = read if isinstance(read, str) else fitted(read, kind)
        if isinstance(read, str):
            self._fault(path, read)
            return None
        return self._leaf(raw, source, path, read, tuple(tests_of(read, known, kind)))

    def _leaf(
        self,
        raw: pl.Expr,
        source: tuple[str, ...],
        path: tuple[str, ...],
        read: Reading,
        tests: tuple[Test, ...],
    ) -> Leaf:
        name = self._names.setdefault(source, f"raw{len(self._names)}")
        self.raws[name] = raw
        number, self._leaves = self._leaves, self._leaves + 1
        cleaned = f"cleaned{number}"
        value = cleaned if read.convert is same else f"value{number}"
        return Leaf(path, name, cleaned, value, read, tests)

    def _struct(
        self,
        raw: pl.Expr,
        source: tuple[str, ...],
        dtype: pl.Struct,
        path: tuple[str, ...],
        wanted: tuple[Field | None, Kind | None],
    ) -> Branch | None:
        """Take a typed object apart, so that its members are omitted and tested like mapped ones."""
        known, kind = wanted
        nodes = [
            self._value(
                raw.struct.field(member.name),
                (*source, member.name),
                Shaping(),
                (*path, member.name),
                (known, None),
            )
            for member in dtype.fields
        ]
        return self._branch(path, [member.name for member in dtype.fields], nodes, known if kind else None)

    def _nested(
        self, spec: Nested, path: tuple[str, ...], known: Field | None, kind: Kind | None
    ) -> Branch | None:
        if kind not in {None, Kind.OBJECT}:
            self._fault(path, f"takes {kind}, not members")
            return None
        nodes = [self._node(member, (*path, name), known, None) for name, member in spec.members.items()]
        return self._branch(path, list(spec.members), nodes, known if kind else None)

    def _branch(
        self, path: tuple[str, ...], names: list[str], nodes: list[Node | None], known: Field | None
    ) -> Branch | None:
        if not names:
            self._fault(path, "has no members")
            return None
        for name in misnamed(known, names) if known is not None else ():
            self._fault((*path, name), f'the member name "{name}" is not allowed here')
        planted = tuple(node for node in nodes if node is not None)
        return Branch(path, planted, None if known is None else known.max_items)

    def _constant(
        self, spec: Constant, path: tuple[str, ...], known: Field | None, kind: Kind | None
    ) -> Fixed | None:
        fault = constant_fault(spec.value, known, kind)
        if fault is not None:
            self._fault(path, fault)
            return None
        return Fixed(path, spec.value, orjson.dumps(spec.value).decode())
