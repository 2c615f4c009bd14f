"""JSON objects put together column by column, from the JSON text of their members."""

import orjson
import polars as pl


def constant(value: object) -> pl.Expr:
    """Return a constant as JSON text."""
    return pl.lit(orjson.dumps(value).decode())


def member(name: str, value: pl.Expr) -> pl.Expr:
    """Return ``"name":value``, null where the value is null."""
    return pl.concat_str(pl.lit(f"{orjson.dumps(name).decode()}:"), value)


def inside(document: pl.Expr) -> pl.Expr:
    """Return the members of an object without its braces, null if there are none."""
    bare = document.str.strip_prefix("{").str.strip_suffix("}")
    return pl.when(bare != "").then(bare)


def braced(*members: pl.Expr) -> pl.Expr:
    """Return an object of members; those that are null are left out."""
    joined = pl.concat_str(*members, separator=",", ignore_nulls=True)
    return pl.concat_str(pl.lit("{"), joined, pl.lit("}"))


def braced_if_any(*members: pl.Expr) -> pl.Expr:
    """Return an object of members, null where it would be empty."""
    joined = pl.concat_str(*members, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then(pl.concat_str(pl.lit("{"), joined, pl.lit("}")))
