"""Lists of any depth in typed columns: numbers JSON has no word for are found, dates become text."""

import polars as pl
from polars.datatypes import DataTypeClass

from bulk.mapping.dates import iso_text


def instance(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    """Return a data type as an object, however it was given."""
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def sendable(dtype: pl.DataType) -> bool:
    """Whether polars can write a type as JSON without losing anything."""
    if isinstance(dtype, (pl.List, pl.Array)):
        return sendable(instance(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return all(sendable(instance(field.dtype)) for field in dtype.fields)
    return not isinstance(dtype, (pl.Binary, pl.Object, pl.Unknown, pl.Int128, pl.UInt128))


def holds_objects(dtype: pl.DataType) -> bool:
    """Whether there are objects in a type."""
    if isinstance(dtype, (pl.List, pl.Array)):
        return holds_objects(instance(dtype.inner))
    return isinstance(dtype, pl.Struct)


def all_finite(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Tell where no number inside is NaN or infinite."""
    if dtype.is_float():
        return value.is_finite().fill_null(value=True)
    if isinstance(dtype, pl.List):
        return (
            value.list.eval(all_finite(pl.element(), instance(dtype.inner))).list.all().fill_null(value=True)
        )
    if isinstance(dtype, pl.Struct) and dtype.fields:
        return pl.all_horizontal(
            all_finite(value.struct.field(field.name), instance(field.dtype)) for field in dtype.fields
        )
    return value.is_not_null() | value.is_null()


def dated(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Write the dates and times inside as ISO 8601 text."""
    if dtype.is_temporal():
        return iso_text(dtype)(value)
    if isinstance(dtype, pl.List) and _holds_dates(dtype):
        return value.list.eval(dated(pl.element(), instance(dtype.inner)))
    if isinstance(dtype, pl.Struct) and _holds_dates(dtype):
        members = [
            dated(value.struct.field(field.name), instance(field.dtype)).alias(field.name)
            for field in dtype.fields
        ]
        return pl.when(value.is_not_null()).then(pl.struct(members))
    return value


def _holds_dates(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.List):
        return _holds_dates(instance(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return any(_holds_dates(instance(field.dtype)) for field in dtype.fields)
    return dtype.is_temporal()
