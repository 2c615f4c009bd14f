"""What a terminal shows of a run fits it, whatever its size, and says what there is to say."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from bulk.api.progress import BEFORE, OVER, SENDING, Progress, StepProgress
from bulk.cli.lines import ASCII, SIGNS, failures, flowed, lines_of, number
from bulk.conversation import Status

WIDTHS = (40, 60, 80, 100, 120, 200)


def step(
    name: str = "users",
    destination: str = "customerly",
    *,
    sendable: int = 3000,
    remaining: int = 1750,
    state: str = SENDING,
    waiting: tuple[str, ...] = (),
    reasons: Mapping[str, Mapping[str, int]] | None = None,
    limit: float | None = 10.0,
    learned: bool = False,
    pending: int | None = None,
) -> StepProgress:
    counts = {status.value: 0 for status in Status} | {"pending": remaining if pending is None else pending}
    return StepProgress(
        name=name,
        destination=destination,
        sendable=sendable,
        counts=counts,
        per_second=487.6,
        seconds_left=178.0 if state == SENDING else None,
        waiting=waiting,
        state=state,
        remaining=remaining,
        reasons=reasons or {},
        requests_per_second=9.77,
        limit=limit,
        limit_learned=learned,
    )


def shown(*steps: StepProgress, width: int = 140, height: int = 24) -> list[str]:
    return [line.plain.rstrip() for line in lines_of(Progress("sending", 3000, steps), width, height, ASCII)]


def test_a_step_takes_one_line_with_rates_the_limit_and_the_time_left() -> None:
    assert shown(step(), width=140) == [
        "users  ============------------------  1,250/3,000  488 records/s  9.8 of 10 requests/s  3 min left"
    ]


def test_what_is_waited_for_and_what_failed_stands_beside_where_there_is_room() -> None:
    told = step(waiting=("paused by server 12 s",), reasons={"failed": {"refused": 4, "timeout": 1}})

    (line,) = shown(told, width=200)
    assert line.endswith("  3 min left  paused by server 12 s  5 failed (refused 4, timeout 1)")


def test_and_below_where_there_is_none() -> None:
    told = step(waiting=("paused by server 12 s",), reasons={"failed": {"refused": 4, "timeout": 1}})

    assert shown(told, width=80) == [
        "users  ========------------  1,250/3,000  488 rec/s  9.8 of 10 req/s  3 min left",
        "    paused by server 12 s  5 failed (refused 4, timeout 1)",
    ]


def test_on_a_narrow_terminal_figures_flow_and_none_is_lost() -> None:
    told = step("kustomer-customers", reasons={"rejected": {"bad_value": 3}})

    assert shown(told, width=60) == [
        "kustomer-customers  1,250/3,000  3 min left  488 rec/s",
        "    9.8 of 10 req/s  3 rejected (bad_value)",
    ]


def test_steps_stand_in_columns() -> None:
    lines = shown(
        step("customerly-users", remaining=2990),
        step("customerio-people", "customerio", sendable=10, remaining=0, state=OVER),
        step("kustomer-customers", "kustomer", sendable=10, remaining=10, state=BEFORE),
    )

    counts = [re.search(r"\d+/[\d,]+", line) for line in lines]
    assert len({count.end() for count in counts if count}) == 1
    assert lines[0].endswith("3 min left")
    assert lines[1].endswith("done")
    assert len(lines[0]) == len(lines[1])


def test_a_step_names_its_destination_where_that_is_not_plain() -> None:
    lines = shown(step("tags", "customerly"), step("kustomer-tags", "kustomer"))

    assert lines[0].startswith("tags at customerly  ")
    assert lines[1].startswith("kustomer-tags       ")


def test_a_step_that_is_not_due_says_after_which_it_comes() -> None:
    lines = shown(step("users"), step("tags", state=BEFORE))

    assert lines[1].endswith("after users")


def test_a_step_that_is_over_with_something_left_has_stopped() -> None:
    assert shown(step(state=OVER))[0].endswith("stopped")


def test_a_retry_counts_what_is_still_to_be_sent_again() -> None:
    assert "2,900/3,000" in shown(step(remaining=100, pending=0))[0]


def test_a_test_send_counts_only_what_it_sends() -> None:
    assert "40/60" in shown(step(remaining=20, pending=2960))[0]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (step(limit=10.0), "9.8 of 10 requests/s"),
        (step(limit=12.5, learned=True), "9.8 of ~12.5 requests/s"),
        (step(limit=None), " 9.8 requests/s"),
    ],
)
def test_a_limit_that_nobody_declared_is_marked(told: StepProgress, expected: str) -> None:
    assert expected in shown(told)[0]


def test_the_commonest_reasons_come_first_and_the_others_are_hinted_at() -> None:
    reasons = {"failed": {"a": 1, "b": 3, "c": 2, "d": 1}, "unknown": {"timeout": 7}, "rejected": {"": 2}}

    assert list(failures(reasons)) == ["7 failed (b 3, c 2, a 1, ...)", "7 unknown (timeout)", "2 rejected"]


def test_where_there_are_too_few_rows_notes_go_first() -> None:
    steps = [step(f"s{n}", reasons={"failed": {"refused": 4}}) for n in range(4)]

    assert len(shown(*steps, width=80, height=24)) == 8
    assert [line[:2] for line in shown(*steps, width=80, height=5)] == ["s0", "s1", "s2", "s3"]


def test_and_then_the_steps_that_are_not_under_way() -> None:
    steps = [step(f"s{n}", state=BEFORE if n < 5 else SENDING) for n in range(6)]
    lines = shown(*steps, height=3)

    assert [line[:2] for line in lines[:2]] == ["s5", "s0"]
    assert lines[2] == "4 more steps"


def test_while_the_source_is_read_rows_are_counted() -> None:
    progress = Progress("reading", 1_234_567, rows_per_second=540_123.4)

    assert [line.plain for line in lines_of(progress, 80, 24)] == ["reading  1,234,567 rows  540,123 rows/s"]


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0"), (0.0166, "0.017"), (0.96, "0.96"), (9.77, "9.8"), (99.97, "100"), (12345.6, "12,346")],
)
def test_numbers_are_easily_read(value: float, told: str) -> None:
    assert number(value) == told


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "M"]), min_size=1, max_size=30)
NOTES = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
STEPS = st.builds(
    step,
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True),
    sendable=st.integers(0, 10**9),
    remaining=st.integers(0, 10**9),
    state=st.sampled_from([BEFORE, SENDING, OVER]),
    waiting=st.lists(NOTES, max_size=2).map(tuple),
    reasons=st.dictionaries(
        st.sampled_from(["failed", "unknown"]), st.dictionaries(WORDS, st.integers(1, 10**6))
    ),
    limit=st.none() | st.floats(1e-6, 1e9),
)


@given(st.lists(STEPS, max_size=6), st.integers(2, 220), st.integers(1, 30), st.sampled_from([SIGNS, ASCII]))
def test_nothing_is_wider_or_higher_than_the_terminal(
    steps: list[StepProgress], width: int, height: int, signs: object
) -> None:
    lines = lines_of(Progress("sending", 1, tuple(steps)), width, height, signs)  # type: ignore[arg-type]  # one of two

    assert len(lines) <= height
    assert max((line.cell_len for line in lines), default=0) <= width


@given(st.lists(NOTES, max_size=5), st.integers(2, 120))
def test_whatever_the_width_no_word_is_lost(notes: list[str], width: int) -> None:
    lines = flowed([Text(note) for note in notes], width)

    assert "".join("".join(line.plain for line in lines).split()) == "".join("".join(notes).split())


@pytest.mark.parametrize("width", WIDTHS)
def test_usual_widths_take_two_lines_a_step_at_the_most(width: int) -> None:
    told = step("customerio-people", waiting=("paused by server 12 s",))

    assert len(shown(told, width=width)) <= (4 if width < 60 else 2)
