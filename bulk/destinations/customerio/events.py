"""Track events, page views and screen views."""

import polars as pl

from bulk.conversation import ROW
from bulk.destinations.customerio.batches import BATCHING, sending
from bulk.destinations.customerio.identifiers import PERSON, PERSON_FIELDS, SPEC, first, given
from bulk.destinations.customerio.ulid import ulids, ulids_of
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation, Terms
from bulk.destinations.shape import braced, constant, member

_NAME = Field(
    "name", Kind.TEXT, "What happened; of a page or screen, which one.", SPEC, required=True, max_bytes=100
)
_TYPE = Field(
    "type", Kind.TEXT, "What it is; an event, if not given.", SPEC, choices=("event", "page", "screen")
)
_TIMESTAMP = Field(
    "timestamp",
    Kind.INTEGER,
    "When it happened, in unix seconds; what is older than 72 hours triggers no campaign.",
    SPEC,
)
_ATTRIBUTES = Field("attributes", Kind.OBJECT, "The payload: any JSON values.", SPEC)
_EVENT_ID = Field(
    "event_id",
    Kind.IDENTIFIER,
    "By what Customer.io knows an event it has had; derived from pass, step and row if not given.",
    "sent as id: a ULID, by the vendor's specification (sure), so another id of yours is turned into one,"
    " always the same; for how long it is remembered is not documented",
    sent_as="id",
)


def item(terms: Terms) -> pl.Expr:
    """Return the event as it is sent."""
    drawn = pl.col(ROW).map_batches(lambda rows: ulids(terms.seed, rows), return_dtype=pl.String)
    own = given("event_id").str.json_decode(pl.String).map_batches(ulids_of, return_dtype=pl.String)
    return braced(
        member("type", constant("person")),
        member("action", pl.coalesce(given("type"), constant("event"))),
        member("identifiers", first()),
        member("name", given("name")),
        member("id", pl.coalesce(_quoted(own), _quoted(drawn))),
        member("timestamp", given("timestamp")),
        member("attributes", given("attributes")),
    )


def _quoted(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit('"'), text, pl.lit('"'))


TRACK = Operation(
    name="track_event",
    about="Track an event, a page view or a screen view of a person; creates people who are not there.",
    fields=(*PERSON_FIELDS, _NAME, _TYPE, _TIMESTAMP, _ATTRIBUTES, _EVENT_ID),
    effect=Effect.WRITES,
    converse=sending(),
    fact=f"person.event, page, screen: {SPEC}; the payload shares the 32 kB of its record",
    one_of=PERSON,
    batching=BATCHING,
    adds=True,
    item=item,
)
