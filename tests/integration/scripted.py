"""A server that answers exactly as a test says, and a run against it in the test's own loop."""

import asyncio
import contextlib
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
from aiohttp import web

import bulk
from bulk.errors import BulkError
from bulk.job import load_job
from bulk.ledger import Ledger
from bulk.ledger.view import View
from bulk.prepare import open_job_source, prepare
from bulk.runner.people import Planned
from bulk.runner.run import Run
from bulk.runner.setup import Options
from bulk.runner.way import World

T = TypeVar("T")
Answer = Callable[[web.BaseRequest, bytes], Awaitable[web.StreamResponse]]
PATIENCE = 30.0
PACKAGE = str(Path(bulk.__file__).resolve().parents[1])


@dataclass
class Server:
    """What arrived: times, bodies, and how many at once."""

    answer: Answer
    url: str = ""
    times: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    answering: "set[asyncio.Future[web.StreamResponse]]" = field(default_factory=set)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.times.append(asyncio.get_running_loop().time())
        body = await request.read()
        self.bodies.append(body)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        answering = asyncio.ensure_future(self.answer(request, body))
        self.answering.add(answering)
        try:
            return await answering
        except asyncio.CancelledError:
            return web.Response(status=503)
        finally:
            self.answering.discard(answering)
            self.in_flight -= 1

    @property
    def records(self) -> list[list[dict[str, Any]]]:
        """The records of every upsert, request by request."""
        return [orjson.loads(body)["users"] for body in self.bodies if body]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    server = Server(answer)
    runner = web.ServerRunner(web.Server(server.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        for answering in server.answering:
            answering.cancel()
        await runner.cleanup()


def says(body: Any, status: int = 200, **headers: str) -> web.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(
        status=status, body=orjson.dumps(body), content_type="application/json", headers=given
    )


def accepts(body: bytes) -> web.Response:
    return says({"data": {"inserted": len(orjson.loads(body)["users"]), "errors": []}})


def refuses(message: str, status: int = 400) -> web.Response:
    return says({"error": {"message": message, "code": 0}}, status)


async def accept_all(_request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    return accepts(body)


class Yes:
    """Approves everything."""

    async def approve(self, _planned: Planned) -> str:
        return "a test"

    async def canary_passed(self, _step: str, _records: int) -> None:
        return


@dataclass
class Desk:
    """A folder with a source, a job and a ledger."""

    folder: Path
    notes: list[str] = field(default_factory=list)

    @property
    def ledger(self) -> Path:
        return self.folder / "contacts.ledger"

    def source(self, emails: list[str]) -> None:
        lines = [f"{email},{number}" for number, email in enumerate(emails, 1)]
        (self.folder / "contacts.csv").write_text("\n".join(["email,name", *lines]) + "\n", encoding="utf-8")

    def people(self, count: int) -> None:
        self.source([f"person{n}@example.com" for n in range(1, count + 1)])

    def job(self, url: str, place: dict[str, Any] | None = None, **step: Any) -> None:
        usual = {
            "destination": "customerly",
            "operation": "upsert_user",
            "fields": {"email": "email", "name": "name"},
        }
        job = {
            "name": "contacts",
            "source": {"path": "contacts.csv"},
            "destinations": {
                "customerly": {"base_url": url, "auth": {"token": "t"}, "rate": "2000/s", **(place or {})}
            },
            "steps": [{**usual, **step}],
        }
        (self.folder / "contacts.yaml").write_bytes(orjson.dumps(job))

    async def run(self, *settings: str, options: Options | None = None) -> int:
        """Run the job here; return the exit code."""
        job = load_job(self.folder / "contacts.yaml", {}, settings)
        ledger = Ledger(self.ledger)
        try:
            with open_job_source(job) as source:
                run = Run(
                    prepare(job, source, {}, options or Options()),
                    ledger,
                    people=Yes(),
                    world=World(time.time, random.Random(1).random, asyncio.sleep),
                    source_work=_inline,
                    ledger_work=_inline,
                    note=lambda event, **facts: self.notes.append(f"{event} {facts}"),
                )
                return await run.go()
        except BulkError as error:
            return error.exit_code
        finally:
            ledger.close()

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run the job as a process of its own, which is gone at the end."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "bulk", "run", "contacts.yaml", "--yes"),
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": PACKAGE},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def outcomes(self) -> list[tuple[int, str, str]]:
        """Row, status and reason of every row."""
        with View(self.ledger) as view:
            return [
                row for frame in view.lines() for row in frame.select("row", "status", "reason").iter_rows()
            ]

    def statuses(self) -> dict[str, int]:
        return dict(Counter(status for _, status, _ in self.outcomes()))


async def _inline(function: Callable[[], T]) -> T:
    return function()


async def until(condition: Callable[[], object], what: str) -> None:
    """Poll a real condition until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"never happened: {what}")
        await asyncio.sleep(0.002)
