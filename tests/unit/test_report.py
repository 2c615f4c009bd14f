from dataclasses import replace
from pathlib import Path

import pytest
from ledgers import BAD, FACTS, GOOD, begin, entry

from bulk.conversation import Status, Verdict
from bulk.ledger import Entry, Ledger
from bulk.ledger.view import View
from bulk.report.advice import advice, remedies, stops
from bulk.report.summary import Cause, causes, rate, seconds_left, status_facts

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


def test_the_commonest_causes_come_first_over_all_steps_with_an_example_in_our_own_words(path: Path) -> None:
    steps = [("users", "here", "upsert_user"), ("tags", "here", "tag")]
    bad = ("rejected", "bad_value", "line 11: no date")
    ledger = begin(path, 10, {10: bad}, {9: bad, 10: bad}, facts=replace(FACTS, steps=steps))
    ledger.commit([entry(2, 5, BAD), entry(1, 1, LOST), entry(6, 6, replace(BAD, reason="taken"))])
    ledger.commit([replace(entry(3, 3, BAD), step=1)])
    ledger.close()

    with View(path) as view:
        found = causes(view)

    assert [str(cause) for cause in found] == [
        "users, tags: 5 failed: refused, such as row 2",
        "tags, users: 3 rejected: bad_value, such as row 9: line 11: no date",
        "users: 1 failed: taken, such as row 6",
    ]


def test_a_cause_of_many_steps_names_some_of_them() -> None:
    cause = Cause("failed", "refused", 10, {"a": 4, "b": 3, "c": 2, "d": 1}, 1234, "")

    assert str(cause) == "a, b, c, ...: 10 failed: refused, such as row 1,234"


def test_why_an_answer_was_lost_is_said_in_our_own_words(path: Path) -> None:
    ledger = begin(path, 1)
    ledger.commit([entry(1, 1, LOST)])
    ledger.close()

    with View(path) as view:
        assert [str(one) for one in causes(view)] == [
            "users: 1 unknown: timeout, such as row 1: no answer within 30 s"
        ]


def test_the_words_of_a_destination_are_not_an_example(path: Path) -> None:
    ledger = begin(path, 1)
    ledger.commit([entry(1, 1, replace(BAD, error_message="the user Marker is not valid"))])
    ledger.close()

    with View(path) as view:
        assert [one.message for one in causes(view)] == [""]


@pytest.mark.parametrize(
    ("verdict", "command", "says"),
    [
        (
            BAD,
            "bulk export sync.ledger -o failed.csv --status failed,rejected --with-source",
            "destination said",
        ),
        (replace(BAD, reason="server_error"), "bulk run JOB --retry failed", "once it is well"),
        (replace(BAD, reason="not_configured"), "bulk run JOB --retry failed", "Set the credential"),
        (replace(BAD, reason="still_present"), "bulk run JOB --retry failed", "remove them once more"),
        (LOST, "bulk run JOB --retry unknown", "whether they arrived"),
    ],
)
def test_each_cause_has_the_command_that_deals_with_it(
    path: Path, verdict: Verdict, command: str, says: str
) -> None:
    ledger = begin(path, 1)
    ledger.commit([entry(1, 1, verdict)])
    ledger.close()

    with View(path) as view:
        ((_, remedy),) = remedies(view)
        known = [one["command"] for one in advice(view)]

    assert remedy["command"] == command
    assert remedy["command"] in known
    assert says in remedy["why"]


def test_rows_that_cannot_be_exported_are_mended_in_the_source(path: Path) -> None:
    ledger = begin(path, 2, {1: ("rejected", "malformed_row", "line 2: no")})
    ledger.close()

    with View(path) as view:
        assert [remedy["why"] for _, remedy in remedies(view)] == [
            "They cannot be taken apart: an export tells which lines of the source to mend."
        ]


def test_a_ledger_tells_why_its_last_run_stopped(path: Path) -> None:
    ledger = begin(path, 1)
    ledger.end_run(1001.0, 4, {"stopped": {"here": "here: the server refused the credentials (401)"}})
    ledger.close()

    with View(path) as view:
        assert stops(view) == ["here: the server refused the credentials (401)"]
    ledger = Ledger(path)
    ledger.last_pass()
    ledger.begin_run(1002.0, {})
    ledger.close()
    with View(path) as view:
        assert stops(view) == []
