"""A purge clears people, and the rows of old passes, out of a ledger, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ledgers import BAD, FACTS, GOOD, begin, entry, key_frame

from bulk.conversation import KEY, Status, Verdict
from bulk.ledger import Intent, Ledger, Memory
from bulk.ledger.purging import Purged
from bulk.ledger.view import View

NAMED = replace(GOOD, object_id="c-1")
REMEMBERED = [(1, 2), (3, 4), (5, 6), (6, 8)]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Ten rows in three chunks of keys, p1@example.com to p10@example.com; nothing is settled."""
    made = begin(tmp_path / "x.ledger")
    yield made
    made.close()


def hashed(text: str) -> str:
    return f"<{text}>"


def purge(ledger: Ledger, *people: int, before: float | None = None) -> Purged:
    keys = [f"p{number}@example.com" for number in people]
    return ledger.purging().purge(keys, np.zeros(0, dtype=np.uint64), hashed, before, 2000.0)


def said(ledger: Ledger) -> dict[tuple[int, int], tuple[str, str]]:
    """Return the object id and the message of every entry, by its first and last row."""
    found = ledger._query("SELECT first_row, last_row, object_id, error_message FROM entries")
    return {(first, last): (object_id, message) for first, last, object_id, message in found}


def keys(ledger: Ledger) -> list[str]:
    with View(ledger.path) as view:
        chunks = view.keys()
        return [key for _, _, frame in chunks for key in frame[KEY]]


def test_keys_are_replaced_by_their_hash_and_all_others_stay(ledger: Ledger) -> None:
    done = purge(ledger, 4, 5, 7, 99)

    plain = key_frame(1, 10)[KEY].to_list()
    assert keys(ledger) == [hashed(key) if key[1] in "457" else key for key in plain]
    assert (done.keys, done.outcomes) == (3, 0)


def test_outcomes_that_speak_of_them_lose_ids_and_messages_and_no_others(ledger: Ledger) -> None:
    ledger.commit([entry(1, 3, NAMED)])
    ledger.commit([entry(4, 4, NAMED)])
    ledger.commit([entry(5, 6, BAD)])
    ledger.commit([entry(7, 8, NAMED)])
    ledger.commit([entry(9, 9)])
    ledger.commit([entry(10, 10, BAD)])

    done = purge(ledger, 4, 6, 7, 9)

    assert done.outcomes == 3
    assert said(ledger) == {
        (1, 3): ("c-1", ""),
        (4, 4): (hashed("c-1"), ""),
        (5, 6): ("", "purged"),
        (7, 8): (hashed("c-1"), ""),
        (9, 9): ("", ""),
        (10, 10): ("", "no"),
    }
    with View(ledger.path) as view:
        (step,) = view.steps
        assert (step.counts["succeeded"], step.counts["failed"]) == (7, 3)


def test_what_was_purged_already_is_not_counted_again(ledger: Ledger) -> None:
    ledger.commit([entry(4, 6, BAD)])

    assert [purge(ledger, 5).outcomes, purge(ledger, 6).outcomes] == [1, 0]


def test_what_is_remembered_of_them_goes_once_they_are_settled(ledger: Ledger) -> None:
    ledger.commit([entry(1, 6)], memories=[Memory(0, first, last, {}) for first, last in REMEMBERED])

    purge(ledger, 2, 5, 7)

    assert set(ledger.remembered(0)) == {(3, 4), (6, 8)}


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Ledger]:
    """Passes 1 to 4 of two rows, begun at 100, 200, 300 and 400; in pass 2 a row is pending."""
    ledger = Ledger(tmp_path / "nights.ledger")
    for number, last in enumerate((2, 1, 2, 2), 1):
        ledger.begin_pass(FACTS, number * 100.0)
        ledger.write_keys(key_frame(1, 2))
        ledger.end_reading(2, number * 100.0 + 1)
        ledger.begin_run(number * 100.0 + 2, {})
        intent = Intent(0, 1, last, number * 100.0 + 3)
        ledger.commit([entry(1, last)], [intent], [Memory(0, 1, 2, {})])
    yield ledger
    ledger.close()


def passes_in(ledger: Ledger, table: str) -> list[int]:
    return [number for (number,) in ledger._query(f"SELECT DISTINCT pass FROM {table} ORDER BY pass")]


@pytest.mark.parametrize(
    ("before", "dropped", "kept", "left"),
    [
        (100.0, [], [], [1, 2, 3, 4]),
        (101.0, [1], [], [2, 3, 4]),
        (300.0, [1], [2], [2, 3, 4]),
        (9999.0, [1, 3], [2], [2, 4]),
    ],
)
def test_rows_of_passes_that_began_before_are_dropped_unless_pending_or_of_the_last(
    nights: Ledger, before: float, dropped: list[int], kept: list[int], left: list[int]
) -> None:
    done = purge(nights, before=before)

    assert (sorted(done.passes), done.kept) == (dropped, kept)
    assert all(counts == {"users": {"succeeded": 2}} for counts in done.passes.values())
    for table in ("keys", "entries", "intents", "memories"):
        assert passes_in(nights, table) == left
    assert passes_in(nights, "passes") == [1, 2, 3, 4]


def test_a_pass_is_dropped_once_and_its_counts_are_still_told(nights: Ledger) -> None:
    purge(nights, before=101.0)
    again = purge(nights, before=9999.0)

    assert sorted(again.passes) == [3]
    with View(nights.path) as view:
        assert view.purged == {number: {"users": {"succeeded": 2}} for number in (1, 3)}


def test_the_purge_itself_is_noted_with_its_time(ledger: Ledger) -> None:
    ledger.commit([entry(1, 1, Verdict(Status.FAILED, "refused", error_message="no"))])
    purge(ledger, 1)

    ((at, facts),) = ledger._query("SELECT at, facts FROM purges")
    assert at == 2000.0
    assert facts == '{"keys":1,"outcomes":1,"passes":[],"counts":{}}'
