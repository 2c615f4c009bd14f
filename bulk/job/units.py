"""Durations and shares as people write them."""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str | float) -> float:
    """Return seconds for ``30s``, ``15m``, ``26h``, ``30d``, or a bare number of seconds.

    Raises:
        ValueError: It is none of these.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*", str(text))
    if not match:
        raise ValueError("expected a duration such as 30s, 15m, 26h or 30d")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def parse_share(text: str | float) -> float:
    """Return a share between 0 and 1 for ``5%``, ``0.1%`` or ``0.05``.

    Raises:
        ValueError: It is no share.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", str(text))
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise ValueError("expected a share such as 5% or 0.05")
    return share
