"""Records as they are sent, where that is not simply an object of all fields."""

from collections.abc import Callable

import polars as pl

from bulk.destinations.operation import Terms
from bulk.destinations.shape import braced, member


def only(*names: str) -> Callable[[Terms], pl.Expr]:
    """Return what sends these fields and no others."""
    return lambda _terms: braced(*(member(name, pl.col(name)) for name in names))


def first_of(*names: str) -> pl.Expr:
    """Return the member of the first field that has a value: a contact is named by exactly one identifier."""
    return pl.coalesce(*(member(name, pl.col(name)) for name in names))
