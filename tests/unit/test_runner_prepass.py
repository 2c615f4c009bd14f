"""Whether a run goes on with the last pass, or begins another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs_by_hand import load
from ledgers import add_pass, entry

from bulk.errors import LedgerError
from bulk.job import Job
from bulk.ledger import Ledger
from bulk.prepare import open_job_source, prepare
from bulk.runner.prepass import choose_pass
from bulk.runner.setup import Options, Setup

JOB = """\
name: sync
source: {path: people.csv}
destinations: {customerly: {auth: {token: made-up}}}
steps: [{destination: customerly, operation: upsert_user, fields: {email: email}}]
"""
CHANGES = "sync: {mode: changes}\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "sync.ledger")
    yield made
    made.close()


def setup_of(job: Job, *, fresh: bool = False) -> Setup:
    (job.folder / "people.csv").write_text("email\na@example.com\nb@example.com\n")
    with open_job_source(job) as source:
        return prepare(job, source, {}, Options(fresh=fresh))


def leave(ledger: Ledger, setup: Setup, *, pending: bool) -> None:
    """Leave a pass over the list "old" behind."""
    add_pass(ledger, 2, facts=setup.facts("old"))
    ledger.begin_run(1000.0, {})
    ledger.commit([entry(1, 1 if pending else 2)])


GOES_ON, BEGINS, REFUSES = "goes on", "begins", "refuses"


@pytest.mark.parametrize(
    ("mode", "pending", "source", "job", "expected"),
    [
        ("", True, "old", "same", GOES_ON),
        ("", True, "new", "same", REFUSES),
        ("", True, "old", "other", REFUSES),
        ("", False, "old", "same", GOES_ON),
        ("", False, "new", "same", BEGINS),
        ("", False, "old", "other", BEGINS),
        (CHANGES, True, "old", "same", GOES_ON),
        (CHANGES, True, "new", "same", BEGINS),
        (CHANGES, True, "old", "other", REFUSES),
        (CHANGES, True, "new", "other", REFUSES),
        (CHANGES, False, "old", "same", BEGINS),
        (CHANGES, False, "new", "same", BEGINS),
        (CHANGES, False, "new", "other", BEGINS),
    ],
)
def test_what_follows_a_pass(
    ledger: Ledger, tmp_path: Path, mode: str, source: str, job: str, expected: str, *, pending: bool
) -> None:
    leave(ledger, setup_of(load(tmp_path, JOB + mode)), pending=pending)
    text = JOB if job == "same" else JOB.replace("upsert_user", "upsert_lead")
    setup = setup_of(load(tmp_path, text + mode))

    if expected == REFUSES:
        with pytest.raises(LedgerError, match="--fresh"):
            choose_pass(setup, ledger, source, lambda: 2000.0)
    else:
        assert choose_pass(setup, ledger, source, lambda: 2000.0) is (expected == BEGINS)
    assert ledger.number == (2 if expected == BEGINS else 1)


@pytest.mark.parametrize("mode", ["", CHANGES])
def test_fresh_begins_in_any_case(ledger: Ledger, tmp_path: Path, mode: str) -> None:
    leave(ledger, setup_of(load(tmp_path, JOB + mode)), pending=True)

    assert choose_pass(setup_of(load(tmp_path, JOB + mode), fresh=True), ledger, "old", lambda: 2000.0)


def test_a_pass_that_nothing_let_begin_is_no_pass(ledger: Ledger, tmp_path: Path) -> None:
    setup = setup_of(load(tmp_path, JOB + CHANGES))
    leave(ledger, setup, pending=False)
    add_pass(ledger, 1, facts=setup.facts("truncated"))  # killed before a guard could look at it

    assert choose_pass(setup, ledger, "truncated", lambda: 2000.0)
    assert (ledger.number, ledger.former) == (2, 1)
