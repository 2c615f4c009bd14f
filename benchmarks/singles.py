"""One record a request: `bulk` beside a bare loop with the same bodies and as many connections."""

from collections.abc import Iterator
from functools import partial

from fixed_server import Server, fixed_server
from measuring import Measured, cpu_of, in_turn, memory_of, seconds_of, sending_of
from place import Place
from table import Row

CONNECTIONS = 64
LATENCIES = (0.0, 0.005, 0.02, 0.1)
"""Seconds by which the server's answers are late."""
LONGEST = 10
"""Seconds of sending that a latency's rows are chosen for."""


def single(place: Place) -> Iterator[Row]:
    """Compare with a server that answers at once; duplicates are found, as is usual, or not looked for."""
    for duplicates in ("keep_last",) if place.quick else ("keep_last", "keep_all"):
        yield compared(place, 0.0, place.single, CONNECTIONS, duplicates)


def latency(place: Place) -> Iterator[Row]:
    """Compare with servers that answer late."""
    for delay in LATENCIES[2:3] if place.quick else LATENCIES:
        yield compared(place, delay, rows_for(place, delay, CONNECTIONS), CONNECTIONS)


def rows_for(place: Place, delay: float, connections: int) -> int:
    """Return how many rows so many connections send in the time there is, at most those asked for."""
    return min(place.single, round(LONGEST * connections / delay)) if delay else place.single


def compared(place: Place, delay: float, rows: int, connections: int, duplicates: str = "keep_last") -> Row:
    """Run both sides in turn, and compare what they sent while they were sending."""
    with fixed_server(delay) as server:
        bulk = partial(ours, place, server, rows, connections, duplicates)
        loop = partial(bare, place, server, rows, connections)
        if not place.quick:
            in_turn(1, bulk=bulk, loop=loop)
        runs = in_turn(place.times, bulk=bulk, loop=loop)
        name = server.name
    mine, theirs = runs["bulk"], runs["loop"]
    floor = sending_of(theirs)
    return {
        "server": name,
        "latency ms": round(delay * 1000),
        "connections": connections,
        "rows": rows,
        "duplicates": duplicates,
        "`bulk` rows/s": round(rows / sending_of(mine)),
        "bare rows/s": round(rows / floor),
        "ratio": round(floor / sending_of(mine), 3),
        "ratio, from process start": round(floor / seconds_of(mine), 3),
        "`bulk` CPU s per million": round(cpu_of(mine) / rows * 1e6, 1),
        "bare CPU s per million": round(cpu_of(theirs) / rows * 1e6, 1),
        "anonymous MB": round(memory_of(mine)),
    }


def ours(
    place: Place, server: Server, rows: int, connections: int, duplicates: str = "keep_last"
) -> Measured:
    """Run the job."""
    more = {"destinations__server__concurrency": connections, "source__duplicates": duplicates}
    return place.run("single", place.plain(rows), server, "1", **more)


def bare(place: Place, server: Server, rows: int, connections: int) -> Measured:
    """Run the bare loop, whose bodies are made before its clock starts."""
    url, more = server.url("1/v1/users"), ("--connections", connections)
    return place.script("baseline", server, url, place.plain(rows), *more)
