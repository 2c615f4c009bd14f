"""Batches made by the real mapping from plain records, packed as their operation groups them."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from bulk.conversation import ROW, Batch, Records
from bulk.destinations.operation import Operation, Terms
from bulk.mapping import CompiledRules, compile_step
from bulk.mapping.spec import Column
from bulk.mapping.step import StepMapping


def tailored(operation: Operation, terms: Terms) -> Operation:
    if operation.tailor is None or terms.options is None:
        return operation
    return operation.tailor(operation, terms.options)


def compiled(operation: Operation, terms: Terms, frame: pl.DataFrame) -> StepMapping:
    fields = {name: Column(name) for name in frame.columns if name != ROW}
    mapping = compile_step(fields, operation, frame.schema, CompiledRules(), terms=terms)
    assert isinstance(mapping, StepMapping), mapping
    return mapping


def source(*records: Mapping[str, Any]) -> pl.DataFrame:
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    return pl.DataFrame({ROW: pl.Series(range(1, len(records) + 1), dtype=pl.UInt32), **columns})


def batches_of(operation: Operation, terms: Terms, *records: Mapping[str, Any]) -> list[Batch]:
    """Return one batch for every run of records that may share a request."""
    made = tailored(operation, terms)
    frame = compiled(made, terms, source(*records)).encode(source(*records), terms.seed)
    batching = made.batching
    if batching is None:
        return [Batch(Records(frame), at, at + 1) for at in range(frame.height)]
    if batching.group is None:
        return [Batch(Records(frame), 0, frame.height)]
    runs = frame.select(batching.group.alias("group"))["group"].rle_id()
    parts = frame.with_columns(runs.alias("run")).partition_by("run", maintain_order=True, include_key=False)
    return [Batch(Records(part), 0, part.height) for part in parts]


def batch_of(operation: Operation, terms: Terms, *records: Mapping[str, Any]) -> Batch:
    batches = batches_of(operation, terms, *records)
    assert len(batches) == 1
    return batches[0]


def faults(operation: Operation, terms: Terms, *records: Mapping[str, Any]) -> list[str | None]:
    """Return why the mapping rejects each record, None where it does not."""
    frame = source(*records)
    return compiled(tailored(operation, terms), terms, frame).judge(frame)["message"].to_list()
