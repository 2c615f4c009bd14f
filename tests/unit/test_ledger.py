import contextlib
import hashlib
import hmac
import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import BAD, FACTS, GOOD, add_pass, begin, entries_in, entry, key_frame

from bulk.conversation import Status, Verdict
from bulk.errors import HeldError, LedgerError, StoppedError
from bulk.ledger import Board, Entry, Intent, Ledger, Memory
from bulk.ledger.board import CODE
from bulk.ledger.entries import coalesce
from bulk.ledger.file import check_ours
from bulk.ledger.keys import hasher
from bulk.ledger.schema import APPLICATION_ID
from bulk.ledger.view import View


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sync.ledger"


@pytest.fixture
def open_ledger(path: Path) -> Iterator[Callable[..., Ledger]]:
    """Open ledgers that are closed after the test."""
    opened: list[Ledger] = []

    def open_one(*given: object, **more: object) -> Ledger:
        opened.append(begin(path, *given, **more) if given or more else Ledger(path))  # type: ignore[arg-type]  # passed on
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


def counted(ledger: Ledger, step: int = 0) -> dict[Status, int]:
    return {status: count for status, count in ledger.boards[step].counts.items() if count}


# Outcomes.


def test_a_new_ledger_has_no_pass(open_ledger: Callable[..., Ledger]) -> None:
    assert open_ledger().last_pass() is None


def test_neighbours_that_settled_alike_are_one_entry(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(10, {4: ("rejected", "bad_value", "no")})

    ledger.commit([entry(7, 10), entry(1, 3), entry(5, 6)])

    assert entries_in(ledger) == [(1, 10)]
    assert counted(ledger) == {Status.SUCCEEDED: 9, Status.REJECTED: 1}


def test_a_row_that_is_to_be_sent_keeps_its_neighbours_apart(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(10)

    ledger.commit([entry(1, 3), entry(5, 10)])

    assert entries_in(ledger) == [(1, 3), (5, 10)]
    assert counted(ledger) == {Status.SUCCEEDED: 9, Status.PENDING: 1}


def test_merged_rows_share_the_earliest_and_the_latest_of_their_times() -> None:
    one = Entry(0, 1, 2, GOOD, 1, 10.0, 12.0)
    other = Entry(0, 3, 4, GOOD, 1, None, 11.0)

    assert coalesce([other, one], [Board(4)]) == [Entry(0, 1, 4, GOOD, 1, 10.0, 12.0)]


@pytest.mark.parametrize(
    "different", [{"attempts": 2}, {"verdict": BAD}, {"verdict": replace(GOOD, request_id="r")}, {"step": 1}]
)
def test_rows_that_differ_stand_apart(different: dict[str, object]) -> None:
    pair = [entry(1, 1), replace(entry(2, 2), **different)]  # type: ignore[arg-type]  # table values

    assert coalesce(pair, [Board(2), Board(2)]) == pair


def test_entries_about_the_same_row_keep_their_order(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(4)

    ledger.commit([entry(3, 3, BAD), entry(1, 4)])

    assert counted(ledger) == {Status.SUCCEEDED: 4}


def test_the_newest_commit_wins_also_after_reopening(open_ledger: Callable[..., Ledger], path: Path) -> None:
    ledger = open_ledger(6)
    ledger.commit([entry(1, 6, BAD)])
    ledger.commit([entry(3, 4)])
    ledger.close()

    again = Ledger(path)
    again.last_pass()

    assert counted(again) == {Status.FAILED: 4, Status.SUCCEEDED: 2}
    again.close()


def test_what_is_committed_stands_in_the_file_at_once(open_ledger: Callable[..., Ledger], path: Path) -> None:
    ledger = open_ledger(3)
    ledger.commit([entry(1, 2)])

    with View(path) as view:
        assert view.steps[0].counts["succeeded"] == 2
        assert view.state == "sending"


def test_a_reader_keeps_the_state_it_began_with(open_ledger: Callable[..., Ledger], path: Path) -> None:
    ledger = open_ledger(3)

    with View(path) as view:
        assert view.rows == 3
        ledger.commit([entry(1, 3)])

        assert view.steps[0].counts["pending"] == 3

    with View(path) as later:
        assert later.steps[0].counts["succeeded"] == 3


STATUSES = [
    Verdict(Status.SUCCEEDED),
    Verdict(Status.FAILED, "refused"),
    Verdict(Status.SKIPPED, "earlier_step"),
    Verdict(Status.SKIPPED, "not_found"),
    Verdict(Status.UNKNOWN, "timeout"),
]
TELLINGS = [("rejected", "bad_value", "no"), ("skipped", "filtered", "")]
ROWS = 12
RANGES = st.builds(
    lambda ends, verdict, attempts: Entry(0, min(ends), max(ends), verdict, attempts, 1.0, 2.0),
    st.tuples(st.integers(1, ROWS), st.integers(1, ROWS)),
    st.sampled_from(STATUSES),
    st.integers(1, 2),
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(1, ROWS), st.sampled_from(TELLINGS)),
    st.lists(st.lists(RANGES, max_size=5), max_size=4),
)
def test_board_and_view_say_of_every_row_what_its_newest_entry_says(
    tmp_path_factory: pytest.TempPathFactory,
    told: dict[int, tuple[str, str, str]],
    groups: list[list[Entry]],
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "x.ledger"
    pending: tuple[str, str, str, int | None] = ("pending", "", "", None)
    expected = dict.fromkeys(range(1, ROWS + 1), pending)
    expected |= {row: (*values, None) for row, values in told.items()}
    for item in (item for group in groups for item in group):
        for row in range(item.first_row, item.last_row + 1):
            if row not in told:
                expected[row] = (str(item.verdict.status), item.verdict.reason, "", item.attempts)

    ledger = begin(path, ROWS, told)
    for group in groups:
        ledger.commit(group)
    live = counted(ledger)
    ledger.close()
    ledger = Ledger(path)
    ledger.last_pass()
    folded = counted(ledger)
    ledger.close()
    with View(path) as view:
        lines = pl.concat(view.lines())
        counts, balanced = view.steps[0].counts, view.balanced

    assert lines.select("status", "reason", "error_message", "attempts").rows() == list(expected.values())
    tally: dict[str, int] = {}
    for status, *_ in expected.values():
        tally[status] = tally.get(status, 0) + 1
    assert live == folded == {status: count for status, count in counts.items() if count} == tally
    assert balanced


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(1, ROWS)), st.lists(RANGES, max_size=8))
def test_coalescing_never_changes_what_a_row_is_told(told: set[int], given_entries: list[Entry]) -> None:
    def board() -> Board:
        new = Board(ROWS)
        numbers = np.array(sorted(told), dtype=np.uint32)
        new.tell(numbers, np.full(numbers.size, CODE[Status.REJECTED], dtype=np.uint8))
        return new

    plain, merged = board(), board()
    for item in given_entries:
        plain.settle(item.first_row, item.last_row, item.verdict.status, item.verdict.reason)
    for item in coalesce(given_entries, [board()]):
        merged.settle(item.first_row, item.last_row, item.verdict.status, item.verdict.reason)

    assert merged.codes.tolist() == plain.codes.tolist()
    assert merged.counts == plain.counts


# Passes and runs.


def test_a_pass_is_found_again_with_its_facts(open_ledger: Callable[..., Ledger]) -> None:
    open_ledger(5, {2: ("rejected", "bad_value", "no")}).close()

    again = open_ledger()

    source = {**FACTS.source, "marks": []}
    assert again.last_pass() == replace(FACTS, source=source, steps=[("users", "here", "upsert_user")])
    assert (again.number, again.rows, counted(again)) == (1, 5, {Status.PENDING: 4, Status.REJECTED: 1})


def test_a_pass_whose_reading_broke_off_has_no_rows(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger()
    ledger.begin_pass(FACTS, 1.0)
    ledger.write_keys(key_frame(1, 4))
    ledger.close()

    again = open_ledger()
    again.last_pass()

    assert again.rows is None


def test_a_dropped_pass_leaves_nothing_but_the_pass_before(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(3)
    ledger.commit([entry(1, 3)])
    add_pass(ledger, 8, {1: ("rejected", "bad_value", "no")})
    assert ledger.number == 2

    ledger.drop_pass()

    ledger.last_pass()
    assert (ledger.number, counted(ledger)) == (1, {Status.SUCCEEDED: 3})
    left = [
        ledger._query(f"SELECT count(*) FROM {name} WHERE pass = 2") for name in ("keys", "told", "steps")
    ]
    assert left == [[(0,)]] * 3


def test_a_new_pass_begins_with_everything_pending_and_the_old_one_can_still_be_seen(
    open_ledger: Callable[..., Ledger], path: Path
) -> None:
    ledger = open_ledger(3)
    ledger.commit([entry(1, 3)])
    add_pass(ledger, 2)
    ledger.begin_run(2000.0, {})
    ledger.commit([entry(1, 1, BAD)])

    with View(path) as last, View(path, 1) as former:
        assert (last.number, last.steps[0].counts["pending"], last.steps[0].counts["failed"]) == (2, 1, 1)
        assert (former.rows, former.steps[0].counts["succeeded"]) == (3, 3)


def test_runs_are_noted_with_their_end(open_ledger: Callable[..., Ledger], path: Path) -> None:
    ledger = open_ledger(1)
    ledger.end_run(1010.0, 3, {})
    ledger.begin_run(1020.0, {"approval": "yes"})

    with View(path) as view:
        assert [(run["run"], run["ended_at"], run["exit_code"], run["facts"]) for run in view.runs] == [
            (1, 1010.0, 3, {"version": "test"}),
            (2, None, None, {"approval": "yes"}),
        ]


def test_the_last_rate_that_was_found_for_a_destination_is_remembered(
    open_ledger: Callable[..., Ledger],
) -> None:
    ledger = open_ledger(1)
    before = ledger.found_rates()
    ledger.end_run(1010.0, 0, {"rates": {"crm": 90.5, "shop": 12.0}})
    ledger.begin_run(1020.0, {})
    ledger.end_run(1030.0, 0, {"rates": {"crm": 110.0}})
    ledger.begin_run(1040.0, {})

    assert (before, ledger.found_rates()) == ({}, {"crm": 110.0, "shop": 12.0})


def test_a_fact_is_written_once_and_then_only_compared(
    open_ledger: Callable[..., Ledger], path: Path
) -> None:
    ledger = open_ledger(1)
    ledger.settle_fact("keys", "plain")
    ledger.settle_fact("keys", "plain")

    with pytest.raises(LedgerError, match="made with another keys"):
        ledger.settle_fact("keys", "hashed")
    with View(path) as view:
        assert (view.fact("keys"), view.fact("other")) == ("plain", None)


def test_the_last_answer_is_remembered_across_passes(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(2)
    assert ledger.last_answer() is None

    ledger.commit([entry(1, 2, at=1234.5)])
    add_pass(ledger, 2)

    assert ledger.last_answer() == 1234.5


# Intents and memories.


def test_intended_marks_rows_that_were_sent_and_have_no_outcome(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(6, {2: ("rejected", "bad_value", "no")})
    ledger.commit([], [Intent(0, 1, 4, 1000.0)])
    ledger.commit([entry(3, 3)])

    assert ledger.intended(0).tolist() == [True, False, False, True, False, False]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Verdict(Status.FAILED, "timeout"), True),
        (BAD, False),
        (GOOD, False),
        (Verdict(Status.UNKNOWN, "timeout"), False),
    ],
)
def test_a_failed_row_whose_answer_was_lost_may_have_been_processed(
    open_ledger: Callable[..., Ledger],
    outcome: Verdict,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    ledger = open_ledger(2)

    ledger.commit([entry(1, 1, outcome)], [Intent(0, 1, 1, 1000.0)])

    assert ledger.intended(0).tolist() == [expected, False]


def test_an_intent_that_was_withdrawn_and_declared_again_counts(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(2)
    again = [Intent(0, 1, 2, 1.0), Intent(0, 1, 2, 2.0, withdrawn=True), Intent(0, 2, 2, 3.0)]

    ledger.commit([], again)

    assert ledger.intended(0).tolist() == [False, True]


def test_intents_of_a_former_pass_do_not_count(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(2)
    ledger.commit([], [Intent(0, 1, 2, 1000.0)])

    add_pass(ledger, 2)

    assert not ledger.intended(0).any()


def test_the_latest_memory_of_the_same_rows_is_given_back(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(4)
    ledger.commit([], (), [Memory(0, 1, 2, {"id": "a"}), Memory(0, 3, 4, {"id": "b"})])
    ledger.commit([], (), [Memory(0, 1, 2, {"id": "c"})])
    ledger.close()

    again = open_ledger()
    again.last_pass()

    assert again.remembered(0) == {(1, 2): {"id": "c"}, (3, 4): {"id": "b"}}


def test_a_group_is_written_as_a_whole_or_not_at_all(open_ledger: Callable[..., Ledger], path: Path) -> None:
    ledger = open_ledger(3)

    with pytest.raises(TypeError):
        ledger.commit([entry(1, 3)], [Intent(0, 1, 3, 1.0)], [Memory(0, 1, 3, {"bad": object()})])

    assert counted(ledger) == {Status.PENDING: 3}
    with View(path) as view:
        assert view.steps[0].counts["pending"] == 3
    assert not ledger.intended(0).any()


# The file.


def test_a_ledger_is_held_by_one_run_at_a_time(open_ledger: Callable[..., Ledger], path: Path) -> None:
    ledger = open_ledger(1)

    with pytest.raises(HeldError, match="another run holds this ledger"):
        Ledger(path)
    ledger.close()

    open_ledger()


def test_the_ledger_and_what_lies_beside_it_is_private(
    open_ledger: Callable[..., Ledger], path: Path
) -> None:
    former = os.umask(0)
    try:
        ledger = open_ledger(3)
        ledger.commit([entry(1, 3)])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(former)

    assert modes == {"sync.ledger": 0o600, "sync.ledger-wal": 0o600, "sync.ledger-shm": 0o600}


def test_a_ledger_that_is_closed_twice_is_not_taken_for_one_that_was_taken_away(
    open_ledger: Callable[..., Ledger], path: Path
) -> None:
    ledger = open_ledger(1)
    ledger.close()

    ledger.close()

    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_closed_ledger_is_one_file(open_ledger: Callable[..., Ledger], path: Path) -> None:
    open_ledger(3).close()

    assert [file.name for file in path.parent.iterdir()] == ["sync.ledger"]


def test_the_header_names_the_file_as_ours_from_the_start(
    open_ledger: Callable[..., Ledger], path: Path
) -> None:
    open_ledger()

    assert path.read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big")
    check_ours(path)


def test_an_empty_file_becomes_a_ledger_but_is_none_to_read(path: Path) -> None:
    path.touch()

    with pytest.raises(LedgerError, match="ledger is empty"):
        View(path)
    Ledger(path).close()
    with pytest.raises(LedgerError, match="no pass yet"):
        View(path)


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE people (name)")
    connection.close()


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("email\na@example.com\n"),
        other_database,
        lambda path: path.write_bytes(b"\0"),
    ],
)
def test_a_file_that_is_not_ours_is_left_as_it_is(write: Callable[[Path], None], path: Path) -> None:
    write(path)
    before = path.read_bytes()

    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger(path)
    with pytest.raises(LedgerError, match="not a ledger"):
        View(path)

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["sync.ledger"]


def test_a_missing_ledger_cannot_be_read_and_is_not_made(path: Path) -> None:
    with pytest.raises(LedgerError, match="no such ledger"):
        View(path)

    assert not path.exists()


def test_a_folder_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path)
    with pytest.raises(LedgerError, match="cannot be read"):
        View(tmp_path)


def test_a_place_where_nothing_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(LedgerError, match="cannot be opened for writing"):
        Ledger(tmp_path / "file" / "sync.ledger")
    with pytest.raises(LedgerError, match="cannot be opened for writing"):
        Ledger(tmp_path / "missing" / "sync.ledger")


def removed(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.write_text("something else")


@pytest.mark.parametrize(("take_away", "kept"), [(removed, "sync.ledger"), (replaced, "sync.ledger.rescued")])
def test_a_ledger_that_is_taken_away_is_put_back_and_written_no_more(
    open_ledger: Callable[..., Ledger], path: Path, take_away: Callable[[Path], None], kept: str
) -> None:
    ledger = open_ledger(10)
    ledger.commit([entry(1, 4)])
    take_away(path)

    with pytest.raises(StoppedError, match=f"stands in .*{kept} now"):
        ledger.commit([entry(5, 8)])
    with pytest.raises(StoppedError, match="taken away"):
        ledger.commit([entry(5, 8)])
    ledger.close()

    assert stat.S_IMODE((path.parent / kept).stat().st_mode) == 0o600
    with contextlib.closing(Ledger(path.parent / kept)) as again:
        again.last_pass()
        assert counted(again) == {Status.SUCCEEDED: 4, Status.PENDING: 6}


def test_a_ledger_behind_a_link_is_written_and_put_back_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "sync.ledger"
    link.symlink_to(tmp_path / "disk" / "there.ledger")
    ledger = begin(link, 10)
    ledger.commit([entry(1, 4)])
    (tmp_path / "disk" / "there.ledger").unlink()

    with pytest.raises(StoppedError, match="removed, moved or replaced"):
        ledger.close()

    with View(link) as view:
        assert view.steps[0].counts["succeeded"] == 4
    assert link.is_symlink()


def test_a_ledger_that_is_taken_away_after_its_last_commit_is_put_back_when_it_is_closed(
    open_ledger: Callable[..., Ledger], path: Path
) -> None:
    ledger = open_ledger(10)
    ledger.commit([entry(1, 4)])
    path.unlink()

    with pytest.raises(StoppedError, match="removed, moved or replaced"):
        ledger.close()

    with View(path) as view:
        assert view.steps[0].counts["succeeded"] == 4


def test_a_ledger_of_which_the_folder_is_gone_cannot_be_put_back(
    open_ledger: Callable[..., Ledger], path: Path
) -> None:
    ledger = open_ledger(10)
    path.parent.rename(path.parent.with_name("moved"))

    with pytest.raises(LedgerError, match=r"cannot be put back .*No such file"):
        ledger.commit([entry(1, 4)])

    path.parent.with_name("moved").rename(path.parent)


def test_a_wal_that_is_removed_while_it_is_written_is_written_into_the_ledger(
    open_ledger: Callable[..., Ledger], path: Path
) -> None:
    ledger = open_ledger(10)
    ledger.commit([entry(1, 4)])
    path.with_name("sync.ledger-wal").unlink()

    with pytest.raises(StoppedError, match=r"sync\.ledger-wal"):
        ledger.commit([entry(5, 8)])
    ledger.close()

    with View(path) as view:
        assert view.steps[0].counts["succeeded"] == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(LedgerError, match="cannot be opened for writing"):
        Ledger(tmp_path / "sync.ledger")

    tmp_path.chmod(0o700)


def test_a_ledger_of_another_version_is_refused(open_ledger: Callable[..., Ledger], path: Path) -> None:
    open_ledger(1).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(LedgerError, match="format 99"):
        Ledger(path)
    with pytest.raises(LedgerError, match="format 99"):
        View(path)


def damaged(path: Path, at: int, size: int = 64) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + size] = bytes(byte ^ 0xFF for byte in content[at : at + size])
    path.write_bytes(content)


def big_ledger(path: Path) -> int:
    ledger = begin(path, 600, chunk=50)
    ledger.commit([entry(row, row, BAD if row % 2 else GOOD) for row in range(1, 601)])
    ledger.close()
    return path.stat().st_size


def used(path: Path) -> str:
    """Open a ledger for reading all of it, then for writing; return the sentence that refuses it, if any."""
    try:
        with View(path) as view:
            lines = pl.concat(view.lines())
            assert lines.height == view.rows
        Ledger(path).close()
    except LedgerError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("at", range(4200, 40_000, 1777))
def test_a_ledger_damaged_anywhere_is_read_or_refused_with_a_sentence(path: Path, at: int) -> None:
    assert big_ledger(path) > at
    damaged(path, at)

    assert re.search("^$|damaged|no pass", used(path))


def test_a_damaged_frame_is_refused_before_it_is_read(path: Path) -> None:
    begin(path, 600, chunk=600).close()
    content = path.read_bytes()
    damaged(path, content.index(b"ARROW1") + 300, 8)

    assert "the ledger is damaged (DamagedError)" in used(path)


def test_a_ledger_whose_pages_are_damaged_is_refused(path: Path) -> None:
    big_ledger(path)
    damaged(path, 4096, 4096)

    with pytest.raises(LedgerError, match="damaged"):
        Ledger(path)


def test_a_truncated_ledger_is_refused(path: Path) -> None:
    size = big_ledger(path)
    os.truncate(path, size // 2)

    with pytest.raises(LedgerError, match="damaged"):
        Ledger(path)


def test_a_full_disk_stops_the_run_and_loses_nothing(open_ledger: Callable[..., Ledger]) -> None:
    ledger = open_ledger(3)
    ledger.commit([entry(1, 1)])
    pages = ledger._query("PRAGMA page_count")[0][0]
    ledger._query(f"PRAGMA max_page_count = {pages}")
    long = replace(BAD, error_message="x" * 100_000)

    with pytest.raises(StoppedError, match="SQLITE_FULL"):
        ledger.commit([entry(2, 3, long)])

    assert counted(ledger) == {Status.SUCCEEDED: 1, Status.PENDING: 2}
    ledger.commit([entry(2, 3)])
    assert counted(ledger) == {Status.SUCCEEDED: 3}


# Keys.


def test_plain_keys_are_kept_as_they_are(open_ledger: Callable[..., Ledger], path: Path) -> None:
    open_ledger(5)

    with View(path) as view:
        assert pl.concat(view.lines())["key"].to_list() == [f"p{row}@example.com" for row in range(1, 6)]


def test_hashed_keys_are_their_hmac_in_hex_and_missing_ones_stay_missing() -> None:
    keys = pl.Series("key", ["a@example.com", None])

    hashed = hasher(b"secret")(keys)

    expected = hmac.new(b"secret", b"a@example.com", hashlib.sha256).hexdigest()
    assert hashed.to_list() == [expected, None]
    assert hasher(None)(keys).to_list() == ["a@example.com", None]


def test_an_empty_column_of_keys_stays_text() -> None:
    assert hasher(b"secret")(pl.Series("key", [], dtype=pl.String)).dtype == pl.String
