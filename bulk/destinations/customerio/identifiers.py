"""The identifiers that name a person, and the column of a field that may not be mapped."""

import polars as pl

from bulk.destinations.fields import Field, Kind
from bulk.destinations.shape import constant, member

SPEC = "vendor's specification of the Track API (sure)"
PERSON = ("id", "email", "phone", "cio_id")
"""Identifiers in the order in which the first one present names a person."""
NAMED = ("id", "email", "cio_id")
"""The same where a phone number names nobody."""

FIELDS = {
    "id": Field("id", Kind.IDENTIFIER, "Your own id of the person.", SPEC, max_bytes=150),
    "email": Field("email", Kind.EMAIL, "The e-mail address; in any case it is the same.", SPEC),
    "phone": Field(
        "phone",
        Kind.PHONE,
        "The phone number in E.164: + and digits alone.",
        SPEC,
        pattern=r"\+[1-9][0-9]{6,14}",
    ),
    "cio_id": Field(
        "cio_id",
        Kind.IDENTIFIER,
        "Customer.io's own id, without the prefix cio_; one it does not know is accepted and ignored.",
        SPEC,
        pattern="[A-Za-z0-9]+",
    ),
}
PERSON_FIELDS = tuple(FIELDS[name] for name in PERSON)
NAMED_FIELDS = tuple(FIELDS[name] for name in NAMED)


def column(name: str) -> pl.Expr:
    """Return the JSON text of a field, null where the step does not map it or leaves it out."""
    return pl.coalesce(pl.col(f"^{name}$"), pl.lit(None, pl.String))


def given(name: str) -> pl.Expr:
    """Return the JSON text of a field where it is anything but null: a null names nobody and sets nothing."""
    value = column(name)
    return pl.when(value != "null").then(value)


def first(names: tuple[str, ...] = PERSON) -> pl.Expr:
    """Return an object of the first identifier present, and of that alone."""
    return pl.coalesce(pl.concat_str(pl.lit("{"), member(name, given(name)), pl.lit("}")) for name in names)


def head(action: str) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Return the members with which everything about a person begins."""
    return (
        member("type", constant("person")),
        member("action", constant(action)),
        member("identifiers", first()),
    )
