"""The parts of a pacer by themselves: windows of requests, budgets that headers tell of, likely limits."""

from itertools import accumulate

import pytest

from bulk.pacing import Rate
from bulk.pacing.budget import Budget, has_budget, read_budget
from bulk.pacing.governor import Governor, _likely_below
from bulk.pacing.shared import Advice, Shared
from bulk.pacing.window import Window, allowance

NOON = 1_800_000_000.0


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (Rate(10, 1), "10/s"),
        (Rate(5, 2), "5/2s"),
        (Rate(10, 90), "10/90s"),
        (Rate(100, 900), "100/15min"),
        (Rate(1, 3600), "1/h"),
        (Rate(1, 172_800), "1/2d"),
        (Rate(5, 0.5), "5/500ms"),
        (Rate(7, 1.5), "7/1500ms"),
        (Rate(1, 0.0001), "1/0.1ms"),
    ],
)
def test_a_rate_is_written_in_the_longest_unit_that_fits(rate: Rate, text: str) -> None:
    assert str(rate) == text


@pytest.mark.parametrize(
    ("period", "seconds"), [(60.0, 1.08), (1.0, 0.018), (0.6, 0.0108), (0.5, 0.0175), (0.1, 0.0035)]
)
def test_short_periods_give_up_a_larger_share_for_the_way(period: float, seconds: float) -> None:
    assert allowance(period) == pytest.approx(seconds)


def a_window(limit: int, *sent: float) -> Window:
    """Return a window of ten seconds in which requests were sent, and never answered."""
    window = Window(Rate(limit, 10.0))
    for at in sent:
        window.let_through()
        window.sent(at)
    return window


def test_there_is_room_until_the_limit_and_then_a_period_after_the_first_arrived() -> None:
    assert a_window(3, 1.0, 2.0).next_room(4.0) == 4.0
    assert a_window(2, 1.0, 2.0).next_room(4.0) == pytest.approx(11.18)
    assert a_window(2, 1.0, 2.0).next_room(11.1) == pytest.approx(11.18)
    assert a_window(2, 1.0, 2.0).next_room(11.2) == 11.2


def test_what_is_let_through_counts_before_it_is_sent() -> None:
    window = a_window(2, 1.0)
    window.let_through()
    assert window.next_room(4.0) == pytest.approx(11.18)

    window = a_window(1)
    window.let_through()
    assert window.next_room(4.0) is None


@pytest.mark.parametrize(("answered", "room"), [(1.0625, 11.0635), (1.5, 11.18)])
def test_what_was_answered_has_arrived_by_then(answered: float, room: float) -> None:
    window = Window(Rate(1, 10.0))
    window.let_through()
    window.answered(window.sent(1.0), answered)

    assert window.next_room(2.0) == pytest.approx(room)


@pytest.mark.parametrize(
    ("answers", "room"),
    [
        ([0.01] * 3, 110.18),
        ([0.01] * 4, 110.38),
        ([0.01] * 4 + [0.19], 110.18),
        ([0.19] * 40 + [0.01] * 17, 110.18),
        ([0.19] * 40 + [0.01] * 18, 110.38),
    ],
)
def test_late_answers_are_waited_for_where_most_are_quick(answers: list[float], room: float) -> None:
    window = Window(Rate(1, 10.0))
    for after in answers:
        window.let_through()
        window.answered(window.sent(50.0), 50.0 + after)
    window.next_room(70.0)
    window.let_through()
    window.sent(100.0)

    assert window.next_room(100.0) == pytest.approx(room)


def test_what_others_are_assumed_to_have_sent_takes_its_room() -> None:
    window = Window(Rate(4, 10.0))
    window.assume_used(100.0, 2.0, 3)
    assert window.next_room(100.0) == 100.0

    window.let_through()
    window.sent(100.0)
    assert window.next_room(100.0) == pytest.approx(96 + 10.18)
    assert window.next_room(106.2) == 106.2


@pytest.mark.parametrize("prefix", ["ratelimit-", "x-ratelimit-"])
@pytest.mark.parametrize(
    ("reset", "seconds", "rounded"),
    [
        (None, None, 0.0),
        ("0", 0.0, 0.0),
        ("86400", 86_400.0, 0.0),
        ("86401", None, 0.0),
        (f"{NOON + 30:.0f}", 30.0, 1.0),
        (f"{NOON - 2:.0f}", 0.0, 1.0),
        (f"{NOON - 3:.0f}", None, 1.0),
        (f"{(NOON + 30) * 1000:.0f}", 30.0, 0.0),
    ],
)
def test_a_budget_is_read_with_what_its_reset_may_be_wrong_by(
    prefix: str, reset: str | None, seconds: float | None, rounded: float
) -> None:
    headers = {f"{prefix}remaining": "7"} | ({f"{prefix}reset": reset} if reset else {})

    assert read_budget(headers, NOON) == Budget(None, 7.0, seconds, rounded)
    assert has_budget(headers)


def test_headers_that_do_not_say_what_is_left_tell_of_no_budget() -> None:
    headers = {"ratelimit-limit": "10", "x-ratelimit-reset": "30"}

    assert read_budget(headers, NOON) is None
    assert not has_budget(headers)


@pytest.mark.parametrize(
    ("budget", "reserve", "declared", "advice"),
    [
        (Budget(None, 0, None), 0.0, False, Advice(pause=1.0)),
        (Budget(None, 1, None), 0.0, False, Advice()),
        (Budget(100, 30, None), 0.3, False, Advice(pause=1.0)),
        (Budget(100, 31, None), 0.3, False, Advice()),
        (Budget(None, 0, 30.0), 0.0, False, Advice(pause=30.0)),
        (Budget(100, 30, 30.0), 0.3, False, Advice(pause=30.0)),
        (Budget(None, 60, 30.0), 0.0, False, Advice(most=2.0, until=40.0)),
        (Budget(100, 60, 30.0), 0.3, False, Advice(most=1.0, until=40.0)),
        (Budget(None, 60, 0.5), 0.0, False, Advice(most=60.0, until=11.0)),
        (Budget(None, 60, 2.0), 0.0, True, Advice()),
        (Budget(None, 60, 3.0), 0.0, True, Advice(most=20.0, until=13.0)),
        (Budget(0.5, 60, 2.0), 0.0, False, Advice(most=30.0, until=12.0)),
        (Budget(1, 60, 2.0), 0.0, False, Advice(even=Rate(1, 2.0))),
        (Budget(100, 60, 0.5), 0.0, False, Advice(even=Rate(100, 1.0))),
        (Budget(100, 60, 5.0), 0.3, False, Advice(even=Rate(70, 5.0))),
        (Budget(100, 60, 5.0, 1.0), 0.0, False, Advice(even=Rate(100, 4.0))),
    ],
)
def test_what_a_budget_asks_for(budget: Budget, reserve: float, declared: bool, advice: Advice) -> None:  # noqa: FBT001 - a column of the table
    assert Shared(reserve, None, declared=declared).heed(budget, 10.0) == advice


@pytest.mark.parametrize(
    ("resets", "spaced", "evens"),
    [
        ([60.0] * 5, 10.0, [None, None, None, Rate(100, 60.0), Rate(100, 60.0)]),
        ([60.0] * 5, 2.0, [None, None, None, Rate(100, 60.0), Rate(100, 60.0)]),
        ([60.0] * 5, 1.0, [None] * 5),
        ([60.0, 50.0, 40.0, 30.0, 20.0], 10.0, [None] * 5),
        ([60.0, 60.0, 60.0, 30.0, 60.0], 10.0, [None] * 5),
    ],
)
def test_a_reset_that_never_comes_nearer_means_any_window_of_that_length(
    resets: list[float], spaced: float, evens: list[Rate | None]
) -> None:
    shared = Shared(0.0, None, declared=False)
    times = accumulate([spaced] * len(resets))

    told = [shared.heed(Budget(100, 90, reset), now) for reset, now in zip(resets, times, strict=True)]

    assert [one.even for one in told] == evens


@pytest.mark.parametrize(
    ("refused_at", "ceiling"),
    [(97, 97), (100, 100), (101, 100), (94, 80), (9.9, 9.9), (11, 10), (72, 72), (70, 60), (0.35, 0.3)],
)
def test_the_limit_below_a_rate_that_is_refused_is_one_that_people_set(
    refused_at: float, ceiling: float
) -> None:
    assert _likely_below(refused_at) == pytest.approx(ceiling)


@pytest.mark.parametrize(("refused", "rate"), [(False, 20.0), (True, 10.0)])
def test_a_rate_that_was_used_up_is_raised_unless_anything_was_refused(refused: bool, rate: float) -> None:  # noqa: FBT001 - a column of the table
    governor = Governor(0.0, start=10.0)
    for number in range(10):
        governor.sent(number / 10)
    if refused:
        governor.refused(-0.5, 0.9)  # sent before anything else was: no reason to fall
    governor.sent(1.0)

    assert governor.rate == rate


@pytest.mark.parametrize(
    ("proved", "start", "rate"),
    [(0.0, 0.0, 50 + 50 / 3), (90.0, 90.0, 90 + 10 / 3), (99.0, 98.0, 98 + 2 / 3)],
)
def test_a_limit_that_was_found_roughly_is_approached_from_what_went_well(
    proved: float, start: float, rate: float
) -> None:
    governor = Governor(0.0)
    governor._proved = proved
    governor._approach(100.0)

    assert governor._proved == start
    assert governor.rate == pytest.approx(rate)


def test_a_limit_that_is_well_known_is_touched_in_small_steps() -> None:
    governor = Governor(0.0)
    governor._settle_at(100.0)

    assert governor.rate == 98
    assert governor._raised() == pytest.approx(98.1)


@pytest.mark.parametrize(("rate", "ceiling"), [(125.0, 100.0), (126.0, 126.0)])
def test_a_limit_that_turns_out_to_be_much_higher_is_what_went_well(rate: float, ceiling: float) -> None:
    governor = Governor(0.0)
    governor._settle_at(100.0)
    governor.rate = rate
    governor._raised()

    assert governor.ceiling == ceiling
