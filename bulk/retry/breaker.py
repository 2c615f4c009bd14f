"""The breaker: when a destination is so ill that it must be left alone."""

from collections import deque
from collections.abc import Callable
from enum import StrEnum

from bulk.retry.decision import RetryPolicy, backoff

SUSPICIOUS = 3
"""Ill answers in a row from which on people are told."""
IN_A_ROW = 20
WINDOW = 100
SHARE = 90
"""Ill answers among the last ``WINDOW`` that open the breaker, if ``IN_A_ROW`` have not done so before."""
UNPROVEN = 150
"""Requests let through since the last well answer (or the start) before one must have come."""
PROBES = 45
"""The most probes ever sent while open; with ``UNPROVEN`` this stays below 200 requests."""
EAGER = 8
"""Probes spaced by back-off alone, to notice a short illness soon; the others are spread out."""


class BreakerState(StrEnum):
    """Whether requests may be sent."""

    CLOSED = "closed"
    OPEN = "open"
    BROKEN = "broken"


class Permit(StrEnum):
    """What a request was let through as."""

    NORMAL = "normal"
    PROBE = "probe"


class Breaker:
    """A state machine over the answers of one destination.

    Closed, it lets requests through until too many answers are ill. Then it is open and lets single
    probes through, one in flight, spaced by back-off. A well answer closes it; after ``max_elapsed``
    it is broken for good. Every permit is handed back with exactly one of ``well``, ``ill``, ``dropped``.
    """

    def __init__(self, policy: RetryPolicy, draw: Callable[[], float]) -> None:
        self.state = BreakerState.CLOSED
        self._policy = policy
        self._draw = draw
        self._answers: deque[bool] = deque(maxlen=WINDOW)
        self._row = 0
        self._unproven = 0
        self._opened = 0.0
        self._probes = 0
        self._probing = False
        self._next_probe = 0.0

    @property
    def suspicious(self) -> bool:
        """Whether the last answers were ill, be they few yet."""
        return self.state is not BreakerState.CLOSED or self._row >= SUSPICIOUS

    def may_send(self, now: float) -> Permit | None:
        """Let one request through, or return None."""
        if self.next_try(now) != 0:
            return None
        if self.state is BreakerState.OPEN:
            self._probing = True
            return Permit.PROBE
        self._unproven += 1
        return Permit.NORMAL

    def next_try(self, now: float) -> float | None:
        """Return after how many seconds ``may_send`` is worth asking; None: not before an answer came."""
        if self.state is BreakerState.BROKEN or self._probing:
            return None
        if self.state is BreakerState.OPEN:
            return max(0.0, self._next_probe - now)
        return 0.0 if self._unproven < UNPROVEN else None

    def well(self, permit: Permit) -> None:
        """Take note of an answer that shows the destination alive, also if it is a refusal."""
        self._hand_back(permit)
        self._unproven = 0
        self._row = 0
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.CLOSED
            self._answers.clear()
        self._answers.append(True)

    def ill(self, permit: Permit, now: float) -> None:
        """Take note of an answer, or the lack of one, that shows the destination ill."""
        self._hand_back(permit)
        if self.state is BreakerState.CLOSED:
            self._row += 1
            self._answers.append(False)
            if self._row >= IN_A_ROW or self._answers.count(False) >= SHARE:
                self._open(now)
        elif self.state is BreakerState.OPEN and permit is Permit.PROBE:
            self._space_probes(now)

    def dropped(self, permit: Permit) -> None:
        """Take note that a request that was let through was not sent, or its answer not waited for."""
        self._hand_back(permit)
        if permit is Permit.NORMAL:
            self._unproven = max(0, self._unproven - 1)

    def _hand_back(self, permit: Permit) -> None:
        if permit is Permit.PROBE:
            self._probing = False

    def _open(self, now: float) -> None:
        self.state = BreakerState.OPEN
        self._opened = now
        self._probes = 0
        self._next_probe = now + backoff(self._policy, 1, self._draw())

    def _space_probes(self, now: float) -> None:
        """Set the time of the next probe, or break."""
        self._probes += 1
        if now - self._opened >= self._policy.max_elapsed or self._probes >= PROBES:
            self.state = BreakerState.BROKEN
            return
        # However long it may go on, the probes must suffice to its end.
        fair_share = self._policy.max_elapsed / (PROBES - EAGER - 2)
        own = backoff(self._policy, self._probes + 1, self._draw())
        wait = max(own, fair_share) if self._probes > EAGER else own
        self._next_probe = now + min(wait, max(0.0, self._opened + self._policy.max_elapsed - now))
