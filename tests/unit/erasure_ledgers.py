"""Ledgers of erasures for tests: three people at one destination, and what became of them."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from bulk.conversation import KEY, ROW, Status, Verdict, Verification
from bulk.ledger import Entry, Ledger, PassFacts, Person
from bulk.ledger.keys import hasher
from bulk.plan.subjects import found_subjects, given_subjects, naming, requests

SECRET = b"a secret made up for tests"
KINDS = {"email": "email", "user_id": "id"}
EMAILS = ["ann@example.com", "bob@example.com", "cyd@example.com"]
ERASING: Mapping[str, Any] = {
    "destinations": {"here": {"system": "customerly", "base_url": "https://api.acme.test/v1"}},
    "steps": {"erase": {"operation": "erase_person", "options": {"matches": "certain"}, "by_hand": ""}},
    "holds": [],
}
FACTS = PassFacts(
    "erasure",
    "sha256:job",
    "f1",
    {"paths": ["/data/requests.csv"]},
    [("erase", "here", "erase_person")],
    ERASING,
    b'{"folder": "/", "job": {}}',
)
TAKEN = Verdict(Status.PENDING, http_status=200, verification=Verification.PENDING)
GONE = Verdict(Status.SUCCEEDED, http_status=200, verification=Verification.ABSENT)
KEPT = Verdict(Status.FAILED, "still_present", 200, verification=Verification.STILL_PRESENT)


def records(*people: Mapping[str, Any], first: int = 1) -> pl.DataFrame:
    rows = range(first, first + len(people))
    columns = ("email", "user_id", "reference", "received_at", "due_at")
    values = {name: pl.Series([one.get(name) for one in people], dtype=pl.String) for name in columns}
    return pl.DataFrame({ROW: pl.Series(list(rows), dtype=pl.UInt32), **values})


def open_ledger(path: Path, *secrets: bytes) -> Ledger:
    """Return a ledger that records erasures; its random bytes are always the same."""
    numbers = count(1)
    ledger = Ledger(path, lambda size: next(numbers).to_bytes(size, "big"))
    ledger.protect(secrets or (SECRET,), hashed=True, erasing=True)
    return ledger


def begin_erasures(path: Path, facts: PassFacts = FACTS, emails: list[str] = EMAILS) -> Ledger:
    """Return a ledger with a pass of requests that were read; the caller closes it."""
    ledger = open_ledger(path)
    add_erasures(ledger, facts, emails)
    return ledger


def add_erasures(ledger: Ledger, facts: PassFacts = FACTS, emails: list[str] = EMAILS) -> None:
    ledger.begin_pass(facts, 900.0)
    rows = pl.Series(ROW, range(1, len(emails) + 1), dtype=pl.UInt32)
    ledger.write_keys(pl.DataFrame([rows, hasher(SECRET)(pl.Series(KEY, emails))]))
    asked = records(
        *(
            {"email": email, "reference": f"T-{row}", "received_at": "2026-01-31T09:00:00+01:00"}
            for row, email in enumerate(emails, 1)
        )
    )
    recipe = naming(SECRET)
    ledger.erasures.write(ledger.number, 0, given_subjects(asked, KINDS, recipe), requests(asked))
    ledger.end_reading(len(emails), 950.0)
    ledger.begin_run(1000.0, {"version": "test", "approval": "--yes"})


def outcome(row: int, verdict: Verdict, at: float = 1001.0, last: int | None = None) -> Entry:
    return Entry(0, row, last or row, verdict, 1, at - 0.5, at)


def person(row: int, *names: tuple[str, str]) -> Person:
    return Person(0, row, names, found_subjects(row, names, KINDS, naming(SECRET)))


def erase_three(ledger: Ledger) -> None:
    """Let two people be gone, and one be kept by the destination."""
    ledger.commit([], people=[person(1, ("user_id", "user-1111")), person(2, ("user_id", "user-2222"))])
    ledger.commit([outcome(1, TAKEN, last=3)])
    ledger.commit([outcome(1, GONE, 1010.0, last=2), outcome(3, KEPT, 1060.0)])
    ledger.end_run(1061.0, 3, {})
