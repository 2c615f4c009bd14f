"""What an answer asks the sender to do, read from its status and headers alone."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from bulk.conversation import Meaning, Response

DAY = 86_400.0
"""Nobody means a longer wait than this, in seconds."""
_TOO_MANY = 429
_UNAVAILABLE = 503
_FIRST_ANSWER, _FIRST_ERROR = 200, 500
_ILL = frozenset({408, 425})
_NEVER = frozenset({501, 505})
"""Errors of a server that will say the same tomorrow: it cannot do what is asked."""
_UNWELCOME = frozenset({401, 403})
_EPOCH_SECONDS = 1e9
"""Larger numbers are points in time (2001 and later), not seconds to wait."""
_EPOCH_MILLISECONDS = 1e12
_NUMBER = re.compile(r"\d{1,16}(\.\d{1,9})?", re.ASCII)


def meaning_of(response: Response, now_unix: float) -> Meaning:
    """Return what HTTP itself says about an answer; a system may know better and decide before."""
    if response.status == _TOO_MANY:
        return Meaning.THROTTLED
    if response.status == _UNAVAILABLE and retry_after(response.headers, now_unix) is not None:
        return Meaning.THROTTLED
    if _is_ill(response.status):
        return Meaning.RETRY
    return Meaning.STOP if response.status in _UNWELCOME else Meaning.ANSWER


def _is_ill(status: int) -> bool:
    """Tell whether the server, or what stands before it, is ill; numbers that are no status count as 5xx."""
    if _FIRST_ANSWER <= status < _FIRST_ERROR:
        return status in _ILL
    return status not in _NEVER


def retry_after(headers: Mapping[str, str], now_unix: float, status: int | None = None) -> float | None:
    """Return how many seconds the server wants us to stay away, or None if it does not sensibly say.

    Args:
        headers: Headers of the answer, names in lower case.
        now_unix: Seconds since 1970.
        status: Status of the answer. Only with 429 do the ``ratelimit-reset`` headers count: other
            answers carry them too, and mean only that a budget will be renewed.
    """
    now_unix = server_time(headers, now_unix)
    asked = _seconds_or_date(headers.get("retry-after", ""), now_unix)
    if asked is not None or status != _TOO_MANY:
        return asked
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        reset = _seconds_or_moment(headers.get(name, ""), now_unix)
        if reset is not None:
            return reset
    return None


def server_time(headers: Mapping[str, str], now_unix: float) -> float:
    """Return the time of the server that wrote the headers: points in time it names are its own."""
    date = _date(headers.get("date", ""))
    return now_unix if date is None else date


def _seconds_or_date(text: str, now_unix: float) -> float | None:
    """Read what Retry-After may hold."""
    if _NUMBER.fullmatch(text.strip()):
        return _sensible(float(text))
    date = _date(text)
    return None if date is None else _sensible(date - now_unix)


def _date(text: str) -> float | None:
    """Read a date as HTTP writes it, in seconds since 1970."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _seconds_or_moment(text: str, now_unix: float) -> float | None:
    """Read what a reset header may hold; a number's size tells seconds to wait from a point in time."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    if number >= _EPOCH_SECONDS:
        number = number / (1000 if number >= _EPOCH_MILLISECONDS else 1) - now_unix
    return _sensible(number)


def _sensible(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= DAY else None
