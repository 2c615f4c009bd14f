"""Why rows of one step did not go well: counted as they settle, and as they settle anew."""

import numpy as np
import numpy.typing as npt

from bulk.conversation import Status

BAD = frozenset({Status.FAILED, Status.REJECTED, Status.UNKNOWN})
OTHER = "other"
"""Stands for all reasons of a status beyond the most that are told apart."""
MOST = 200
_KINDS = 256


class Reasons:
    """Counts of the rows that failed, were rejected or are unknown, by status and reason.

    A byte a row keeps which reason holds, so that a row counts once however often it settles. Nothing of
    that memory is used before a row goes bad.

    Attributes:
        any: Whether any row ever settled badly; until one does, what settles well need not be noted.
    """

    def __init__(self, rows: int) -> None:
        self._kinds: npt.NDArray[np.uint8] = np.zeros(rows, dtype=np.uint8)
        self._rows = np.zeros(_KINDS, dtype=np.int64)
        self._known: dict[tuple[Status, str], int] = {}
        self.any = False

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Rows by status and reason, those that there are."""
        found: dict[str, dict[str, int]] = {}
        for (status, reason), kind in list(self._known.items()):
            if self._rows[kind]:
                found.setdefault(status.value, {})[reason] = int(self._rows[kind])
        return found

    def tell(self, rows: int, status: Status, reason: str) -> None:
        """Count rows that the plan told something: they never settle anew."""
        if status in BAD:
            self._rows[self._kind(status, reason)] += rows

    def settle(
        self, first_row: int, last_row: int, told: npt.NDArray[np.bool_], status: Status, reason: str
    ) -> None:
        """Note how the rows in a range settled, but for those that were told."""
        kind = self._kind(status, reason) if status in BAD else 0
        segment = self._kinds[first_row - 1 : last_row]
        if not (kind or segment.any()):
            return
        self.any = True
        sent = ~told[first_row - 1 : last_row]
        before = segment[sent]
        self._rows -= np.bincount(before, minlength=_KINDS)
        self._rows[kind] += before.size
        segment[sent] = kind

    def _kind(self, status: Status, reason: str) -> int:
        """Return the number of a reason, from 1."""
        if (status, reason) not in self._known and len(self._known) >= MOST:
            reason = OTHER
        return self._known.setdefault((status, reason), len(self._known) + 1)
