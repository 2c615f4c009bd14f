"""What a run does when the server asks it to wait, or is ill."""

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from scripted import Desk, accept_all, accepts, says, serving

AT_MOST = 200
"""Requests that a dead destination may cost."""


def in_seconds(seconds: int) -> str:
    return str(seconds)


def as_date(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds + 1), usegmt=True)


@pytest.mark.parametrize("written", [in_seconds, as_date])
@pytest.mark.parametrize("status", [429, 503])
async def test_one_refusal_holds_every_worker_back(tmp_path: Path, status: int, written: object) -> None:
    refused_at = 0.0

    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        nonlocal refused_at
        if len(server.bodies) == 20:
            refused_at = asyncio.get_running_loop().time()
            return says("slow down", status, Retry_After=written(1))  # type: ignore[operator]  # one of two functions
        return accepts(body)

    desk = Desk(tmp_path)
    desk.people(60)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=1, place={"concurrency": 8, "rate": "200/s"})
        assert await desk.run() == 0
    # Those under way when the refusal was given may still arrive; a worker's later request may not.
    early = [at - refused_at for at in server.times[20:] if at < refused_at + 1.0]
    assert all(after < 0.2 for after in early), early
    assert len(early) <= 8
    assert desk.statuses() == {"succeeded": 60}


async def test_while_one_record_waits_to_be_tried_again_the_last_ones_go_out_too(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        return accepts(body) if len(server.bodies) > 3 else says("out of order", 500)

    desk = Desk(tmp_path)
    desk.people(3)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=1, place={"concurrency": 1})
        assert await desk.run() == 0
    assert {str(record["name"]) for records in server.records[:3] for record in records} == {"1", "2", "3"}


async def test_a_storm_of_refusals_loses_no_row(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        return accepts(body) if len(server.bodies) > 16 else says("too many", 429)

    desk = Desk(tmp_path)
    desk.people(60)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=2)
        assert await desk.run() == 0
    assert desk.statuses() == {"succeeded": 60}
    assert sorted(int(record["name"]) for records in server.records[16:] for record in records) == [
        *range(1, 61)
    ]


async def test_a_server_that_is_always_ill_is_soon_left_alone(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return says("out of order", 503)

    desk = Desk(tmp_path)
    desk.people(1_000)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=1, place={"retry": {"max_elapsed": "2s"}, "concurrency": 16})
        began = time.monotonic()
        assert await desk.run() == 4
        assert time.monotonic() - began < 15
        assert "no usable answer for too long (the server answered 503)" in " ".join(desk.notes)
        assert len(server.bodies) <= AT_MOST
        assert desk.statuses()["pending"] >= 1_000 - AT_MOST
        server.answer = accept_all
        assert await desk.run() in {0, 3}
    assert "pending" not in desk.statuses()


async def test_a_server_that_is_not_there_is_soon_left_alone(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        desk = Desk(tmp_path)
        desk.people(1_000)
        desk.job(url, batch_size=1, place={"retry": {"max_elapsed": "2s"}})
        began = time.monotonic()
        assert await desk.run() == 4
        assert time.monotonic() - began < 15
    assert "no usable answer for too long (the connection was refused" in " ".join(desk.notes)
    assert desk.statuses()["pending"] >= 1_000 - AT_MOST
    async with serving(accept_all) as server:
        assert await desk.run(f"destinations.customerly.base_url={server.url}") == 2, (
            "another place is another job"
        )


async def test_a_server_that_asks_to_come_back_tomorrow_is_left_at_once(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return says("tomorrow", 429, Retry_After="80000")

    desk = Desk(tmp_path)
    desk.people(100)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=1, place={"concurrency": 4})
        assert await desk.run() == 4
        assert len(server.bodies) <= 4
    assert desk.statuses() == {"pending": 100}
    assert "come back in 80,000 s" in " ".join(desk.notes)
