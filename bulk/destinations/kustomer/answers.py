"""What Kustomer's answers say: errors of two shapes, and what they mean for the run."""

import re
from collections.abc import Iterator
from typing import Any

from bulk.conversation import Meaning, Response, Verdict
from bulk.destinations.system import Reading
from bulk.destinations.verdicts import is_2xx, refused

NOT_FOUND = 404
CONFLICT = 409
_PAYMENT_REQUIRED = 402
_REFUSALS = frozenset({401, 403})
_BAD_REQUEST = 400
_ROLE = re.compile(r"\borg(?:\.[a-z_]+)+")
_POD = re.compile(r"\bpod\b.{0,80}\bprod\d", re.IGNORECASE | re.DOTALL)
_DUPLICATE = re.compile(r"duplicat|already (?:exists|in use|taken)|(?:not|must be) unique", re.IGNORECASE)
_OUTDATED = re.compile(
    r"optimistic|stale|conflict|version mismatch|(?:rev|revision)\b.{0,20}match", re.IGNORECASE
)


def errors(response: Response) -> Iterator[tuple[str, str]]:
    """Yield code and message of each error an answer names, in either shape."""
    body = response.json
    listed = body.get("errors") if isinstance(body, dict) else None
    for error in listed if isinstance(listed, list) else ():
        if isinstance(error, dict):
            code, title = str(error.get("code") or ""), error.get("title")
            message = str(error.get("message") or error.get("detail") or title or code)
            yield code, message + _where(error.get("source"))


def _where(source: Any) -> str:
    """Return which part of the request an error speaks about."""
    if not isinstance(source, dict):
        return ""
    pointer = source.get("pointer") or source.get("parameters") or source.get("parameter")
    named = ", ".join(map(str, pointer)) if isinstance(pointer, list) else pointer
    return f" ({named})" if isinstance(named, str) and named else ""


def refusal(response: Response, reason: str = "refused") -> Verdict:
    """Return the verdict of an answer that refuses what was sent."""
    found = list(errors(response))
    said = "; ".join(message for _, message in found if message)
    return refused(response, said, reason, found[0][0][:100] if found else "")


def is_last_page(response: Response) -> bool:
    """Tell whether an answer says that no page follows; one that says nothing may have a next one."""
    body = response.json
    links = body.get("links") if isinstance(body, dict) else None
    return isinstance(links, dict) and "next" in links and not links["next"]


def is_duplicate(response: Response) -> bool:
    """Tell whether an answer says that another customer has one of the values that were sent."""
    if response.status not in {_BAD_REQUEST, CONFLICT}:
        return False
    return any(says_duplicate(f"{code} {message}") for code, message in errors(response))


def says_duplicate(text: str) -> bool:
    """Tell whether the vendor's words mean that a value belongs to another customer already."""
    return bool(_DUPLICATE.search(text))


def says_outdated(text: str) -> bool:
    """Tell whether the vendor's words mean that the customer was edited meanwhile."""
    return bool(_OUTDATED.search(text))


def read(response: Response) -> Reading | None:
    """Tell what the status alone does not: a wrong region, a missing role, an address without an API."""
    if not is_2xx(response):
        return _read_refusal(response)
    if response.body and response.json is None:
        return Reading(Meaning.RETRY, "the answer is not JSON")
    return None


def _read_refusal(response: Response) -> Reading | None:
    status = response.status
    if _POD.search(response.body[:2000].decode(errors="replace")):
        return Reading(
            Meaning.STOP,
            "the API key belongs to another region; set base_url to your organisation's own host"
            " (https://ORG.api.kustomerapp.com/v1) or to the region's",
        )
    if status in _REFUSALS:
        return Reading(Meaning.STOP, _unwelcome(response))
    if status == _PAYMENT_REQUIRED:
        return Reading(Meaning.STOP, "the account's plan does not allow this (HTTP 402)")
    if status == NOT_FOUND:
        if response.body and response.json is None:
            return Reading(
                Meaning.STOP, "there is no Kustomer API at this address (HTTP 404); check base_url"
            )
        return Reading(Meaning.ANSWER)
    return None


def _unwelcome(response: Response) -> str:
    """Name the missing role if the answer names it; nothing else of it is repeated."""
    said = " ".join(message for _, message in errors(response))
    roles = sorted(set(_ROLE.findall(said)))
    if roles:
        return f"the API key lacks a role: {' or '.join(roles[:5])}; roles are given when a key is made"
    return f"Kustomer does not accept the API key, or it lacks a role for this (HTTP {response.status})"
