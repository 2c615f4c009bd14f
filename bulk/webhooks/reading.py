"""Reads single values out of a body: what is not there, or not as it should be, is empty."""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

# What the steps of a job take for an address: anything else would be rejected there, night after night.
_EMAIL = re.compile(r"[^\s@\"<>,]+@[^\s@\"'<>,.]+(?:\.[^\s@\"'<>,.]+)+")
_HIDDEN = {"Cc", "Cf"}
_LONGEST_EMAIL = 254
_IDENTIFIER = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,255}")
_EVENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_AHEAD = 86400.0
"""Seconds that a vendor's clock may be ahead before its times are not believed."""


def inside(value: Any, *names: str) -> Any:
    """Return what stands under the names, one inside the other; None if it is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any) -> str:
    """Return a text; anything else is empty."""
    return value if isinstance(value, str) else ""


def address(value: Any) -> str:
    """Return an e-mail address, trimmed."""
    found = text(value).strip()
    shaped = len(found) <= _LONGEST_EMAIL and _EMAIL.fullmatch(found)
    return found if shaped and _HIDDEN.isdisjoint(map(unicodedata.category, found)) else ""


def identifier(value: Any) -> str:
    """Return an id, trimmed; vendors write it as a text or as an integer."""
    found = str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value).strip()
    return found if _IDENTIFIER.fullmatch(found) else ""


def event_id(value: Any) -> str:
    """Return the vendor's name of an event."""
    found = text(value)
    return found if _EVENT_ID.fullmatch(found) else ""


def moment(value: Any, received: float) -> str:
    """Return a time in seconds since the epoch as ISO 8601; when it was received, if that makes no sense."""
    known = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= received + _AHEAD
    at = dt.datetime.fromtimestamp(value if known else received, dt.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def named(emails: Iterable[Any], user_ids: Iterable[Any]) -> tuple[list[str], str]:
    """Return the different addresses and the id that name somebody.

    Args:
        emails: Where addresses may stand.
        user_ids: Where the id may stand; the first that is one counts. Without any address it is one itself,
            if it looks like one.
    """
    user_id = next(filter(None, map(identifier, user_ids)), "")
    addresses = {found.lower(): found for found in map(address, emails) if found}
    return list(addresses.values()) or [found for found in [address(user_id)] if found], user_id
