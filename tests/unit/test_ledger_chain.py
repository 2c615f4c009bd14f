"""The hash chain: it holds whatever is written, and nothing that was recorded can be changed unnoticed."""

import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from erasure_ledgers import (
    FACTS,
    SECRET,
    TAKEN,
    add_erasures,
    begin_erasures,
    erase_three,
    open_ledger,
    outcome,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import begin

from bulk.errors import BulkError
from bulk.ledger import Ledger
from bulk.ledger.chain import TABLES, Checked, commitment
from bulk.ledger.record import Record, reading

CHANGES = [
    ("passes", "fingerprint = 'f2'"),
    ("passes", "started_at = started_at + 0.001"),
    ("runs", "facts = json_set(facts, '$.approval', 'typed count')"),
    ("runs", "exit_code = 0"),
    ("keys", "body = zeroblob(length(body))"),
    ("entries", "status = 'succeeded' WHERE status = 'failed'"),
    ("entries", "finished_at = finished_at - 86400"),
    ("entries", "first_row = 1 WHERE first_row = 3"),
    ("subjects", "body = substr(body, 1, length(body) - 1) || x'01'"),
    ("requests", "step = 1"),
    ("jobs", "facts = replace(facts, 'certain', 'all')"),
    ("steps", "destination = 'there'"),
    ("facts", "value = 'plain' WHERE name = 'keys'"),
    ("chain", "items = CAST(replace(items, 'entries', 'entrees') AS BLOB)"),
    ("chain", "items = x'FF' WHERE seq = 2"),
    ("chain", "items = 'text' WHERE seq = 2"),
    ("chain", "head = 7 WHERE seq = 2"),
    ("chain", "head = zeroblob(32) WHERE seq = 3"),
    ("salts", "salt = zeroblob(16) WHERE place = 'entries'"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of three erasures."""
    path = tmp_path / "erasure.ledger"
    ledger = begin_erasures(path)
    erase_three(ledger)
    ledger.close()
    return path


def checked(path: Path) -> Checked:
    with reading(path) as reader:
        return reader.check()


def meddle(path: Path, sql: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        changed = connection.execute(sql).rowcount
        connection.commit()
    return changed


def test_a_chain_holds_over_passes_runs_and_reopening(path: Path) -> None:
    before = checked(path)
    ledger = open_ledger(path)
    add_erasures(ledger)
    ledger.commit([outcome(1, TAKEN)])
    ledger.close()

    after = checked(path)

    assert (before.problems, after.problems) == ([], [])
    assert after.links > before.links > 0
    assert after.heads[before.links] == before.head
    assert after.rows > before.rows


def test_a_pass_that_was_refused_and_dropped_leaves_the_chain_whole(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.begin_pass(FACTS, 2000.0)
    ledger.end_reading(0, 2001.0)
    ledger.drop_pass()
    add_erasures(ledger)
    ledger.close()

    assert checked(path).problems == []


def test_a_ledger_that_recorded_other_things_before_is_taken_over_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.ledger"
    older = begin(path)
    older.settle_fact("keys", "plain")
    older.close()
    ledger = Ledger(path)
    ledger.protect((SECRET,), hashed=False, erasing=True)
    ledger.close()

    found = checked(path)

    assert found.problems == []
    assert {table for table, _ in found.since} >= {"passes", "runs", "keys", "facts"}


@pytest.mark.parametrize(("table", "change"), CHANGES)
def test_a_changed_value_is_found(path: Path, table: str, change: str) -> None:
    assert meddle(path, f"UPDATE {table} SET {change}") > 0

    assert checked(path).problems


@pytest.mark.parametrize("table", [*TABLES, "chain"])
def test_a_row_that_is_gone_is_found(path: Path, table: str) -> None:
    gone = meddle(path, f"DELETE FROM {table}")

    assert bool(gone) == bool(checked(path).problems)


def add_outcome(path: Path) -> None:
    """Write an outcome that no link of the chain knows."""
    columns = "pass, step, run, first_row, last_row, status, reason, error_code, error_message, attempts"
    rest = "request_id, object_id, verification, finished_at"
    values = "1, 0, 1, 3, 3, 'succeeded', '', '', '', 1, '', '', 'absent', 2000.0"
    meddle(path, f"INSERT INTO entries ({columns}, {rest}) VALUES ({values})")


def test_a_row_that_was_added_is_found(path: Path) -> None:
    add_outcome(path)

    (problem,) = checked(path).problems

    assert problem.endswith("the row was added, and no link knows it")


def test_what_no_link_knows_had_not_been_written_by_any(path: Path) -> None:
    with reading(path) as reader:
        before = reader.record()
    add_outcome(path)

    with reading(path) as reader:
        found = reader.check()
        assert _said(reader.record(found, found.links)) == _said(before)
        assert _said(reader.record()) != _said(before)


def test_what_was_written_up_to_a_link_is_what_the_ledger_said_then(tmp_path: Path) -> None:
    path = tmp_path / "erasure.ledger"
    ledger = begin_erasures(path)
    said: dict[int, object] = {}
    for row in (1, 2, 3):
        with reading(path) as reader:
            said[reader.check().links] = _said(reader.record())
        ledger.commit([outcome(row, TAKEN)])
    ledger.close()

    with reading(path) as reader:
        found = reader.check()
        assert {link: _said(reader.record(found, link)) for link in said} == said


def test_what_a_run_overwrote_by_itself_is_found(path: Path) -> None:
    """Somebody with our own code could rewrite an outcome and link it; only a purge may."""
    ledger = open_ledger(path)
    with ledger._transaction() as connection:
        connection.execute("UPDATE entries SET status = 'succeeded' WHERE seq = 3")
    ledger.close()

    (problem,) = checked(path).problems

    assert problem.endswith("was written again, and not by a purge")


def test_links_that_were_cut_off_leave_a_chain_without_the_head_that_evidence_names(path: Path) -> None:
    head = checked(path).head
    with closing(sqlite3.connect(path)) as connection:
        last = connection.execute("SELECT max(seq) FROM chain").fetchone()[0]
        connection.execute("DELETE FROM chain WHERE seq = ?", (last,))
        connection.commit()

    assert head not in checked(path).heads.values()


@given(where=st.integers(0, 10**9), flip=st.integers(1, 255))
@settings(deadline=None)
def test_no_changed_byte_of_the_file_changes_what_is_said_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, where: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("bytes", numbered=True)
    path = folder / "erasure.ledger"
    ledger = begin_erasures(path)
    erase_three(ledger)
    ledger.close()
    with reading(path) as reader:
        before = reader.record()
    content = bytearray(path.read_bytes())
    content[where % len(content)] ^= flip
    path.write_bytes(content)

    with suppress(BulkError), reading(path) as reader:
        found = reader.check()
        after = reader.record()
        assert found.problems or _said(after) == _said(before)


def _said(record: Record) -> object:
    """Return all that a record says, frames as rows: printed they are cut short."""
    frames = ("subjects", "requests", "told", "outcomes")
    passes = [
        (replace(one, steps=()), [[getattr(step, name).rows() for name in frames] for step in one.steps])
        for one in record.passes
    ]
    steps = [(step.index, step.name, step.destination) for one in record.passes for step in one.steps]
    return record.secret, record.purged, passes, steps


def test_a_commitment_tells_types_and_borders_apart() -> None:
    rows = [(1,), ("1",), (1.0,), (b"1",), (None,), ("1", ""), ("", "1"), ("a", "bc"), ("ab", "c")]

    assert len({commitment(b"salt", row) for row in rows}) == len(rows)
    assert commitment(b"salt", (1,)) != commitment(b"tlas", (1,))
