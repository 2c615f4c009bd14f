"""A declared rate is used up and never exceeded, whatever happens on the way."""

import asyncio
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paced import SlidingWindow, Traffic, jittered, most_within, send_all
from virtual_time import VirtualTimeLoop, run

from bulk.pacing import Pacer, Rate, parse_rate

RATES = ("10/s", "300/min", "30/3s", "1/s", "5/500ms", "100/s")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10/s", Rate(10, 1)),
        ("300/min", Rate(300, 60)),
        ("30/3s", Rate(30, 3)),
        ("5000/h", Rate(5000, 3600)),
        ("2.5/s", Rate(5, 2)),
        ("0.1/s", Rate(1, 10)),
        (" 10 / S ", Rate(10, 1)),
        ("100/15min", Rate(100, 900)),
        ("7/d", Rate(7, 86_400)),
        ("5/500ms", Rate(5, 0.5)),
        ("5/0.5s", Rate(5, 0.5)),
    ],
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "10", "10/", "/s", "10/week", "-1/s", "0/s", "1/0s", "1e3/s", "nan/s", "10/s/s", "10 s"]
)
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 10/s"):
        parse_rate(text)


@given(st.integers(1, 10**6), st.integers(1, 10**6).map(lambda thousandths: thousandths / 1000))
def test_a_rate_reads_as_it_is_written(limit: int, period: float) -> None:
    assert parse_rate(str(Rate(limit, period))) == Rate(limit, period)


@pytest.mark.parametrize("text", ["10/s", "300/min", "30/3s", "5000/h"])
def test_a_rate_is_written_as_people_write_it(text: str) -> None:
    assert str(parse_rate(text)) == text


@pytest.mark.parametrize(
    ("text", "reserve", "left"),
    [
        ("10/s", 0.3, Rate(7, 1)),
        ("10/s", 0.0, Rate(10, 1)),
        ("5/s", 0.3, Rate(3, 1)),
        ("1/s", 0.5, Rate(1, 2)),
    ],
)
def test_a_reserve_is_left_in_every_period(text: str, reserve: float, left: Rate) -> None:
    assert parse_rate(text).without(reserve) == left


@pytest.mark.parametrize("text", RATES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), latency=st.sampled_from((0.0, 0.001, 0.05, 0.4)))
def test_no_window_is_ever_exceeded(text: str, seed: int, latency: float) -> None:
    rate, chance = parse_rate(text), random.Random(seed)

    async def main() -> list[float]:
        traffic = Traffic(
            clients=chance.choice((1, 3, 40)),
            seconds=3.3 * rate.period,
            there=jittered(chance, latency, latency + 0.017 * min(1, rate.period)),
            back=jittered(chance, 0, latency),
            stall=lambda: chance.choice((0, 0, 0, 0.05, 0.7)),
        )
        return (await send_all(Pacer(rate, 32), traffic)).arrivals

    assert most_within(sorted(run(main())), rate.period) <= rate.limit


@pytest.mark.parametrize("latency", [0.002, 0.3])
@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("10/s", 0.98),
        ("100/s", 0.98),
        ("1000/s", 0.98),
        ("300/min", 0.98),
        ("30/3s", 0.98),
        ("5/500ms", 0.96),
    ],
)
def test_the_rate_is_used_up(text: str, share: float, latency: float) -> None:
    rate = parse_rate(text)

    async def main() -> list[float]:
        traffic = Traffic(400, 3 * rate.period, lambda: latency / 2, lambda: latency / 2)
        return (await send_all(Pacer(rate, 400), traffic)).arrivals

    times = run(main())
    assert (len(times) - 1) / (times[-1] - times[0]) >= share * rate.per_second


def test_late_wake_ups_are_made_up_for() -> None:
    chance = random.Random(4)

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)

        async def be_slow() -> None:
            while True:
                await asyncio.sleep(0.013)
                loop.stall(chance.uniform(0, 0.008))

        slow = asyncio.create_task(be_slow())
        traffic = Traffic(16, 20, lambda: 0.005, lambda: 0.005)
        seen = await send_all(Pacer(Rate(100, 1), 16), traffic)
        slow.cancel()
        return seen.arrivals

    assert len(run(main())) >= 0.98 * 2000


def test_requests_are_spread_evenly() -> None:
    async def main() -> list[float]:
        traffic = Traffic(8, 60, lambda: 0.01, lambda: 0.01)
        return (await send_all(Pacer(Rate(300, 60), 8), traffic)).arrivals

    times = run(main())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 0.19 < min(gaps) <= max(gaps) < 0.205


def test_a_run_that_follows_another_at_once_does_not_exceed_the_rate_with_it() -> None:
    async def main() -> list[float]:
        traffic = Traffic(8, 30, lambda: 0.01, lambda: 0.01)
        first = await send_all(Pacer(Rate(300, 60), 8), traffic)
        second = await send_all(Pacer(Rate(300, 60), 8, quiet_for=0.1), traffic)
        third = await send_all(Pacer(Rate(300, 60), 8, quiet_for=0.1), traffic)
        return first.arrivals + second.arrivals + third.arrivals

    times = run(main())
    assert most_within(times, 60) <= 300
    assert len(times) >= 0.96 * 450


def test_slots_are_never_more_than_the_concurrency() -> None:
    async def main() -> int:
        pacer, most = Pacer(Rate(1000, 1), 3), 0

        async def client() -> None:
            nonlocal most
            async with pacer.slot():
                most = max(most, pacer.in_flight)
                await asyncio.sleep(1)

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(client())
        assert pacer.in_flight == 0
        return most

    assert run(main()) == 3


def test_turns_are_taken_in_the_order_they_were_asked_for() -> None:
    async def main() -> list[int]:
        pacer, order = Pacer(Rate(10, 1), 2), list[int]()

        async def client(number: int) -> None:
            async with pacer.slot():
                order.append(number)
                await asyncio.sleep(0.5)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(client(number))
        return order

    assert run(main()) == list(range(20))


def test_a_pause_holds_everybody_also_those_who_wait_already() -> None:
    async def main() -> list[float]:
        loop, pacer, times = asyncio.get_running_loop(), Pacer(Rate(10, 1), 4), list[float]()

        async def client() -> None:
            async with pacer.slot():
                times.append(loop.time())

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(client())
            await asyncio.sleep(0.45)
            pacer.pause(30)
            pacer.pause(5)
            assert pacer.paused_for == 30
        return [time for time in times if time > 0.45]

    assert min(run(main())) >= 30.45


def test_pauses_are_remembered_and_one_that_goes_on_is_one() -> None:
    async def main() -> list[tuple[float, float]]:
        pacer = Pacer(Rate(10, 1), 4)
        for seconds, then in ((3, 1), (1, 1), (4, 10), (2, 10)):
            pacer.pause(seconds)
            await asyncio.sleep(then)
        return [(round(start, 3), round(end, 3)) for start, end in pacer.pauses]

    assert run(main()) == [(0, 6), (12, 14)]


def test_a_reserve_lowers_the_rate() -> None:
    async def main() -> list[float]:
        traffic = Traffic(8, 10, lambda: 0.01, lambda: 0.01)
        return (await send_all(Pacer(Rate(10, 1), 8, reserve=0.3), traffic)).arrivals

    times = run(main())
    assert most_within(times, 1) <= 7
    assert len(times) >= 0.98 * 70


@settings(max_examples=30, deadline=None)
@given(
    cancels=st.lists(st.floats(0, 2), max_size=40),
    concurrency=st.integers(1, 4),
)
def test_whoever_gives_up_waiting_leaves_nothing_behind(cancels: list[float], concurrency: int) -> None:
    async def main() -> None:
        pacer = Pacer(Rate(10, 1), concurrency)

        async def client() -> None:
            async with pacer.slot():
                await asyncio.sleep(0.15)

        tasks = [asyncio.create_task(client()) for _ in cancels]
        loop = asyncio.get_running_loop()
        for task, when in zip(tasks, cancels, strict=True):
            loop.call_later(when, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert pacer.in_flight == 0

        start = loop.time()
        traffic = Traffic(concurrency, 10, lambda: 0.01, lambda: 0.01)
        times = (await send_all(pacer, traffic)).arrivals
        assert times[0] <= start + 1.1
        assert most_within(times, 1) <= 10
        assert len(times) >= 0.97 * 90

    run(main())


def test_a_request_that_is_never_marked_counts_when_its_slot_is_left() -> None:
    async def main() -> list[float]:
        loop, pacer, times = asyncio.get_running_loop(), Pacer(Rate(1, 1), 1), list[float]()
        for _ in range(3):
            async with pacer.slot():
                times.append(loop.time())
                await asyncio.sleep(0.9)
        return times

    times = run(main())
    assert all(later - earlier >= 1.9 for earlier, later in pairwise(times))


def test_a_refusal_slows_down_a_declared_rate_for_a_while() -> None:
    async def main() -> None:
        pacer = Pacer(Rate(100, 1), 16)
        declared = pacer.rate
        traffic = Traffic(16, 30, lambda: 0.01, lambda: 0.01)
        await send_all(pacer, traffic, SlidingWindow(50))
        assert 40 <= pacer.rate <= 55
        await send_all(pacer, Traffic(16, 120, lambda: 0.01, lambda: 0.01))
        assert pacer.rate == declared

    run(main())
