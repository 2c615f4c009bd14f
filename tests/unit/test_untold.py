"""What a webhook was not told yet is found over all passes of a ledger."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ledgers import BAD, add_pass, entry

from bulk.api.untold import TELLS, Untold, untold
from bulk.ledger import Ledger
from bulk.ledger.view import View

TELLING = {"sandbox": False, TELLS: True}
SILENT = {"sandbox": False}
SANDBOX = {"sandbox": True, TELLS: True}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sync.ledger"


def nights(path: Path, *runs: dict[str, Any]) -> Ledger:
    """Return a ledger with a pass for each run, of one row and one entry; the caller closes it."""
    ledger = Ledger(path)
    for facts in runs:
        add_pass(ledger, 1)
        ledger.begin_run(1000.0, facts)
        ledger.commit([entry(1, 1)])
    return ledger


def found(path: Path, number: int | None = None) -> list[Untold]:
    with View(path, number) as view:
        return untold(view)


def tell(ledger: Ledger, *told: Untold) -> None:
    for one in told:
        ledger.learn(one.noted)


def test_passes_that_were_never_told_are_found_oldest_first_whatever_pass_is_looked_at(path: Path) -> None:
    nights(path, TELLING, TELLING).close()
    assert found(path) == found(path, 1) == [Untold(1, None, 1), Untold(2, None, 2)]


def test_what_was_told_is_found_no_more_though_a_later_pass_was_not_taken(path: Path) -> None:
    ledger = nights(path, TELLING, TELLING)
    tell(ledger, Untold(1, None, 1))
    ledger.close()
    assert found(path) == [Untold(2, None, 2)]


def test_one_run_notes_all_that_it_told(path: Path) -> None:
    ledger = nights(path, TELLING, TELLING)
    tell(ledger, *found(path))
    ledger.close()
    assert found(path) == []


def test_of_a_pass_that_was_told_what_was_settled_since_is_found(path: Path) -> None:
    ledger = nights(path, TELLING, TELLING)
    tell(ledger, *found(path))
    ledger.amend(1, [entry(1, 1, BAD)])
    ledger.close()
    assert found(path) == [Untold(1, 1, 3)]


def test_what_was_told_last_holds(path: Path) -> None:
    ledger = nights(path, TELLING)
    tell(ledger, *found(path))
    ledger.begin_run(1100.0, TELLING)
    ledger.commit([entry(1, 1, BAD)])
    tell(ledger, *found(path))
    ledger.close()
    assert found(path) == []


def test_a_pass_without_a_run_that_was_to_tell_is_not_found(path: Path) -> None:
    nights(path, SILENT, TELLING, SILENT, TELLING).close()
    assert [one.number for one in found(path)] == [2, 4]


def test_a_pass_is_found_as_soon_as_one_of_its_runs_was_to_tell(path: Path) -> None:
    ledger = nights(path, SILENT)
    ledger.begin_run(1100.0, TELLING)
    ledger.close()
    assert found(path) == [Untold(1, None, 1)]


def test_readers_of_people_who_were_erased_are_no_runs_that_tell(path: Path) -> None:
    ledger = nights(path, TELLING)
    ledger.begin_run(1100.0, {"version": "test", "verify": "source"})
    ledger.begin_run(1200.0, TELLING)
    ledger.close()
    assert [one.number for one in found(path)] == [1]


@pytest.mark.parametrize(("last", "numbers"), [(TELLING, [1, 3]), (SANDBOX, [2, 3])])
def test_what_came_of_the_sandbox_is_told_there_alone(
    path: Path, last: dict[str, Any], numbers: list[int]
) -> None:
    nights(path, TELLING, SANDBOX, last).close()
    assert [one.number for one in found(path)] == numbers


def test_a_pass_of_which_the_rows_were_purged_is_not_found(path: Path) -> None:
    ledger = nights(path, TELLING, TELLING)
    ledger.purging().purge([], np.array([], np.uint64), str, before=950.0, now=2000.0)
    ledger.close()
    assert [one.number for one in found(path)] == [2]


def test_a_pass_without_outcomes_is_told_once(path: Path) -> None:
    ledger = Ledger(path)
    add_pass(ledger, 0)
    ledger.begin_run(1000.0, TELLING)
    assert found(path) == [Untold(1, None, 0)]
    tell(ledger, *found(path))
    ledger.close()
    assert found(path) == []
