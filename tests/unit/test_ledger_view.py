import sqlite3
from pathlib import Path

import polars as pl
import pytest
from ledgers import BAD, FACTS, GOOD, begin, entry, key_frame

from bulk.conversation import Status, Verdict
from bulk.errors import LedgerError
from bulk.ledger import Entry, Ledger, PassFacts
from bulk.ledger.view import EXPORT, View

TWO_STEPS = PassFacts(
    "sync",
    "sha256:job",
    "f1",
    {"paths": ["people.csv"]},
    [("users", "here", "upsert_user"), ("leads", "there", "upsert_lead")],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sync.ledger"


def two_steps(path: Path) -> None:
    first = {2: ("rejected", "bad_value", "no"), 5: ("skipped", "duplicate", "row 6 is sent instead")}
    second = {2: ("skipped", "earlier_step", "rejected")}
    ledger = begin(path, 6, first, second, facts=TWO_STEPS)
    ledger.commit([entry(1, 4), entry(6, 6, BAD), entry(1, 3, BAD, step=1)])
    ledger.close()


def exported(path: Path) -> pl.DataFrame:
    with View(path) as view:
        return pl.concat(view.lines())


def test_a_mistake_of_this_program_is_not_told_as_damage(path: Path) -> None:
    two_steps(path)
    with View(path) as view:
        pass

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        _ = view.steps


def test_lines_have_the_columns_of_the_contract_in_its_order(path: Path) -> None:
    two_steps(path)

    assert exported(path).columns == list(EXPORT)
    assert ",".join(EXPORT) == (
        "row,key,step,destination,operation,status,reason,http_status,error_code,error_message,attempts,"
        "request_id,first_sent_at,finished_at,verification,verified_at,object_id"
    )


def test_there_is_one_line_per_row_and_step_in_row_order(path: Path) -> None:
    two_steps(path)

    lines = exported(path).select("row", "step", "status", "reason").rows()

    assert lines == [
        (1, "users", "succeeded", ""),
        (1, "leads", "failed", "refused"),
        (2, "users", "rejected", "bad_value"),
        (2, "leads", "skipped", "earlier_step"),
        (3, "users", "succeeded", ""),
        (3, "leads", "failed", "refused"),
        (4, "users", "succeeded", ""),
        (4, "leads", "pending", ""),
        (5, "users", "skipped", "duplicate"),
        (5, "leads", "pending", ""),
        (6, "users", "failed", "refused"),
        (6, "leads", "pending", ""),
    ]


def test_a_line_names_its_key_and_where_it_was_sent(path: Path) -> None:
    two_steps(path)

    lines = exported(path).filter(pl.col("row") == 3).select("key", "destination", "operation").rows()

    assert lines == [("p3@example.com", "here", "upsert_user"), ("p3@example.com", "there", "upsert_lead")]


def test_times_are_iso_8601_in_utc_to_the_millisecond(path: Path) -> None:
    ledger = begin(path, 2)
    ledger.commit([Entry(0, 1, 1, GOOD, 3, 1_750_000_000.0004, 1_750_000_001.25)])
    ledger.close()

    lines = exported(path).select("first_sent_at", "finished_at", "verified_at", "attempts").rows()

    assert lines == [
        ("2025-06-15T15:06:40.000Z", "2025-06-15T15:06:41.250Z", None, 3),
        (None, None, None, None),
    ]


def test_what_a_destination_said_is_given_back_word_for_word(path: Path) -> None:
    verdict = Verdict(
        Status.FAILED, "refused", 422, "E7", '=cmd()\n"quoted", zoë', "req-9", "obj-1", "absent"
    )
    ledger = begin(path, 1)
    ledger.commit([entry(1, 1, verdict)])
    ledger.close()

    columns = (
        "status",
        "reason",
        "http_status",
        "error_code",
        "error_message",
        "request_id",
        "object_id",
        "verification",
    )
    assert exported(path).select(columns).row(0) == (
        "failed", "refused", 422, "E7", '=cmd()\n"quoted", zoë', "req-9", "obj-1", "absent",
    )  # fmt: skip


def test_counts_of_every_step_balance(path: Path) -> None:
    two_steps(path)

    with View(path) as view:
        assert [{name: n for name, n in step.counts.items() if n} for step in view.steps] == [
            {"succeeded": 3, "failed": 1, "rejected": 1, "skipped": 1},
            {"failed": 3 - 1, "skipped": 1, "pending": 3},
        ]
        assert (view.balanced, view.state) == (True, "sending")


def test_the_tally_counts_rows_by_status_reason_and_message(path: Path) -> None:
    two_steps(path)

    with View(path) as view:
        assert view.steps[0].tally.rows() == [
            ("failed", "refused", "no", 1),
            ("rejected", "bad_value", "no", 1),
            ("skipped", "duplicate", "row 6 is sent instead", 1),
            ("succeeded", "", "", 3),
        ]


def test_entries_that_were_overruled_do_not_count(path: Path) -> None:
    ledger = begin(path, 3)
    ledger.commit([entry(1, 3, BAD)])
    ledger.commit([entry(1, 3)])
    ledger.close()

    with View(path) as view:
        assert view.steps[0].tally.rows() == [("succeeded", "", "", 3)]
        assert view.state == "finished"


def test_a_source_without_rows_is_a_finished_pass(path: Path) -> None:
    begin(path, 0).close()

    with View(path) as view:
        assert (view.rows, view.balanced, view.state) == (0, True, "finished")
        assert list(view.lines()) == []


def test_a_pass_that_is_still_being_read_has_a_state_but_no_lines(path: Path) -> None:
    ledger = Ledger(path)
    ledger.begin_pass(FACTS, 1.0)
    ledger.write_keys(key_frame(1, 4))

    with View(path) as view:
        assert (view.rows, view.balanced, view.state) == (None, False, "reading")
        with pytest.raises(LedgerError, match="still reading"):
            list(view.lines())
    ledger.close()


def test_a_pass_that_does_not_exist_is_refused(path: Path) -> None:
    two_steps(path)

    with pytest.raises(LedgerError, match="no pass 7"):
        View(path, 7)


def test_a_view_knows_its_source(path: Path) -> None:
    two_steps(path)

    with View(path, 1) as view:
        assert (view.job, view.digest, view.fingerprint, view.source) == (
            "sync",
            "sha256:job",
            "f1",
            {"paths": ["people.csv"], "marks": []},
        )


def test_lines_after_an_entry_are_of_rows_for_which_a_newer_one_holds(path: Path) -> None:
    two_steps(path)
    with View(path) as view:
        before = view.newest[1]
    ledger = Ledger(path)
    ledger.last_pass()
    ledger.commit([entry(6, 6, GOOD), entry(4, 4, BAD, step=1), entry(1, 1, BAD, step=1)])
    ledger.close()
    with View(path) as view:
        newer = pl.concat(view.lines(before)).select("row", "step", "status").rows()
        none = pl.concat(view.lines(view.newest[1]))
    assert newer == [(1, "leads", "failed"), (4, "leads", "failed"), (6, "users", "succeeded")]
    assert none.is_empty()


def test_a_pass_of_which_nothing_settled_has_no_entry(path: Path) -> None:
    begin(path, 2).close()
    with View(path) as view:
        assert view.newest == {}


def test_what_a_run_learns_stands_beside_its_facts(path: Path) -> None:
    ledger = begin(path, 2)
    ledger.end_run(2000.0, 3, {"rates": {"here": 5.0}})
    ledger.learn({"notified": 7})
    ledger.close()
    with View(path) as view:
        (run,) = view.runs
    assert run["facts"] == {"version": "test", "rates": {"here": 5.0}, "notified": 7}
    assert (run["ended_at"], run["exit_code"]) == (2000.0, 3)
