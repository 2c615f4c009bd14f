"""Add and delete people's devices."""

import polars as pl

from bulk.destinations.customerio.batches import BATCHING, sending
from bulk.destinations.customerio.identifiers import PERSON, PERSON_FIELDS, SPEC, given, head
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation, Terms
from bulk.destinations.shape import braced, member

_ID = Field("id", Kind.IDENTIFIER, "The device's token.", SPEC, required=True, sent_as="token")
_PLATFORM = Field("platform", Kind.TEXT, "Its platform.", SPEC, required=True, choices=("ios", "android"))
_LAST_USED = Field("last_used", Kind.INTEGER, "When it was last used, in unix seconds.", SPEC)
_ATTRIBUTES = Field("attributes", Kind.OBJECT, "Your own attributes of the device.", SPEC)


def _device(*members: Field) -> Field:
    return Field("device", Kind.OBJECT, "The device.", SPEC, required=True, members=members)


def add(_terms: Terms) -> pl.Expr:
    """Return the record that adds a device."""
    return braced(*head("add_device"), member("device", given("device")))


def delete(_terms: Terms) -> pl.Expr:
    """Return the record that deletes a device."""
    return braced(*head("delete_device"), member("device", given("device")))


ADD_DEVICE = Operation(
    name="add_device",
    about="Add devices to people, or update them.",
    fields=(*PERSON_FIELDS, _device(_ID, _PLATFORM, _LAST_USED, _ATTRIBUTES)),
    effect=Effect.WRITES,
    converse=sending(),
    fact=f"person.add_device: {SPEC}",
    one_of=PERSON,
    batching=BATCHING,
    adds=True,
    item=add,
)
DELETE_DEVICE = Operation(
    name="delete_device",
    about="Delete devices of people.",
    fields=(*PERSON_FIELDS, _device(_ID)),
    effect=Effect.REMOVES,
    converse=sending(irreversible=True),
    fact=f"person.delete_device: {SPEC}; an app that is still installed may add its device again",
    one_of=PERSON,
    batching=BATCHING,
    adds=True,
    irreversible=True,
    warning="The person gets no more push messages on this device, until its app reports it again.",
    item=delete,
)
