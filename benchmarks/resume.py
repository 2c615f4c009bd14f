"""What a ledger of many rows costs to go on with, look at and export."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median

from fixed_server import Server, fixed_server
from measuring import in_turn, memory_of, seconds_of, surroundings
from place import DONE, Place
from table import Row

LATE = 0.99
QUICKLY = 0.5
"""Of so few requests, what is left at 99 % may be over before the kill."""
REQUESTS = 400
"""At least so many, or there would be no 99 %."""
LOOK = 0.01
"""Seconds between two looks at the server; they cost next to nothing while it waits."""


def resume(place: Place) -> Iterator[Row]:
    """Kill a run at 99 %, go on; read the ledger."""
    with fixed_server() as server:
        floor, first = [], []
        for _ in range(place.times):
            floor.append(place.script("scan", server, place.plain(place.rows)).seconds)
            first.append(resumed(place, server))
        yield {
            "what": "first request after a kill at 99 %",
            "rows": place.rows,
            "seconds": round(median(first), 2),
            "floor": "hash and scan of the source",
            "floor s": round(median(floor), 2),
            "ratio": round(median(first) / median(floor), 2),
        }
        yield from _reading(place)


def _reading(place: Place) -> Iterator[Row]:
    """Read the ledger of the last run, which is complete."""
    ledger, output = str(place.ledger), place.folder / "export"
    sides = {
        "`bulk status`": ["status", ledger],
        "`bulk export`, csv": ["export", ledger, "-o", f"{output}.csv"],
        "`bulk export`, parquet": ["export", ledger, "-o", f"{output}.parquet"],
    }
    runs = in_turn(place.times, **{name: partial(place.bulk, *words) for name, words in sides.items()})
    for name, each in runs.items():
        yield {
            "what": name,
            "rows": place.rows,
            "seconds": round(seconds_of(each), 2),
            "anonymous MB": round(memory_of(each)),
        }


def resumed(place: Place, server: Server) -> float:
    """Return the seconds from the start of the second run to its first request; it then runs to its end."""
    place.forget()
    size = min(1000, place.rows // REQUESTS)
    source = place.plain(place.rows)
    command = place.command("plain", source, server, str(size), steps__0__batch_size=size)
    with _started(place, command) as killed:
        late = QUICKLY if place.quick else LATE
        _until(server, server.seen() + int(late * place.rows / size), killed)
        killed.kill()
    before, started = server.seen(), time.perf_counter()
    with _started(place, command) as going_on:
        _until(server, before + 1, going_on)
        seconds = time.perf_counter() - started
        if going_on.wait() not in DONE:
            raise SystemExit(f"a run that goes on ended with {going_on.returncode}")
    return seconds


def _started(place: Place, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=place.folder, env=surroundings(place.folder),
    )  # fmt: skip


def _until(server: Server, requests: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server has seen so many."""
    while server.seen() < requests:
        if process.poll() is not None:
            raise SystemExit(f"a run ended with {process.returncode} before the server saw enough of it")
        time.sleep(LOOK)
