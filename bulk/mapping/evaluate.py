"""Compute expressions over a chunk; rows for which one raises are found and set apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from bulk.conversation import ROW
from bulk.mapping.expression import POLARS_ERRORS

_FAILED = "__failed__"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What expressions gave for each row of a chunk.

    Attributes:
        values: ROW and one column per expression; null where it could not be computed.
        failed: By name, for each expression that raised: for which rows.
    """

    values: pl.DataFrame
    failed: Mapping[str, pl.Series]


def evaluate(frame: pl.DataFrame, expressions: Mapping[str, pl.Expr]) -> Evaluated:
    """Compute all expressions at once, and one by one only if that raises."""
    named = [expression.alias(name) for name, expression in expressions.items()]
    try:
        return Evaluated(frame.select(ROW, *named), {})
    except POLARS_ERRORS:
        pass
    columns, failed = [frame[ROW]], {}
    for name, expression in expressions.items():
        try:
            columns.append(_computed(frame, expression).alias(name))
        except POLARS_ERRORS:
            failed[name] = _culprits(frame, expression)
            columns.append(_around(frame, expression, failed[name]).alias(name))
    return Evaluated(pl.DataFrame(columns), failed)


def _computed(frame: pl.DataFrame, expression: pl.Expr) -> pl.Series:
    """Compute one expression; a constant is repeated for every row."""
    return frame.select(pl.col(ROW), expression.alias(_FAILED))[_FAILED]


def _around(frame: pl.DataFrame, expression: pl.Expr, failed: pl.Series) -> pl.Series:
    """Compute an expression for the good rows and leave null for the others."""
    good = _computed(frame.filter(~failed), expression)
    missing = good.clear(int(failed.sum()))
    order = pl.concat([(~failed).arg_true(), failed.arg_true()]).arg_sort()
    return pl.concat([good, missing]).gather(order)


def _culprits(frame: pl.DataFrame, expression: pl.Expr) -> pl.Series:
    """Mark the rows for which an expression raises.

    Equal inputs raise alike, so each distinct one is tried once: a column with ``N/A`` in every
    third row costs one search, not one per row.
    """
    roots = sorted(set(expression.meta.root_names()))
    inputs = frame.select(roots)
    if any(dtype.is_nested() for dtype in inputs.dtypes):
        bad = _search(frame, expression)
        return pl.Series(_FAILED, [False]).new_from_index(0, frame.height).scatter(bad, values=True)
    distinct = inputs.unique(maintain_order=True)
    bad_inputs = distinct[_search(distinct, expression)].with_columns(pl.lit(value=True).alias(_FAILED))
    marked = inputs.join(bad_inputs, on=roots, how="left", nulls_equal=True, maintain_order="left")
    return marked[_FAILED].fill_null(value=False)


def _search(frame: pl.DataFrame, expression: pl.Expr) -> list[int]:
    """Halve the frame until the raising rows stand alone."""
    bad: list[int] = []
    spans = [(0, frame.height)]
    while spans:
        start, height = spans.pop()
        try:
            frame.slice(start, height).select(expression)
        except POLARS_ERRORS:
            if height == 1:
                bad.append(start)
            else:
                half = height // 2
                spans += [(start, half), (start + half, height - half)]
    return sorted(bad)
