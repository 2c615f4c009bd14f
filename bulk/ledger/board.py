"""The current status of every row in one step, as arrays folded from the ledger."""

import numpy as np
import numpy.typing as npt

from bulk.conversation import Status, Verification
from bulk.ledger.reasons import BAD, Reasons

CODES: tuple[Status, ...] = (
    Status.PENDING,
    Status.SUCCEEDED,
    Status.FAILED,
    Status.REJECTED,
    Status.SKIPPED,
    Status.UNKNOWN,
)
CODE = {status: code for code, status in enumerate(CODES)}
EARLIER_STEP = len(CODES)
"""Code of rows that are skipped only because an earlier step failed; they may be sent after all."""
AWAITING = len(CODES) + 1
"""Code of rows that are pending, but sent and accepted: they are to be read back, not to be sent again."""
_CODES = len(CODES) + 2
_BAD = frozenset(CODE[status] for status in BAD)
Rows = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]


def code_set(*codes: int) -> Mask:
    """Return codes as a table of whether a code is among them."""
    among = np.zeros(_CODES, dtype=np.bool_)
    among[list(codes)] = True
    return among


class Board:
    """Statuses of the rows 1 to ``rows`` in one step: two bytes a row.

    ``told`` marks the rows that the plan does not send; entries never speak of them. ``outcomes`` counts
    what settled for good since the board was folded.
    """

    def __init__(self, rows: int) -> None:
        self.told: Mask = np.zeros(rows, dtype=np.bool_)
        self.codes: npt.NDArray[np.uint8] = np.zeros(rows, dtype=np.uint8)
        self._counts = np.zeros(_CODES, dtype=np.int64)
        self._counts[0] = rows
        self.reasons = Reasons(rows)
        self.outcomes = 0

    @property
    def counts(self) -> dict[Status, int]:
        """Rows by status; they sum up to all rows."""
        counts = {status: int(self._counts[code]) for status, code in CODE.items()}
        counts[Status.SKIPPED] += int(self._counts[EARLIER_STEP])
        counts[Status.PENDING] += self.awaiting
        return counts

    @property
    def awaiting(self) -> int:
        """How many rows were accepted and are to be read back."""
        return int(self._counts[AWAITING])

    @property
    def unsent(self) -> int:
        """How many rows are still to be sent."""
        return int(self._counts[CODE[Status.PENDING]])

    @property
    def sendable(self) -> int:
        """How many rows the plan sends."""
        return int(self.told.size - np.count_nonzero(self.told))

    def tell(self, rows: Rows | npt.NDArray[np.int64], codes: npt.NDArray[np.uint8]) -> None:
        """Note what the plan told single rows, as codes of statuses."""
        index = rows.astype(np.int64) - 1
        self._recount(self.codes[index], codes)
        self.told[index] = True
        self.codes[index] = codes

    def settle(
        self, first_row: int, last_row: int, status: Status, reason: str = "", verification: str = ""
    ) -> None:
        """Note what became of the rows in a range that were to be sent."""
        code = EARLIER_STEP if reason == "earlier_step" else CODE[status]
        code = AWAITING if verification == Verification.PENDING else code
        if self.reasons.any or code in _BAD:
            self.reasons.settle(first_row, last_row, self.told, status, reason)
        segment = self.codes[first_row - 1 : last_row]
        final = code != AWAITING
        if first_row == last_row and not self.told[first_row - 1]:
            self._counts[segment[0]] -= 1
            self._counts[code] += 1
            segment[0] = code
            self.outcomes += final
            return
        sent = ~self.told[first_row - 1 : last_row]
        before = segment[sent]
        self._counts -= np.bincount(before, minlength=_CODES)
        self._counts[code] += before.size
        segment[sent] = code
        self.outcomes += before.size if final else 0

    def _recount(self, before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> None:
        self._counts -= np.bincount(before, minlength=_CODES)
        self._counts += np.bincount(after, minlength=_CODES)

    def spans(self, first_row: int, last_row: int, count: int) -> bool:
        """Tell whether ``count`` rows are all that the plan sends from ``first_row`` to ``last_row``."""
        return last_row - first_row + 1 - int(np.count_nonzero(self.told[first_row - 1 : last_row])) == count

    def runs(self, rows: Rows) -> list[tuple[int, int]]:
        """Return ranges that hold the ascending ``rows`` and no other row that the plan sends."""
        if len(rows) == 0:
            return []
        first, last = int(rows[0]), int(rows[-1])
        if first == last:
            return [(first, last)]
        if self.spans(first, last, len(rows)):
            return [(first, last)]
        ordinals = np.cumsum(~self.told[first - 1 : last])[rows.astype(np.int64) - first]
        breaks = np.flatnonzero(np.diff(ordinals) != 1) + 1
        starts, ends = np.concatenate(([0], breaks)), np.concatenate((breaks, [len(rows)]))
        return [(int(rows[start]), int(rows[end - 1])) for start, end in zip(starts, ends, strict=True)]

    def having(self, rows: Rows, among: Mask) -> Mask:
        """Mark which of ``rows`` have one of the codes that ``code_set`` gave."""
        marks: Mask = among[self.codes[rows.astype(np.int64) - 1]]
        return marks
