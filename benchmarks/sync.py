"""A list of which nearly everything was delivered before: the difference is found, and sent."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from fixed_server import Server, fixed_server
from measuring import Measured
from place import Place
from table import Row


def sync(place: Place) -> Iterator[Row]:
    """Deliver a list; then, in turn, the same with one row of a thousand changed, and as it was."""
    later: list[Measured] = []
    alone: list[Measured] = []
    with fixed_server() as server:
        first = place.run("sync", place.plain(place.rows), server)
        size = place.ledger_bytes()
        for turn in range(place.times):
            source = place.plain(place.rows) if turn % 2 else place.changed(place.rows)
            alone.append(_difference(place, source, server))
            later.append(place.go_on("sync", source, server))
    seconds = [json.loads(run.output)["seconds"] for run in alone]
    yield _row(place, "everything is new", first.seconds, [first]) | {
        "ledger bytes per row": round(size / place.rows, 1)
    }
    yield _row(place, "one row of a thousand changed", median(run.seconds for run in later), later)
    yield _row(place, "of that, the difference alone", median(seconds), alone)


def _difference(place: Place, source: Path, server: Server) -> Measured:
    """Compare a source with what the ledger knows, and send nothing."""
    url = server.url("1000/v1")
    settings = [f"source.path={source}", f"destinations.server.base_url={url}"]
    words = [word for setting in settings for word in ("--set", setting)]
    return place.script("difference", server, "job.yaml", place.ledger, *words)


def _row(place: Place, what: str, seconds: float, runs: Sequence[Measured]) -> dict[str, object]:
    return {
        "pass": what,
        "rows": place.rows,
        "seconds": round(seconds, 2),
        "rows/s": round(place.rows / seconds),
        "requests": runs[-1].requests,
        "anonymous MB": round(max(run.anonymous_mb for run in runs)),
    }
