"""The floor: a bare aiohttp and uvloop loop that posts ready-made bodies and keeps no record of anything.

python benchmarks/baseline.py http://127.0.0.1:8080/1/v1/users contacts.csv
"""

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import polars as pl
import uvloop
from workload import RECORD


def bodies(contacts: Path) -> list[bytes]:
    """Return the bodies that the job makes of the contacts, one for each."""
    body = pl.concat_str(pl.lit('{"users":['), RECORD, pl.lit("]}"))
    frame = pl.read_csv(contacts, infer_schema=False).select(body)
    return [body.encode() for body in frame.to_series()]


async def post_all(url: str, waiting: Iterator[bytes], connections: int) -> None:
    """Post every body over ``connections`` connections."""
    headers = {"Content-Type": "application/json", "Authorization": "Bearer anything"}
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def worker() -> None:
            for body in waiting:
                async with session.post(url, data=body) as response:
                    await response.read()
                    response.raise_for_status()

        async with asyncio.TaskGroup() as group:
            for number in range(connections):
                group.create_task(worker(), name=f"connection {number}")


def main() -> None:
    """Read the command line and post."""
    parser = argparse.ArgumentParser(description="Post contacts as fast as aiohttp can.")
    parser.add_argument("url")
    parser.add_argument("contacts", type=Path)
    parser.add_argument("--connections", type=int, default=64)
    given = parser.parse_args()
    uvloop.run(post_all(given.url, iter(bodies(given.contacts)), given.connections))


if __name__ == "__main__":
    main()
