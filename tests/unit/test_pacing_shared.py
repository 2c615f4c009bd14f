"""A budget that headers tell of is used up, and others find their share of it."""

import asyncio
import random
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paced import NOON, Limit, Seen, Traffic, jittered, most_within, send_all
from virtual_time import run

from bulk.pacing import Pacer, Rate
from bulk.pacing.budget import Budget
from bulk.pacing.shared import Shared
from bulk.sandbox.window import Kind, Left
from bulk.sandbox.window import Limit as ServerLimit
from bulk.sandbox.window import Rate as ServerRate

KINDS: tuple[Kind, ...] = ("sliding", "fixed", "bucket")


class Told:
    """The sandbox's limits, as a limit of ours; a second user may take from them too."""

    def __init__(self, kind: Kind, limit: int, period: float) -> None:
        self.limit, self.left, self.now = limit, limit, 0.0
        self.period = period
        self._limit = ServerLimit(ServerRate(limit, period), kind)
        self.others_refused = 0

    def admit(self, now: float) -> float:
        self.now = now
        wait = self._limit.admit(now)
        self.left = self.rest().remaining
        return float(wait)

    def rest(self) -> Left:
        left = self._limit.left(self.now)
        assert left
        return left

    async def use(self, times: list[float]) -> None:
        loop = asyncio.get_running_loop()
        for time in times:
            await asyncio.sleep(time - loop.time())
            self.others_refused += self.admit(loop.time()) > 0


def always(wait: float, limit: Limit) -> dict[str, str]:
    assert isinstance(limit, Told)
    left = limit.rest()
    reset = ceil(NOON + limit.now + (left.more_in if wait else left.renewed_in))
    return {
        "x-ratelimit-limit": str(left.limit),
        "x-ratelimit-remaining": str(left.remaining),
        "x-ratelimit-reset": str(reset),
    }


def until_exceeded(wait: float, limit: Limit) -> dict[str, str]:
    told = always(wait, limit)
    return told if wait else {name: text for name, text in told.items() if name != "x-ratelimit-reset"}


def sent(
    limit: Told,
    seconds: float,
    *,
    rate: Rate | None = None,
    reserve: float = 0.0,
    period: float | None = None,
    others: list[float] | None = None,
    seed: int = 0,
) -> Seen:
    async def main() -> Seen:
        way = jittered(random.Random(seed), 0.03, 0.04)
        pacer, tell = Pacer(rate, 16, reserve, period=period), until_exceeded if period else always
        async with asyncio.TaskGroup() as group:
            group.create_task(limit.use(others or []))
            seen = group.create_task(send_all(pacer, Traffic(16, seconds, way, way), limit, tell))
        return seen.result()

    return run(main())


def evenly(per_second: float, seconds: float) -> list[float]:
    return [number / per_second for number in range(int(seconds * per_second))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [300, 1000])
@pytest.mark.parametrize("reserve", [0.0, 0.3])
def test_a_budget_without_a_reset_is_used_as_if_it_were_declared(
    kind: Kind, limit: int, reserve: float
) -> None:
    seen = sent(Told(kind, limit, 60), 180, period=60, reserve=reserve)

    assert all(seen.accepted)
    assert most_within(seen.arrivals, 60) <= (1 - reserve) * limit
    assert len(seen.after(60)) >= 0.96 * (1 - reserve) * 2 * limit


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.02, 0.29))
def test_others_who_use_no_more_than_the_reserve_are_never_refused(
    kind: Kind, seed: int, share: float
) -> None:
    limit, chance = Told(kind, 300, 60), random.Random(seed)
    size = int(share * 300)
    bursts = [60.5 * number + chance.uniform(0, 0.2) for number in range(1, 4) for _ in range(size)]
    seen = sent(limit, 240, period=60, reserve=0.3, others=sorted(bursts), seed=seed)

    assert (limit.others_refused, seen.accepted.count(False)) == (0, 0)
    assert len(seen.arrivals) >= 0.4 * 4 * 300


def test_others_who_use_more_than_the_reserve_are_hardly_refused() -> None:
    limit = Told("sliding", 300, 60)
    others = evenly(2.5, 300)
    sent(limit, 300, period=60, reserve=0.3, others=others)

    assert limit.others_refused <= 0.02 * len(others)


@pytest.mark.parametrize("kind", KINDS)
def test_a_smaller_budget_binds_a_declared_rate(kind: Kind) -> None:
    seen = sent(Told(kind, 300, 60), 180, rate=Rate(20, 1), period=60)

    assert not seen.accepted.count(False)
    assert most_within(seen.arrivals, 60) <= 300


@pytest.mark.parametrize("kind", KINDS)
def test_a_smaller_budget_of_a_second_binds_a_declared_rate(kind: Kind) -> None:
    limit = Told(kind, 50, 1)
    # What goes out before the first answer knows of no headers.
    others = [2 + time for time in evenly(14, 28)]
    seen = sent(limit, 30, rate=Rate(100, 1), reserve=0.3, others=others)

    assert (limit.others_refused, seen.after(1).count(False)) == (0, 0)
    assert len(seen.after(10)) >= 0.96 * 35 * 20


def test_a_larger_budget_does_not_lift_a_declared_rate() -> None:
    seen = sent(Told("fixed", 2000, 60), 60, rate=Rate(5, 1), period=60)

    assert most_within(seen.arrivals, 1) <= 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("limit", "period", "settled"), [(10, 1.0, 10), (100, 1.0, 10), (300, 60.0, 60)])
def test_what_headers_tell_is_used_up_whatever_window_they_mean(
    kind: Kind, limit: int, period: float, settled: float
) -> None:
    seconds = settled + max(60.0, 3 * period)
    accepted = sent(Told(kind, limit, period), seconds).after(settled)

    assert accepted.count(False) <= 0.01 * len(accepted)
    assert accepted.count(True) >= 0.95 * limit / period * (seconds - settled)


def test_what_is_left_below_the_reserve_is_used_in_proportion() -> None:
    shared = Shared(0.3, 60.0, declared=False)
    full = Rate(700, 60).per_second

    told = [shared.heed(Budget(1000, left, None), now=0.0).most for left in (301, 300, 150, 0, 500)]

    assert told == [float("inf"), float("inf"), full / 2, 12 / 60, float("inf")]


def test_of_two_budgets_the_smaller_binds_until_it_is_forgotten() -> None:
    shared = Shared(0.0, 60.0, declared=False)
    shared.heed(Budget(100, 99, None), now=0.0)

    evens = [shared.heed(Budget(1000, 999, None), now=now).even for now in (1.0, 119.0, 121.0)]

    assert evens == [Rate(100, 60.0), Rate(100, 60.0), Rate(1000, 60.0)]


TOLD = st.floats(0, 1e16).map(lambda number: round(number, 9))
"""Numbers as headers are read: with nine decimals at the most."""


@given(
    limit=TOLD | st.none(),
    remaining=TOLD,
    reset=st.floats(0, 86_400) | st.none(),
    reserve=st.floats(0, 0.99),
    period=st.sampled_from((None, 60.0)),
)
def test_no_budget_makes_it_send_faster_than_nothing_or_slower_than_never(
    limit: float | None, remaining: float, reset: float | None, reserve: float, period: float | None
) -> None:
    advice = Shared(reserve, period, declared=False).heed(Budget(limit, remaining, reset), now=1.0)

    assert advice.most > 0
    assert 0 <= advice.pause <= 86_400
