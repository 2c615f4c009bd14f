"""Other tools beside `bulk`: the same rows at the same server, over as many connections as they can use."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from environment import PEERS, python_of_peers
from fixed_server import Server, fixed_server
from measuring import Measured, cpu_of, in_turn, measure, memory_of, seconds_of, sending_of
from place import Place
from singles import LATENCIES, bare, ours, rows_for
from table import Row

US = "`bulk`"
CONNECTIONS = 32
BATCH = 1000
WORKERS = 4
"""Connections with batches: more serve nobody better on two cores."""
OVERHEAD = 0.002
"""Seconds that a request takes a tool beside the server's latency, to choose how many rows it gets."""


@dataclass(frozen=True)
class Tool:
    """One of them.

    Attributes:
        name: What the table calls it.
        script: Its script in the folder peers.
        connections: How many it uses.
        batch_size: Records of a request.
        options: More words for the script.
    """

    name: str
    script: str
    connections: int
    batch_size: int = 1
    options: tuple[str, ...] = ()


SINGLE = (
    Tool("drt-core", "drt", 1),
    Tool("dlt", "dlt", CONNECTIONS),
    Tool("singer-sdk", "singer", 1),
    Tool("customerio", "customerio", CONNECTIONS),
)
BATCHED = (
    Tool("drt-core", "drt", 1, BATCH),
    Tool("dlt, dictionaries", "dlt", WORKERS, BATCH),
    Tool("dlt, Arrow", "dlt", WORKERS, BATCH, ("--arrow",)),
    Tool("singer-sdk", "singer", 1, BATCH),
)


@dataclass(frozen=True)
class Side:
    """Who runs how: a name, connections, rows, and what runs it."""

    name: str
    connections: int
    rows: int
    run: Callable[[], Measured]


def peers_batched(place: Place) -> Iterator[Row]:
    """Compare batches at a server that answers at once; times are from process start."""
    rows = place.peers
    with fixed_server() as server:
        job = partial(
            place.run, "plain", place.plain(rows), server, destinations__server__concurrency=WORKERS
        )
        sides = [Side(US, WORKERS, rows, job)]
        sides += [_side(place, server, tool, rows) for tool in BATCHED]
        yield from _compared(place, sides, 0.0, seconds_of)


def peers(place: Place) -> Iterator[Row]:
    """Compare single records at several latencies, while they are being sent."""
    for delay in LATENCIES[2:3] if place.quick else LATENCIES:
        rows = rows_for(place, delay, CONNECTIONS)
        with fixed_server(delay) as server:
            sides = [
                Side(US, CONNECTIONS, rows, partial(ours, place, server, rows, CONNECTIONS)),
                Side("bare loop", CONNECTIONS, rows, partial(bare, place, server, rows, CONNECTIONS)),
                *(_side(place, server, tool, rows_of(place, delay, tool.connections)) for tool in SINGLE),
            ]
            yield from _compared(place, sides, delay, sending_of)


def rows_of(place: Place, delay: float, connections: int) -> int:
    """Return how many rows a tool sends in about the time there is."""
    return min(place.single // 10, rows_for(place, delay + OVERHEAD, connections))


def _side(place: Place, server: Server, tool: Tool, rows: int) -> Side:
    return Side(tool.name, tool.connections, rows, partial(theirs, place, server, tool, rows))


def _compared(
    place: Place, sides: Sequence[Side], delay: float, time_of: Callable[[Sequence[Measured]], float]
) -> Iterator[Row]:
    """Run all sides in turn; the first is the measure of the others."""
    runs = in_turn(place.times, **{side.name: side.run for side in sides})
    speeds = {side.name: side.rows / time_of(runs[side.name]) for side in sides}
    for side in sides:
        each = runs[side.name]
        yield {
            "tool": side.name,
            "latency ms": round(delay * 1000),
            "connections": side.connections,
            "rows": side.rows,
            "requests": each[-1].requests,
            "rows/s": round(speeds[side.name]),
            "`bulk` is so many times as quick": round(speeds[US] / speeds[side.name], 2),
            "CPU s per million": round(cpu_of(each) / side.rows * 1e6, 1),
            "anonymous MB": round(memory_of(each)),
        }


def theirs(place: Place, server: Server, tool: Tool, rows: int) -> Measured:
    """Run a tool in a folder of its own."""
    python = python_of_peers()
    url = server.url(f"{tool.batch_size}/v1/records")
    command = [
        str(python), str(PEERS / f"with_{tool.script}.py"), url, str(place.plain(rows)),
        "--rows", str(rows), "--batch-size", str(tool.batch_size), "--connections", str(tool.connections),
        *tool.options,
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        run = measure(command, Path(folder), server, environ={"HOME": folder, "PYTHONPATH": ""})
    if run.requests * tool.batch_size < rows:
        raise SystemExit(f"{tool.name} made {run.requests} requests for {rows} rows")
    return run
