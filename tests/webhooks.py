"""Webhooks as vendors send them: bodies, headers, and where they go."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import orjson

KEY = "made-up-signing-key"
SECRET = "made-up-secret-of-a-path"
CUSTOMERIO = "/customerio"
CUSTOMERLY = f"/customerly/{SECRET}"


def customerio_event(email: str | None, **said: Any) -> dict[str, Any]:
    """An event as Customer.io documents it: by default, that a person unsubscribed."""
    event = {
        "event_id": "01E4C4CT6YDC7Y5M7FE1GWWPQJ",
        "object_type": "customer",
        "metric": "unsubscribed",
        "timestamp": 1613063089,
        "data": {
            "customer_id": "42",
            "email_address": email,
            "identifiers": {"id": "42", "email": email, "cio_id": "d9c106000001"},
        },
    }
    return event | said


def customerly_event(email: str | None, user_id: str | None = "1", **said: Any) -> dict[str, Any]:
    """An event as Customerly's help shows it: that a person unsubscribed."""
    person = {"app_id": "00992342", "user_id": user_id, "email": email, "name": "Somebody"}
    user = {"data": person, "attributes": {}, "companies": []}
    return {"time": 1589193845, "topic": "unsubscribe", "data": {"user": user}} | said


def signed(body: bytes, at: float, key: str = KEY) -> dict[str, str]:
    """The headers with which Customer.io signs a body."""
    message = f"v0:{int(at)}:".encode() + body
    signature = hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
    return {"X-CIO-Signature": signature, "X-CIO-Timestamp": str(int(at))}


def delivery(event: Any, at: float) -> tuple[str, bytes, dict[str, str]]:
    """Path, body and headers of an event, of whichever vendor it is."""
    body = orjson.dumps(event)
    if "topic" in event:
        return CUSTOMERLY, body, {}
    return CUSTOMERIO, body, signed(body, at)


def emails(lines: Sequence[str]) -> list[str]:
    """The first column of the lines of a file, without its header."""
    return [line.split(",")[0] for line in lines[1:]]
