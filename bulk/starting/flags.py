"""Words that say yes or no, and what they make of a column. Only these words ever stand in a job."""

from collections.abc import Collection

import polars as pl

from bulk.mapping.spec import Column, Expression, Shaping
from bulk.starting.meanings import Form
from bulk.starting.seen import MOST, Seen, quoted

CONVERTED = frozenset({"true", "false", "yes", "no", "y", "n", "t", "f", "1", "0"})
"""Words that `as: bool` knows."""
YES = frozenset(
    {
        "true",
        "yes",
        "y",
        "t",
        "1",
        "x",
        "on",
        "si",
        "sì",
        "sí",
        "ja",
        "oui",
        "sim",
        "tak",
        "ano",
        "да",
        "checked",
    }
)
NO = frozenset(
    {"false", "no", "n", "f", "0", "off", "nein", "non", "não", "nao", "nee", "nej", "nie", "ne", "нет"}
)
NOTHING = frozenset({"", "[]", "{}", "none", "null", "n/a", "-", "never"})
_BARE = frozenset({"1", "0"})
_SOUNDS_SO = ("is", "has", "can", "opt", "wants", "accept", "agree", "active", "verified", "enabled")


def flag(seen: Seen, column: str, form: Form) -> Column | Expression | None:
    """Return how a column of flags is read; None if it holds none."""
    if isinstance(seen.schema[column], pl.Boolean):
        return Column(column)
    if seen.share(column, (YES | NO) - {"x"}) < MOST:
        return None
    said = seen.said(column) & (YES | NO)
    if said <= _BARE and form is not Form.FLAG and not column.lower().startswith(_SOUNDS_SO):
        return None  # a number as well
    if said <= CONVERTED:
        return Column(column, Shaping("bool"))
    if "${" in column:
        return None
    return Expression(f"lower(trim({quoted(column)})) in ({listed(said & YES)})" if said & YES else "1 = 0")


def listed(words: Collection[str]) -> str:
    """Return words as SQL lists them."""
    return ", ".join("'" + word.replace("'", "''") + "'" for word in sorted(words))
