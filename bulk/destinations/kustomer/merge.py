"""Merge one customer into another, and wait for what becomes of it."""

from collections.abc import Generator
from typing import Any

import orjson

from bulk.conversation import (
    Act,
    Batch,
    Conversation,
    Lost,
    Remember,
    Reply,
    Request,
    Response,
    Status,
    Verdict,
    Wait,
    lost_verdict,
)
from bulk.destinations.address import encoded
from bulk.destinations.kustomer.answers import refusal
from bulk.destinations.kustomer.customer import object_id
from bulk.destinations.kustomer.settings import KustomerSettings
from bulk.destinations.operation import Terms
from bulk.destinations.verdicts import accepted, is_2xx

_DONE = frozenset({"success", "succeeded", "complete", "completed"})
_FAILED = frozenset({"failed", "failure", "error", "errored"})
_SAME = Verdict(Status.REJECTED, "bad_value", error_message="source and target are the same customer")
_INTERRUPTED = Verdict(
    Status.UNKNOWN, "interrupted", error_message="may have been merged before; a merge is never repeated"
)


def merge(batch: Batch, terms: Terms) -> Conversation:
    """Merge ``source`` into ``target``; an earlier request that was accepted is asked for, never repeated."""
    source, target = (str(batch.value(name)).strip().lower() for name in ("source", "target"))
    known = batch.memory.get("merge")
    if known:
        verdict = yield from _finish(known, terms.settings)
    elif source == target:
        verdict = _SAME
    elif batch.attempted:
        verdict = _INTERRUPTED
    else:
        verdict = yield from _merge(source, target, terms.settings)
    yield batch.settle(verdict)


def _merge(source: str, target: str, settings: KustomerSettings) -> Generator[Act, Any, Verdict]:
    body = orjson.dumps({"source": source, "target": target})
    request = Request("POST", "/customers/merges", body, repeatable=False, irreversible=True)
    reply: Reply = yield request
    if isinstance(reply, Lost):
        return lost_verdict(request, reply)
    if not is_2xx(reply):
        return refusal(reply)
    merge_id = object_id(reply)
    if not merge_id:
        return _unfinished("the answer names no merge to ask for", reply)
    yield Remember({"merge": merge_id})
    return _verdict(reply) or (yield from _finish(merge_id, settings))


def _finish(merge_id: str, settings: KustomerSettings) -> Generator[Act, Any, Verdict]:
    """Ask until the merge has ended, or patience has."""
    waited, asked = 0.0, 0
    while waited < settings.patience:
        pause = settings.pause(asked)
        yield Wait(pause)
        waited, asked = waited + pause, asked + 1
        reply: Reply = yield Request("GET", f"/customers/merges/{encoded(merge_id)}")
        if isinstance(reply, Lost):
            return _unfinished(reply.message)
        if not is_2xx(reply):
            return _unfinished(f"asked for the merge, the account answered HTTP {reply.status}", reply)
        verdict = _verdict(reply)
        if verdict is not None:
            return verdict
    return _unfinished(f"merge {merge_id} has not ended after {waited:,.0f} s")


def _verdict(response: Response) -> Verdict | None:
    """Return the verdict an answer's status gives; None while the merge goes on."""
    body = response.json
    data = body.get("data") if isinstance(body, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    status = str(attributes.get("status")).lower() if isinstance(attributes, dict) else ""
    if status in _DONE:
        return accepted(response, object_id=object_id(response))
    if status in _FAILED:
        message = f"the account says of this merge: {status}"
        return Verdict(Status.FAILED, "refused", response.status, "", message, response.request_id)
    return None


def _unfinished(message: str, response: Response | None = None) -> Verdict:
    status = None if response is None else response.status
    return Verdict(Status.UNKNOWN, "merge_unfinished", status, error_message=message)
