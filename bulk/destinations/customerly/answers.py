"""What Customerly's answers say; its HTTP statuses alone say little."""

import re
from collections.abc import Mapping
from typing import Any

from bulk.conversation import Meaning, Request, Response, Verdict
from bulk.destinations.address import encoded
from bulk.destinations.system import Reading
from bulk.destinations.verdicts import LONGEST_MESSAGE, is_2xx, refused, unclear

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
    if is_2xx(response) and response.body and response.json is None:
        return Reading(Meaning.RETRY, "the answer is not JSON")
    return None


def refusal(response: Response, reason: str = "refused") -> Verdict:
    """Return the verdict of an answer that refuses what was sent."""
    return refused(response, error_message(response) or "", reason)


def unread(response: Response) -> Verdict:
    """Return the verdict of a look-up that neither shows anybody nor says that nobody is there."""
    return unclear(response) if is_success(response) else refusal(response, "read_refused")


def is_success(response: Response) -> bool:
    """Tell whether the answer has a 2xx status and reports no error."""
    return is_2xx(response) and error_message(response) is None


def look_up(path: str, name: str, value: str) -> Request:
    """Return the request that reads one contact by exactly one identifier."""
    return Request("GET", f"{path}?{name}={encoded(value)}")


def contact(response: Response) -> Mapping[str, Any] | None:
    """Return the contact an answer shows, if it shows one."""
    body = response.json
    data = body.get("data") if isinstance(body, dict) and is_success(response) else None
    return data if isinstance(data, dict) and data else None
