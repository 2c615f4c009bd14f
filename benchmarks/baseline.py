"""The floor: a bare aiohttp and uvloop loop that posts ready-made bodies and keeps no record of anything.

    python benchmarks/baseline.py http://127.0.0.1:8080/1/v1/users contacts.csv

prints how many requests it made and how many seconds its loop took, as JSON.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import uvloop
from workload import bodies


async def post_all(url: str, waiting: Iterator[bytes], connections: int) -> float:
    """Post every body over ``connections`` connections and return the seconds it took."""
    headers = {"Content-Type": "application/json", "Authorization": "Bearer anything"}
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def worker() -> None:
            for body in waiting:
                async with session.post(url, data=body) as response:
                    await response.read()
                    response.raise_for_status()

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(connections):
                group.create_task(worker(), name=f"connection {number}")
        return time.perf_counter() - started


def main() -> None:
    """Read the command line, post, print."""
    parser = argparse.ArgumentParser(description="Post contacts as fast as aiohttp can.")
    parser.add_argument("url")
    parser.add_argument("contacts", type=Path)
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--connections", type=int, default=64)
    given = parser.parse_args()
    ready = bodies(given.contacts, given.batch_size)
    seconds = uvloop.run(post_all(given.url, iter(ready), given.connections))
    print(json.dumps({"requests": len(ready), "seconds": round(seconds, 4)}))


if __name__ == "__main__":
    main()
