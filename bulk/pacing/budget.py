"""What rate-limit headers say is left."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_DAY = 86_400.0
_EPOCH_SECONDS = 1e9
"""Larger numbers are points in time (2001 and later), not seconds to wait."""
_EPOCH_MILLISECONDS = 1e12
_JUST_PASSED = 2.0
"""A moment that passed so recently, in seconds, passed on the way back, or clocks differ a little."""
_NUMBER = re.compile(r"\s*(\d{1,16}(?:\.\d{1,9})?)\s*(?:[,;].*)?", re.ASCII)
_PREFIXES = ("ratelimit-", "x-ratelimit-")
_REMAINING = tuple(f"{prefix}remaining" for prefix in _PREFIXES)


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests left until the budget is renewed.

    Attributes:
        limit: The whole budget, if it was said.
        remaining: What is left of it.
        reset: Seconds until it is renewed, if that was said in a sensible way.
        rounded: By how many seconds ``reset`` may be too long: points in time are told in whole seconds.
    """

    limit: float | None
    remaining: float
    reset: float | None
    rounded: float = 0.0


def has_budget(headers: Mapping[str, str]) -> bool:
    """Tell whether headers, names in lower case, say anything of a budget."""
    return _REMAINING[0] in headers or _REMAINING[1] in headers


def read_budget(headers: Mapping[str, str], now_unix: float) -> Budget | None:
    """Return the budget told by ``ratelimit-*`` or ``x-ratelimit-*`` headers, names in lower case."""
    for prefix in _PREFIXES:
        remaining = _number(headers.get(f"{prefix}remaining"))
        if remaining is not None:
            limit = _number(headers.get(f"{prefix}limit"))
            reset = _number(headers.get(f"{prefix}reset"))
            if reset is None:
                return Budget(limit, remaining, None)
            rounded = 1.0 if _EPOCH_SECONDS <= reset < _EPOCH_MILLISECONDS else 0.0
            return Budget(limit, remaining, _seconds(reset, now_unix), rounded)
    return None


def _number(text: str | None) -> float | None:
    match = _NUMBER.fullmatch(text) if text is not None else None
    return float(match[1]) if match else None


def _seconds(reset: float, now_unix: float) -> float | None:
    """Return seconds from now, telling seconds to wait from a point in time by the number's size."""
    if reset >= _EPOCH_SECONDS:
        reset = reset / (1000 if reset >= _EPOCH_MILLISECONDS else 1) - now_unix
        if -_JUST_PASSED <= reset < 0:
            return 0.0
    return reset if 0 <= reset <= _DAY else None
