"""Customer.io's reporting webhooks: how they are signed, and which of them tell that somebody unsubscribed.

Documented: ``X-CIO-Signature`` is the HMAC-SHA256, in hexadecimal, of ``v0:``, ``X-CIO-Timestamp``, ``:`` and
the body, by the webhook's signing key; one event a POST, named by ``object_type`` and ``metric`` (formerly by
``event_type``). A delivery that is not answered with 2xx within four seconds is repeated for seven days, and
those behind it wait. Not documented: whether a repeated delivery is signed anew.
"""

import hmac
import re
from typing import Any

from bulk.webhooks.judging import Count, Delivery, Proof, Told, Vendor
from bulk.webhooks.people import Unsubscribed
from bulk.webhooks.reading import event_id, inside, moment, named, text

NAME = "customerio"
SIGNATURE, TIMESTAMP = "X-CIO-Signature", "X-CIO-Timestamp"
AHEAD = 300.0
"""Seconds that Customer.io's clock may be ahead of ours."""
_UNSUBSCRIBED = {"customer_unsubscribed", "email_unsubscribed", "unsubscribed"}
_SUBSCRIBED = {"customer_subscribed", "email_subscribed", "subscribed"}
_SECONDS = re.compile(r"[0-9]{1,12}")


def refuse(delivery: Delivery, proof: Proof) -> Count | None:
    """Say as what a delivery is counted that is not signed by one of the keys, or too long ago."""
    if delivery.rest:
        return Count.UNPROVEN
    if not proof.secrets:
        return None
    signature = delivery.headers.get(SIGNATURE, "").strip().lower().removeprefix("v0=")
    timestamp = delivery.headers.get(TIMESTAMP, "").strip()
    if not _SECONDS.fullmatch(timestamp):
        return Count.UNPROVEN
    signed = [signature_of(key, timestamp, delivery.body) for key in proof.secrets]
    given = signature.encode("utf-8", "surrogateescape")
    if not any(hmac.compare_digest(given, one.encode()) for one in signed):
        return Count.UNPROVEN
    age = delivery.received - int(timestamp)
    return None if -AHEAD <= age <= proof.max_age else Count.STALE


def signature_of(key: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a body at a time, in hexadecimal."""
    return hmac.digest(key.encode(), f"v0:{timestamp}:".encode() + body, "sha256").hex()


def read(event: dict[str, Any], received: float) -> Told:
    """Tell who unsubscribed by an event.

    Every address that names the person counts: the profile's, and the one that the message went to.
    """
    event_name = _event_name(event)
    if event_name in _SUBSCRIBED:
        return Count.SUBSCRIBED
    if event_name not in _UNSUBSCRIBED:
        return Count.OTHER
    data = event.get("data")
    addresses, user_id = named(
        (inside(data, "identifiers", "email"), inside(data, "email_address"), inside(data, "recipient")),
        (inside(data, "identifiers", "id"), inside(data, "customer_id")),
    )
    if not addresses and not user_id:
        return Count.NAMELESS
    at, name = moment(event.get("timestamp"), received), event_id(event.get("event_id"))
    return tuple(Unsubscribed(email, user_id, NAME, event_name, at, name) for email in addresses or [""])


def _event_name(event: dict[str, Any]) -> str:
    kind, metric = text(event.get("object_type")), text(event.get("metric"))
    return text(event.get("event_type")) or (f"{kind}_{metric}" if kind else metric)


CUSTOMERIO = Vendor(NAME, refuse, read)
