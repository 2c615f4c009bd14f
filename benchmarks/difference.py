"""The difference alone: what a ledger knows to have arrived is read, and a source compared with it.

python benchmarks/difference.py job.yaml contacts.ledger --set source.path=contacts.csv
"""

import json
import os
import sys
import time
from pathlib import Path

import polars as pl

from bulk.job import load_job
from bulk.ledger.deliveries import as_known
from bulk.plan.changes import UNCHANGED
from bulk.prepare import open_job_source, prepare
from bulk.runner.prepass import comparisons
from bulk.runner.setup import Options


def main() -> None:
    """Print the seconds that it took, without those of reading the source, and how many records differ."""
    path, ledger, *words = sys.argv[1:]
    job = load_job(Path(path), os.environ, [word for word in words if word != "--set"])
    with open_job_source(job) as source:
        setup = prepare(job, source, os.environ, Options())
        fingerprint, clock = source.fingerprint(), time.perf_counter
        started = clock()
        arrived = as_known(Path(ledger), setup.digest, fingerprint, [step.scope for step in setup.steps])
        compared = comparisons(setup, arrived.__getitem__, lambda _wanted, _hashed: pl.Series(), 0.0)
        spent, differing = clock() - started, 0
        for chunk in source.chunks():
            before = clock()
            differing += int((~compared.changes[0].compare(chunk.frame)[UNCHANGED]).sum())
            spent += clock() - before
    sys.stdout.write(json.dumps({"seconds": spent, "differing": differing}))


if __name__ == "__main__":
    main()
