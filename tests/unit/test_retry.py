"""Whether to try again, and after how long."""

import math
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import Lost, Meaning, Response
from bulk.retry import (
    Again,
    GiveUp,
    Moment,
    RetryPolicy,
    StopDestination,
    Tries,
    backoff,
    decide,
    meaning_of,
    retry_after,
)

POLICY = RetryPolicy()
NOON = 1_800_000_000.0
RESET = Lost("connection", "the connection was lost", processed=True)
REFUSED_CONNECTION = Lost("connection", "no connection", processed=False)
THROTTLED = Response(429)
ILL = Response(500)
DRAWS = st.floats(0, 1, exclude_max=True)


def moment(now: float = 0.0, draw: float = 0.0) -> Moment:
    return Moment(now, NOON, draw)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("86400", 86_400),
        (formatdate(NOON + 30, usegmt=True), 30),
        (formatdate(NOON + 30), 30),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after({"retry-after": text}, NOON) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("-1", "nan", "inf", "soon", "", "86401", "1e3", "\u0663", "1_0", "9" * 400),
        formatdate(NOON - 30, usegmt=True),
        formatdate(NOON + 200_000, usegmt=True),
        "Mon, 99 Foo 9999 99:99:99 GMT",
    ],
)
def test_nonsense_in_retry_after_is_ignored(text: str) -> None:
    assert retry_after({"retry-after": text}, NOON) is None


@given(st.text(max_size=60), st.sampled_from(("retry-after", "ratelimit-reset", "x-ratelimit-reset")))
def test_whatever_a_header_holds_the_wait_is_sensible_or_none(text: str, name: str) -> None:
    seconds = retry_after({name: text}, NOON, 429)
    assert seconds is None or 0 <= seconds <= 86_400


@pytest.mark.parametrize("value", ["40", f"{NOON + 40:.0f}", f"{(NOON + 40) * 1000:.0f}"])
@pytest.mark.parametrize("name", ["ratelimit-reset", "x-ratelimit-reset"])
def test_a_reset_counts_with_429_whether_it_is_a_delay_or_a_point_in_time(name: str, value: str) -> None:
    assert retry_after({name: value}, NOON, 429) == pytest.approx(40)


def test_a_reset_without_429_is_no_request_to_wait() -> None:
    assert retry_after({"x-ratelimit-reset": "40"}, NOON, 503) is None


def test_retry_after_is_believed_before_a_reset() -> None:
    assert retry_after({"retry-after": "3", "x-ratelimit-reset": "40"}, NOON, 429) == 3


def test_a_date_is_measured_by_the_clock_of_the_server_that_wrote_it() -> None:
    hour_ahead = NOON + 3600
    headers = {
        "retry-after": formatdate(hour_ahead + 5, usegmt=True),
        "date": formatdate(hour_ahead, usegmt=True),
    }
    assert retry_after(headers, NOON) == 5


@pytest.mark.parametrize(
    ("status", "headers", "meaning"),
    [
        (200, {}, Meaning.ANSWER),
        (302, {}, Meaning.ANSWER),
        (404, {}, Meaning.ANSWER),
        (422, {}, Meaning.ANSWER),
        (429, {}, Meaning.THROTTLED),
        (503, {"retry-after": "1"}, Meaning.THROTTLED),
        (503, {"retry-after": "soon"}, Meaning.RETRY),
        (503, {}, Meaning.RETRY),
        (408, {}, Meaning.RETRY),
        (425, {}, Meaning.RETRY),
        (500, {"retry-after": "1"}, Meaning.RETRY),
        (501, {}, Meaning.ANSWER),
        (502, {}, Meaning.RETRY),
        (504, {}, Meaning.RETRY),
        (505, {}, Meaning.ANSWER),
        (507, {}, Meaning.RETRY),
        (511, {}, Meaning.RETRY),
        *((status, {}, Meaning.RETRY) for status in range(520, 531)),
        (101, {}, Meaning.RETRY),
        (0, {}, Meaning.RETRY),
        (999, {}, Meaning.RETRY),
        (401, {}, Meaning.STOP),
        (403, {}, Meaning.STOP),
    ],
)
def test_a_status_has_a_meaning(status: int, headers: dict[str, str], meaning: Meaning) -> None:
    assert meaning_of(Response(status, headers), NOON) is meaning


@given(st.integers(1, 10_000), DRAWS)
def test_backoff_stays_within_half_of_its_ceiling_and_the_cap(attempt: int, draw: float) -> None:
    ceiling = min(POLICY.cap, POLICY.base * 2.0 ** min(attempt - 1, 100))
    assert ceiling / 2 <= backoff(POLICY, attempt, draw) <= ceiling


def test_backoff_still_jitters_at_the_cap() -> None:
    assert backoff(POLICY, 50, 0.0) == 30
    assert backoff(POLICY, 50, 0.999) > 59


@pytest.mark.parametrize("reply", [THROTTLED, REFUSED_CONNECTION])
def test_what_was_not_processed_is_sent_again_even_if_not_repeatable(reply: Response | Lost) -> None:
    tries = Tries(0.0, repeatable=False, ill=0, refused=500)
    assert isinstance(decide(POLICY, tries, reply, Meaning.THROTTLED, moment()), Again)


@pytest.mark.parametrize("reply", [THROTTLED, REFUSED_CONNECTION])
def test_what_was_not_processed_uses_up_no_attempt(reply: Response | Lost) -> None:
    decision = decide(POLICY, Tries(0.0, ill=7), reply, Meaning.THROTTLED, moment())
    assert isinstance(decision, Again)
    assert decision.tries == Tries(0.0, ill=7, refused=1)


@pytest.mark.parametrize("reply", [RESET, ILL, Lost("timeout", "no answer within 30 s")])
def test_what_may_have_been_processed_is_never_sent_again_if_not_repeatable(reply: Response | Lost) -> None:
    decision = decide(POLICY, Tries(0.0, repeatable=False), reply, Meaning.RETRY, moment())
    assert isinstance(decision, GiveUp)
    assert decision.lost.processed


def test_an_ill_answer_is_tried_again_until_the_attempts_are_used_up() -> None:
    tries, tried = Tries(0.0), 1
    while isinstance(decision := decide(POLICY, tries, ILL, Meaning.RETRY, moment()), Again):
        tries, tried = decision.tries, tried + 1
    assert tried == POLICY.attempts
    assert decision == GiveUp(Lost("server_error", "the server answered 500 (tried 8 times)", 500))


def test_a_failure_that_is_given_up_keeps_its_reason() -> None:
    decision = decide(RetryPolicy(attempts=1), Tries(0.0), RESET, Meaning.RETRY, moment())
    assert isinstance(decision, GiveUp)
    assert decision.lost.reason == "connection"


def test_an_ill_answer_is_not_tried_again_after_the_time_is_up() -> None:
    decision = decide(POLICY, Tries(0.0), ILL, Meaning.RETRY, moment(now=899.9))
    assert isinstance(decision, GiveUp)


def test_connections_refused_for_too_long_are_given_up_as_not_processed() -> None:
    decision = decide(POLICY, Tries(0.0), REFUSED_CONNECTION, Meaning.RETRY, moment(now=899.9))
    assert isinstance(decision, GiveUp)
    assert not decision.lost.processed


def test_being_refused_for_too_long_stops_the_destination() -> None:
    decision = decide(POLICY, Tries(0.0), THROTTLED, Meaning.THROTTLED, moment(now=899.9))
    assert isinstance(decision, StopDestination)


@pytest.mark.parametrize(("status", "meaning"), [(429, Meaning.THROTTLED), (500, Meaning.RETRY)])
def test_being_sent_away_for_longer_than_there_is_time_stops_the_destination(
    status: int, meaning: Meaning
) -> None:
    reply = Response(status, {"retry-after": "901"})
    decision = decide(POLICY, Tries(0.0), reply, meaning, moment())
    assert isinstance(decision, StopDestination)
    assert decision.seconds == 901


def test_refused_credentials_stop_the_destination() -> None:
    assert isinstance(decide(POLICY, Tries(0.0), Response(401), Meaning.STOP, moment()), StopDestination)


@given(st.integers(0, 900), DRAWS, st.integers(0, 5), st.sampled_from((429, 500)))
def test_nothing_is_sent_sooner_than_the_server_asks_nor_much_later(
    asked: int, draw: float, before: int, status: int
) -> None:
    meaning = Meaning.THROTTLED if status == 429 else Meaning.RETRY
    reply = Response(status, {"retry-after": str(asked)})
    decision = decide(POLICY, Tries(0.0, ill=before, refused=before), reply, meaning, moment(draw=draw))
    assert isinstance(decision, Again)
    assert asked <= decision.seconds <= min(900, max(POLICY.cap, asked * 1.1 + POLICY.base))


def test_a_wait_the_server_asks_for_is_jittered_upwards() -> None:
    reply = Response(429, {"retry-after": "100"})
    waits = [
        decision.seconds
        for draw in (0.0, 0.5)
        if isinstance(
            decision := decide(POLICY, Tries(0.0), reply, Meaning.THROTTLED, moment(draw=draw)), Again
        )
    ]
    assert waits == [100, 105]


def test_a_probe_uses_up_neither_attempts_nor_time() -> None:
    for reply in (ILL, REFUSED_CONNECTION):
        tries = Tries(0.0, ill=7)
        decision = decide(POLICY, tries, reply, Meaning.RETRY, moment(now=5000.0), probe=True)
        assert isinstance(decision, Again)
        assert decision.tries.ill == 7
        assert math.isfinite(decision.seconds)
        assert decision.seconds > 0
