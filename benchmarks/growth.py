"""What grows with the rows, and what does not: processor, memory, the ledger."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from fixed_server import Server, fixed_server
from measuring import Measured, cpu_of, in_turn, memory_of, seconds_of
from place import Place
from table import Row

STEPS = (100, 10, 1)
"""The rows of the large comparisons, divided by these."""
FEW = 100
"""Rows of the run that shows what the start costs; it is in no table."""
SMALL = 10
"""Memory is compared with that for so many times fewer rows."""
JOBS = {
    "plain": "batches, `keep_all`",
    "everything": "batches, `keep_last`",
    "sync": "batches, `sync: changes`",
}


def growth(place: Place) -> Iterator[Row]:
    """Run two jobs over more and more rows, all sizes in turn."""
    sizes = [place.rows // part for part in (STEPS[-1:] if place.quick else STEPS)]
    with fixed_server() as server:
        for job in ("plain",) if place.quick else ("plain", "everything"):
            ledgers: dict[int, int] = {}
            run = partial(_carried, place, server, job, ledgers)
            sides = {str(rows): partial(run, rows) for rows in (FEW, *sizes)}
            runs = in_turn(place.times, **sides)
            for fewer, rows in pairwise((FEW, *sizes)):
                further = (cpu_of(runs[str(rows)]) - cpu_of(runs[str(fewer)])) / max(1, rows - fewer)
                yield _row(job, rows, runs[str(rows)], further, ledgers[rows])


def _row(job: str, rows: int, runs: Sequence[Measured], further: float, ledger: int) -> Row:
    return {
        "job": JOBS[job],
        "rows": rows,
        "rows/s": round(rows / seconds_of(runs)),
        "CPU s": round(cpu_of(runs), 2),
        "CPU s per million": round(cpu_of(runs) / rows * 1e6, 2),
        "per further million": round(further * 1e6, 2),
        "anonymous MB": round(memory_of(runs)),
        "ledger bytes per row": round(ledger / rows, 2),
    }


def _carried(place: Place, server: Server, job: str, ledgers: dict[int, int], rows: int) -> Measured:
    """Run a job over so many rows, and note how large its ledger became."""
    run = carried(place, server, job, rows)
    ledgers[rows] = place.ledger_bytes()
    return run


def memory(place: Place) -> Iterator[Row]:
    """Compare the memory of a large run with that of one a tenth its size, in batches and one by one."""
    with fixed_server() as server:
        for job, name in () if place.quick else JOBS.items():
            yield _grown(name, partial(carried, place, server, job), place.rows)
        yield _grown(
            "one by one, `keep_last`", partial(carried, place, server, "single"), place.single * SMALL
        )


def _grown(name: str, run: "partial[Measured]", rows: int) -> Row:
    fewer = rows // SMALL
    small, large = run(fewer).anonymous_mb, run(rows).anonymous_mb
    return {
        "job": name,
        "rows": f"{fewer:,} → {rows:,}",
        "anonymous MB": f"{small:.0f} → {large:.0f}",
        "ratio": round(large / small, 2) if small else None,
        "bytes per further row": round((large - small) * 2**20 / (rows - fewer), 1),
    }


def carried(place: Place, server: Server, job: str, rows: int) -> Measured:
    """Run a job over so many rows."""
    source = place.rough(rows) if job == "everything" else place.plain(rows)
    return place.run(job, source, server, "1" if job == "single" else "1000")
