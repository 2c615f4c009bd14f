"""What to make of a budget that headers tell of, and that others may use too."""

from dataclasses import dataclass

from bulk.pacing.budget import Budget
from bulk.pacing.rate import Rate

NEVER = float("-inf")
_ROUNDED = 2.0
"""Resets this near, in seconds, are mostly rounding."""
_SHORTEST_WINDOW = 1.0
_SHORT_WINDOW = 5.0
_UNTOLD_RESET = 1.0
"""Seconds to wait when a budget is used up and nobody says until when."""
_LEAST_KEPT = 0.02
"""Share of the budget from which on to ease even without a reserve: others may be using it too."""
_GLANCES = 12
"""How often a budget that others have used up is looked at while a period passes."""
_REMEMBERED = 2
"""Periods after which a budget that no answer told of is forgotten."""
_MOST_BUDGETS = 16
_GLANCE = 2.0
"""Seconds between two looks at whether a reset comes nearer at all."""
_STEADY = 0.9
_SURE = 2


@dataclass(frozen=True, slots=True)
class Advice:
    """What a budget asks for; nothing by default.

    Attributes:
        pause: Seconds for which nothing is to be sent.
        most: The most requests a second.
        until: Time until which ``most`` holds.
        even: A rate never to be exceeded, as if it had been declared.
        sure: Whether ``even`` is known well enough to begin with it.
    """

    pause: float = 0.0
    most: float = float("inf")
    until: float = NEVER
    even: Rate | None = None
    sure: bool = False


class Shared:
    """The budgets a server tells of.

    Where it says until when, what is left is spread over that time. Where it does not, or where that
    moment never comes nearer because the server counts any window, the budget less the reserve is used
    evenly, and less of it when what remains falls below the reserve because others use more.

    Args:
        reserve: Share of every budget that is left to others.
        period: Seconds over which a budget is counted, if they are known.
        declared: Whether a rate was declared.
    """

    def __init__(self, reserve: float, period: float | None, *, declared: bool) -> None:
        self._reserve = reserve
        self._period = period
        self._declared = declared
        self._longest_reset = 0.0
        self._window = _SHORTEST_WINDOW
        self._glanced = (NEVER, 0.0)
        self._steady = 0
        self._budgets: dict[float, tuple[float, float]] = {}

    def heed(self, budget: Budget, now: float) -> Advice:
        """Return what is to be done about a budget that was told now."""
        if budget.reset is not None:
            self._longest_reset = max(self._longest_reset, budget.reset)
            self._window = max(self._window, budget.reset - budget.rounded)
            self._glance(budget.reset, now)
        if self._period and budget.limit and budget.limit >= 1:
            return self._used_evenly(budget.limit, budget.remaining, self._period, now)
        return self._spread(budget, now)

    def _glance(self, reset: float, now: float) -> None:
        """Notice a reset that always is a whole period away."""
        glanced, before = self._glanced
        if now - glanced < _GLANCE:
            return
        elapsed = now - glanced
        steady = reset >= _STEADY * self._longest_reset and before - reset < elapsed / 2
        self._steady = self._steady + 1 if steady and glanced != NEVER else 0
        self._glanced = now, reset
        if self._period is None and self._steady > _SURE and reset > _SHORT_WINDOW:
            self._period = self._longest_reset

    def _used_evenly(self, limit: float, remaining: float, period: float, now: float) -> Advice:
        """Of several budgets, told in turn, the smallest binds."""
        rate = Rate(int(limit), period).without(self._reserve)
        kept = limit * max(self._reserve, _LEAST_KEPT)
        eased = float("inf")
        if remaining < kept:
            eased = max(rate.per_second * remaining / kept, min(rate.per_second, _GLANCES / period))
        budgets = {which: told for which, told in self._budgets.items() if told[1] > now}
        if len(budgets) >= _MOST_BUDGETS:
            budgets.clear()
        budgets[limit] = (eased, now + _REMEMBERED * period)
        self._budgets = budgets
        smallest = Rate(int(min(budgets)), period).without(self._reserve)
        most = min(told[0] for told in budgets.values())
        return Advice(most=most, until=now + period, even=smallest, sure=True)

    def _spread(self, budget: Budget, now: float) -> Advice:
        """Spread what is left over the time until there is more."""
        left = budget.remaining - (budget.limit or 0.0) * self._reserve
        reset = budget.reset
        if reset is None:
            return Advice(pause=_UNTOLD_RESET if left <= 0 else 0.0)
        if budget.limit and budget.limit >= 1 and self._longest_reset <= _SHORT_WINDOW:
            # The window is rather taken to be too short: whoever tries finds out.
            return Advice(even=Rate(int(budget.limit), self._window).without(self._reserve))
        if reset <= _ROUNDED and self._declared:
            return Advice()  # within the declared rate, the last request of a short budget is ours to use
        if left <= 0:
            return Advice(pause=reset)
        return Advice(most=left / max(reset, 1.0), until=now + max(reset, 1.0))
