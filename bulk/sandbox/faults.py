"""Faults at a given share of the requests, the same ones for the same seed."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

_SPAN = 2**32


class Fault(StrEnum):
    """What goes wrong with a request; the last four do so after the work was done."""

    TOO_MANY = "too_many"
    UNAVAILABLE = "unavailable"
    SERVER_ERROR = "server_error"
    CLOSED_BEFORE = "closed_before"
    CLOSED_AFTER = "closed_after"
    TRUNCATED = "truncated"
    DELAYED = "delayed"
    BAD_GATEWAY = "bad_gateway"

    @property
    def before_work(self) -> bool:
        """Whether nothing was done when it strikes."""
        return self in _BEFORE


_BEFORE = frozenset((Fault.TOO_MANY, Fault.UNAVAILABLE, Fault.SERVER_ERROR, Fault.CLOSED_BEFORE))
_KINDS = tuple(Fault)


@dataclass(frozen=True, slots=True)
class Faults:
    """Decides which requests go wrong, by their number alone.

    Attributes:
        share: How many of them do, 0 to 1.
        seed: Which do, and how.
        down: Whether the whole system is unavailable, whatever the share.
    """

    share: float = 0.0
    seed: int = 0
    down: bool = False

    def strike(self, number: int) -> Fault | None:
        """Return what goes wrong with the request of this number, if anything."""
        if self.down:
            return Fault.UNAVAILABLE
        if self.share <= 0:
            return None
        drawn = int.from_bytes(blake2b(f"{self.seed}:{number}".encode(), digest_size=8).digest())
        whether, which = divmod(drawn, _SPAN)
        return _KINDS[which % len(_KINDS)] if whether < self.share * _SPAN else None
