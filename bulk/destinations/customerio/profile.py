"""A person's attributes as they are sent, together with the fields that are attributes too."""

import json

import polars as pl

from bulk.destinations.customerio.identifiers import column, given
from bulk.destinations.customerio.settings import UpsertOptions
from bulk.destinations.operation import Terms
from bulk.destinations.shape import braced, braced_if_any, constant, inside, member

TOPICS = "cio_subscription_preferences"
_TOPIC = r'"topic_([0-9]+)"\s*:\s*(true|false)'
_CLASHING = r'"(?:email|phone|created_at|unsubscribed|_update|cio_subscription_preferences\.[^"]*)"\s*:'


def profile(terms: Terms) -> pl.Expr:
    """Return the object of attributes, null if there are none; a field wins over an attribute of its name."""
    options = terms.options or UpsertOptions()
    update = given("_update") if options.create_missing else constant(value=True)
    fields = (
        member("email", pl.when(given("id").is_not_null()).then(column("email"))),
        member(
            "phone", pl.when(given("id").is_not_null() | given("email").is_not_null()).then(column("phone"))
        ),
        member("created_at", column("created_at")),
        member("unsubscribed", given("unsubscribed")),
        _topics(),
        member("_update", update),
    )
    parts = pl.struct(given("attributes").alias("attributes"), braced(*fields).alias("fields"))
    return parts.map_batches(_together, return_dtype=pl.String)


def _topics() -> pl.Expr:
    """Return each topic as an attribute of its own: a nested object would reset those it does not name."""
    dotted = rf'"{TOPICS}.topics.topic_${{1}}":${{2}}'
    found = given(TOPICS).str.extract_all(_TOPIC)
    joined = found.list.eval(pl.element().str.replace(f"^{_TOPIC}$", dotted)).list.join(",")
    return pl.when(joined != "").then(joined)


def _together(parts: pl.Series) -> pl.Series:
    """Join attributes and fields; only where their names may clash is an object taken apart."""
    frame = parts.struct.unnest()
    joined = frame.select(braced_if_any(inside(pl.col("attributes")), inside(pl.col("fields")))).to_series()
    clashing = frame["attributes"].str.contains(_CLASHING).fill_null(value=False)
    if not clashing.any():
        return joined
    pairs = frame.filter(clashing).iter_rows()
    merged = pl.Series([_merged(*pair) for pair in pairs], dtype=pl.String)
    return joined.scatter(clashing.arg_true(), merged)


def _merged(attributes: str, fields: str) -> str:
    """Return one object of both; a field wins."""
    return json.dumps(
        {**json.loads(attributes), **json.loads(fields)}, ensure_ascii=False, separators=(",", ":")
    )
