"""A real server in a process of its own that counts strictly has nothing to refuse."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bulk.conversation import Request, Response
from bulk.pacing import Pacer, Rate
from bulk.transport import Endpoint, Transport

LIMIT = 200
REQUESTS = 600


@dataclass
class Counted:
    url: str = ""
    times: list[float] = field(default_factory=list)
    refused: int = 0


@asynccontextmanager
async def strict_server() -> AsyncIterator[Counted]:
    pipe = asyncio.subprocess.PIPE
    server = str(Path(__file__).with_name("strict_server.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, server, str(LIMIT), stdin=pipe, stdout=pipe, limit=2**24
    )
    assert process.stdin
    assert process.stdout
    counted = Counted(f"http://127.0.0.1:{int(await process.stdout.readline())}")
    try:
        yield counted
    finally:
        process.stdin.close()
        output, _ = await process.communicate()
        told = json.loads(output)
        counted.times, counted.refused = told["times"], told["refused"]


async def send_all(url: str) -> None:
    pacer, left = Pacer(Rate(LIMIT, 1), 16), iter(range(REQUESTS))
    async with Transport(Endpoint(url)) as transport, asyncio.TaskGroup() as group:

        async def client() -> None:
            for _ in left:
                async with pacer.slot() as slot:
                    reply = await transport.send(Request("GET", "/"), slot.mark_sent)
                assert isinstance(reply, Response)
                pacer.observe(slot, reply.headers, 0.0, refused=reply.status == 429)

        for _ in range(16):
            group.create_task(client())


async def test_a_strict_server_refuses_nothing_and_is_used_up() -> None:
    async with strict_server() as counted:
        await send_all(counted.url)

    assert counted.refused == 0
    assert len(counted.times) == REQUESTS
    gaps = sorted(later - earlier for earlier, later in zip(counted.times, counted.times[1:], strict=False))
    # A stall of a busy machine can only be waited out: the few longest gaps say nothing about pacing.
    usual = gaps[: -REQUESTS // 50]
    assert sum(usual) / len(usual) <= 1 / (0.96 * LIMIT)
