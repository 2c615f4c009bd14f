"""What Customer.io's answers say, of the Track API and of the App API."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bulk.conversation import Meaning, Response, Verdict
from bulk.destinations.system import Reading
from bulk.destinations.verdicts import is_2xx, refused

_ADDRESS = re.compile(r"[^\s\"'<>]*@[^\s\"'<>]*|\+?\d{7,}")
_LONGEST_CODE = 100
_UNAUTHORIZED = 401
_NOT_FOUND = 404

REDIRECTED = (
    "Customer.io redirects the request (HTTP {}), as it does when the account is in another region: "
    "set base_url to https://track-eu.customer.io for an account in the EU, https://track.customer.io for "
    "one in the US (and app_base_url to https://api-eu.customer.io or https://api.customer.io)"
)


def read(response: Response) -> Reading | None:
    """Say what concerns the whole run: credentials, region, a wrong address; None leaves it to the status."""
    if 300 <= response.status < 400:  # noqa: PLR2004 - HTTP statuses
        return Reading(Meaning.STOP, REDIRECTED.format(response.status))
    if response.status == _UNAUTHORIZED:
        return Reading(Meaning.STOP, _unauthorized(response))
    if response.status == _NOT_FOUND and response.json is None:
        return Reading(
            Meaning.STOP,
            "there is no Customer.io API at this address (HTTP 404); check base_url, app_base_url",
        )
    if is_2xx(response) and response.body and response.json is None:
        return Reading(Meaning.RETRY, "the answer is not JSON")
    return None


def _unauthorized(response: Response) -> str:
    if "www-authenticate" in response.headers:
        return "Customer.io does not accept the site ID and API key; check both, the workspace and the region"
    return "Customer.io does not accept the credentials; check the App API key, its scope and the region"


@dataclass(frozen=True, slots=True)
class Fault:
    """One error an answer lists.

    Attributes:
        index: Position in the batch of what it speaks of; None if it names nothing.
        code: The vendor's reason.
        message: The vendor's words, without addresses.
    """

    index: int | None
    code: str
    message: str


def faults(response: Response) -> list[Fault]:
    """Return the errors an answer lists, in whichever of the vendor's forms."""
    return [_fault(element) for element in _listed(response.json)]


def _listed(body: Any) -> Iterator[Any]:
    if not isinstance(body, dict):
        return
    meta = body["meta"] if isinstance(body.get("meta"), dict) else {}
    for found in (body.get("errors"), meta.get("errors"), meta.get("error")):
        if isinstance(found, list):
            yield from found
        elif found:
            yield found


def _fault(element: Any) -> Fault:
    if not isinstance(element, Mapping):
        return Fault(None, "", _text(element) or "an error without an explanation")
    index, code = element.get("batch_index"), _text(element.get("reason"))
    words = _text(element.get("message")) or _text(element.get("detail")) or code
    message = ": ".join(filter(None, (_text(element.get("field")), words)))
    named = type(index) is int
    return Fault(index if named else None, code[:_LONGEST_CODE], message or "refused without an explanation")


def _text(value: Any) -> str:
    """Return a text without what may be somebody's address, number or id."""
    return _ADDRESS.sub("…", value) if isinstance(value, str) else ""


def refusal(response: Response, told: Sequence[Fault] | None = None, reason: str = "refused") -> Verdict:
    """Return the verdict of a refusal, with what was told about it."""
    told = faults(response) if told is None else told
    message = "; ".join(dict.fromkeys(fault.message for fault in told))
    code = next((fault.code for fault in told if fault.code), "")
    return refused(response, message, reason, code)
