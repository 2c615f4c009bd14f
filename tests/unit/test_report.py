from dataclasses import replace
from pathlib import Path

import pytest
from ledgers import BAD, GOOD, begin, entry

from bulk.conversation import Status, Verdict
from bulk.ledger import Entry
from bulk.ledger.view import View
from bulk.report.summary import rate, seconds_left, status_facts, top_reasons

LOST = Verdict(Status.UNKNOWN, "timeout", error_message="no answer within 30 s")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sync.ledger"


def test_status_facts_are_what_scripts_read(path: Path) -> None:
    ledger = begin(path, 10, {1: ("rejected", "bad_value", "no"), 2: ("skipped", "filtered", "")})
    ledger.commit([Entry(0, 3, 6, GOOD, 1, 1000.0, 1002.0), Entry(0, 7, 8, BAD, 1, 1000.0, 1002.0)])
    ledger.close()

    with View(path) as view:
        facts = status_facts(view)

    assert facts == {
        "job": "sync",
        "rows": 10,
        "balanced": True,
        "state": "sending",
        "pass": 1,
        "runs": 1,
        "keys": "plain",
        "awaiting_verification": 0,
        "steps": {
            "users": {
                "succeeded": 4,
                "failed": 2,
                "rejected": 1,
                "skipped": 1,
                "unknown": 0,
                "pending": 2,
            }
        },
        "reasons": {
            "users": {
                "failed": {"refused": 2},
                "rejected": {"bad_value": 1},
                "skipped": {"filtered": 1},
            }
        },
        "rate": {"users": 3.0},
        "seconds_left": 0.7,
    }


def test_the_rate_counts_only_rows_that_were_sent(path: Path) -> None:
    told = dict.fromkeys(range(2, 10), ("skipped", "filtered", ""))
    ledger = begin(path, 10, told)
    ledger.commit([Entry(0, 1, 10, GOOD, 1, 1000.0, 1002.0)])
    ledger.close()

    with View(path) as view:
        assert rate(view.steps[0]) == 1.0


def test_the_rate_is_that_of_the_last_seconds(path: Path) -> None:
    ledger = begin(path, 1000)
    ledger.commit([Entry(0, 1, 900, GOOD, 1, 1000.0, 1001.0)])
    ledger.commit([Entry(0, 901, 910, GOOD, 1, 2000.0, 2005.0)])
    ledger.close()

    with View(path) as view:
        assert rate(view.steps[0]) == 2.0
        assert seconds_left(view) == 45.0


def test_before_the_first_answer_the_time_left_is_not_known(path: Path) -> None:
    begin(path, 5).close()

    with View(path) as view:
        assert (rate(view.steps[0]), seconds_left(view)) == (0.0, None)


def test_rows_settled_without_a_request_have_no_rate(path: Path) -> None:
    ledger = begin(path, 2)
    ledger.commit([Entry(0, 1, 1, Verdict(Status.SKIPPED, "earlier_step"), 0, None, 1000.0)])
    ledger.close()

    with View(path) as view:
        assert (rate(view.steps[0]), seconds_left(view)) == (0.0, None)


def test_when_all_is_settled_no_time_is_left(path: Path) -> None:
    ledger = begin(path, 2)
    ledger.commit([entry(1, 2)])
    ledger.close()

    with View(path) as view:
        assert seconds_left(view) == 0.0


def test_the_commonest_reasons_come_first_with_an_example_in_our_own_words(path: Path) -> None:
    ledger = begin(path, 10, {10: ("rejected", "bad_value", "line 11: no date")})
    ledger.commit([entry(1, 4), entry(5, 8, BAD), entry(9, 9, LOST)])
    ledger.close()

    with View(path) as view:
        lines = top_reasons(view)

    assert lines[0] == "users: 4 failed: refused"
    assert set(lines[1:]) == {
        "users: 1 rejected: bad_value, such as: line 11: no date",
        "users: 1 unknown: timeout, such as: no answer within 30 s",
    }


def test_the_words_of_a_destination_are_not_an_example(path: Path) -> None:
    ledger = begin(path, 1)
    ledger.commit([entry(1, 1, replace(BAD, error_message="the user Marker is not valid"))])
    ledger.close()

    with View(path) as view:
        assert top_reasons(view) == ["users: 1 failed: refused"]
