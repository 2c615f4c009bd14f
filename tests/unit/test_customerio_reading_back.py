from itertools import accumulate, pairwise
from typing import Any

import orjson
import pytest
from conversing import LOST, answer
from customerio_talk import OK, OPERATIONS, SETTINGS, Spoken, batch, error, errors, hear, people, speak, terms
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from bulk.conversation import NOT_CONFIGURED, Lost, Reply, Response
from bulk.destinations.customerio.settings import CustomerioSettings
from bulk.destinations.customerio.shown import is_unsubscribed, same, waits
from bulk.destinations.customerio.upsert import differences

NO_KEY = Lost(NOT_CONFIGURED, "the App API key is not set", processed=False)
GONE = answer({"errors": [{"detail": "not found (reference 01)", "status": "404"}]}, 404)
NOT_ENABLED = answer({"errors": [{"detail": "id_type is not enabled", "status": 400}]}, 400)
AT_ONCE = CustomerioSettings(lag="0s")
CONFIRMED = ("succeeded", "read_back")
SUCCEEDED = ("succeeded", "")
NO_EFFECT = ("failed", "no_effect")
ABSENT = ("skipped", "not_found")


def shown(email: str = "p0@example.com", **more: Any) -> dict[str, Any]:
    return {
        "id": "",
        "identifiers": {"cio_id": "0a", "id": None, "email": email},
        "attributes": {"email": email, "cio_id": "0a"},
        "unsubscribed": False,
        **more,
    }


def listed(*persons: dict[str, Any]) -> Response:
    return answer({"customers": list(persons)})


# Reads.


@given(st.floats(0, 3600))
def test_reads_begin_after_two_seconds_and_end_with_the_patience(patience: float) -> None:
    found = list(waits(patience))
    times = list(accumulate(seconds for seconds, _ in found))

    assert times[-1] == pytest.approx(patience)
    assert times[0] == pytest.approx(min(2, patience))
    assert [last for _, last in found] == [False] * (len(found) - 1) + [True]
    assert all(later <= 3 * earlier + 1e-6 for earlier, later in pairwise(times))


@pytest.mark.parametrize(
    ("lag", "seconds"), [("60s", 60), ("2m", 120), (30, 30), ("1.5s", 1.5), (0, 0), ("45", 45)]
)
def test_the_lag_is_a_time(lag: str | float, seconds: float) -> None:
    assert CustomerioSettings(lag=lag).patience == seconds


@pytest.mark.parametrize("lag", ["", "soon", "-1s", "1h", "1 2"])
def test_another_lag_is_refused(lag: str) -> None:
    with pytest.raises(ValueError, match="lag is a time"):
        CustomerioSettings(lag=lag)


@pytest.mark.parametrize("flag", [True, "true", "TRUE", 1, "1"])
def test_every_form_of_the_flag_counts_as_unsubscribed(flag: object) -> None:
    assert is_unsubscribed({"unsubscribed": flag})
    assert is_unsubscribed({"attributes": {"unsubscribed": flag}})


@pytest.mark.parametrize("flag", [False, "false", 0, "yes", None, {}])
def test_anything_else_is_subscribed(flag: object) -> None:
    assert not is_unsubscribed({"unsubscribed": flag, "attributes": {"unsubscribed": flag}})


@pytest.mark.parametrize(
    ("sent", "found", "expected"),
    [
        (30, "30", True),
        (0.1, "0.1", True),
        (30, "31", False),
        (30, None, False),
        (30, "many", False),
        (True, "true", True),
        (True, "false", False),
        (None, "", True),
        (None, "x", False),
        ("a", " a ", True),
        ("a", "A", False),
        ({"a": [1]}, '{"a":[1]}', True),
        ([1], [1], True),
        ([1], "[2]", False),
        ({"a": 1}, "{", False),
    ],
)
def test_values_are_compared_as_they_are_shown_that_is_as_text(
    sent: object, found: object, expected: object
) -> None:
    assert same(sent, found) == expected


# Confirming an upsert.


def confirm(record: dict[str, Any], *replies: Reply, with_: CustomerioSettings = SETTINGS) -> Spoken:
    read_back = OPERATIONS["upsert_person"].confirm
    assert read_back is not None
    return hear(read_back(batch("upsert_person", record), terms("upsert_person", with_)), *replies)


def test_a_person_is_read_by_the_identifier_that_named_them_percent_encoded() -> None:
    talk = confirm({"email": "a+b/../?c@example.com"}, answer({"customer": shown()}))

    assert talk.paths == [
        "GET /v1/customers/a%2Bb%2F..%2F%3Fc%40example.com/attributes?id_type=email",
    ]
    assert talk.requests[0].surface == "app"
    assert talk.settled == [CONFIRMED]


def test_what_does_not_show_at_first_is_read_again() -> None:
    record = {"id": "7", "attributes": {"n": 5}}
    early = answer({"customer": shown(attributes={})})
    late = answer({"customer": shown(attributes={"n": "5"})})

    talk = confirm(record, GONE, early, late)

    assert (talk.settled, talk.waited) == ([CONFIRMED], [2, 4, 12])


def test_what_never_shows_is_named_without_its_value() -> None:
    dropped = answer({"customer": shown(identifiers={"id": "7"}, attributes={"plan": "free"})})

    talk = confirm({"id": "7", "email": "a@example.com", "attributes": {"plan": "paid"}}, dropped)

    assert talk.settled == [NO_EFFECT]
    assert talk.verdicts[0].error_message == "the workspace shows another value for plan, email"
    assert talk.waited == [2, 4, 12, 36, 6]


def test_a_person_who_never_shows_is_no_effect() -> None:
    assert confirm({"id": "7"}, GONE, with_=AT_ONCE).settled == [NO_EFFECT]


def test_without_the_app_key_nothing_can_be_compared() -> None:
    assert confirm({"id": "7"}, NO_KEY).settled == [("succeeded", "not_read_back")]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (LOST, ("failed", "timeout")),
        (NOT_ENABLED, ("failed", "read_refused")),
        (answer([]), ("failed", "read_refused")),
    ],
)
def test_a_read_that_fails_is_told(reply: Reply, expected: tuple[str, str]) -> None:
    assert confirm({"id": "7"}, reply).settled == [expected]


@pytest.mark.parametrize(
    ("sent", "found", "expected"),
    [
        ({"email": "A@example.com"}, {"identifiers": {"email": "a@Example.com"}}, []),
        ({"email": "a@example.com"}, {}, ["email"]),
        ({"phone": "+391234567"}, {"attributes": {"phone": "+391234567"}}, []),
        ({"unsubscribed": True}, {"unsubscribed": True}, []),
        ({"unsubscribed": True}, {"unsubscribed": False}, ["unsubscribed"]),
        ({"_update": True}, {}, []),
        (
            {"cio_subscription_preferences.topics.topic_1": False},
            {"attributes": {"cio_subscription_preferences": '{"topics":{"topic_1":false}}'}},
            [],
        ),
        (
            {"cio_subscription_preferences.topics.topic_1": False},
            {"attributes": {"cio_subscription_preferences": {"topics": {"topic_1": True}}}},
            ["cio_subscription_preferences.topics.topic_1"],
        ),
        (
            {"cio_subscription_preferences.topics.topic_1": False},
            {"attributes": {}},
            ["cio_subscription_preferences.topics.topic_1"],
        ),
    ],
)
def test_a_read_back_names_the_attributes_that_differ(
    sent: dict[str, Any], found: dict[str, Any], expected: list[str]
) -> None:
    assert differences(sent, found) == expected


# Unsubscribing.

OUT: dict[str, Any] = {"unsubscribed": True}


def unsubscribe(
    records: list[dict[str, Any]], *replies: Reply, with_: CustomerioSettings = SETTINGS, **options: Any
) -> Spoken:
    return speak("unsubscribe_person", records, *replies, settings=with_, **options)


def test_people_are_unsubscribed_and_read_back_in_one_request() -> None:
    talk = unsubscribe(people(2), OK, listed(shown(**OUT), shown("P1@Example.com", **OUT)))

    assert talk.paths == ["POST /api/v2/batch", "POST /v1/customers/attributes?id_type=email"]
    assert orjson.loads(talk.requests[1].body or b"") == {"ids": ["p0@example.com", "p1@example.com"]}
    assert (talk.settled, talk.waited) == ([SUCCEEDED] * 2, [2])


def test_somebody_who_is_not_there_is_read_once_more_at_the_end_and_then_not_found() -> None:
    talk = unsubscribe(people(2), OK, listed(shown("p1@example.com", **OUT)), listed())

    assert talk.settled == [ABSENT, SUCCEEDED]
    assert (len(talk.requests), sum(talk.waited)) == (3, 60)


def test_somebody_created_seconds_ago_is_not_taken_for_absent() -> None:
    assert unsubscribe(people(1), OK, listed(), listed(shown(**OUT))).settled == [SUCCEEDED]


def test_only_those_who_still_show_as_subscribed_are_read_again() -> None:
    first = listed(shown(), shown("p1@example.com", **OUT))

    talk = unsubscribe(people(2), OK, first, listed(shown()), listed(shown(**OUT)))

    assert [orjson.loads(request.body or b"")["ids"] for request in talk.requests[2:]] == [
        ["p0@example.com"],
        ["p0@example.com"],
    ]
    assert (talk.settled, talk.waited) == ([SUCCEEDED] * 2, [2, 4, 12])


def test_somebody_who_shows_as_subscribed_to_the_end_is_failed() -> None:
    talk = unsubscribe(people(1), OK, listed(shown()))

    assert (talk.settled, sum(talk.waited)) == ([NO_EFFECT], 60)
    assert "still shows the person as subscribed" in talk.verdicts[0].error_message


def test_somebody_to_be_created_is_awaited() -> None:
    late = unsubscribe(people(1), OK, listed(), listed(shown(**OUT)), create_missing=True)
    never = unsubscribe(people(1), OK, listed(), create_missing=True)

    assert (late.settled, never.settled) == ([SUCCEEDED], [NO_EFFECT])


def test_without_the_app_key_what_was_accepted_is_succeeded_and_not_read_back() -> None:
    talk = unsubscribe(people(2), errors(error(0)), NO_KEY)

    assert talk.settled == [("failed", "refused"), ("succeeded", "not_read_back")]


def test_only_the_accepted_are_read_back() -> None:
    talk = unsubscribe(people(3), errors(error(1)), listed(shown(**OUT), shown("p2@example.com", **OUT)))

    assert orjson.loads(talk.requests[1].body or b"")["ids"] == ["p0@example.com", "p2@example.com"]
    assert talk.settled == [SUCCEEDED, ("failed", "refused"), SUCCEEDED]


def test_each_kind_of_identifier_is_read_apart_and_compared_as_such() -> None:
    records = [{"id": "7"}, {"phone": "+391234567"}, {"cio_id": "0c"}, {"email": "a@example.com"}]
    by_id = listed(shown(identifiers={"id": "7"}, **OUT))
    by_phone = listed(shown(attributes={"phone": "+391234567"}, **OUT))
    by_cio = listed(shown(identifiers={"cio_id": "0c"}, **OUT))

    talk = unsubscribe(records, OK, by_id, by_phone, by_cio, listed())

    assert [path.partition("=")[2] for path in talk.paths[1:5]] == ["id", "phone", "cio_id", "email"]
    assert talk.settled == [SUCCEEDED, SUCCEEDED, SUCCEEDED, ABSENT]


def test_two_records_of_one_person_share_a_read_and_a_verdict() -> None:
    records = [{"email": "a@example.com"}, {"email": "A@example.com"}]

    talk = unsubscribe(records, OK, listed(shown("a@example.com", **OUT)))

    assert orjson.loads(talk.requests[1].body or b"")["ids"] == ["a@example.com"]
    assert talk.settled == [SUCCEEDED] * 2


def test_a_refused_read_is_halved_so_that_one_identifier_does_not_hide_the_others() -> None:
    first, last = (listed(shown(f"p{at}@example.com", **OUT)) for at in (0, 2))

    talk = unsubscribe(people(3), OK, NOT_ENABLED, NOT_ENABLED, first, NOT_ENABLED, last)

    assert talk.settled == [SUCCEEDED, ("failed", "read_refused"), SUCCEEDED]
    assert len(talk.requests) == 6


def test_an_answer_about_somebody_else_is_no_answer() -> None:
    out = listed(shown("P0@example.com", **OUT))

    talk = unsubscribe(people(2), OK, listed(shown("other@example.com", **OUT)), out, out)

    assert talk.settled == [SUCCEEDED, ("failed", "broken_answer")]
    assert [orjson.loads(request.body or b"")["ids"] for request in talk.requests[1:]] == [
        ["p0@example.com", "p1@example.com"],
        ["p0@example.com"],
        ["p1@example.com"],
    ]


def test_a_lost_read_and_a_lost_or_refused_request_settle_everybody() -> None:
    assert unsubscribe(people(2), OK, LOST).settled == [("failed", "timeout")] * 2
    assert unsubscribe(people(2), LOST).settled == [("failed", "timeout")] * 2
    assert unsubscribe(people(2), Response(400)).split is not None
    assert unsubscribe(people(1), Response(400)).settled == [("failed", "refused")]


@pytest.mark.parametrize(
    ("fields", "expected"), [(["email"], 2), (["id", "email"], 3), ([], 2), (["id", "note"], 2)]
)
def test_the_preview_counts_read_backs(fields: list[str], expected: int) -> None:
    assert OPERATIONS["unsubscribe_person"].exchanges(fields, terms("unsubscribe_person")) == expected


VALUE = st.none() | st.booleans() | st.sampled_from(["p0@example.com", "p1@example.com", "true", "", "7"])
PERSON = st.dictionaries(
    st.sampled_from(["id", "identifiers", "attributes", "unsubscribed"]),
    VALUE | st.dictionaries(st.sampled_from(["id", "email", "unsubscribed"]), VALUE),
)
BODY = VALUE | st.dictionaries(
    st.sampled_from(["customers", "customer"]), VALUE | PERSON | st.lists(PERSON | VALUE)
)
REPLY = st.builds(answer, BODY, st.sampled_from([200, 200, 400, 404])) | st.sampled_from([LOST, NO_KEY])


@limits(max_examples=100, deadline=None)
@given(st.lists(REPLY, min_size=1, max_size=5), st.booleans())
def test_whatever_is_read_every_record_is_settled_once(replies: list[Reply], creates: object) -> None:
    records = [*people(2), {"id": "7"}]

    unsubscribed = unsubscribe(records, OK, *replies, create_missing=creates)
    confirmed = confirm({"id": "7", "attributes": {"email": "p0@example.com"}}, *replies)

    assert unsubscribed.times == dict.fromkeys(range(3), 1)
    assert confirmed.times == {0: 1}
