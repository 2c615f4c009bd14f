"""What Customerly's answers say; its HTTP statuses alone say little."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bulk.conversation import Meaning, Request, Response, Status, Verdict
from bulk.destinations.system import Reading

_CREDENTIALS = re.compile(r"\b(token|authorization|authentication)\b", re.IGNORECASE)
_ACCESS_TOKEN = re.compile(r"\b(access token|authorization: bearer)\b", re.IGNORECASE)
_ABOUT_RECORDS = frozenset({400, 409, 413, 422})
"""Statuses of answers that are likelier about an attribute called token than about ours."""
_ABSENT = re.compile(
    r"\b(user|lead|contact)\b.*\b(doesn'?t|does not|not) (exist|found)",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"\b(company|tag|collection|article)\b.*\b(doesn'?t|does not|not) (exist|found)", re.IGNORECASE
)
LONGEST_MESSAGE = 500


def error_message(response: Response) -> str | None:
    """Return ``error.message`` of an answer, whatever its status; None if it reports no error."""
    body = response.json
    if not isinstance(body, dict) or not body.get("error"):
        return None
    error = body["error"]
    message = error.get("message") if isinstance(error, dict) else error
    return str(message or "no message")[:LONGEST_MESSAGE]


def says_absent(response: Response) -> bool:
    """Tell whether the answer is "User doesn't exist"."""
    message = error_message(response)
    return message is not None and bool(_ABSENT.search(message))


def says_missing(response: Response, named: str = "") -> bool:
    """Tell whether a contact or another thing does not exist; with ``named`` only if it is that thing."""
    if says_absent(response):
        return True
    found = _MISSING.search(error_message(response) or "")
    return found is not None and named in found[0].lower()


def read(response: Response) -> Reading | None:
    """Tell apart by message what Customerly's statuses confuse: a bad token comes as HTTP 500."""
    message = error_message(response)
    if message is not None:
        named = _ACCESS_TOKEN if response.status in _ABOUT_RECORDS else _CREDENTIALS
        if named.search(message):
            return Reading(Meaning.STOP, "Customerly does not accept the access token")
        if says_absent(response):
            return Reading(Meaning.ANSWER)
        return None
    if response.status == 404:  # noqa: PLR2004 - HTTP status
        return Reading(Meaning.STOP, "there is no Customerly API at this address (HTTP 404); check base_url")
    if 200 <= response.status < 300 and response.body and response.json is None:  # noqa: PLR2004 - HTTP status
        return Reading(Meaning.RETRY, "the answer is not JSON")
    return None


def refusal(response: Response, reason: str = "refused") -> Verdict:
    """Return the verdict of an answer that refuses what was sent."""
    message = error_message(response) or f"HTTP {response.status} without an explanation"
    return Verdict(
        Status.FAILED,
        reason=reason,
        http_status=response.status,
        error_message=message,
        request_id=response.request_id,
    )


def accepted(response: Response, reason: str = "") -> Verdict:
    """Return the verdict of an answer that accepts what was sent."""
    return Verdict(
        Status.SUCCEEDED, reason=reason, http_status=response.status, request_id=response.request_id
    )


def not_found(response: Response) -> Verdict:
    """Return the verdict for somebody the account does not know."""
    return Verdict(
        Status.SKIPPED, reason="not_found", http_status=response.status, request_id=response.request_id
    )


def is_success(response: Response) -> bool:
    """Tell whether the answer has a 2xx status and reports no error."""
    return 200 <= response.status < 300 and error_message(response) is None  # noqa: PLR2004 - HTTP status


def look_up(path: str, name: str, value: str) -> Request:
    """Return the request that reads one contact by exactly one identifier."""
    return Request("GET", f"{path}?{name}={encoded(value)}")


def encoded(value: str) -> str:
    """Percent-encode a value in full: an unencoded ``+`` would arrive as a space."""
    return quote(value, safe="")


def contact(response: Response) -> Mapping[str, Any] | None:
    """Return the contact an answer shows, if it shows one."""
    body = response.json
    data = body.get("data") if isinstance(body, dict) and is_success(response) else None
    return data if isinstance(data, dict) and data else None
