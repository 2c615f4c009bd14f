"""What is said of a destination that waits: what holds it up, and for how long."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from virtual_time import run

from bulk.api.measuring import Place
from bulk.api.waiting import waits
from bulk.conversation import Lost, Request, Response
from bulk.pacing import Pacer, Rate
from bulk.retry import RetryPolicy
from bulk.runner.lane import Lane
from bulk.runner.setup import WaySetup
from bulk.runner.stop import Stop, StoppingError
from bulk.runner.talk import Tries
from bulk.runner.way import Way, World

GET = Request("GET", "/")
Answering = Callable[[Request], Awaitable[Response | Lost]]


class Scripted:
    """A sender that answers as it is told."""

    def __init__(self, answer: Answering) -> None:
        self._answer = answer

    async def send(self, request: Request, on_sent: Callable[[], None] | None = None) -> Response | Lost:
        if on_sent:
            on_sent()
        return await self._answer(request)


async def fine(_: Request) -> Response:
    await asyncio.sleep(0.05)
    return Response(200)


async def ill(_: Request) -> Response:
    await asyncio.sleep(0.05)
    return Response(502)


async def silent(_: Request) -> Response:
    await asyncio.sleep(30)
    return Response(200)


def lane_of(answer: Answering, rate: Rate | None = None, **pacing: Any) -> Lane:
    stop = Stop()
    world = World(unix=lambda: 0.0, draw=lambda: 0.5, sleep=asyncio.sleep)
    policy = RetryPolicy()
    way = Way(Scripted(answer), Pacer(rate, 16, **pacing), policy, world=world, stop=stop)
    return Lane("here", ways={"": way}, read=lambda _: None, policy=policy, world=world, stop=stop)


def said(lane: Lane, *, idle: bool = True) -> list[str]:
    return list(waits(lane, idle=idle))


async def aside(work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Begin something, and let it get to where it waits."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0.01)
    return task


async def ended(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_a_destination_that_goes_on_waits_for_nothing() -> None:
    async def main() -> None:
        lane = lane_of(fine)
        await lane.exchange(GET, Tries())
        assert said(lane, idle=False) == []

    run(main())


def test_a_pause_that_the_server_asked_for_counts_down() -> None:
    async def main() -> None:
        lane = lane_of(fine)
        lane.ways[""].pacer.pause(12)
        assert said(lane, idle=False) == ["paused by server 12 s"]
        await asyncio.sleep(5)
        assert said(lane) == ["paused by server 7 s"]
        await asyncio.sleep(8)
        assert said(lane) == []

    run(main())


def test_a_period_that_is_used_up_says_when_the_next_one_begins() -> None:
    async def main() -> None:
        lane = lane_of(fine, Rate(1, 3600.0))
        await lane.exchange(GET, Tries())
        assert said(lane) == ["next window in 60 min"]

    run(main())


def test_an_ill_destination_says_why_and_when_it_is_tried_again() -> None:
    async def main() -> None:
        lane = lane_of(ill)
        tasks = [asyncio.create_task(lane.exchange(GET, Tries())) for _ in range(30)]
        heard = set()
        for _ in range(1000):
            await asyncio.sleep(0.1)
            heard |= set(said(lane))
        assert "no usable answer: the server answered 502" in heard
        assert "no usable answer: the server answered 502, next try in 2 s" in heard
        await ended(*tasks)

    run(main())


def test_who_lets_time_pass_says_when_the_first_of_them_goes_on() -> None:
    async def main() -> None:
        lane = lane_of(fine)
        tasks = [await aside(lane.wait(seconds)) for seconds in (40.0, 9.0)]
        assert said(lane) == ["next request in 9 s"]
        assert said(lane, idle=False) == []
        await ended(*tasks)
        assert said(lane) == []

    run(main())


def test_requests_without_an_answer_are_counted() -> None:
    async def main() -> None:
        lane = lane_of(silent)
        tasks = [await aside(lane.exchange(GET, Tries())) for _ in range(2)]
        await asyncio.sleep(1)
        assert said(lane) == ["waits for 2 answers"]
        await ended(*tasks)

    run(main())


def test_a_stage_is_told_once_nothing_was_sent_for_a_while() -> None:
    async def main() -> None:
        lane = lane_of(fine)
        with lane.at_stage("reads the canary back"):
            assert said(lane, idle=False) == []
            assert said(lane) == ["reads the canary back"]
        assert said(lane) == []

    run(main())


def test_a_stop_tells_what_is_still_in_flight() -> None:
    async def main() -> None:
        lane = lane_of(silent)
        task = await aside(lane.exchange(GET, Tries()))
        lane.stop.request()
        assert said(lane, idle=False) == ["stopping, waits for 1 answer"]
        await ended(task)
        with pytest.raises(StoppingError):
            await lane.exchange(GET, Tries())

    run(main())


def place_of(lane: Lane, rate: Rate | None, reserve: float = 0.0) -> Place:
    def none() -> Any:
        raise AssertionError("nothing is opened")

    return Place(lane, {"": WaySetup(rate, reserve, None, 16, none)}, 0.0)


def test_the_declared_rate_is_the_limit_though_a_little_of_it_is_left_unused() -> None:
    async def main() -> None:
        rate = Rate(10, 1.0)
        lane = lane_of(fine, rate)
        place = place_of(lane, rate)
        assert (place.nearest.limit, place.nearest.learned) == (10.0, False)

    run(main())


def test_a_reserve_is_not_ours() -> None:
    async def main() -> None:
        rate = Rate(10, 1.0)
        lane = lane_of(fine, rate, reserve=0.3)
        assert place_of(lane, rate, 0.3).nearest.limit == 7.0

    run(main())


def test_a_limit_that_was_found_is_marked_as_learned() -> None:
    async def main() -> None:
        lane = lane_of(fine)
        place = place_of(lane, None)
        assert (place.nearest.limit, place.nearest.learned) == (5.0, True)

    run(main())


def test_time_in_which_the_server_wanted_nothing_tells_nothing_of_the_pace() -> None:
    async def main() -> None:
        lane = lane_of(fine)
        place = place_of(lane, None)
        place.look(4.0)
        lane.ways[""].pacer.pause(12)
        place.look(10.0)
        assert place.active == 4.0

    run(main())
