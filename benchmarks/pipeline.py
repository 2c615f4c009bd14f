"""The bare pipeline: read, encode, post in batches, durable ledger entries, and nothing else.

    python benchmarks/pipeline.py http://127.0.0.1:8080/1000/records contacts.csv entries.sqlite

No row is checked, no answer is read but for its status, nothing is tried again, nothing can be resumed.
"""

import argparse
import asyncio
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import polars as pl
import uvloop
from workload import RECORD

CHUNK = 50_000
"""Rows that are read and encoded at once."""
WAITING = 128
"""Batches that may wait to be posted."""
BATCHES = "CREATE TABLE entries (first INTEGER PRIMARY KEY, rows INTEGER, status INTEGER, at REAL)"
RECORDS = """CREATE TABLE entries (row INTEGER PRIMARY KEY, status TEXT, reason TEXT, http_status INTEGER,
    attempts INTEGER, request_id TEXT, at REAL)"""
Entry = tuple[int, int, int, float]


@dataclass(frozen=True)
class Batch:
    """Rows of one request: the first one's number, how many, and the body."""

    first: int
    rows: int
    body: bytes


def chunks(path: Path, size: int) -> Iterator[list[Batch]]:
    """Yield the batches of each chunk of the source."""
    first = 1
    source = pl.scan_csv(path, infer_schema=False)
    for frame in source.collect_batches(chunk_size=CHUNK, maintain_order=True):
        texts = frame.select(RECORD).to_series()
        batches = []
        for start in range(0, len(texts), size):
            some = texts.slice(start, size)
            batches.append(Batch(first + start, len(some), f"[{some.str.join(',')[0]}]".encode()))
        first += len(texts)
        yield batches


class Ledger:
    """Entries, committed as they come: those that arrive during a commit are the next one."""

    def __init__(self, path: Path, writer: ThreadPoolExecutor, *, each: bool) -> None:
        self.writer = writer
        self.each = each
        self.entries: list[Entry] = []
        self.come = asyncio.Event()
        self.ended = False
        self.file = sqlite3.connect(path, check_same_thread=False)
        self.file.execute("PRAGMA journal_mode = WAL")
        self.file.execute("PRAGMA synchronous = FULL")
        self.file.execute(RECORDS if each else BATCHES)

    def add(self, batch: Batch, status: int) -> None:
        """Take an entry, to be committed soon."""
        self.entries.append((batch.first, batch.rows, status, time.time()))
        self.come.set()

    def end(self) -> None:
        """Say that no more entries come."""
        self.ended = True
        self.come.set()

    async def keep(self) -> None:
        """Commit until the end."""
        while not self.ended or self.entries:
            await self.come.wait()
            self.come.clear()
            entries, self.entries = self.entries, []
            await asyncio.get_running_loop().run_in_executor(self.writer, self._commit, entries)

    def _commit(self, entries: list[Entry]) -> None:
        with self.file:
            if self.each:
                self.file.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", _records(entries))
            else:
                self.file.executemany("INSERT INTO entries VALUES (?, ?, ?, ?)", entries)


def _records(entries: list[Entry]) -> Iterator[tuple[object, ...]]:
    for first, rows, status, at in entries:
        for row in range(first, first + rows):
            yield row, "succeeded", "", status, 1, "", at


async def carry(given: argparse.Namespace) -> None:
    """Carry the source to the server."""
    waiting: asyncio.Queue[Batch | None] = asyncio.Queue(WAITING)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        ledger = Ledger(given.ledger, writer, each=given.each)
        keeping = asyncio.create_task(ledger.keep())
        connector = aiohttp.TCPConnector(limit=given.connections)
        headers = {"Content-Type": "application/json", "Authorization": "Bearer anything"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def connection() -> None:
                while (batch := await waiting.get()) is not None:
                    async with session.post(given.url, data=batch.body) as response:
                        await response.read()
                        response.raise_for_status()
                    ledger.add(batch, response.status)

            async with asyncio.TaskGroup() as group:
                for _ in range(given.connections):
                    group.create_task(connection())
                await _read(chunks(given.contacts, given.batch_size), waiting, reader, given.connections)
        ledger.end()
        await keeping


async def _read(
    source: Iterator[list[Batch]],
    waiting: "asyncio.Queue[Batch | None]",
    reader: ThreadPoolExecutor,
    connections: int,
) -> None:
    """Hand batches on, one chunk read ahead, and then the end to every connection."""
    loop, nothing = asyncio.get_running_loop(), list[Batch]()
    ahead = loop.run_in_executor(reader, next, source, nothing)
    while batches := await ahead:
        ahead = loop.run_in_executor(reader, next, source, nothing)
        for batch in batches:
            await waiting.put(batch)
    for _ in range(connections):
        await waiting.put(None)


def main() -> None:
    """Read the command line and carry."""
    parser = argparse.ArgumentParser(description="Carry contacts with as little as possible.")
    parser.add_argument("url")
    parser.add_argument("contacts", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--each", action="store_true", help="an entry for each record, not for each batch")
    uvloop.run(carry(parser.parse_args()))


if __name__ == "__main__":
    main()
