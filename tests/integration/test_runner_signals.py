"""What a signal does to requests in flight."""

import asyncio
import signal
from pathlib import Path

import pytest
from aiohttp import web
from scripted import Desk, accept_all, accepts, refuses, serving, until

from bulk.conversation import Status
from bulk.runner.setup import Options

ENDS_SOON = 5.0
"""Seconds; far less than the drain of these jobs."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_answers_to_requests_in_flight_are_recorded(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    release = asyncio.Event()

    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        await release.wait()
        return accepts(body)

    desk = Desk(tmp_path)
    desk.people(40)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=1, place={"concurrency": 4, "drain": "60s"})
        async with desk.process() as process:
            await until(lambda: server.in_flight == 4, "four requests in flight")
            process.send_signal(number)
            await _signal_taken(process.pid)
            release.set()
            assert await asyncio.wait_for(process.wait(), 30) == code
        assert len(server.bodies) == 4
        assert desk.statuses() == {"succeeded": 4, "pending": 36}
        server.answer = accept_all
        assert await desk.run() == 0
    assert len(server.bodies) == 40
    assert desk.statuses() == {"succeeded": 40}


async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return await asyncio.Future()

    desk = Desk(tmp_path)
    desk.people(40)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=1, place={"concurrency": 4, "drain": "60s"})
        async with desk.process() as process:
            await until(lambda: server.in_flight == 4, "four requests in flight")
            process.terminate()
            await _signal_taken(process.pid)
            process.terminate()
            assert await asyncio.wait_for(process.wait(), ENDS_SOON) == 143
        assert len(server.bodies) == 4
    assert desk.statuses() == {"pending": 40}


async def test_the_drain_has_an_end(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return await asyncio.Future()

    desk = Desk(tmp_path)
    desk.people(40)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=1, place={"concurrency": 4, "drain": "200ms"})
        async with desk.process() as process:
            await until(lambda: server.in_flight == 4, "four requests in flight")
            process.terminate()
            assert await asyncio.wait_for(process.wait(), ENDS_SOON) == 143


async def test_a_deletion_that_was_in_flight_is_not_mistaken_for_somebody_unknown(tmp_path: Path) -> None:
    """The first run dies after the server did the work; the second finds nobody, and knows why."""
    gone: set[str] = set()

    async def answer(request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        address = request.rel_url.query["email"]
        if address in gone:
            return web.json_response({"error": {"message": "User doesn't exist", "code": 0}}, status=404)
        gone.add(address)
        if first:
            return await asyncio.Future()
        return web.json_response({"data": []})

    first = True
    desk = Desk(tmp_path)
    desk.source(["a@example.com", "b@example.com", "c@example.com"])
    async with serving(answer) as server:
        desk.job(server.url, operation="delete_user", fields={"email": "email"}, place={"concurrency": 2})
        async with desk.process() as process:
            await until(lambda: len(gone) == 2, "two deletions")
            process.kill()
            await process.wait()
        first = False
        assert await desk.run() == 0
    assert desk.outcomes() == [
        (1, "succeeded", "gone"),
        (2, "succeeded", "gone"),
        (3, "succeeded", ""),
    ]


async def test_somebody_unknown_is_not_mistaken_for_deleted_after_a_stop(tmp_path: Path) -> None:
    """The first run is stopped by its token: nothing was deleted, so the second can have deleted nobody."""
    token_expired = True

    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        if token_expired:
            return refuses("Access token not found.", 500)
        return refuses("User doesn't exist", 404)

    desk = Desk(tmp_path)
    desk.people(3)
    async with serving(answer) as server:
        desk.job(server.url, operation="delete_user", fields={"email": "email"}, place={"concurrency": 1})
        assert await desk.run() == 4
        assert len(server.bodies) == 1
        token_expired = False
        assert await desk.run() == 0
    assert desk.outcomes() == [(row, "skipped", "not_found") for row in (1, 2, 3)]


async def test_whoever_was_deleted_without_an_answer_is_found_gone_when_tried_again(tmp_path: Path) -> None:
    lost = True

    async def answer(request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        if lost:
            assert request.transport is not None
            request.transport.abort()
        return refuses("User doesn't exist", 404)

    desk = Desk(tmp_path)
    desk.people(2)
    async with serving(answer) as server:
        place = {"concurrency": 1, "retry": {"attempts": 1}}
        desk.job(server.url, operation="delete_user", fields={"email": "email"}, place=place)
        assert await desk.run() == 3
        lost = False
        assert await desk.run(options=Options(again=frozenset({Status.FAILED}))) == 0
    assert desk.outcomes() == [(row, "succeeded", "gone") for row in (1, 2)]


async def _signal_taken(pid: int) -> None:
    """Wait until the kernel has no signal pending for a process."""

    def taken() -> bool:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        masks = [line.split()[1] for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
        return all(int(mask, 16) == 0 for mask in masks)

    await until(taken, "the signal is taken")
