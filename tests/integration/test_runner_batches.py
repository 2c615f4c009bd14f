"""Batches that are refused as a whole: only the culprits fail, and few requests are spent on finding them."""

from math import log2
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from scripted import Answer, Desk, accepts, refuses, serving

ROWS = 1_000


def poisoned_by(poison: set[str], status: int) -> Answer:
    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        sent = {record["name"] for record in orjson.loads(body)["users"]}
        return refuses("a record is not to our taste", status) if sent & poison else accepts(body)

    return answer


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("rows", [{1}, {1000}, {17, 500, 983}, {500, 501, 502}])
async def test_only_the_culprits_of_a_refused_batch_fail(tmp_path: Path, rows: set[int], status: int) -> None:
    desk = Desk(tmp_path)
    desk.people(ROWS)
    async with serving(poisoned_by({str(row) for row in rows}, status)) as server:
        desk.job(server.url, batch_size=ROWS)
        assert await desk.run() == 3
    assert {row for row, outcome, _ in desk.outcomes() if outcome == "failed"} == rows
    assert desk.statuses() == {"failed": len(rows), "succeeded": ROWS - len(rows)}
    assert len(server.bodies) <= 1 + 2 * log2(1024) * len(rows)


async def test_three_batches_refused_through_and_through_stop_the_step(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return refuses("The attribute plan is not known.")

    desk = Desk(tmp_path)
    desk.people(400)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=8, place={"concurrency": 1})
        assert await desk.run() == 4
    statuses = desk.statuses()
    assert set(statuses) == {"failed", "pending"}
    assert 24 <= statuses["failed"] <= 24 + 8 * 8


async def test_until_three_are_judged_no_other_refused_batch_is_taken_apart(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
        return refuses("The attribute plan is not known.")

    desk = Desk(tmp_path)
    desk.people(800)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=50)
        assert await desk.run() == 4
    assert desk.statuses() == {"failed": 150, "pending": 650}
    assert len(server.bodies) <= 3 * (2 * 50 - 1) + 16


async def test_a_record_that_failed_in_an_earlier_step_does_not_scatter_the_batch_of_the_next(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.people(100)
    async with serving(poisoned_by({"10", "30", "77"}, 400)) as server:
        desk.job(server.url, batch_size=100)
        job = orjson.loads((tmp_path / "contacts.yaml").read_bytes())
        job["steps"].append({**job["steps"][0], "name": "again"})
        (tmp_path / "contacts.yaml").write_bytes(orjson.dumps(job))
        assert await desk.run() == 3
    assert [len(batch) for batch in server.records[-1:]] == [97]
    assert [status for _, status, _ in desk.outcomes()].count("skipped") == 3


async def test_where_all_records_of_a_batch_failed_in_an_earlier_step_no_request_is_sent(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.people(3)
    async with serving(poisoned_by({"2"}, 400)) as server:
        desk.job(server.url, batch_size=1)
        job = orjson.loads((tmp_path / "contacts.yaml").read_bytes())
        job["steps"].append({**job["steps"][0], "name": "again"})
        (tmp_path / "contacts.yaml").write_bytes(orjson.dumps(job))
        assert await desk.run() == 3
    assert [len(batch) for batch in server.records] == [1] * 5
    assert [status for _, status, _ in desk.outcomes()].count("skipped") == 1


async def test_batches_refused_for_different_reasons_do_not_stop_the_step(tmp_path: Path) -> None:
    async def answer(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        return refuses(f"not {orjson.loads(body)['users'][0]['name']}")

    desk = Desk(tmp_path)
    desk.people(40)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=8)
        assert await desk.run() == 3
    assert desk.statuses() == {"failed": 40}


async def test_a_batch_split_before_a_stop_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a stop in the midst of splitting, settled parts are not sent again."""
    expired = False

    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        nonlocal expired
        if expired and len(server.bodies) > 6 and desk.notes.count("second") == 0:
            return refuses("Access token not found.", 500)
        expired = True
        return await poisoned_by({"64"}, 400)(request, body)

    desk = Desk(tmp_path)
    desk.people(64)
    async with serving(answer) as server:
        desk.job(server.url, batch_size=64)
        assert await desk.run() == 4
        pending = {row for row, status, _ in desk.outcomes() if status == "pending"}
        assert 0 < len(pending) < 64
        first = len(server.bodies)
        desk.notes.append("second")
        assert await desk.run() == 3
    again = {int(record["name"]) for records in server.records[first:] for record in records}
    assert again == pending
    assert desk.statuses() == {"succeeded": 63, "failed": 1}


async def test_far_down_a_large_file_a_run_goes_on_with_the_batches_that_another_would_have_sent(
    tmp_path: Path,
) -> None:
    """The source is several megabytes, so that what is settled is leapt over; keys repeat now and then."""
    emails = [f"{'somebody' * 8}{row - row % 331 // 330}@example.com" for row in range(1, 70_001)]
    refusing_from = 150

    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        down = request.url.path.startswith("/down") and len(server.bodies) > refusing_from
        return refuses("Access token not found.", 401) if down else accepts(body)

    whole, broken = Desk(tmp_path / "whole"), Desk(tmp_path / "broken")
    async with serving(answer) as server:
        for desk in (whole, broken):
            desk.folder.mkdir()
            desk.source(emails)
        whole.job(server.url, batch_size=400, duplicates="keep_all")
        assert await whole.run() == 0
        expected = set(server.bodies)
        server.bodies.clear()
        place = {"concurrency": 2}
        broken.job(server.url.replace("/v1", "/down/v1"), place, batch_size=400, duplicates="keep_all")
        assert await broken.run() == 4
        stopped = len(server.bodies)
        pending = {row for row, status, _ in broken.outcomes() if status == "pending"}
        refusing_from = 1_000_000
        assert await broken.run() == 0
    assert set(server.bodies) == expected
    again = {int(record["name"]) for records in server.records[stopped:] for record in records}
    assert again == pending
    assert min(pending) > 100 * 400
    assert broken.statuses() == {"succeeded": 70_000}
