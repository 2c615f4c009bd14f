"""When a destination is so ill that it must be left alone."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.retry import Breaker, BreakerState, Permit, RetryPolicy


def a_breaker(policy: RetryPolicy | None = None) -> Breaker:
    return Breaker(policy or RetryPolicy(), lambda: 0.5)


def answer(breaker: Breaker, *, ill: bool, times: int = 1, now: float = 0.0) -> None:
    for _ in range(times):
        permit = breaker.may_send(now)
        assert permit
        if ill:
            breaker.ill(permit, now)
        else:
            breaker.well(permit)


def an_open_breaker(policy: RetryPolicy | None = None) -> Breaker:
    breaker = a_breaker(policy)
    answer(breaker, ill=True, times=20)
    assert breaker.state is BreakerState.OPEN
    return breaker


def next_probe(breaker: Breaker, now: float) -> float:
    delay = breaker.next_try(now)
    assert delay is not None
    return now + delay


def test_twenty_ill_answers_in_a_row_open_it() -> None:
    breaker = a_breaker()
    states = []
    for _ in range(20):
        answer(breaker, ill=True)
        states.append(breaker.state)
    assert states == [BreakerState.CLOSED] * 19 + [BreakerState.OPEN]


def test_a_well_answer_begins_the_row_anew() -> None:
    breaker = a_breaker()
    answer(breaker, ill=True, times=19)
    answer(breaker, ill=False)
    answer(breaker, ill=True, times=19)
    assert breaker.state is BreakerState.CLOSED


def test_ninety_ill_of_the_last_hundred_open_it() -> None:
    breaker = a_breaker()
    answer(breaker, ill=False, times=1000)
    states = []
    for _ in range(9):
        answer(breaker, ill=False)
        answer(breaker, ill=True, times=10)
        states.append(breaker.state)
    assert states == [BreakerState.CLOSED] * 8 + [BreakerState.OPEN]


def test_answers_before_the_last_hundred_are_forgotten() -> None:
    breaker = a_breaker()
    for _ in range(200):
        answer(breaker, ill=True)
        answer(breaker, ill=False)
    assert breaker.state is BreakerState.CLOSED


def permits_without_an_answer(breaker: Breaker) -> int:
    return sum(breaker.may_send(0.0) is Permit.NORMAL for _ in range(1000))


@pytest.mark.parametrize("earlier", [0, 1])
def test_only_150_requests_go_out_before_one_was_answered_well(earlier: int) -> None:
    breaker = a_breaker()
    answer(breaker, ill=False, times=earlier)
    assert permits_without_an_answer(breaker) == 150


def test_a_request_that_was_not_sent_after_all_does_not_count() -> None:
    breaker = a_breaker()
    permits = [breaker.may_send(0.0) for _ in range(100)]
    for permit in permits[:50]:
        assert permit
        breaker.dropped(permit)
    assert permits_without_an_answer(breaker) == 100


def test_a_request_that_was_not_sent_and_no_longer_counts_makes_no_room_for_more() -> None:
    breaker = a_breaker()
    late = breaker.may_send(0.0)
    assert late
    answer(breaker, ill=False)
    breaker.dropped(late)
    assert permits_without_an_answer(breaker) == 150


def test_a_few_ill_answers_in_a_row_are_suspicious_until_one_is_well() -> None:
    breaker = a_breaker()
    suspicious = []
    for ill in (True, True, True, False, True):
        answer(breaker, ill=ill)
        suspicious.append(breaker.suspicious)
    assert suspicious == [False, False, True, False, False]
    assert an_open_breaker().suspicious


def test_open_it_lets_one_probe_through_at_a_time() -> None:
    breaker = an_open_breaker()
    assert breaker.may_send(0.0) is None
    now = next_probe(breaker, 0.0)
    assert breaker.may_send(now) is Permit.PROBE
    assert breaker.may_send(now) is None
    assert breaker.next_try(now) is None


def test_a_well_probe_closes_it() -> None:
    breaker = an_open_breaker()
    answer(breaker, ill=False, now=next_probe(breaker, 0.0))
    assert breaker.state is BreakerState.CLOSED
    answer(breaker, ill=True, times=19)
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize("opened", [0.0, 5000.0])
def test_probes_come_soon_at_first_and_then_evenly_to_the_very_end(opened: float) -> None:
    breaker = a_breaker(RetryPolicy(max_elapsed=4821.25))
    answer(breaker, ill=True, times=20, now=opened)
    times, now = list[float](), opened
    while breaker.state is BreakerState.OPEN and len(times) < 100:
        now = next_probe(breaker, now)
        times.append(now - opened)
        answer(breaker, ill=True, now=now)
    eager = [0.375, 1.125, 2.625, 5.625, 11.625, 23.625, 47.625, 92.625, 137.625]
    assert times == [*eager, *(137.625 + 137.75 * probe for probe in range(1, 35)), 4821.25]


def test_a_late_ill_answer_is_not_taken_for_the_probe() -> None:
    breaker = a_breaker()
    late = breaker.may_send(0.0)
    assert late
    answer(breaker, ill=True, times=20)
    now = next_probe(breaker, 0.0)
    assert breaker.may_send(now) is Permit.PROBE
    breaker.ill(late, now)
    assert breaker.may_send(now) is None


def test_a_late_well_answer_closes_it() -> None:
    breaker = a_breaker()
    late = breaker.may_send(0.0)
    assert late
    answer(breaker, ill=True, times=20)
    breaker.well(late)
    assert breaker.state is BreakerState.CLOSED


def test_a_dropped_probe_makes_room_for_another() -> None:
    breaker = an_open_breaker()
    now = next_probe(breaker, 0.0)
    permit = breaker.may_send(now)
    assert permit is Permit.PROBE
    breaker.dropped(permit)
    assert breaker.may_send(now) is Permit.PROBE


def test_broken_it_lets_nothing_through_ever_again() -> None:
    breaker = an_open_breaker(RetryPolicy(max_elapsed=0.0))
    answer(breaker, ill=True, now=next_probe(breaker, 0.0))
    assert breaker.state is BreakerState.BROKEN
    assert breaker.may_send(1e9) is None
    assert breaker.next_try(1e9) is None


@pytest.mark.parametrize("max_elapsed", [0.0, 1.0, 60.0, 900.0, 86_400.0])
@settings(deadline=None)
@given(in_flight=st.integers(1, 1000))
def test_a_dead_destination_gets_at_most_200_requests_and_all_the_time_there_is(
    max_elapsed: float, in_flight: int
) -> None:
    breaker, now, sent = a_breaker(RetryPolicy(max_elapsed=max_elapsed)), 0.0, 0
    while breaker.state is not BreakerState.BROKEN:
        permits = [permit for _ in range(in_flight) if (permit := breaker.may_send(now))]
        sent += len(permits)
        for permit in permits:
            breaker.ill(permit, now)
        delay = breaker.next_try(now)
        now += delay or 0.0
    assert sent <= 200
    assert now >= max_elapsed


@settings(deadline=None)
@given(
    history=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10))),
    in_flight=st.integers(1, 100),
    seed=st.integers(0, 9),
)
def test_whatever_was_answered_before_a_death_costs_at_most_200_requests(
    history: list[tuple[int, int]], in_flight: int, seed: int
) -> None:
    breaker, now, sent, draw = a_breaker(), 0.0, 0, random.Random(seed).random
    shares = [ill / 10 for times, ill in history for _ in range(times)]
    answers = iter([draw() < share for share in shares])
    while breaker.state is not BreakerState.BROKEN:
        permits = [permit for _ in range(in_flight) if (permit := breaker.may_send(now))]
        for permit in permits:
            sent += 1
            if next(answers, True):
                breaker.ill(permit, now)
            else:
                breaker.well(permit)
                sent = 0
        now += breaker.next_try(now) or 0.0
    assert sent <= 200


def test_a_healthy_destination_is_never_held_up() -> None:
    breaker = a_breaker()
    first = [breaker.may_send(0.0) for _ in range(100)]
    for permit in first:
        assert permit
        breaker.well(permit)
        assert breaker.may_send(0.0) is Permit.NORMAL
