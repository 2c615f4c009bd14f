"""Leads many lives, or replays one: python tests/simulation/simulate.py --lives 10000, or --seed 4711."""

import argparse
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from life import Told, live_one

AT_ONCE = 25


def _several(seeds: tuple[int, int]) -> list[Told]:
    """Lead the lives of so many seeds from a first one; of those that went well only the counts are kept."""
    first, count = seeds
    told = [live_one(seed) for seed in range(first, first + count)]
    for one in told:
        one.events = []
    return told


def replay(seed: int) -> int:
    """Lead one life once more and tell all that happened."""
    told = live_one(seed)
    print("\n".join(told.events))
    print(f"seed {seed}, {told.scenario}: {dict(sorted(told.counts.items()))}")
    for problem in told.problems:
        print(f"PROBLEM: {problem}")
    return 1 if told.problems else 0


def simulate(first: int, lives: int, workers: int) -> int:
    """Lead lives in several processes; print how to replay each that went wrong, and what was met."""
    began, counts, scenarios, bad = time.monotonic(), Counter[str](), Counter[str](), 0
    starts = range(first, first + lives, AT_ONCE)
    sizes = [min(AT_ONCE, first + lives - start) for start in starts]
    # That of concurrent.futures may wait for ever for a process that it let go (python/cpython#115634).
    with get_context("spawn").Pool(workers, maxtasksperchild=20) as pool:
        done = pool.imap_unordered(_several, zip(starts, sizes, strict=True))
        for told in (one for some in done for one in some):
            counts.update(told.counts)
            scenarios[told.scenario] += 1
            if told.problems:
                bad += 1
                print(f"seed {told.seed}, {told.scenario}: {'; '.join(told.problems[:5])}")
                print(f"  replay: python tests/simulation/simulate.py --seed {told.seed}", flush=True)
    for what, count in [*sorted(scenarios.items()), *sorted(counts.items())]:
        print(f"{count:>10,}  {what}")
    print(f"{lives:,} lives in {time.monotonic() - began:,.0f} s, {bad} with problems")
    return 1 if bad else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, help="replay this one")
    given = parser.parse_args()
    if given.seed is not None:
        return replay(given.seed)
    return simulate(given.first, given.lives, given.workers)


if __name__ == "__main__":
    sys.exit(main())
