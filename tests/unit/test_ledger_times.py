from pathlib import Path

import pytest
from ledgers import add_pass, begin, entry

from bulk.errors import LedgerError
from bulk.ledger import Ledger
from bulk.ledger.times import StepTimes, last_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sync.ledger"


def test_a_step_goes_from_its_first_request_to_its_last_outcome(path: Path) -> None:
    ledger = begin(path, 6)
    ledger.commit([entry(1, 2), entry(3, 6)])
    ledger.close()
    sent = [(one.first_sent_at, one.finished_at) for one in (entry(1, 2), entry(3, 6))]
    times = last_run(path)
    assert times is not None
    assert (times.run, times.began, times.read) == (1, 1000.0, (900.0, 950.0))
    (step,) = times.steps
    assert step == StepTimes(
        "users",
        "here",
        "upsert_user",
        (min(first or last for first, last in sent), max(last for _, last in sent)),
    )


def test_only_what_the_last_run_settled_counts(path: Path) -> None:
    ledger = begin(path, 2)
    ledger.commit([entry(1, 1)])
    ledger.begin_run(5000.0, {})
    ledger.close()
    times = last_run(path)
    assert times is not None
    assert (times.run, times.began, times.steps) == (2, 5000.0, [])


def test_a_ledger_of_which_nothing_was_sent_has_no_run(path: Path) -> None:
    ledger = Ledger(path)
    add_pass(ledger, 2)
    ledger.close()
    assert last_run(path) is None


def test_what_is_no_ledger_is_refused(path: Path) -> None:
    with pytest.raises(LedgerError):
        last_run(path)
