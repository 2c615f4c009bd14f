"""Rates as people write them."""

import re
from dataclasses import dataclass
from fractions import Fraction

_UNITS = {
    **dict.fromkeys(("ms",), Fraction(1, 1000)),
    **dict.fromkeys(("s", "sec", "second"), Fraction(1)),
    **dict.fromkeys(("m", "min", "minute"), Fraction(60)),
    **dict.fromkeys(("h", "hour"), Fraction(3600)),
    **dict.fromkeys(("d", "day"), Fraction(86_400)),
}
_WRITTEN = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_RATE = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*/\s*(\d{1,9}(?:\.\d{1,6})?)?\s*([a-z]+)\s*", re.ASCII)
_MISTAKE = "expected a rate such as 10/s, 300/min, 30/3s or 5000/h"


@dataclass(frozen=True, slots=True)
class Rate:
    """Never more than ``limit`` requests in any ``period`` seconds."""

    limit: int
    period: float

    def __str__(self) -> str:
        if self.period % 1:
            return f"{self.limit}/{round(self.period * 1000, 6):.15g}ms"
        size, unit = next((size, unit) for size, unit in _WRITTEN if self.period % size == 0)
        count = int(self.period // size)
        return f"{self.limit}/{count if count > 1 else ''}{unit}"

    @property
    def per_second(self) -> float:
        """The rate as a single number."""
        return self.limit / self.period

    def without(self, reserve: float) -> "Rate":
        """Return what is left when ``reserve`` (a share from 0 to 1) of every period belongs to others."""
        left = self.limit * (1 - reserve)
        # A whole number of requests, so that the others find their share in every single period.
        whole = int(left + 1e-9)
        return Rate(whole, self.period) if whole else Rate(1, self.period / left)


def parse_rate(text: str) -> Rate:
    """Return the rate that ``10/s``, ``300/min``, ``30/3s``, ``5000/h`` or ``2.5/s`` stands for.

    Raises:
        ValueError: It is no rate.
    """
    match = _RATE.fullmatch(text.lower())
    if not match or match[3] not in _UNITS:
        raise ValueError(_MISTAKE)
    limit = Fraction(match[1])
    period = Fraction(match[2] or 1) * _UNITS[match[3]]
    if not limit or not period:
        raise ValueError(f"{_MISTAKE}; it cannot be zero")
    # Half a request cannot be sent: 2.5 in one second are 5 in two.
    return Rate(limit.numerator, float(period * limit.denominator))
