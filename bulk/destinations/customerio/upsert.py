"""Create and update people, and read single ones back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import polars as pl

from bulk.conversation import (
    NOT_CONFIGURED,
    RECORD,
    Batch,
    Conversation,
    Lost,
    Reply,
    Response,
    Status,
    Verdict,
    Wait,
    lost_verdict,
)
from bulk.destinations.customerio import shown
from bulk.destinations.customerio.answers import refusal
from bulk.destinations.customerio.batches import BATCHING, sending
from bulk.destinations.customerio.identifiers import PERSON, PERSON_FIELDS, SPEC, given, head
from bulk.destinations.customerio.profile import TOPICS, profile
from bulk.destinations.customerio.settings import UpsertOptions
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation, Terms
from bulk.destinations.shape import braced, member
from bulk.destinations.verdicts import accepted, no_effect

_DOTTED = f"{TOPICS}.topics."
_NOT_FOUND = 404

UNSUBSCRIBED = Field(
    "unsubscribed",
    Kind.BOOLEAN,
    "Whether the person gets no messages; false would subscribe somebody again.",
    SPEC,
    consent=False,
)
_TOPICS = Field(
    "topics",
    Kind.OBJECT,
    "One member for each topic, named topic_ and the topic's number: whether the person wants it.",
    SPEC,
    member_pattern="topic_[0-9]+",
    consent=True,
)
_PREFERENCES = Field(
    TOPICS,
    Kind.OBJECT,
    "Topics the person wants or not; sent topic by topic, so that those not named stay as they are.",
    f"{SPEC}; dot notation as the vendor documents it",
    member_pattern="topics",
    special=(_TOPICS,),
    consent=True,
)
_NESTED = replace(
    _PREFERENCES,
    about="Topics as one object: those not named go back to their default. "
    "The field of this name, outside of attributes, leaves them as they are.",
)
_ATTRIBUTES = Field(
    "attributes",
    Kind.OBJECT,
    "Your own attributes: at most 300, names up to 150 bytes, texts up to 1000.",
    SPEC,
    max_items=300,
    max_bytes=1000,
    member_max_bytes=150,
    special=(UNSUBSCRIBED, _NESTED),
)
_CREATED = Field("created_at", Kind.INTEGER, "When the person came to be, in unix seconds.", SPEC)
_TIMESTAMP = Field(
    "timestamp",
    Kind.INTEGER,
    "When this became so, in unix seconds: an older update never overwrites a newer one.",
    SPEC,
)
_UPDATE = Field("_update", Kind.BOOLEAN, "True never creates this person.", SPEC)


def item(terms: Terms) -> pl.Expr:
    """Return the record as it is sent."""
    return braced(
        *head("identify"), member("attributes", profile(terms)), member("timestamp", given("timestamp"))
    )


def confirm(batch: Batch, terms: Terms) -> Conversation:
    """Read the first record's person back until it is shown as it was sent, or the patience ends."""
    sent = orjson.loads(batch.value(RECORD))
    ((kind, value),) = sent["identifiers"].items()
    look_up = shown.look_up(kind, value)
    for seconds, last in shown.waits(terms.settings.patience):
        if seconds:
            yield Wait(seconds)
        reply: Reply = yield look_up
        if isinstance(reply, Lost):
            unseen = Verdict(Status.SUCCEEDED, "not_read_back")
            yield batch.settle(unseen if reply.reason == NOT_CONFIGURED else lost_verdict(look_up, reply))
            return
        verdict = _as_shown(sent, reply)
        if last or verdict.reason != "no_effect":
            yield batch.settle(verdict)
            return


def _as_shown(sent: Mapping[str, Any], response: Response) -> Verdict:
    person = shown.person(response)
    if response.status == _NOT_FOUND:
        return no_effect(response, "the workspace does not show this person")
    if person is None:
        return refusal(response, reason="read_refused")
    differing = differences(sent.get("attributes") or {}, person)
    if differing:
        return no_effect(response, f"the workspace shows another value for {', '.join(differing)}")
    return accepted(response, "read_back")


def differences(sent: Mapping[str, Any], person: Mapping[str, Any]) -> list[str]:
    """Name the sent attributes that a person shows otherwise."""
    return [name for name, value in sent.items() if not _shows(person, name, value)]


def _shows(person: Mapping[str, Any], name: str, value: Any) -> bool:
    if name == "_update":
        return True
    if name == "unsubscribed":
        return shown.is_unsubscribed(person) == shown.is_true(value)
    if name in PERSON:
        found = shown.identifier(person, name)
        return shown.comparable(found, name) == shown.comparable(str(value or ""), name)
    attributes = shown.attributes(person)
    if name.startswith(_DOTTED) and name not in attributes:
        return _shows_topic(attributes, name.removeprefix(_DOTTED), wanted=value)
    return shown.same(value, attributes.get(name))


def _shows_topic(attributes: Mapping[str, Any], topic: str, *, wanted: bool) -> bool:
    preferences = shown.parsed(attributes.get(TOPICS))
    topics = preferences.get("topics") if isinstance(preferences, dict) else None
    return isinstance(topics, dict) and shown.same(wanted, topics.get(topic))


UPSERT = Operation(
    name="upsert_person",
    about="Create people, or update those who are there; named by the first of id, email, phone, cio_id.",
    fields=(*PERSON_FIELDS, _ATTRIBUTES, UNSUBSCRIBED, _PREFERENCES, _CREATED, _TIMESTAMP, _UPDATE),
    whom="person",
    effect=Effect.WRITES,
    converse=sending(),
    fact=f"person.identify: {SPEC}; an e-mail that belongs to somebody else is dropped without a word",
    one_of=PERSON,
    batching=BATCHING,
    item=item,
    confirm=confirm,
    options=UpsertOptions,
)
