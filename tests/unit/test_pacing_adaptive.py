"""Without a declared rate, the hidden one is found: hardly any refusals, most of it used."""

import asyncio
import random
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paced import (
    NOON,
    FixedWindow,
    Limit,
    Seen,
    SlidingWindow,
    TokenBucket,
    Traffic,
    jittered,
    send_all,
    silent,
    with_retry_after,
)
from virtual_time import run

from bulk.pacing import Pacer, Rate
from bulk.pacing.budget import read_budget

SETTLED = 10.0


@pytest.mark.parametrize("tell", [silent, with_retry_after])
@pytest.mark.parametrize("kind", [FixedWindow, SlidingWindow, TokenBucket])
@pytest.mark.parametrize(
    ("limit", "period", "starts"),
    [(10, 1.0, (20.0, 30.0)), (100, 1.0, (10.0, 30.0)), (300, 60.0, (120.0, 300.0))],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_hidden_rate_is_found_and_used(
    kind: type[FixedWindow] | type[SlidingWindow] | type[TokenBucket],
    tell: Callable[[float, Limit], Mapping[str, str]],
    limit: int,
    period: float,
    starts: tuple[float, float],
    seed: int,
) -> None:
    seconds, chance = starts[1] + max(60.0, 10 * period, 2000 / limit), random.Random(seed)

    async def main() -> Seen:
        way = jittered(chance, 0.015, 0.03)
        traffic = Traffic(16, seconds, way, way)
        return await send_all(Pacer(None, 16), traffic, kind(limit, period), tell)

    seen = run(main())
    for share, start in zip((0.90, 0.93), starts, strict=True):
        accepted = seen.after(start)
        assert accepted.count(False) <= 0.01 * len(accepted)
        assert accepted.count(True) >= share * limit / period * (seconds - start)


@pytest.mark.parametrize("kind", [FixedWindow, SlidingWindow, TokenBucket])
def test_a_long_and_uneven_way_costs_little(
    kind: type[FixedWindow] | type[SlidingWindow] | type[TokenBucket],
) -> None:
    chance = random.Random(1)

    async def main() -> list[bool]:
        way = jittered(chance, 0.06, 0.12)
        return (
            await send_all(Pacer(None, 64), Traffic(64, 130, way, way), kind(100), with_retry_after)
        ).after(SETTLED)

    accepted = run(main())
    assert accepted.count(False) <= 0.01 * len(accepted)
    assert accepted.count(True) >= 0.90 * 100 * 120


@pytest.mark.parametrize("kind", [FixedWindow, TokenBucket])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_low_rate_is_settled_within_ten_seconds_and_hardly_ever_refused(
    kind: type[FixedWindow] | type[TokenBucket], seed: int
) -> None:
    """Some of the way is uneven, as on a busy machine."""
    chance = random.Random(seed)

    def uneven() -> float:
        return chance.uniform(0.001, 0.004) + (chance.uniform(0.01, 0.06) if chance.random() < 0.03 else 0.0)

    async def main() -> Seen:
        return await send_all(Pacer(None, 16), Traffic(16, 30, uneven, uneven), kind(10), with_retry_after)

    seen = run(main())
    assert seen.accepted.count(False) <= 3
    assert seen.after(SETTLED).count(True) >= 0.95 * 10 * 20


@pytest.mark.parametrize("kind", [FixedWindow, SlidingWindow])
def test_a_high_rate_is_refused_once_when_it_is_met_and_once_when_it_is_touched(
    kind: type[FixedWindow] | type[SlidingWindow],
) -> None:
    """Of a fixed window it looks for a while as if somewhat more went well: that of two windows."""
    chance, settled = random.Random(1), 14.0

    async def main() -> Seen:
        way = jittered(chance, 0.0003, 0.0015)
        return await send_all(Pacer(None, 16), Traffic(16, 40, way, way), kind(1000), with_retry_after)

    seen = run(main())
    refused = [at for at, good in zip(seen.arrivals, seen.accepted, strict=True) if not good]
    assert 1 <= sum(later - sooner > 0.5 for sooner, later in pairwise([float("-inf"), *refused])) <= 2
    assert seen.after(settled).count(True) >= 0.94 * 1000 * (40 - settled)


@pytest.mark.parametrize("limit", [100, 1000])
def test_a_limit_that_was_met_exactly_is_used_at_once(limit: int) -> None:
    chance, met = random.Random(0), 11.0

    async def main() -> Seen:
        way = jittered(chance, 0.0003, 0.0015)
        return await send_all(
            Pacer(None, 16), Traffic(16, 25, way, way), SlidingWindow(limit), with_retry_after
        )

    accepted = run(main()).after(met)
    assert all(accepted)
    assert len(accepted) >= 0.96 * limit * (25 - met)


def test_while_refused_only_one_tries_at_a_time() -> None:
    async def main() -> int:
        pacer, trying = Pacer(None, 16), 0
        most = 0

        async def client() -> None:
            nonlocal trying, most
            for _ in range(6):
                async with pacer.slot() as slot:
                    trying += 1
                    most = max(most, trying)
                    await asyncio.sleep(0.7)
                    trying -= 1
                pacer.observe(slot, {}, NOON, refused=True)

        await send_all(pacer, Traffic(1, 1, lambda: 0.01, lambda: 0.01), FixedWindow(1, 60))
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(client())
        return most

    assert run(main()) == 1


def test_a_trial_that_is_never_answered_is_not_waited_for_for_ever() -> None:
    async def main() -> float:
        loop, pacer = asyncio.get_running_loop(), Pacer(None, 16)
        await send_all(pacer, Traffic(1, 1, lambda: 0.01, lambda: 0.01), FixedWindow(1, 60))
        async with pacer.slot():
            before = loop.time()
        async with pacer.slot():
            return loop.time() - before

    assert run(main()) == pytest.approx(5, abs=0.01)


def test_it_begins_slowly_and_doubles() -> None:
    async def main() -> list[float]:
        pacer, rates = Pacer(None, 64), list[float]()

        async def look() -> None:
            for _ in range(4):
                rates.append(pacer.rate)
                await asyncio.sleep(1.2)

        async with asyncio.TaskGroup() as group:
            group.create_task(look())
            group.create_task(send_all(pacer, Traffic(64, 5, lambda: 0.01, lambda: 0.01)))
        return rates

    assert run(main()) == [5, 10, 20, 40]


def test_it_does_not_rise_while_something_else_is_the_bottleneck() -> None:
    async def main() -> float:
        pacer = Pacer(None, 1)
        await send_all(pacer, Traffic(1, 60, lambda: 0.5, lambda: 0.5))
        return pacer.rate

    assert run(main()) == 5


def test_a_server_without_a_limit_is_soon_not_held_back_at_all() -> None:
    async def main() -> float:
        pacer = Pacer(None, 64)
        await send_all(pacer, Traffic(64, 12, lambda: 0.005, lambda: 0.005))
        return pacer.rate

    assert run(main()) == float("inf")


def test_refusals_of_one_moment_count_once() -> None:
    async def main() -> tuple[float, float, float]:
        pacer = Pacer(None, 64)
        await send_all(pacer, Traffic(64, 6, lambda: 0.01, lambda: 0.01))
        before = pacer.rate

        async def refused() -> None:
            async with pacer.slot() as slot:
                await asyncio.sleep(2)
            pacer.observe(slot, {}, NOON, refused=True)

        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(refused())
        return before, pacer.rate, pacer.paused_for

    before, after, pause = run(main())
    assert 0.9 * before / 2 <= after < before
    assert pause == 0


def test_a_limit_of_minutes_is_learned_from_how_long_the_server_sends_us_away() -> None:
    async def main() -> list[bool]:
        traffic = Traffic(16, 1200, lambda: 0.05, lambda: 0.05)
        limit = FixedWindow(300, 60)
        return (await send_all(Pacer(None, 16), traffic, limit, with_retry_after)).after(120)

    accepted = run(main())
    assert accepted.count(False) <= 0.01 * len(accepted)
    assert accepted.count(True) >= 0.90 * 5 * 1080


def test_what_is_left_is_spread_over_the_time_to_the_reset() -> None:
    async def main() -> float:
        pacer = Pacer(None, 16)
        await send_all(pacer, Traffic(16, 8, lambda: 0.01, lambda: 0.01))
        async with pacer.slot() as slot:
            pass
        headers = {"x-ratelimit-remaining": "60", "x-ratelimit-reset": str(int(NOON) + 30)}
        pacer.observe(slot, headers, NOON)
        return pacer.rate

    assert run(main()) == 2


@pytest.mark.parametrize(("remaining", "seconds"), [("0", 30.0), ("300", 30.0), ("301", 0.0)])
def test_a_used_up_budget_is_waited_for_and_the_reserve_left_alone(remaining: str, seconds: float) -> None:
    async def main() -> float:
        pacer = Pacer(None, 16, reserve=0.3)
        async with pacer.slot() as slot:
            pass
        headers = {"ratelimit-limit": "1000", "ratelimit-remaining": remaining, "ratelimit-reset": "30"}
        pacer.observe(slot, headers, NOON)
        return pacer.paused_for

    assert run(main()) == seconds


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("30", 30.0),
        (str(int(NOON) + 30), 30.0),
        (str((int(NOON) + 30) * 1000), 30.0),
        (str(int(NOON) - 30), None),
        ("90000", None),
        ("-5", None),
        ("soon", None),
    ],
)
def test_a_reset_is_seconds_or_a_point_in_time_or_nonsense(reset: str, seconds: float | None) -> None:
    headers = {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "7", "ratelimit-reset": reset}
    budget = read_budget(headers, NOON)
    assert budget
    assert (budget.limit, budget.remaining, budget.reset) == (100, 7, seconds)


@given(st.dictionaries(st.sampled_from(("ratelimit-remaining", "ratelimit-reset")), st.text(max_size=40)))
def test_no_header_upsets_it(headers: dict[str, str]) -> None:
    budget = read_budget(headers, NOON)
    assert budget is None or budget.remaining >= 0


@pytest.mark.parametrize(("found", "start"), [(None, 5.0), (100.0, 80.0), (3.0, 5.0)])
def test_what_a_former_run_found_is_where_the_next_one_begins(found: float | None, start: float) -> None:
    async def begins() -> float:
        return Pacer(None, 16, found=found).rate

    assert run(begins()) == start


def test_nothing_is_found_before_something_was_refused() -> None:
    async def found() -> float | None:
        return Pacer(None, 16).found

    assert run(found()) is None


@pytest.mark.parametrize("rate", [None, Rate(50, 1)])
def test_a_refusal_and_then_a_lost_answer_cost_little(rate: Rate | None) -> None:
    """The first request is refused, the second is lost; of the others every answer is good."""

    async def main() -> float:
        loop, pacer = asyncio.get_running_loop(), Pacer(rate, 16)
        began = loop.time()
        for number in range(100):
            async with pacer.slot() as slot:
                slot.mark_sent()
                await asyncio.sleep(0.01)
            if number == 1:
                pacer.lost()
            else:
                pacer.observe(slot, {}, NOON, refused=number == 0)
        return loop.time() - began

    assert run(main()) < (30 if rate is None else 8)
