"""Whether to try again, and after how long."""

import math
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import example, given
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
TOO_EARLY = Response(425)
STARTED = 5000.0
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
        ("Fri, 15 Jan 2027 10:00:30 +0200", 30),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after({"retry-after": text}, NOON) == seconds


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_a_date_without_a_zone_is_in_utc_wherever_it_is_read() -> None:
    assert retry_after({"retry-after": formatdate(NOON + 30)}, NOON) == 30


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
        (503, {"retry-after": formatdate(NOON + 5, usegmt=True)}, Meaning.THROTTLED),
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


def test_backoff_doubles_up_to_the_cap() -> None:
    assert [backoff(POLICY, attempt, 0.0) for attempt in range(1, 10)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]


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


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        (Tries(0.0), "the connection was lost (tried once)"),
        (Tries(0.0, ill=1), "the connection was lost (tried 2 times)"),
        (Tries(0.0, ill=2, refused=3), "the connection was lost (tried 6 times)"),
    ],
)
def test_a_failure_that_is_given_up_keeps_its_reason_and_says_how_often_it_was_tried(
    tries: Tries, said: str
) -> None:
    decision = decide(RetryPolicy(attempts=1), tries, RESET, Meaning.RETRY, moment())
    assert decision == GiveUp(Lost("connection", said, processed=True))


@pytest.mark.parametrize(
    ("reply", "meaning", "end"),
    [
        (ILL, Meaning.RETRY, GiveUp),
        (REFUSED_CONNECTION, Meaning.RETRY, GiveUp),
        (TOO_EARLY, Meaning.RETRY, GiveUp),
        (THROTTLED, Meaning.THROTTLED, StopDestination),
    ],
)
def test_the_last_try_begins_when_the_time_is_up_at_the_latest(
    reply: Response | Lost, meaning: Meaning, end: type
) -> None:
    tries = Tries(STARTED)
    in_time = decide(POLICY, tries, reply, meaning, moment(now=STARTED + 899.75))
    too_late = decide(POLICY, tries, reply, meaning, moment(now=STARTED + 899.76))
    assert isinstance(in_time, Again)
    assert in_time.seconds == 0.25
    assert isinstance(too_late, end)


@pytest.mark.parametrize("reply", [REFUSED_CONNECTION, TOO_EARLY])
def test_what_is_given_up_and_never_was_processed_is_told_so(reply: Response | Lost) -> None:
    decision = decide(POLICY, Tries(0.0), reply, Meaning.RETRY, moment(now=899.9))
    assert isinstance(decision, GiveUp)
    assert not decision.lost.processed


@pytest.mark.parametrize(
    ("status", "meaning", "why"),
    [
        (429, Meaning.THROTTLED, "the server keeps refusing requests for now (429)"),
        (500, Meaning.RETRY, "the server asks to stay away for a while (500)"),
        (425, Meaning.RETRY, "the server asks to stay away for a while (425)"),
    ],
)
def test_being_sent_away_for_longer_than_there_is_time_stops_the_destination(
    status: int, meaning: Meaning, why: str
) -> None:
    reply = Response(status, {"retry-after": "901"})
    decision = decide(POLICY, Tries(STARTED), reply, meaning, moment(now=STARTED))
    assert decision == StopDestination(why, 901)


def test_refused_credentials_stop_the_destination() -> None:
    decision = decide(POLICY, Tries(0.0), Response(401), Meaning.STOP, moment())
    assert decision == StopDestination("the server refused the credentials (401)")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"retry-after": "40"}),
        (429, {"retry-after": formatdate(NOON + 40, usegmt=True)}),
        (429, {"x-ratelimit-reset": "40"}),
        (500, {"retry-after": formatdate(NOON + 40, usegmt=True)}),
        (425, {"retry-after": formatdate(NOON + 40, usegmt=True)}),
    ],
)
def test_however_the_server_asks_for_a_pause_it_gets_it(status: int, headers: dict[str, str]) -> None:
    reply = Response(status, headers)
    decision = decide(POLICY, Tries(0.0), reply, meaning_of(reply, NOON), moment())
    assert isinstance(decision, Again)
    assert decision.seconds == 40


@given(st.integers(0, 900), DRAWS, st.integers(0, 5), st.sampled_from((425, 429, 500)))
@example(900, 0.5, 0, 425)
@example(900, 0.5, 0, 429)
@example(900, 0.5, 0, 500)
def test_nothing_is_sent_sooner_than_the_server_asks_nor_much_later(
    asked: int, draw: float, before: int, status: int
) -> None:
    reply = Response(status, {"retry-after": str(asked)})
    tries = Tries(STARTED, ill=before, refused=before)
    decision = decide(POLICY, tries, reply, meaning_of(reply, NOON), moment(STARTED, draw))
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
