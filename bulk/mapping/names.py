"""Names of source columns and fields: finding them, and suggesting the one that was meant."""

import difflib
import re
from collections.abc import Iterable

import polars as pl


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that there is no such column or field, and name the nearest that there is."""
    names = list(known)
    folded: dict[str, str] = {}
    for candidate in names:
        folded.setdefault(_folded(candidate), candidate)
    near = difflib.get_close_matches(_folded(name), folded, n=1)
    exact = folded.get(_folded(name))
    meant = exact if exact is not None else next((folded[match] for match in near), None)
    hint = "" if meant is None else f'; did you mean "{meant}"?'
    return f'unknown {what} "{name}"{hint}'


def is_pattern(name: str) -> bool:
    """Whether polars would take a column's name for a wildcard or a regular expression."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def source_column(name: str) -> pl.Expr:
    """Return the source column of exactly that name."""
    return pl.col(f"^{re.escape(name)}$" if is_pattern(name) else name)
