"""A compiled step: judges the rows of a chunk, and turns those that are to be sent into records."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from bulk.conversation import IDENTIFIER, KEY, MATCH, RECORD, ROW
from bulk.destinations.fields import Kind
from bulk.destinations.operation import Operation, Terms
from bulk.mapping.encode import Nulls, encode, encode_branch, field_texts
from bulk.mapping.evaluate import evaluate
from bulk.mapping.faults import RAISED, Fault, field_faults, first_fault
from bulk.mapping.identifiers import Identifier
from bulk.mapping.joining import Joining
from bulk.mapping.reading import same
from bulk.mapping.rules import CompiledRules
from bulk.mapping.sizes import most_bytes
from bulk.mapping.tree import Branch, Fixed, Node, leaves

_SOURCE_WHERE, _STEP_WHERE, _OPTED_OUT = "source_where", "step_where", "opted_out"
_NO_TERMS = Terms()
KEY_COLUMNS = ("raw_key", "cleaned_key")
"""Columns of keys before they are cleaned, and after."""


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
        terms: What the operation is told beside the record.
        contacts: Those that rows are about; None if the source says all there is to say.
        where_of_contact: Whether the step's own filter looks at them.
        key_columns: Columns of keys before they are cleaned, and after; those of a field that is read alike.
    """

    operation: Operation
    nodes: tuple[Node, ...]
    raws: Mapping[str, pl.Expr]
    rules: CompiledRules
    where: pl.Expr | None
    nulls: Nulls
    columns: tuple[str, ...]
    unused: tuple[str, ...]
    terms: Terms = _NO_TERMS
    contacts: Joining | None = None
    where_of_contact: bool = False
    key_columns: tuple[str, str] = KEY_COLUMNS

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Say of each row what its key is, whether it opted out, and why it is not to be sent, if so.

        Args:
            frame: ROW and source columns.

        Returns:
            ROW, KEY, ``opted_out``, ``reason`` and ``message``, in the order of the frame; ``reason``
            and ``message`` are null for a row that may be sent.
        """
        asked = {**self.raws, **self._conditions(), **self._match(), **self._raw_key()}
        values, failed = self._values(frame, asked)
        faults = [*self._rule_faults(failed), *field_faults(self.nodes, self.operation, failed)]
        raw_key = self.key_columns[0]
        if raw_key in failed:
            faults.append(Fault(pl.col(failed[raw_key]), "bad_value", f'"key": {RAISED}'))
        opted_out = (
            pl.lit(value=False) if self.rules.opted_out is None else pl.col(_OPTED_OUT).fill_null(value=False)
        )
        key_and_consent = values.select(ROW, self._key(), opted_out.alias("opted_out"))
        return key_and_consent.hstack(self._sized(values, first_fault(values, faults)))

    def encode(self, frame: pl.DataFrame, seed: str = "") -> pl.DataFrame:
        """Turn rows that ``judge`` found sendable into records; ``seed`` names this step of this pass.

        Returns:
            ROW, KEY, RECORD and the fields that the operation keeps, in the order of the frame.
        """
        values, failed = self._values(frame, {**self.raws, **self._raw_key()})
        if failed:
            raise ValueError("rows that cannot be mapped were given to be encoded")
        record = self._records(values, seed).alias(RECORD)
        return values.select(ROW, self._key(), record, *self._kept(values))

    def contents(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return KEY and, as RECORD, all that is sent of rows that may be sent, whichever rows they are."""
        encoded = self.encode(frame.with_columns(pl.lit(0, pl.UInt32).alias(ROW)))
        kept = encoded.select(pl.exclude(ROW, KEY, RECORD)).columns
        if self.operation.item is None or not kept:
            return encoded.select(KEY, RECORD)
        beside = pl.struct(kept).struct.json_encode()  # what is not in the record may stand in its address
        return encoded.select(KEY, pl.concat_str(RECORD, beside).alias(RECORD))

    def identified(self, frame: pl.DataFrame, chosen: Sequence[Identifier]) -> pl.DataFrame:
        """Return what names the people of each row: a column for each that is chosen, and one for the key."""
        nodes = {one.node.path: one.node for one in chosen}
        alone = replace(self, nodes=tuple(nodes.values()))
        raws = {leaf.raw: self.raws[leaf.raw] for leaf in leaves(alone.nodes)}
        values, _ = alone._values(frame, raws | self._raw_key())  # noqa: SLF001 - its own, with fewer fields
        key = self.rules.key
        named = pl.lit(None, pl.String) if key is None else key.read.convert(pl.col(self.key_columns[1]))
        columns = [(one.values(values), one.column) for one in chosen]
        return values.select(ROW, named.alias(IDENTIFIER), *(each.alias(name) for each, name in columns))

    def noted(self, frame: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
        """Return ROW and those of some fields that are mapped, of any rows: null where a value is faulty."""
        alone = replace(self, nodes=tuple(node for node in self.nodes if node.path[0] in names))
        raws = {leaf.raw: self.raws[leaf.raw] for leaf in leaves(alone.nodes)}
        values, failed = alone._values(frame, raws | self._raw_key())  # noqa: SLF001 - its own, with fewer fields
        sound = {
            node.path[0]: first_fault(values, list(field_faults((node,), self.operation, failed)))["reason"]
            for node in alone.nodes
        }
        kept = (self._kept_value(values, node).alias(node.path[0]) for node in alone.nodes)
        found = values.select(ROW, *kept)
        return found.with_columns(
            pl.when(reasons.is_null()).then(pl.col(name)).alias(name) for name, reasons in sound.items()
        )

    def _records(self, values: pl.DataFrame, seed: str) -> pl.Series:
        """Return each record as it is sent: an object of all fields, or what the operation makes of them."""
        if self.operation.item is None:
            return encode(values, self.nodes, self.nulls)
        texts = field_texts(values, self.nodes, self.nulls)
        missing = [field.name for field in self.operation.fields if field.name not in texts.columns]
        complete = texts.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
        item = self.operation.item(replace(self.terms, seed=seed))
        return complete.select(ROW, item.alias(RECORD)).to_series(1)  # ROW keeps the height

    def _sized(self, values: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
        """Reject what would be too long to send; only rows that may be so are encoded to find out."""
        batching = self.operation.batching
        limit = None if batching is None else batching.item_bytes
        if limit is None:
            return told
        suspect = values.select(ROW, most_bytes(self.nodes).alias("most"))["most"] > limit
        suspects = values.filter(suspect & told["reason"].is_null())
        if suspects.is_empty():
            return told
        large = suspects[ROW].filter(self._records(suspects, "").str.len_bytes() > limit)
        too_long = values[ROW].is_in(large.implode())
        message = f"is longer than {limit} bytes as it is sent"
        return told.with_columns(
            pl.when(too_long).then(pl.lit("too_long")).otherwise("reason").alias("reason"),
            pl.when(too_long).then(pl.lit(message)).otherwise("message").alias("message"),
        )

    def _conditions(self) -> dict[str, pl.Expr]:
        given = {_SOURCE_WHERE: self.rules.where, _STEP_WHERE: self.where, _OPTED_OUT: self.rules.opted_out}
        return {name: condition for name, condition in given.items() if condition is not None}

    def _match(self) -> dict[str, pl.Expr]:
        return {} if self.contacts is None else {MATCH: pl.col(MATCH)}

    def _raw_key(self) -> dict[str, pl.Expr]:
        return {} if self.rules.key is None else {self.key_columns[0]: self.rules.key.raw}

    def _values(
        self, frame: pl.DataFrame, expressions: Mapping[str, pl.Expr]
    ) -> tuple[pl.DataFrame, dict[str, str]]:
        """Evaluate, clean and convert; also name the columns that mark where an expression raised."""
        if self.contacts is not None:
            frame = self.contacts.joined(frame)
        evaluated = evaluate(frame, expressions)
        failed = {name: f"failed_{name}" for name in evaluated.failed}
        marks = [mask.alias(failed[name]) for name, mask in evaluated.failed.items()]
        conditions = [name for name in (*self._conditions(), *self._match()) if name in expressions]
        values = evaluated.values.select(ROW, *conditions, *self._cleaned(), *marks)
        values = values.with_columns(self._converted())
        held_back = [
            leaf.permit(pl.col(leaf.value)).alias(leaf.sent) for leaf in leaves(self.nodes) if leaf.permit
        ]
        return values.with_columns(held_back) if held_back else values, failed

    def _cleaned(self) -> Iterator[pl.Expr]:
        for leaf in leaves(self.nodes):
            yield leaf.read.clean(pl.col(leaf.raw)).alias(leaf.cleaned)
        raw, cleaned = self.key_columns
        if self.rules.key is not None and all(leaf.cleaned != cleaned for leaf in leaves(self.nodes)):
            yield self.rules.key.read.clean(pl.col(raw)).alias(cleaned)

    def _converted(self) -> Iterator[pl.Expr]:
        for leaf in leaves(self.nodes):
            if leaf.read.convert is not same:
                yield leaf.read.convert(pl.col(leaf.cleaned)).alias(leaf.value)

    def _key(self) -> pl.Expr:
        key = self.rules.key
        if key is None:
            return pl.lit(None, pl.String).alias(KEY)
        return key.normalised(key.read.convert(pl.col(self.key_columns[1]))).alias(KEY)

    def _rule_faults(self, failed: Mapping[str, str]) -> Iterator[Fault]:
        """Yield the faults of rows; a filter that looks at contacts says nothing of rows without one."""
        yield from self._filtered(_SOURCE_WHERE, failed)
        if not self.where_of_contact:
            yield from self._filtered(_STEP_WHERE, failed)
        for number, (reason, message) in enumerate(self.contacts.faults if self.contacts else (), 1):
            yield Fault(pl.col(MATCH) == number, reason, message)
        if self.where_of_contact:
            yield from self._filtered(_STEP_WHERE, failed)
        for name, said in ((_SOURCE_WHERE, "where"), (_STEP_WHERE, "where"), (_OPTED_OUT, "opted_out")):
            if name in failed:
                yield Fault(pl.col(failed[name]), "bad_value", f'"{said}": {RAISED}')

    def _filtered(self, name: str, failed: Mapping[str, str]) -> Iterator[Fault]:
        if name in self._conditions():
            outside = ~pl.col(name).fill_null(value=False)
            raised = pl.col(failed[name]) if name in failed else pl.lit(value=False)
            yield Fault(outside & ~raised, "filtered", None)

    def _kept(self, values: pl.DataFrame) -> Iterator[pl.Series | pl.Expr]:
        nodes = {node.path[0]: node for node in self.nodes}
        for name in self.operation.keep:
            yield self._kept_value(values, nodes.get(name)).alias(name)

    def _kept_value(self, values: pl.DataFrame, node: Node | None) -> pl.Series | pl.Expr:
        """Return a field as a column: objects and lists of anything as JSON text, texts in a list as one."""
        if node is None:
            return pl.lit(None, pl.String)
        field = self.operation.field(node.path[0])
        kind = None if field is None else field.kind
        if kind is Kind.LIST:
            return field_texts(values, (node,), self.nulls).to_series(1)
        if isinstance(node, Branch):
            return encode_branch(values, node, self.nulls)
        if isinstance(node, Fixed):
            return _constant(node)
        listed = node.read.json and kind is Kind.TEXTS
        return pl.col(node.sent).str.json_decode(pl.List(pl.String)) if listed else pl.col(node.sent)


def _constant(node: Fixed) -> pl.Expr:
    if isinstance(node.value, list):
        return pl.lit(pl.Series([node.value])).first()
    return pl.lit(node.written if isinstance(node.value, dict) else node.value)
