"""What arrived is derived from the ledger's own outcomes, pass after pass."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgers import BAD, FACTS, GOOD, add_pass, entry

from bulk import conversation
from bulk.conversation import CONTENT, IDENTITY, ROW, Status, Verdict
from bulk.ledger import Intent, Ledger
from bulk.ledger.deliveries import CONTENTS, MOST_FRAMES, as_known
from bulk.ledger.known import DOUBTFUL, Known
from bulk.ledger.view import View

SCOPE = "users here"
GONE = Verdict(Status.SKIPPED, "not_found")
LOST = Verdict(Status.FAILED, "timeout")
REMOVE = conversation.GONE
DUPLICATE = ("skipped", "duplicate", "row 9 is sent instead")
Facts = dict[int, tuple[int, int]]
"""Content and time by identity."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "nights.ledger")
    yield made
    made.close()


def night(
    ledger: Ledger, contents: Mapping[int, int], told: Mapping[int, tuple[str, str, str]] | None = None
) -> None:
    """Begin a pass whose rows are about these identities, and say these contents."""
    add_pass(ledger, len(contents), *([told] if told else []))
    rows = pl.Series(ROW, range(1, len(contents) + 1), dtype=pl.UInt32)
    given = {ROW: rows, IDENTITY: list(contents), CONTENT: list(contents.values())}
    ledger.deliveries.write(ledger.number, 0, SCOPE, pl.DataFrame(given, schema=CONTENTS))
    if ledger.former is not None:
        ledger.deliveries.take_over(ledger.former, 990.0)
    ledger.begin_run(1000.0, {})


def as_dict(known: Known) -> Facts:
    identities = known.identities.tolist()
    assert identities == sorted(set(identities))
    return dict(zip(identities, zip(known.contents.tolist(), known.at.tolist(), strict=True), strict=True))


def known(ledger: Ledger) -> Facts:
    return as_dict(ledger.deliveries.known(SCOPE, ledger.number))


def test_what_succeeded_is_known_with_its_time(ledger: Ledger) -> None:
    night(ledger, {2**64 - 1: 10, 7: 20, 2**63: 30})
    for row, at in enumerate((1001.4, 1002.9, 1003.0), 1):
        ledger.commit([entry(row, row, at=at)])

    assert known(ledger) == {2**64 - 1: (10, 1001), 7: (20, 1002), 2**63: (30, 1003)}


def test_who_is_not_there_any_more_is_not_known_others_that_were_told_otherwise_stay(ledger: Ledger) -> None:
    night(ledger, dict.fromkeys(range(1, 4), 10))
    ledger.commit([entry(1, 3)])
    absent = ("skipped", "not_found", "no contact has this")
    night(ledger, {1: 0, 2: 20, 3: 30}, {1: absent, 2: DUPLICATE})
    ledger.commit([entry(3, 3)])

    assert known(ledger) == {1: (0, 0), 2: (10, 1001), 3: (30, 1001)}


def test_what_did_not_succeed_is_not_known_whatever_was_known_before(ledger: Ledger) -> None:
    night(ledger, dict.fromkeys(range(1, 6), 10))
    ledger.commit([entry(1, 5)])
    night(ledger, dict.fromkeys(range(1, 6), 20))
    unsure = Verdict(Status.UNKNOWN, "timeout")
    ledger.commit([entry(1, 1), entry(2, 2, BAD), entry(3, 3, GONE), entry(4, 4, unsure)])  # 5 is pending

    doubtful = (DOUBTFUL, 0)
    assert known(ledger) == {1: (20, 1001), 2: doubtful, 4: doubtful, 5: doubtful}


@pytest.mark.parametrize(
    ("verdict", "may_be_there"),
    [
        (BAD, False),
        (GONE, False),
        (Verdict(Status.FAILED, "identity_conflict"), False),
        (Verdict(Status.FAILED, "not_configured"), False),
        (Verdict(Status.SKIPPED, "earlier_step"), False),
        (Verdict(Status.SKIPPED, "suppressed"), False),
        (None, False),
        (Verdict(Status.FAILED, "timeout"), True),
        (Verdict(Status.FAILED, "no_effect", 200), True),
        (Verdict(Status.UNKNOWN, "interrupted"), True),
    ],
)
def test_nobody_is_there_who_was_never_delivered(
    ledger: Ledger, verdict: Verdict | None, *, may_be_there: bool
) -> None:
    night(ledger, {1: 10})
    ledger.commit([entry(1, 1, verdict)] if verdict else [])

    assert known(ledger) == ({1: (DOUBTFUL, 0)} if may_be_there else {})


def test_what_may_have_been_in_flight_when_a_run_ended_may_be_there(ledger: Ledger) -> None:
    night(ledger, {1: 10, 2: 10, 3: 10})
    ledger.commit([], [Intent(0, 1, 2, 1000.0), Intent(0, 2, 2, 1000.0, withdrawn=True)])
    before = known(ledger)
    night(ledger, {9: 10})

    assert before == {1: (DOUBTFUL, 0)}
    assert known(ledger) == before


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (GOOD, {}),
        (Verdict(Status.SUCCEEDED, "gone"), {}),
        (GONE, {}),
        (BAD, {1: (DOUBTFUL, 0)}),
        (Verdict(Status.UNKNOWN, "interrupted"), {1: (DOUBTFUL, 0)}),
        (None, {1: (DOUBTFUL, 0)}),
    ],
)
def test_only_a_removal_that_is_certain_takes_somebody_away(
    ledger: Ledger, verdict: Verdict | None, expected: Facts
) -> None:
    night(ledger, {1: 10})
    ledger.commit([entry(1, 1)])
    night(ledger, {1: REMOVE})
    ledger.commit([entry(1, 1, verdict)] if verdict else [])

    assert known(ledger) == expected
    night(ledger, {2: 10})
    assert known(ledger) == expected


def test_who_is_lost_is_not_there_any_more(ledger: Ledger) -> None:
    night(ledger, {1: 10, 2: 10, 3: 10})
    ledger.commit([entry(1, 3)])
    night(ledger, {4: 10})
    ledger.deliveries.lose([SCOPE], np.array([1, 3, 9], dtype=np.uint64))

    assert known(ledger) == {2: (10, 1001)}


@pytest.mark.parametrize("folded", [False, True])
def test_who_is_purged_is_forgotten_with_what_was_added_to_them(ledger: Ledger, *, folded: bool) -> None:
    ann, bob, hers, his = 71, 72, 101, 102
    night(ledger, {ann: 10, bob: 10, hers: ann, his: bob})
    ledger.commit([entry(1, 4)])
    if folded:
        night(ledger, {})
    ledger.purging().purge(["ann@example.com"], np.array([ann], dtype=np.uint64), str, None, 2000.0)

    assert known(ledger) == {bob: (10, 1001), his: (bob, 1001)}


def test_what_was_added_to_somebody_goes_with_them_and_what_came_later_stays(ledger: Ledger) -> None:
    ann, bob, things = 71, 72, (101, 102, 103, 104)
    night(ledger, {things[0]: ann, things[1]: ann, things[2]: bob})
    ledger.commit([entry(1, 3)])
    night(ledger, {ann: REMOVE, bob: REMOVE})
    ledger.commit([entry(1, 1), entry(2, 2, BAD)])
    night(ledger, {things[1]: ann, things[3]: ann})
    ledger.commit([entry(1, 2)])

    assert known(ledger) == {
        things[1]: (ann, 1001),
        things[2]: (bob, 1001),
        things[3]: (ann, 1001),
    }


def test_the_newest_outcome_of_a_row_holds(ledger: Ledger) -> None:
    night(ledger, {1: 10, 2: 10, 3: 10})
    ledger.commit([entry(1, 3, BAD), entry(1, 2, at=1001.0)])
    ledger.commit([entry(2, 2, BAD), entry(3, 3, at=1005.0)])

    assert known(ledger) == {1: (10, 1001), 3: (10, 1005)}


def test_rows_that_were_told_otherwise_say_nothing(ledger: Ledger) -> None:
    night(ledger, {1: 10})
    ledger.commit([entry(1, 1)])
    night(ledger, {1: 20, 2: 20}, {1: DUPLICATE})
    ledger.commit([entry(2, 2)])

    assert known(ledger) == {1: (10, 1001), 2: (20, 1001)}


def test_other_scopes_are_known_apart(ledger: Ledger) -> None:
    night(ledger, {1: 10})
    ledger.commit([entry(1, 1)])

    assert ledger.deliveries.known("users elsewhere", ledger.number).identities.size == 0


def test_pending_rows_of_a_pass_that_is_over_are_superseded_and_those_in_flight_are_unknown(
    ledger: Ledger,
) -> None:
    night(ledger, dict.fromkeys(range(1, 7), 10), {2: DUPLICATE})
    ledger.commit([entry(1, 1)], [Intent(0, 4, 4, 1000.0)])
    night(ledger, {1: 10})

    with View(ledger.path, 1) as view:
        found = [(line["row"], line["status"], line["reason"]) for line in pl.concat(view.lines()).to_dicts()]
        assert view.balanced
        assert view.state == "finished"
    superseded = ("skipped", "superseded")
    assert found == [
        (1, "succeeded", ""),
        (2, "skipped", "duplicate"),
        (3, *superseded),
        (4, "unknown", "interrupted"),
        (5, *superseded),
        (6, *superseded),
    ]


def test_a_pass_is_folded_once_and_its_hashes_are_not_kept(ledger: Ledger) -> None:
    night(ledger, {1: 10, 2: 10})
    ledger.commit([entry(1, 2)])
    before = known(ledger)
    assert ledger.deliveries.take_over(ledger.number, 1100.0) == 0
    assert ledger.deliveries.take_over(ledger.number, 1200.0) == 0

    assert known(ledger) == before
    assert ledger._query("SELECT count(*) FROM contents") == [(0,)]


def test_a_refused_pass_leaves_no_trace(ledger: Ledger) -> None:
    night(ledger, {1: 10})
    ledger.commit([entry(1, 1)])
    add_pass(ledger, 1)
    ledger.deliveries.write(
        ledger.number, 0, SCOPE, pl.DataFrame({ROW: [1], IDENTITY: [1], CONTENT: [99]}, schema=CONTENTS)
    )
    ledger.drop_pass()
    ledger.last_pass()

    assert known(ledger) == {1: (10, 1001)}


def test_what_is_forgotten_is_sent_again(ledger: Ledger) -> None:
    night(ledger, {1: 10})
    ledger.commit([entry(1, 1)])
    night(ledger, {2: 10})
    ledger.deliveries.forget()

    assert known(ledger) == {}


def test_many_small_nights_are_written_as_one_now_and_then(ledger: Ledger) -> None:
    night(ledger, dict.fromkeys(range(1, 101), 0))
    ledger.commit([entry(1, 100)])
    most = 0
    for number in range(2 * MOST_FRAMES):
        night(ledger, {1: 10 + number, 1000 + number: 10})
        ledger.commit([entry(1, 2)])
        most = max(most, int(ledger._query("SELECT count(*) FROM delivered")[0][0]))

    last = 2 * MOST_FRAMES - 1
    assert known(ledger)[1] == (10 + last, 1001)
    assert len(known(ledger)) == 100 + 2 * MOST_FRAMES
    assert most == MOST_FRAMES + 1


NIGHTS = st.lists(
    st.dictionaries(
        st.integers(10_000, 2**64 - 1) | st.integers(0, 3),
        st.tuples(
            st.just(REMOVE) | st.integers(1000, 9999),
            st.sampled_from([GOOD, BAD, GONE, LOST, None]),
        ),
        min_size=1,
        max_size=6,
    ),
    max_size=5,
)


def after(before: tuple[int, int] | None, content: int, verdict: Verdict | None) -> tuple[int, int] | None:
    """What is known of an identity after a night that sent a content."""
    there = None if before is None else (DOUBTFUL, 0)
    if content == REMOVE:
        return None if verdict in {GOOD, GONE} else there
    outcomes = {GOOD: (content, 1001), LOST: (DOUBTFUL, 0), GONE: None}
    return there if verdict is None else outcomes.get(verdict, there)


@settings(max_examples=30, deadline=None)
@given(nights=NIGHTS)
def test_night_after_night_the_ledger_knows_what_a_dictionary_would(
    nights: list[dict[int, tuple[int, Verdict | None]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected: dict[int, tuple[int, int] | None] = {}
    ledger = Ledger(tmp_path_factory.mktemp("nights") / "nights.ledger")
    try:
        for people in nights:
            night(ledger, {identity: content for identity, (content, _) in people.items()})
            for row, (identity, (content, verdict)) in enumerate(people.items(), 1):
                expected[identity] = after(expected.get(identity), content, verdict)
                ledger.commit([entry(row, row, verdict)] if verdict else [])
            assert known(ledger) == {one: facts for one, facts in expected.items() if facts is not None}
    finally:
        ledger.close()


def test_a_reader_sees_what_a_run_would_compare_with(ledger: Ledger) -> None:
    night(ledger, {1: 10, 2: 10})
    ledger.commit([entry(1, 2)])
    night(ledger, {1: 20, 2: 20})
    ledger.commit([entry(1, 1)])
    same = as_known(ledger.path, FACTS.digest, FACTS.fingerprint, [SCOPE])
    other = as_known(ledger.path, FACTS.digest, "another list", [SCOPE])

    # Over the same list a run goes on with the second night, which was compared with the first.
    assert as_dict(same[SCOPE]) == {1: (10, 1001), 2: (10, 1001)}
    assert as_dict(other[SCOPE]) == {1: (20, 1001), 2: (DOUBTFUL, 0)}


def test_a_ledger_of_an_older_version_knows_nothing_and_learns(tmp_path: Path) -> None:
    path = tmp_path / "old.ledger"
    made = Ledger(path)
    add_pass(made, 3)
    made.begin_run(1000.0, {})
    with made._transaction() as connection:
        connection.execute("DROP TABLE contents")
        connection.execute("DROP TABLE delivered")
    made.close()

    assert as_known(path, FACTS.digest, "another list", [SCOPE]) == {}
    ledger = Ledger(path)
    try:
        ledger.last_pass()
        assert known(ledger) == {}
    finally:
        ledger.close()


def test_unchanged_rows_are_listed_and_others_that_are_not_sent_are_not(ledger: Ledger) -> None:
    told = {1: ("skipped", "unchanged", ""), 2: DUPLICATE, 3: ("rejected", "bad_value", "no")}
    night(ledger, dict.fromkeys(range(1, 11), 0), told)

    assert ledger.listed(ledger.number) == 8
    assert ledger.boards[0].sendable == 7
