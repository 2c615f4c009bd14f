"""Measure `bulk`, beside whatever it is compared with, in one run.

    python benchmarks/run.py all --write

prints a line of JSON for every row of every table. With --write, results.json keeps them and README.md shows
them.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from batched import batched
from erase import erase
from finishing import finish
from growth import growth, memory
from others import peers, peers_batched
from pacing import limits
from place import HERE, Place
from resume import resume
from singles import latency, single
from start import start
from sync import sync
from table import Row, circumstances, keep, publish, read

COMPARISONS: dict[str, tuple[str, Callable[[Place], Iterator[Row]]]] = {
    "batched": ("Batches of 1,000", batched),
    "single": ("One record a request", single),
    "latency": ("One record a request, at servers that answer late", latency),
    "peers-batched": ("Other tools, batches of 1,000", peers_batched),
    "peers": ("Other tools, one record a request", peers),
    "limits": ("Rate limits used up", limits),
    "finish": ("Time to finish at a limit", finish),
    "memory": ("Memory", memory),
    "growth": ("Cost as rows grow", growth),
    "resume": ("Going on, looking, exporting", resume),
    "sync": ("A sync", sync),
    "erase": ("Erasure", erase),
    "start": ("Start-up", start),
}


def place_of(given: argparse.Namespace, folder: Path) -> Place:
    """Return where the comparisons work, and how much they do."""
    usual = (1, 4_000, 300, 500, 0.5) if given.quick else (5, 10_000_000, 100_000, 1_000_000, 25.0)
    asked = (given.times, given.rows, given.single, given.peers, given.seconds)
    chosen = [mine if mine is not None else theirs for mine, theirs in zip(asked, usual, strict=True)]
    times, rows, single, peers, seconds = chosen
    return Place(folder, int(times), int(rows), int(single), int(peers), seconds, given.quick)


def read_command_line() -> argparse.Namespace:
    """Read what is asked."""
    parser = argparse.ArgumentParser(description="Measure bulk beside whatever it is compared with.")
    parser.add_argument("comparisons", nargs="+", choices=[*COMPARISONS, "all"], metavar="COMPARISON",
                        help=f"all, or some of {', '.join(COMPARISONS)}")  # fmt: skip
    parser.add_argument("--times", type=int, help="how often each side runs (5)")
    parser.add_argument("--rows", type=int, help="rows of the large comparisons (10,000,000)")
    parser.add_argument("--single", type=int, help="rows that are sent one by one (100,000)")
    parser.add_argument("--peers", type=int, help="rows of batches beside other tools (1,000,000)")
    parser.add_argument("--seconds", type=float, help="length of a case of the limits (25)")
    parser.add_argument("--quick", action="store_true", help="only to see that everything works: a few rows")
    parser.add_argument(
        "--write", type=Path, nargs="?", const=HERE, metavar="FOLDER",
        help="keep the results in FOLDER/results.json, and show them in FOLDER/README.md (here)",
    )  # fmt: skip
    return parser.parse_args()


def compare(name: str, place: Place) -> list[Row]:
    """Make a comparison, each row printed as soon as it is there; return none if it cannot be made."""
    rows = []
    try:
        for row in COMPARISONS[name][1](place):
            sys.stdout.write(f"{json.dumps({'table': name, **row}, ensure_ascii=False)}\n")
            sys.stdout.flush()
            rows.append(row)
    except SystemExit as problem:
        sys.stderr.write(f"{name}: {problem}\n")
        return []
    return rows


def main() -> None:
    """Measure, and keep what comes out if that is asked."""
    given = read_command_line()
    names = list(COMPARISONS) if "all" in given.comparisons else given.comparisons
    titles = {name: title for name, (title, _) in COMPARISONS.items()}
    asked = " ".join(word for word in sys.argv[1:] if word != "--write")
    whole = True
    with tempfile.TemporaryDirectory(prefix="bulk-benchmark-") as folder:
        place = place_of(given, Path(folder))
        for name in names:
            measured = f"{circumstances()}: `run.py {asked}`"
            rows = compare(name, place)
            whole = whole and bool(rows)
            if given.write and rows:
                keep(given.write / "results.json", name, rows, measured)
                publish(given.write / "README.md", read(given.write / "results.json"), titles)
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()
