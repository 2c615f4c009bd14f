"""Records of one key: which are sent, in which order, and never two at a time."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from scripted import Desk, accepts, says, serving

TIMES = 50


async def sent(desk: Desk, policy: str, place: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Run; return the names the repeated key was sent with, in order of arrival, and how many at a time."""
    arrived: list[int] = []
    overlap: list[int] = []
    here = 0

    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        nonlocal here
        names = [
            int(r["name"]) for r in orjson.loads(body)["users"] if r["email"].casefold() == "same@example.com"
        ]
        here += len(names)
        overlap.append(here)
        refused = bool(names) and names[0] not in arrived and names[0] % 7 == 0
        arrived.extend(names)
        await asyncio.sleep(0)
        here -= len(names)
        return says("later", 503) if refused and len(arrived) < 10 * TIMES else accepts(body)

    desk.source(
        [
            name
            for n in range(TIMES)
            for name in (f"person{n}@example.com", ("same" if n % 2 else "Same") + "@example.com")
        ]
    )
    async with serving(answer) as server:
        desk.job(server.url, duplicates=policy, place=place)
        assert await desk.run() == 0
    return arrived, overlap


@pytest.mark.parametrize(("policy", "kept"), [("keep_last", 2 * TIMES), ("keep_first", 2)])
async def test_one_of_many_rows_of_a_key_is_sent(tmp_path: Path, policy: str, kept: int) -> None:
    desk = Desk(tmp_path)
    arrived, _ = await sent(desk, policy, {})
    assert arrived == [kept]
    assert desk.statuses() == {"succeeded": TIMES + 1, "skipped": TIMES - 1}


async def test_all_rows_of_a_key_arrive_in_source_order_one_at_a_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    arrived, overlap = await sent(desk, "keep_all", {"concurrency": 16})
    assert list(dict.fromkeys(arrived)) == [2 * n for n in range(1, TIMES + 1)]
    assert arrived == sorted(arrived)
    assert len(arrived) > TIMES, "some were refused at first and sent again before the next"
    assert max(overlap) == 1
    assert desk.statuses() == {"succeeded": 2 * TIMES}
