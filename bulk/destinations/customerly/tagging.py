"""Tag and untag users and leads: one request for all of one tag and one kind of contact."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson
import polars as pl

from bulk.conversation import (
    Batch,
    Conversation,
    Lost,
    Reply,
    Request,
    Response,
    Settle,
    Settled,
    Split,
    Status,
    Verdict,
    lost_verdict,
)
from bulk.destinations.customerly.answers import contact, is_success, look_up, refusal, says_absent
from bulk.destinations.customerly.asking import find, identifiers
from bulk.destinations.customerly.items import first_of
from bulk.destinations.operation import Batching, Operation, Terms
from bulk.destinations.shape import braced, member
from bulk.destinations.verdicts import accepted, no_effect, not_found

BATCHING = Batching(default=50, maximum=1000)


@dataclass(frozen=True, slots=True)
class TagOptions:
    """What a tagging step may say.

    Attributes:
        contact: Whether its contacts are users or leads, where a record does not say it itself.
        read_back: Whether every contact is read afterwards: Customerly passes over unknown ones in silence.
    """

    contact: Literal["user", "lead"] = "user"
    read_back: bool = False


def tailor(operation: Operation, options: TagOptions) -> Operation:
    """Let only records of one tag and one kind of contact share a request."""
    return replace(operation, batching=replace(BATCHING, group=_group(options)))


def _group(options: TagOptions) -> pl.Expr:
    by_id, by_email = pl.col("user_id").is_not_null(), pl.col("email").is_not_null()
    is_lead = pl.col("contact").fill_null(options.contact) == "lead"
    kind = (
        pl.when(~by_id & ~by_email)
        .then(pl.lit("nobody"))
        .when(is_lead & ~by_email)
        .then(pl.lit("nameless"))
        .when(is_lead)
        .then(pl.lit("leads"))
        .otherwise(pl.lit("users"))
    )
    return pl.concat_str(kind, pl.col("tag"), separator=" ")


def item(terms: Terms) -> pl.Expr:
    """Return a contact as it is named: leads by e-mail, users by exactly one identifier."""
    by_email = braced(member("email", pl.col("email")))
    is_lead = pl.col("contact").fill_null(orjson.dumps(_options(terms).contact).decode()) == '"lead"'
    return pl.when(is_lead).then(by_email).otherwise(braced(first_of("user_id", "email")))


def exchanges_each(_fields: Collection[str], terms: Terms) -> int:
    """Count one look-up for each record if they are read back."""
    return int(_options(terms).read_back)


def tag(*, untag: bool) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that tags, or untags, the contacts of a batch."""

    def converse(batch: Batch, terms: Terms) -> Conversation:
        kind = _kind(batch, terms)
        if kind == "nameless":
            message = "a lead is named by its email"
            yield batch.settle(Verdict(Status.REJECTED, "missing_field", error_message=message))
            return
        request = _request(batch, kind, untag=untag)
        reply: Reply = yield request
        if isinstance(reply, Lost):
            yield batch.settle(lost_verdict(request, reply))
        elif not is_success(reply):
            yield _refused(batch, reply)
        elif kind == "nobody":
            yield batch.settle(accepted(reply, "no_contact"))
        elif _options(terms).read_back:
            for position in range(len(batch)):
                yield from _read_back(batch, position, kind, untag=untag)
        else:
            yield batch.settle(accepted(reply))

    return converse


def _options(terms: Terms) -> TagOptions:
    options: TagOptions = terms.options or TagOptions()
    return options


def _kind(batch: Batch, terms: Terms) -> str:
    """Say what the contacts of a batch are: its first record speaks for all, by the group they share."""
    person = identifiers(batch)
    if not person:
        return "nobody"
    if (batch.value("contact") or _options(terms).contact) == "user":
        return "users"
    return "leads" if "email" in person else "nameless"


def _request(batch: Batch, kind: str, *, untag: bool) -> Request:
    members = [b'"tag":' + orjson.dumps(batch.value("tag")), *([b'"untag":true'] if untag else ())]
    if kind != "nobody":
        members.append(batch.joined(b'"%b":[' % kind.encode(), b"]"))
    return Request("POST", "/tags", b"{%b}" % b",".join(members))


def _refused(batch: Batch, response: Response) -> Split | Settle:
    verdict = not_found(response) if says_absent(response) else refusal(response)
    return Split(refusal(response)) if len(batch) > 1 else batch.settle(verdict)


def _read_back(batch: Batch, position: int, kind: str, *, untag: bool) -> Conversation:
    """Settle one contact by the tags that the account shows."""
    person = identifiers(batch, position)
    request = look_up("/leads", "email", person["email"]) if kind == "leads" else find(person)
    reply: Reply = yield request
    if isinstance(reply, Lost):
        verdict = lost_verdict(request, reply)
    else:
        verdict = _as_shown(str(batch.value("tag", position)), reply, untag=untag)
    yield Settle((Settled(position, position + 1, verdict),))


def _as_shown(name: str, response: Response, *, untag: bool) -> Verdict:
    shown = contact(response)
    if shown is None:
        return not_found(response) if says_absent(response) else refusal(response)
    tags = tags_of(shown)
    if tags is None:
        return no_effect(response, "the request was accepted, but the account shows no tags of this contact")
    if (name.strip().casefold() in tags) == untag:
        still = "still" if untag else "not"
        return no_effect(response, f"the request was accepted, but the contact is {still} tagged")
    return accepted(response, "read_back")


def tags_of(shown: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the tags a contact is shown with, for comparing; None if the answer does not show them."""
    listed = shown.get("user_tags")
    if not isinstance(listed, list):
        return None
    names = (each.get("tag") or each.get("name") if isinstance(each, dict) else each for each in listed)
    return frozenset(str(name).strip().casefold() for name in names if name is not None)
