"""A compiled step: judges the rows of a chunk, and turns those that are to be sent into records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from bulk.conversation import KEY, RECORD, ROW
from bulk.destinations.fields import Kind
from bulk.destinations.operation import Operation
from bulk.mapping.encode import Nulls, encode, encode_branch
from bulk.mapping.evaluate import evaluate
from bulk.mapping.faults import RAISED, Fault, field_faults, first_fault
from bulk.mapping.reading import same
from bulk.mapping.rules import CompiledRules
from bulk.mapping.tree import Branch, Fixed, Node, leaves

_SOURCE_WHERE, _STEP_WHERE, _OPTED_OUT, _RAW_KEY = "source_where", "step_where", "opted_out", "raw_key"
_CLEANED_KEY = "cleaned_key"


@dataclass(frozen=True, slots=True)
class StepMapping:
    """What one step makes of rows.

    Attributes:
        operation: The step's operation.
        nodes: Its fields.
        raws: Expressions over source columns that its fields are read from, by name.
        rules: What belongs to the row.
        where: The step's own filter.
        nulls: Whether members without a value are left out or sent as null.
        columns: Source columns that are used, by fields or rules.
        unused: Source columns that are not.
    """

    operation: Operation
    nodes: tuple[Node, ...]
    raws: Mapping[str, pl.Expr]
    rules: CompiledRules
    where: pl.Expr | None
    nulls: Nulls
    columns: tuple[str, ...]
    unused: tuple[str, ...]

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Say of each row what its key is, whether it opted out, and why it is not to be sent, if so.

        Args:
            frame: ROW and source columns.

        Returns:
            ROW, KEY, ``opted_out``, ``reason`` and ``message``, in the order of the frame; ``reason``
            and ``message`` are null for a row that may be sent.
        """
        values, failed = self._values(frame, {**self.raws, **self._conditions(), **self._raw_key()})
        faults = [*self._rule_faults(failed), *field_faults(self.nodes, self.operation, failed)]
        if _RAW_KEY in failed:
            faults.append(Fault(pl.col(failed[_RAW_KEY]), "bad_value", f'"key": {RAISED}'))
        opted_out = (
            pl.lit(value=False) if self.rules.opted_out is None else pl.col(_OPTED_OUT).fill_null(value=False)
        )
        told = values.select(ROW, self._key(), opted_out.alias("opted_out"))
        return told.hstack(first_fault(values, faults))

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Turn rows that ``judge`` found sendable into records.

        Returns:
            ROW, KEY, RECORD and the fields that the operation keeps, in the order of the frame.
        """
        values, failed = self._values(frame, {**self.raws, **self._raw_key()})
        if failed:
            raise ValueError("rows that cannot be mapped were given to be encoded")
        record = encode(values, self.nodes, self.nulls).alias(RECORD)
        return values.select(ROW, self._key(), record, *self._kept(values))

    def _conditions(self) -> dict[str, pl.Expr]:
        given = {_SOURCE_WHERE: self.rules.where, _STEP_WHERE: self.where, _OPTED_OUT: self.rules.opted_out}
        return {name: condition for name, condition in given.items() if condition is not None}

    def _raw_key(self) -> dict[str, pl.Expr]:
        return {} if self.rules.key is None else {_RAW_KEY: self.rules.key.raw}

    def _values(
        self, frame: pl.DataFrame, expressions: Mapping[str, pl.Expr]
    ) -> tuple[pl.DataFrame, dict[str, str]]:
        """Evaluate, clean and convert; also name the columns that mark where an expression raised."""
        evaluated = evaluate(frame, expressions)
        failed = {name: f"failed_{name}" for name in evaluated.failed}
        marks = [mask.alias(failed[name]) for name, mask in evaluated.failed.items()]
        conditions = [name for name in self._conditions() if name in expressions]
        values = evaluated.values.select(ROW, *conditions, *self._cleaned(), *marks)
        return values.with_columns(self._converted()), failed

    def _cleaned(self) -> Iterator[pl.Expr]:
        for leaf in leaves(self.nodes):
            yield leaf.read.clean(pl.col(leaf.raw)).alias(leaf.cleaned)
        if self.rules.key is not None:
            yield self.rules.key.read.clean(pl.col(_RAW_KEY)).alias(_CLEANED_KEY)

    def _converted(self) -> Iterator[pl.Expr]:
        for leaf in leaves(self.nodes):
            if leaf.read.convert is not same:
                yield leaf.read.convert(pl.col(leaf.cleaned)).alias(leaf.value)

    def _key(self) -> pl.Expr:
        key = self.rules.key
        if key is None:
            return pl.lit(None, pl.String).alias(KEY)
        return key.normalised(key.read.convert(pl.col(_CLEANED_KEY))).alias(KEY)

    def _rule_faults(self, failed: Mapping[str, str]) -> Iterator[Fault]:
        conditions = self._conditions()
        for name in (_SOURCE_WHERE, _STEP_WHERE):
            if name in conditions:
                outside = ~pl.col(name).fill_null(value=False)
                raised = pl.col(failed[name]) if name in failed else pl.lit(value=False)
                yield Fault(outside & ~raised, "filtered", None)
        for name, said in ((_SOURCE_WHERE, "where"), (_STEP_WHERE, "where"), (_OPTED_OUT, "opted_out")):
            if name in failed:
                yield Fault(pl.col(failed[name]), "bad_value", f'"{said}": {RAISED}')

    def _kept(self, values: pl.DataFrame) -> Iterator[pl.Series | pl.Expr]:
        nodes = {node.path[0]: node for node in self.nodes}
        for name in self.operation.keep:
            yield self._kept_value(values, nodes.get(name)).alias(name)

    def _kept_value(self, values: pl.DataFrame, node: Node | None) -> pl.Series | pl.Expr:
        """Return a field's values as a column: objects as JSON text, lists as lists."""
        if node is None:
            return pl.lit(None, pl.String)
        if isinstance(node, Branch):
            return encode_branch(values, node, self.nulls)
        if isinstance(node, Fixed):
            return _constant(node)
        field = self.operation.field(node.path[0])
        listed = node.read.json and field is not None and field.kind is Kind.TEXTS
        return pl.col(node.value).str.json_decode(pl.List(pl.String)) if listed else pl.col(node.value)


def _constant(node: Fixed) -> pl.Expr:
    if isinstance(node.value, list):
        return pl.lit(pl.Series([node.value])).first()
    return pl.lit(node.written if isinstance(node.value, dict) else node.value)
