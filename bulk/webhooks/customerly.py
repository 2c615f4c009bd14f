"""Customerly's webhooks: not signed, so that a secret stands in the path; one topic tells of unsubscribing.

The vendor's help shows one: ``{"time", "topic": "unsubscribe", "data": {"user": {"data": {…}}}}``. No
signature, no event id, and no rule for repeating deliveries could be found.
"""

import hmac
from typing import Any

from bulk.webhooks.judging import Count, Delivery, Proof, Told, Vendor
from bulk.webhooks.people import Unsubscribed
from bulk.webhooks.reading import inside, moment, named

NAME = "customerly"
UNSUBSCRIBE = "unsubscribe"


def refuse(delivery: Delivery, proof: Proof) -> Count | None:
    """Say as what a delivery is counted whose path does not end in one of the secrets."""
    given = delivery.rest.encode("utf-8", "surrogateescape")
    expected = proof.secrets or ("",)
    proven = any(hmac.compare_digest(given, secret.encode()) for secret in expected)
    return None if proven else Count.UNPROVEN


def read(event: dict[str, Any], received: float) -> Told:
    """Tell who unsubscribed by an event."""
    if event.get("topic") != UNSUBSCRIBE:
        return Count.OTHER
    person = inside(event, "data", "user", "data")
    addresses, user_id = named((inside(person, "email"),), (inside(person, "user_id"),))
    if not addresses and not user_id:
        return Count.NAMELESS
    at = moment(event.get("time"), received)
    return tuple(Unsubscribed(email, user_id, NAME, UNSUBSCRIBE, at, "") for email in addresses or [""])


CUSTOMERLY = Vendor(NAME, refuse, read)
