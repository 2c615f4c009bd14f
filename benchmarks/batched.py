"""Batches of 1,000: `bulk` beside the bare pipeline of the same rows."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from fixed_server import Server, fixed_server
from measuring import Measured, cpu_of, in_turn, memory_of, seconds_of
from place import Place
from table import Row

CONNECTIONS = (4, 16, 64)
"""Of these the one that serves a side best is taken."""
WARM = 10
"""The warm-up runs that find it have so many times fewer rows."""


def batched(place: Place) -> Iterator[Row]:
    """Compare plain rows, and rough rows with everything on."""
    with fixed_server() as server:
        sides = {
            "bare pipeline": partial(pipeline, place, server),
            "bare pipeline, an entry for each record": partial(pipeline, place, server, each=True),
            "plain": partial(ours, place, server, "plain"),
            "everything": partial(ours, place, server, "everything"),
        }
        choice = CONNECTIONS[:1] if place.quick else CONNECTIONS
        chosen = {name: best(side, place.rows // WARM, choice) for name, side in sides.items()}
        runs = in_turn(
            place.times, **{name: partial(sides[name], place.rows, chosen[name]) for name in sides}
        )
    bare, each_recorded = (seconds_of(runs[name]) for name in list(sides)[:2])
    for name, each in runs.items():
        yield {
            "side": name if name.startswith("bare") else f"`bulk`, {name}",
            "rows": place.rows,
            "connections": chosen[name],
            "requests": each[0].requests,
            "rows/s": round(place.rows / seconds_of(each)),
            "of the bare pipeline": round(bare / seconds_of(each), 3),
            "of that with an entry for each record": round(each_recorded / seconds_of(each), 3),
            "CPU s per million": round(cpu_of(each) / place.rows * 1e6, 2),
            "anonymous MB": round(memory_of(each)),
        }


def pipeline(place: Place, server: Server, rows: int, connections: int, *, each: bool = False) -> Measured:
    """Run the bare pipeline over plain rows."""
    entries = place.folder / "entries.sqlite"
    for old in place.folder.glob("entries.sqlite*"):
        old.unlink()
    more = ("--connections", connections, *(["--each"] if each else []))
    return place.script("pipeline", server, server.url("1000/v1/records"), place.plain(rows), entries, *more)


def ours(place: Place, server: Server, job: str, rows: int, connections: int) -> Measured:
    """Run a job over its rows."""
    source = place.plain(rows) if job == "plain" else place.rough(rows)
    return place.run(job, source, server, destinations__server__concurrency=connections)


def best(side: Callable[[int, int], Measured], rows: int, choice: Sequence[int]) -> int:
    """Return the number of connections with which a side was quickest, each tried once."""
    return min(choice, key=lambda connections: side(rows, connections).seconds) if choice[1:] else choice[0]
