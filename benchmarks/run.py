"""Compare ``bulk run`` with the bare loop, side by side in one go, and measure the memory of a large run."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fixed_server import fixed_server
from workload import write_contacts

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Measured:
    """One process: how long it took from start to end, and the most memory it held."""

    seconds: float
    peak_mb: float
    output: str


def measure(command: list[str], folder: Path) -> Measured:
    """Run a command to its end; a failure ends the benchmark."""
    surroundings = os.environ | {"CUSTOMERLY_TOKEN": "anything", "BULK_STATE_DIR": str(folder / "state")}
    started = time.perf_counter()
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=folder, env=surroundings)
        assert child.stdout is not None
        output = child.stdout.read().decode()
        child.stdout.close()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if child.returncode:
        sys.stderr.write((folder / "log").read_text()[-2000:])
        raise SystemExit(f"{command[0]} ended with {child.returncode}")
    return Measured(seconds, used.ru_maxrss / 1024, output)


def run_bulk(folder: Path, port: int, batch_size: int) -> Measured:
    """Run the job with a new ledger."""
    for old in folder.glob("benchmark.ledger*"):
        old.unlink()
    bulk = Path(sys.executable).parent / "bulk"
    options = ["--yes", "--log-format", "json", "--ledger", "benchmark.ledger"]
    settings = [
        f"destinations.customerly.base_url=http://127.0.0.1:{port}/{batch_size}/v1",
        f"steps.0.batch_size={batch_size}",
    ]
    overlaid = [word for setting in settings for word in ("--set", setting)]
    return measure([str(bulk), "run", "job.yaml", *options, *overlaid], folder)


def run_bare(folder: Path, port: int, batch_size: int) -> float:
    """Run the bare loop and return the seconds of its loop alone."""
    url = f"http://127.0.0.1:{port}/{batch_size}/v1/users"
    script = [sys.executable, str(HERE / "baseline.py"), url, "contacts.csv", "--batch-size", str(batch_size)]
    seconds: float = json.loads(measure(script, folder).output)["seconds"]
    return seconds


def compare(port: int, rows: int, batch_size: int, times: int) -> dict[str, float]:
    """Run both in turn, ``times`` times after one warm-up, and compare the medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_contacts(folder / "contacts.csv", rows)
        shutil.copy(HERE / "job.yaml", folder)
        pairs = [
            (run_bulk(folder, port, batch_size), run_bare(folder, port, batch_size)) for _ in range(times + 1)
        ][1:]
    ours = statistics.median(run.seconds for run, _ in pairs)
    bare = statistics.median(seconds for _, seconds in pairs)
    return {
        "rows": rows,
        "batch_size": batch_size,
        "bulk_rows_per_second": round(rows / ours),
        "bare_rows_per_second": round(rows / bare),
        "bulk_to_bare": round(bare / ours, 3),
        "bulk_peak_mb": round(max(run.peak_mb for run, _ in pairs)),
    }


def main() -> None:
    """Read the command line, measure, print one line of JSON for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5, help="how often each side runs")
    parser.add_argument("--single", type=int, default=50_000, help="rows sent one by one")
    parser.add_argument("--batched", type=int, default=1_000_000, help="rows sent in batches")
    given = parser.parse_args()
    with fixed_server() as port:
        for rows, batch_size in ((given.single, 1), (given.batched, 100), (given.batched, 1000)):
            print(json.dumps(compare(port, rows, batch_size, given.times)), flush=True)


if __name__ == "__main__":
    main()
