"""How fast a step is, of late, and how long it will take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.api.measuring import LOOK_BACK, LOOK_FAR_BACK, Speed, time_left
from bulk.api.waiting import lasting

RATES = st.floats(1e-3, 1e6)


def test_one_look_tells_no_speed() -> None:
    assert Speed().of_late(5.0, 100) == 0


def test_two_looks_at_one_moment_tell_no_speed() -> None:
    speed = Speed()
    speed.of_late(5.0, 100)
    assert speed.of_late(5.0, 200) == 0


@pytest.mark.parametrize("every", [0.25, 1.0, LOOK_BACK, 30.0])
def test_a_steady_speed_is_told_however_far_apart_the_looks_are(every: float) -> None:
    speed = Speed()
    told = [speed.of_late(look * every, look * 8) for look in range(100)]
    assert told[1:] == pytest.approx([8 / every] * 99)


def test_what_was_long_ago_does_not_count() -> None:
    speed = Speed()
    speed.of_late(0.0, 0)
    speed.of_late(1.0, 1_000_000)
    assert speed.of_late(1.0 + LOOK_BACK, 1_000_000) == 0


def test_a_longer_look_back_remembers_more() -> None:
    speed = Speed(LOOK_FAR_BACK)
    told = [speed.of_late(float(second), 100 if second >= 5 else 0) for second in range(60)]

    assert told[-1] == pytest.approx(100 / 59)


def test_at_the_rate_of_late_the_rest_takes_so_long() -> None:
    assert time_left(100, 5.0) == 20
    assert time_left(100, 5.0, requests=9.8, limit=10.0) == 20


def test_where_more_was_sent_than_is_allowed_now_the_limit_says_how_long() -> None:
    assert time_left(100, 5.0, requests=10.0, limit=2.5) == 80


@pytest.mark.parametrize(("remaining", "rate"), [(0, 5.0), (100, 0.0)])
def test_nobody_knows_how_long_nothing_takes(remaining: int, rate: float) -> None:
    assert time_left(remaining, rate, requests=10.0, limit=2.5) is None


@given(st.integers(1, 10**9), RATES, RATES, st.none() | RATES)
def test_the_time_left_is_never_told_too_short(
    remaining: int, rate: float, requests: float, limit: float | None
) -> None:
    left = time_left(remaining, rate, requests, limit)

    assert left is not None
    assert left >= remaining / rate
    assert limit is None or left >= 0.999 * remaining * (requests / rate) / limit


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (38.4, "39 s"),
        (119.4, "120 s"),
        (720, "12 min"),
        (18_720, "5.2 h"),
        (267_840, "3.1 days"),
    ],
)
def test_how_long_it_lasts_is_said_as_coarsely_as_suits(seconds: float, said: str) -> None:
    assert said == lasting(seconds)
