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


def test_an_ill_probe_is_followed_by_a_longer_wait() -> None:
    breaker = an_open_breaker()
    waits, now = [], 0.0
    for _ in range(6):
        then = next_probe(breaker, now)
        waits.append(then - now)
        now = then
        answer(breaker, ill=True, now=now)
    assert waits == sorted(waits)
    assert waits[-1] > 10 * waits[0]


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
