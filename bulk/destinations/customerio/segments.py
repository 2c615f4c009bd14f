"""Put people into manual segments, and take them out."""

from collections.abc import Callable, Sequence

import polars as pl

from bulk.conversation import (
    Batch,
    Conversation,
    Request,
    Response,
    Settled,
    Split,
    one_request,
)
from bulk.destinations.address import encoded
from bulk.destinations.customerio.answers import refusal
from bulk.destinations.customerio.identifiers import NAMED, NAMED_FIELDS, SPEC, given
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Batching, Effect, Operation, Terms
from bulk.destinations.verdicts import accepted, is_2xx

_NOT_FOUND = 404
_MOST = 1000

_SEGMENT = Field(
    "segment_id",
    Kind.IDENTIFIER,
    "The number of a manual segment; records of one segment share requests.",
    SPEC,
    required=True,
    pattern="[1-9][0-9]{0,17}",
)


def _text(name: str) -> pl.Expr:
    """Return a kept column as text, null where the step does not map it."""
    return pl.coalesce(pl.col(f"^{name}$").cast(pl.String), pl.lit(None, pl.String))


def _kind() -> pl.Expr:
    return pl.coalesce(pl.when(_text(name).is_not_null()).then(pl.lit(name)) for name in NAMED)


GROUP = pl.concat_str(_text("segment_id"), pl.lit(" "), _kind())
"""Segment and kind of identifier: what one request has one of."""


def item(_terms: Terms) -> pl.Expr:
    """Return the identifier that stands in the request's list."""
    return pl.coalesce(given(name) for name in NAMED)


def _operation(action: str, about: str, effect: Effect, fact: str, warning: str = "") -> Operation:
    return Operation(
        name=f"{action}_segment",
        about=about,
        fields=(*NAMED_FIELDS, _SEGMENT),
        effect=effect,
        converse=_changing(action.partition("_")[0]),
        fact=fact,
        one_of=NAMED,
        batching=Batching(default=_MOST, maximum=_MOST, group=GROUP),
        adds=True,
        warning=warning,
        keep=(*NAMED, "segment_id"),
        item=item,
    )


def _changing(verb: str) -> Callable[[Batch, Terms], Conversation]:
    def request(batch: Batch) -> Request:
        (segment,) = {str(value) for value in batch.column("segment_id")}
        (kind,) = _kinds(batch)
        path = f"/api/v1/segments/{encoded(segment)}/{verb}_customers?id_type={kind}"
        return Request("POST", path, batch.joined(b'{"ids":[', b"]}"))

    converse = one_request(request, _outcomes)
    return lambda batch, _terms: converse(batch)


def _kinds(batch: Batch) -> set[str]:
    """Return the kinds of identifiers by which records name people: one, as records are grouped."""
    columns = {name: batch.column(name) for name in NAMED}
    return {
        next(name for name in NAMED if columns[name][position] is not None) for position in range(len(batch))
    }


def _outcomes(batch: Batch, response: Response) -> Sequence[Settled] | Split:
    size = len(batch)
    if is_2xx(response):
        return [Settled(0, size, accepted(response))]
    if size > 1 and response.status != _NOT_FOUND:
        return Split(refusal(response))
    return [Settled(0, size, refusal(response))]


ADD = _operation(
    "add_to",
    "Put people into a manual segment.",
    Effect.WRITES,
    f"add_customers: {SPEC}; whoever is not there is said to be created (fairly sure)",
)
REMOVE = _operation(
    "remove_from",
    "Take people out of a manual segment.",
    Effect.REMOVES,
    f"remove_customers: {SPEC}; whether an e-mail names anybody here is disputed (unsure): use id or cio_id",
    "By e-mail it may be accepted and do nothing: the vendor's pages disagree; use id or cio_id.",
)
