import asyncio

import pytest

from bulk.errors import RefusedError, StoppedError
from bulk.runner.stop import Stop, StoppingError


async def wait_in(stop: Stop, event: asyncio.Event) -> str:
    try:
        with stop.interruptible():
            await event.wait()
    except StoppingError:
        return "stopped"
    return "went on"


async def started(stop: Stop, event: asyncio.Event) -> "asyncio.Task[str]":
    task = asyncio.create_task(wait_in(stop, event))
    await asyncio.sleep(0)
    return task


async def test_the_first_reason_is_kept() -> None:
    stop = Stop()
    stop.request(RefusedError("guard"))
    stop.request(StoppedError("later"))

    assert isinstance(stop.reason, RefusedError)
    assert stop.requested
    assert stop.event.is_set()


async def test_a_stop_without_a_reason_stays_without_one() -> None:
    stop = Stop()
    stop.request()
    stop.request(StoppedError("later"))

    assert stop.reason is None


async def test_those_who_merely_wait_are_stopped() -> None:
    stop, never = Stop(), asyncio.Event()
    tasks = [await started(stop, never) for _ in range(3)]

    stop.request()

    assert await asyncio.gather(*tasks) == ["stopped"] * 3
    assert not any(task.cancelled() or task.cancelling() for task in tasks)


async def test_nobody_begins_to_wait_after_the_stop() -> None:
    stop = Stop()
    stop.request()

    assert await wait_in(stop, asyncio.Event()) == "stopped"


async def test_who_has_ended_waiting_is_left_alone() -> None:
    stop, event = Stop(), asyncio.Event()
    event.set()
    task = await started(stop, event)

    stop.request()

    assert await task == "went on"


async def test_who_was_about_to_go_on_when_the_stop_came_is_stopped_and_not_cancelled() -> None:
    stop, event = Stop(), asyncio.Event()
    task = await started(stop, event)
    event.set()
    stop.request()

    assert await task == "stopped"
    assert not task.cancelled()


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    stop = Stop()
    task = await started(stop, asyncio.Event())

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not stop.requested


async def test_a_cancellation_beside_the_stop_is_not_swallowed() -> None:
    stop = Stop()
    task = await started(stop, asyncio.Event())

    stop.request()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_outside_of_waiting_is_not_interrupted() -> None:
    stop, answered = Stop(), asyncio.Event()

    async def in_flight() -> str:
        with stop.interruptible():
            await asyncio.sleep(0)
        await answered.wait()
        return "recorded"

    task = asyncio.create_task(in_flight())
    for _ in range(3):
        await asyncio.sleep(0)
    stop.request()
    await asyncio.sleep(0)
    answered.set()

    assert await task == "recorded"
