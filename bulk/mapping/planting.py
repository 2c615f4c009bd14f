"""Field specifications to a tree of nodes, collecting every problem on the way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Operation
from bulk.mapping.constants import RESUBSCRIBES, constant_fault, has_members
from bulk.mapping.convert import reading_of
from bulk.mapping.documents import changed, mentioning
from bulk.mapping.kinds import fitted
from bulk.mapping.limits import tests_of
from bulk.mapping.names import unknown
from bulk.mapping.problem import Problem
from bulk.mapping.reading import Reading, Step, same
from bulk.mapping.rules import Path, compile_value, dtype_of
from bulk.mapping.spec import Column, Constant, FieldSpec, Nested, Shaping
from bulk.mapping.tree import Branch, Fixed, Leaf, Node
from bulk.mapping.values import permitted
from bulk.mapping.wanted import Wanted, name_fault

Place = tuple[str, ...]


@dataclass
class Planting:
    """The work on one step.

    Attributes:
        schema: The source's columns.
        resubscribe: Whether values that re-subscribe somebody are sent.
        problems: What is wrong.
        raws: Expressions over source columns, by the name of the column they fill.
    """

    schema: pl.Schema
    resubscribe: bool = False
    problems: list[Problem] = field(default_factory=list)
    raws: dict[str, pl.Expr] = field(default_factory=dict)
    _names: dict[tuple[str, ...], str] = field(default_factory=dict)
    _leaves: int = 0

    def field(self, name: str, spec: FieldSpec, operation: Operation) -> Node | None:
        """Plant one field of an operation; an operation that lists no fields takes any."""
        known = operation.field(name)
        if known is None and operation.fields:
            self._fault((name,), unknown("field", name, [each.name for each in operation.fields]))
            return None
        return self._node(spec, (name,), Wanted() if known is None else Wanted(known, known.kind))

    def _fault(self, path: Place, message: str) -> None:
        self.problems.append(Problem(("fields", *path), message))

    def _node(self, spec: FieldSpec, path: Place, wanted: Wanted) -> Node | None:
        if isinstance(spec, Constant) and has_members(spec.value, wanted):
            spec = Nested({name: Constant(value) for name, value in spec.value.items()})
        if isinstance(spec, Nested):
            return self._nested(spec.members, path, wanted)
        if isinstance(spec, Constant):
            return self._constant(spec.value, path, wanted.value())
        where: Path = ("fields", *path)
        raw = compile_value(spec, self.schema, where)
        if isinstance(raw, list):
            self.problems.extend(raw)
            return None
        source = ("column", spec.name) if isinstance(spec, Column) else ("expression", spec.sql)
        return self._value(raw, source, spec.shaping, path, wanted)

    def _value(
        self, raw: pl.Expr, source: Place, shaping: Shaping, path: Place, wanted: Wanted
    ) -> Node | None:
        dtype = dtype_of(raw, self.schema)
        taken = wanted.kind in {None, Kind.OBJECT} and shaping.convert in {None, "json"}
        if isinstance(dtype, pl.Struct) and taken:
            return self._struct(raw, source, dtype, path, wanted)
        wanted = wanted if shaping.convert == "json" else wanted.value()
        read = reading_of(dtype, shaping, wanted.kind)
        read = read if isinstance(read, str) else fitted(read, wanted.kind)
        if isinstance(read, Reading) and read.json and wanted.whole and wanted.whole.members:
            listed = ", ".join(member.name for member in wanted.whole.members)
            read = f"map its members one by one: {listed}"
        if isinstance(read, str):
            self._fault(path, read)
            return None
        return self._leaf(raw, source, path, read, wanted)

    def _leaf(self, raw: pl.Expr, source: Place, path: Place, read: Reading, wanted: Wanted) -> Leaf:
        name = self._names.setdefault(source, f"raw{len(self._names)}")
        self.raws[name] = raw
        number, self._leaves = self._leaves, self._leaves + 1
        cleaned = f"cleaned{number}"
        value = cleaned if read.convert is same else f"value{number}"
        permit = self._permit(read, wanted)
        return Leaf(
            path=path,
            name=wanted.sent_name(path[-1]),
            raw=name,
            cleaned=cleaned,
            value=value,
            sent=value if permit is None else f"sent{number}",
            read=read,
            tests=tuple(tests_of(read, wanted)),
            permit=permit,
            nullable=self.resubscribe or wanted.consent is None,
        )

    def _permit(self, read: Reading, wanted: Wanted) -> Step | None:
        """Return what holds back values that would re-subscribe, if there may be any."""
        if read.json:
            return self._permit_documents(wanted)
        consent = None if self.resubscribe else wanted.consent
        return None if consent is None else lambda value: pl.when(value != consent).then(value)

    def _permit_documents(self, wanted: Wanted) -> Step | None:
        known, resubscribe = wanted.field, self.resubscribe
        renamed = known is not None and any(each.sent_as for each in (*known.members, *known.special))
        if known is None or not (renamed or (_minds_consent(known) and not resubscribe)):
            return None
        change = changed(lambda value: permitted(value, wanted, resubscribe=resubscribe))
        if known.consent is not None or known.suffixes:
            return change
        concerned = mentioning([each.name for each in (*known.members, *known.special)])
        return lambda text: (
            pl.when(concerned(text)).then(change(pl.when(concerned(text)).then(text))).otherwise(text)
        )

    def _struct(
        self, raw: pl.Expr, source: Place, dtype: pl.Struct, path: Place, wanted: Wanted
    ) -> Branch | None:
        """Take a typed object apart, so that its members are omitted and tested like mapped ones."""
        nodes = {
            each.name: self._value(
                raw.struct.field(each.name),
                (*source, each.name),
                Shaping(),
                (*path, each.name),
                wanted.member(each.name),
            )
            for each in dtype.fields
        }
        return self._branch(path, nodes, wanted)

    def _nested(self, members: Mapping[str, FieldSpec], path: Place, wanted: Wanted) -> Branch | None:
        if wanted.kind not in {None, Kind.OBJECT}:
            self._fault(path, f"takes {wanted.kind}, not members")
            return None
        nodes = {name: self._node(spec, (*path, name), wanted.member(name)) for name, spec in members.items()}
        return self._branch(path, nodes, wanted)

    def _branch(self, path: Place, nodes: Mapping[str, Node | None], wanted: Wanted) -> Branch | None:
        if not nodes:
            self._fault(path, "has no members")
            return None
        known = wanted.whole
        self._misfits(path, nodes, known)
        planted = tuple(node for node in nodes.values() if node is not None)
        needed = () if known is None else tuple(each.name for each in known.members if each.required)
        most = None if known is None else known.max_items
        return Branch(path, wanted.sent_name(path[-1]), planted, most, needed)

    def _misfits(self, path: Place, names: Iterable[str], known: Field | None) -> None:
        """Find members an object does not take, and those it cannot do without."""
        if known is None:
            return
        for name in names:
            fault = name_fault(known, name)
            if fault is not None:
                self._fault((*path, name), fault)
        for member in known.members:
            if member.required and member.name not in names:
                self._fault(path, f'needs the member "{member.name}"')

    def _constant(self, value: Any, path: Place, wanted: Wanted) -> Fixed | None:
        fault = constant_fault(value, wanted)
        consent = None if self.resubscribe else wanted.consent
        if fault is None and consent is not None and value is consent:
            fault = RESUBSCRIBES
        if fault is not None:
            self._fault(path, fault)
            return None
        nullable = consent is None
        return Fixed(path, wanted.sent_name(path[-1]), value, orjson.dumps(value).decode(), nullable)


def _minds_consent(known: Field) -> bool:
    """Tell whether something inside an object's field may re-subscribe somebody."""
    inner = (*known.members, *known.special, *known.suffixes.values())
    return known.consent is not None or any(_minds_consent(each) for each in inner)
