"""Steps compiled by hand over a few rows."""

from collections.abc import Mapping
from typing import Any

import orjson
import polars as pl

from bulk.conversation import RECORD, ROW, Batch, Conversation
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation
from bulk.mapping import CompiledRules, Problem, Rules, StepMapping, compile_rules, compile_step
from bulk.mapping.spec import FieldSpec

Fields = Mapping[str, FieldSpec]
FINE = (None, None)


def converse(_batch: Batch, _settings: Any) -> Conversation:
    raise NotImplementedError


def named(name: str, kind: Kind, **limits: Any) -> Field:
    return Field(name, kind, about="", fact="", **limits)


def doing(*fields: Field, **more: Any) -> Operation:
    """Return an operation that takes these fields."""
    return Operation("do", "", fields, Effect.WRITES, converse, "", **more)


def source(**columns: Any) -> pl.DataFrame:
    height = len(next(iter(columns.values())))
    rows = pl.Series(ROW, range(1, height + 1), dtype=pl.UInt32)
    return pl.DataFrame([rows, *(pl.Series(name, values) for name, values in columns.items())])


def step(
    operation: Operation, fields: Fields, frame: pl.DataFrame, rules: Rules | None = None, **options: Any
) -> StepMapping:
    compiled = compile_rules(rules or Rules(), frame.schema, first=(fields, operation))
    assert isinstance(compiled, CompiledRules), compiled
    mapping = compile_step(fields, operation, frame.schema, compiled, **options)
    assert isinstance(mapping, StepMapping), mapping
    return mapping


def problems(operation: Operation, fields: Fields, frame: pl.DataFrame, **options: Any) -> list[Problem]:
    found = compile_step(fields, operation, frame.schema, CompiledRules(), **options)
    assert isinstance(found, list), found
    return found


def verdicts(
    operation: Operation, fields: Fields, frame: pl.DataFrame, rules: Rules | None = None, **options: Any
) -> list[Any]:
    """Return reason and message of each row."""
    judged = step(operation, fields, frame, rules, **options).judge(frame)
    assert judged[ROW].to_list() == frame[ROW].to_list()
    return list(zip(judged["reason"], judged["message"], strict=True))


def texts(operation: Operation, fields: Fields, frame: pl.DataFrame, **options: Any) -> list[str]:
    """Return each row's record as it is sent."""
    sent: list[str] = step(operation, fields, frame, **options).encode(frame)[RECORD].to_list()
    return sent


def records(operation: Operation, fields: Fields, frame: pl.DataFrame, **options: Any) -> list[Any]:
    return [orjson.loads(text) for text in texts(operation, fields, frame, **options)]
