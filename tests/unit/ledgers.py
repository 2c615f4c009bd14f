"""Ledgers for tests: small passes, and outcomes to put into them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from bulk.conversation import KEY, ROW, Status, Verdict
from bulk.ledger import Entry, Ledger, PassFacts

FACTS = PassFacts("sync", "sha256:job", "f1", {"paths": ["people.csv"]}, [("users", "here", "upsert_user")])
GOOD = Verdict(Status.SUCCEEDED, http_status=200)
BAD = Verdict(Status.FAILED, "refused", 422, error_message="no")


def told_frame(told: Mapping[int, tuple[str, str, str]]) -> pl.DataFrame:
    chosen = [(row, *values) for row, values in sorted(told.items())]
    schema = {ROW: pl.UInt32, "status": pl.String, "reason": pl.String, "message": pl.String}
    return pl.DataFrame(chosen, schema=schema, orient="row")


def key_frame(first: int, last: int) -> pl.DataFrame:
    numbers = range(first, last + 1)
    return pl.DataFrame(
        {
            ROW: pl.Series(list(numbers), dtype=pl.UInt32),
            KEY: [f"p{number}@example.com" for number in numbers],
        }
    )


def begin(
    path: Path,
    rows: int = 10,
    *told: Mapping[int, tuple[str, str, str]],
    facts: PassFacts = FACTS,
    chunk: int = 4,
) -> Ledger:
    """Return a ledger with a pass that has been read; the caller closes it."""
    ledger = Ledger(path)
    add_pass(ledger, rows, *told, facts=facts, chunk=chunk)
    ledger.begin_run(1000.0, {"version": "test"})
    return ledger


def add_pass(
    ledger: Ledger,
    rows: int,
    *told: Mapping[int, tuple[str, str, str]],
    facts: PassFacts = FACTS,
    chunk: int = 4,
) -> None:
    ledger.begin_pass(facts, 900.0)
    for first in range(1, rows + 1, chunk):
        ledger.write_keys(key_frame(first, min(first + chunk - 1, rows)))
    for step, of_step in enumerate(told):
        ledger.write_told(step, told_frame(of_step))
    ledger.end_reading(rows, 950.0)


def entry(first: int, last: int, verdict: Verdict = GOOD, step: int = 0, at: float = 1001.0) -> Entry:
    return Entry(step, first, last, verdict, 1, at - 0.5, at)


def entries_in(ledger: Ledger) -> Iterable[tuple[int, int]]:
    found: list[tuple[int, int]] = ledger._query("SELECT first_row, last_row FROM entries ORDER BY seq")
    return found
