"""A list of which nearly everything was delivered before: the difference is found, and sent."""

from collections.abc import Iterator

from fixed_server import fixed_server
from measuring import Measured
from place import Place
from table import Row


def sync(place: Place) -> Iterator[Row]:
    """Deliver a list; then, in turn, the same with one row of a thousand changed, and as it was."""
    first: list[Measured] = []
    later: list[Measured] = []
    with fixed_server() as server:
        first.append(place.run("sync", place.plain(place.rows), server))
        size = place.ledger_bytes()
        for turn in range(place.times):
            source = place.plain(place.rows) if turn % 2 else place.changed(place.rows)
            later.append(place.go_on("sync", source, server))
    yield _row(place, "everything is new", first) | {"ledger bytes per row": round(size / place.rows, 1)}
    yield _row(place, "one row of a thousand changed", later)


def _row(place: Place, what: str, runs: list[Measured]) -> dict[str, object]:
    seconds = sorted(run.seconds for run in runs)[len(runs) // 2]
    return {
        "pass": what,
        "rows": place.rows,
        "seconds": round(seconds, 2),
        "rows/s": round(place.rows / seconds),
        "requests": runs[-1].requests,
        "anonymous MB": round(max(run.anonymous_mb for run in runs)),
    }
