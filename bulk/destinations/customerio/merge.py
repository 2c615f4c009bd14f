"""Merge two profiles of a person into one."""

from collections.abc import Sequence

import orjson
import polars as pl

from bulk.conversation import (
    RECORD,
    Batch,
    Conversation,
    Reply,
    Settle,
    Settled,
    Split,
    Status,
    Verdict,
)
from bulk.destinations.customerio.batches import BATCHING, alone, request_of, verdicts
from bulk.destinations.customerio.identifiers import NAMED, NAMED_FIELDS, SPEC, given
from bulk.destinations.customerio.shown import comparable
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation, Terms
from bulk.destinations.shape import braced, constant, member

_IDENTIFIERS = pl.Struct(dict.fromkeys(NAMED, pl.String))
_ITSELF = Verdict(Status.REJECTED, "bad_value", error_message="primary and secondary are the same profile")


def _object(name: str, about: str) -> Field:
    told = f"{about}, named by one identifier: the first of id, email, cio_id that is given."
    return Field(name, Kind.OBJECT, told, SPEC, required=True, members=NAMED_FIELDS)


def _first(name: str) -> pl.Expr:
    """Return an object of the first identifier present in an object of several."""
    found = given(name).str.json_decode(_IDENTIFIERS)
    each = [found.struct.field(kind) for kind in NAMED]
    return pl.coalesce(
        pl.when(value.is_not_null()).then(pl.struct(value.alias(kind)).struct.json_encode())
        for kind, value in zip(NAMED, each, strict=True)
    )


def item(_terms: Terms) -> pl.Expr:
    """Return the merge as it is sent."""
    return braced(
        member("type", constant("person")),
        member("action", constant("merge")),
        member("primary", _first("primary")),
        member("secondary", _first("secondary")),
    )


def merge(batch: Batch, _terms: Terms) -> Conversation:
    """Merge a batch, without the records that would merge a profile into itself."""
    records = batch.column(RECORD)
    own = {position for position, record in enumerate(records) if _is_itself(record)}
    sent = [position for position in range(len(batch)) if position not in own]
    said: list[Settled] | Split = []
    if sent:
        chosen = [records[position] for position in sent]
        request = request_of(chosen, repeatable=False, irreversible=True)
        reply: Reply = yield request
        said = verdicts(request, reply, len(sent))
    yield said if isinstance(said, Split) else Settle([*_placed(said, sent), *alone(sorted(own), _ITSELF)])


def _is_itself(record: str) -> bool:
    read = orjson.loads(record)
    sides = [
        {kind: comparable(value, kind) for kind, value in (read.get(side) or {}).items()}
        for side in ("primary", "secondary")
    ]
    return sides[0] == sides[1]


def _placed(said: Sequence[Settled], sent: Sequence[int]) -> list[Settled]:
    """Return verdicts about what was sent as verdicts about the batch."""
    if len(said) and sent[-1] == len(sent) - 1:
        return list(said)
    return [one for each in said for one in alone(sent[each.start : each.stop], each.verdict)]


MERGE = Operation(
    name="merge_people",
    about="Merge the secondary profile into the primary one; the secondary is deleted.",
    fields=(
        _object("primary", "The profile that stays"),
        _object("secondary", "The profile that is merged into it and deleted"),
    ),
    effect=Effect.WRITES,
    converse=merge,
    fact=f"person.merge: {SPEC}; without a primary profile it does nothing and is answered with success",
    batching=BATCHING,
    adds=True,
    repeatable=False,
    irreversible=True,
    warning="Deletes the secondary profile for ever; people imported seconds ago may not be there yet, and "
    "then nothing is merged although it is accepted.",
    item=item,
)
