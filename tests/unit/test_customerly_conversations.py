from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from conversing import ABSENT, LOST, Talk, answer, batch_of, drive, refused
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.conversation import Batch, Reply, Response
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.customerly.system import CUSTOMERLY
from bulk.destinations.customerly.upsert import differences
from bulk.destinations.operation import Terms

SETTINGS = CustomerlySettings()
OPERATIONS = CUSTOMERLY.operations
GONE_200 = refused("User doesn't exist", 200)
MEND = CustomerlySettings(unsubscribe_path="/user/unsubscribe")
INTERNAL = CustomerlySettings(unsubscribe_id="crmhero_user_id")


def converse(operation: str, batch: Batch, *replies: Reply, with_: CustomerlySettings = SETTINGS) -> Talk:
    return drive(OPERATIONS[operation].converse(batch, Terms(with_)), replies)


def three() -> Batch:
    return batch_of(
        {"email": "a@example.com", "user_id": "1"},
        {"email": "b@example.com", "user_id": "2"},
        {"email": "c@example.com", "user_id": "3"},
    )


def upsert(*replies: Reply) -> Talk:
    return converse("upsert_user", three(), *replies)


def one(email: str | None = "a@example.com", user_id: str | None = None, **more: Any) -> Batch:
    record = {"email": email, "user_id": user_id, **more}
    return batch_of({name: value for name, value in record.items() if value is not None})


SUCCEEDED = ("succeeded", "")
READ_BACK = ("succeeded", "read_back")
REFUSED = ("failed", "not_added")


def test_a_batch_is_posted_in_its_envelope_in_source_order() -> None:
    talk = upsert(answer({"data": {"inserted": 3, "errors": []}}))

    assert talk.paths == ["POST /users"]
    assert [user["email"] for user in orjson.loads(talk.requests[0].body or b"")["users"]] == [
        "a@example.com",
        "b@example.com",
        "c@example.com",
    ]
    assert talk.settled == [SUCCEEDED] * 3


def test_leads_have_a_path_and_an_envelope_of_their_own() -> None:
    talk = converse("upsert_lead", one(), answer({"data": {"inserted": 1, "errors": []}}))

    assert talk.paths == ["POST /leads"]
    assert talk.requests[0].body == b'{"leads":[{"email":"a@example.com"}]}'


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"inserted": 3}},
        {"data": {"inserted": 4, "errors": None}},
        {"inserted": 3},
        {"data": {"errors": []}},
        {"inserted": 3, "data": []},
        {"data": {"inserted": 3, "not_added": []}},
    ],
)
def test_a_count_or_an_empty_list_of_errors_accepts_the_batch(body: object) -> None:
    talk = upsert(answer(body))

    assert (talk.settled, len(talk.requests)) == ([SUCCEEDED] * 3, 1)


@pytest.mark.parametrize(
    "element",
    [
        {"index": 1, "message": "bad name"},
        {"email": "b@example.com", "message": "bad name"},
        {"email": " B@Example.com ", "error": "bad name"},
        {"user_id": "2", "reason": "bad name"},
        {"user_id": 2, "message": "bad name"},
        {"user": {"email": "b@example.com"}, "message": "bad name"},
        {"lead": {"user_id": "2"}, "message": "bad name"},
        {"contact": {"index": 1}, "message": "bad name"},
        {"user": "b@example.com", "message": "bad name"},
    ],
)
@pytest.mark.parametrize("name", ["errors", "not_added"])
def test_a_named_record_alone_is_failed_with_its_message(element: object, name: str) -> None:
    talk = upsert(answer({"data": {"inserted": 2, name: [element]}}))

    assert talk.settled == [SUCCEEDED, REFUSED, SUCCEEDED]
    assert talk.verdicts[1].error_message == "bad name"
    assert len(talk.requests) == 1


@pytest.mark.parametrize("listed", [["b@example.com"], {"b@example.com": "bad name"}, "b@example.com"])
def test_a_name_alone_or_an_object_by_name_is_understood(listed: object) -> None:
    assert upsert(answer({"data": {"inserted": 2, "errors": listed}})).settled == [
        SUCCEEDED,
        REFUSED,
        SUCCEEDED,
    ]


def test_an_address_never_becomes_a_message() -> None:
    talk = upsert(answer({"data": {"inserted": 2, "errors": ["b@example.com"]}}))

    assert talk.verdicts[1].error_message == "listed as not added, without a reason"


def test_a_name_that_two_records_share_is_settled_by_reading_both_back() -> None:
    batch = batch_of({"email": "a@example.com", "user_id": "7"}, {"email": "b@example.com", "user_id": "7"})
    first = answer({"data": {"inserted": 1, "errors": [{"user_id": "7", "message": "taken"}]}})
    shown = answer({"data": {"email": "a@example.com", "user_id": "7"}})

    talk = converse("upsert_user", batch, first, shown, ABSENT)

    assert talk.settled == [READ_BACK, REFUSED]
    assert talk.verdicts[1].error_message == "taken"


def test_records_that_nobody_speaks_of_are_read_back_one_by_one() -> None:
    shown = answer({"data": {"email": "A@EXAMPLE.com", "user_id": "1"}})
    differing = answer({"data": {"email": "b@example.com", "user_id": "9"}})

    talk = upsert(answer({"data": {"inserted": 1}}), shown, differing, ABSENT)

    assert talk.settled == [READ_BACK, ("failed", "no_effect"), REFUSED]
    assert talk.verdicts[1].error_message == "the account shows another value for user_id"
    assert talk.paths[1:] == [f"GET /users?email={name}%40example.com" for name in "abc"]


@pytest.mark.parametrize(
    "body", [{"data": {}}, {"data": []}, {}, [], "ok", None, {"data": {"inserted": "3"}}]
)
def test_a_2xx_that_says_nothing_is_read_back(body: object) -> None:
    talk = upsert(answer(body), ABSENT)

    assert talk.settled == [REFUSED] * 3
    assert len(talk.requests) == 4


def test_an_error_that_names_nobody_puts_every_record_in_doubt_but_the_named_one() -> None:
    listed = [{"index": 0, "message": "bad"}, "one address is not valid"]

    talk = upsert(answer({"data": {"inserted": 2, "errors": listed}}), ABSENT)

    assert talk.settled == [REFUSED] * 3
    assert [talk.verdicts[position].error_message for position in range(3)] == [
        "bad",
        "one address is not valid",
        "one address is not valid",
    ]
    assert len(talk.requests) == 3


def test_of_a_single_record_an_error_without_a_name_speaks_too() -> None:
    talk = converse("upsert_user", one(), answer({"data": {"inserted": 0, "errors": ["bad name"]}}))

    assert (talk.settled, talk.verdicts[0].error_message) == ([REFUSED], "bad name")
    assert len(talk.requests) == 1


def test_a_lost_read_back_settles_only_its_record() -> None:
    shown = answer({"data": {"email": "b@example.com", "user_id": "2"}})

    talk = upsert(answer({"data": {}}), LOST, shown, ABSENT)

    assert talk.settled == [("failed", "timeout"), READ_BACK, REFUSED]


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (answer({"data": []}), "broken_answer"),
        (Response(200), "broken_answer"),
        (refused("no", 400), "read_refused"),
    ],
)
def test_a_read_back_that_tells_nothing_does_not_say_that_the_record_was_refused(
    shown: Response, reason: str
) -> None:
    assert upsert(answer({}), shown).settled == [("failed", reason)] * 3


@pytest.mark.parametrize(
    "reply", [refused("Invalid payload", 422), refused("Invalid payload", 200), Response(413)]
)
def test_a_refused_batch_is_split_and_a_refused_record_is_failed(reply: Response) -> None:
    batch, single = upsert(reply), converse("upsert_user", one(), reply)

    assert (batch.split is not None, batch.verdicts) == (True, {})
    assert single.settled == [("failed", "refused")]


def test_a_lost_batch_is_failed_as_a_whole_because_it_may_be_sent_again() -> None:
    assert upsert(LOST).settled == [("failed", "timeout")] * 3


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["a@example.com", "2", "", "bad", "1e999"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "errors",
                    "not_added",
                    "inserted",
                    "index",
                    "email",
                    "user",
                    "message",
                    "error",
                    "attributes",
                    "user_id",
                    "name",
                    "unsubscribe",
                    "crmhero_user_id",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
BODY = JSON | st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {},
            optional={
                "inserted": JSON,
                "errors": JSON,
                "not_added": JSON,
                "email": JSON,
                "attributes": JSON,
                "user_id": JSON,
                "crmhero_user_id": JSON,
                "unsubscribe": JSON,
            },
        )
    }
)
REPLY = st.builds(answer, BODY, st.sampled_from([200, 200, 201, 400, 404, 500]))
FULL: dict[str, Any] = {"name": "Jo", "attributes": {"score": 5, "vip": True, "city": None, "size": "1"}}


@settings(max_examples=300, deadline=None)
@given(st.lists(REPLY, min_size=1, max_size=4))
def test_whatever_is_answered_to_an_upsert_every_record_is_settled_once_or_the_batch_is_split(
    replies: list[Response],
) -> None:
    batch = batch_of(
        *({"email": f"{name}@example.com", "user_id": str(at), **FULL} for at, name in enumerate("abcde"))
    )

    talk = converse("upsert_user", batch, *replies)

    assert talk.split or talk.times == dict.fromkeys(range(5), 1)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["upsert_lead", "delete_user", "delete_lead", "unsubscribe_user"]),
    st.sampled_from([SETTINGS, MEND, INTERNAL]),
    st.lists(REPLY, min_size=1, max_size=3),
)
def test_whatever_is_answered_about_one_record_it_is_settled_once(
    operation: str, with_: CustomerlySettings, replies: list[Response]
) -> None:
    talk = converse(operation, one(**FULL), *replies, with_=with_)

    assert (talk.times, talk.split) == ({0: 1}, None)


def test_an_absurdly_nested_error_is_read_without_harm() -> None:
    nested = b'{"user":' * 1000 + b'"deep"' + b"}" * 1000

    talk = upsert(Response(200, {}, b'{"errors":[' + nested + b"]}"), ABSENT)

    assert talk.settled == [REFUSED] * 3


@pytest.mark.parametrize(
    ("sent", "shown", "expected"),
    [
        ({"name": "Jo"}, {"name": " Jo "}, []),
        ({"name": "Jo"}, {"name": "JO"}, ["name"]),
        ({"email": "a@example.com"}, {"email": "A@Example.com"}, []),
        ({"name": None}, {"name": ""}, []),
        ({"name": None}, {}, []),
        ({"attributes": {"n": 5}}, {"attributes": {"n": "5"}}, []),
        ({"attributes": {"n": 5}}, {"attributes": {"n": "five"}}, ["attributes.n"]),
        ({"attributes": {"n": 0.1}}, {"attributes": {"n": "0.1"}}, []),
        ({"attributes": {"n": 5}}, {"attributes": {"n": None}}, ["attributes.n"]),
        ({"attributes": {"yes": True, "no": False}}, {"attributes": {"yes": 1, "no": "0"}}, []),
        ({"attributes": {"yes": True}}, {"attributes": {"yes": 0}}, ["attributes.yes"]),
        ({"attributes": {"a": "x", "b": "y"}}, {"attributes": {"a": "x"}}, ["attributes.b"]),
        ({"attributes": {"a": "x"}}, {"attributes": []}, ["attributes.a"]),
        ({"tags": ["vip"]}, {}, []),
        ({"attributes": {"n": 5}}, {"attributes": {"n": [5]}}, ["attributes.n"]),
    ],
)
def test_a_read_back_names_the_fields_that_differ(
    sent: dict[str, Any], shown: dict[str, Any], expected: list[str]
) -> None:
    assert differences(sent, shown) == expected


def test_confirming_settles_a_record_by_what_the_account_shows() -> None:
    confirm = OPERATIONS["upsert_lead"].confirm
    assert confirm is not None

    talk = drive(
        confirm(one(name="Jo"), Terms(SETTINGS)), [answer({"data": {"email": "a@example.com", "name": "Jo"}})]
    )

    assert (talk.settled, talk.paths) == ([READ_BACK], ["GET /leads?email=a%40example.com"])


# Deletes.


def test_a_delete_goes_by_the_id_if_there_is_one_and_only_by_it() -> None:
    talk = converse("delete_user", one(user_id="u/1"), answer({"data": []}))

    assert talk.paths == ["DELETE /users?user_id=u%2F1"]
    assert talk.requests[0].irreversible
    assert talk.settled == [SUCCEEDED]


@pytest.mark.parametrize("value", ["a+b@example.com", "a/../b?x=1&y=%@example.com", "zoë@example.com", ".."])
@pytest.mark.parametrize("operation", ["delete_user", "delete_lead"])
def test_a_delete_names_exactly_one_contact_whatever_the_address(operation: str, value: str) -> None:
    path = urlsplit(converse(operation, one(value), answer({"data": []})).requests[0].path)

    assert path.path == {"delete_user": "/users", "delete_lead": "/leads"}[operation]
    assert parse_qs(path.query, strict_parsing=True) == {"email": [value]}


@pytest.mark.parametrize("reply", [ABSENT, GONE_200])
def test_somebody_unknown_is_not_found(reply: Response) -> None:
    assert converse("delete_user", one(), reply).settled == [("skipped", "not_found")]


def test_somebody_unknown_after_a_repeated_send_is_gone_by_our_hand() -> None:
    repeated = Response(404, {}, ABSENT.body, repeated=True)

    assert converse("delete_user", one(), repeated).settled == [("succeeded", "gone")]


def test_somebody_unknown_after_an_earlier_attempt_is_gone_by_our_hand() -> None:
    assert converse("delete_user", replace(one(), attempted=True), GONE_200).settled == [
        ("succeeded", "gone")
    ]


def test_a_refused_or_lost_delete_is_failed() -> None:
    assert converse("delete_lead", one(), refused("no", 403)).settled == [("failed", "refused")]
    assert converse("delete_lead", one(), LOST).settled == [("failed", "timeout")]


# Unsubscribing.

SUBSCRIBED = answer(
    {"data": {"email": "a@example.com", "user_id": "7", "crmhero_user_id": 42, "unsubscribe": 0}}
)
UNSUBSCRIBED = answer(
    {"data": {"email": "a@example.com", "user_id": "7", "crmhero_user_id": 42, "unsubscribe": 1}}
)
DONE = answer({"data": []})


def unsubscribe(batch: Batch, *replies: Reply, with_: CustomerlySettings = SETTINGS) -> Talk:
    return converse("unsubscribe_user", batch, *replies, with_=with_)


def test_a_user_with_an_id_is_unsubscribed_and_read_back() -> None:
    talk = unsubscribe(one(None, "u/7"), DONE, UNSUBSCRIBED)

    assert talk.paths == ["POST /users/unsubscribe/u%2F7", "GET /users?user_id=u%2F7"]
    assert talk.settled == [SUCCEEDED]


def test_a_user_without_an_id_is_looked_up_first() -> None:
    talk = unsubscribe(one(), SUBSCRIBED, DONE, UNSUBSCRIBED)

    assert talk.paths == [
        "GET /users?email=a%40example.com",
        "POST /users/unsubscribe/7",
        "GET /users?email=a%40example.com",
    ]
    assert talk.settled == [SUCCEEDED]


def test_customerlys_own_id_is_looked_up_even_if_the_row_has_an_id() -> None:
    talk = unsubscribe(one(user_id="7"), SUBSCRIBED, DONE, UNSUBSCRIBED, with_=INTERNAL)

    assert talk.paths == ["GET /users?user_id=7", "POST /users/unsubscribe/42", "GET /users?user_id=7"]


def test_the_other_endpoint_takes_the_address_in_the_body() -> None:
    talk = unsubscribe(one(user_id="7"), DONE, UNSUBSCRIBED, with_=MEND)

    assert talk.paths[0] == "POST /user/unsubscribe"
    assert orjson.loads(talk.requests[0].body or b"") == {"email": "a@example.com", "unsubscribe": 1}


def test_the_other_endpoint_looks_up_an_address_it_lacks() -> None:
    talk = unsubscribe(one(None, "7"), SUBSCRIBED, DONE, UNSUBSCRIBED, with_=MEND)

    assert orjson.loads(talk.requests[1].body or b"")["email"] == "a@example.com"
    assert talk.settled == [SUCCEEDED]


def test_an_address_may_stand_in_the_path() -> None:
    with_ = CustomerlySettings(unsubscribe_path="/leads/{email}/unsubscribe")

    talk = unsubscribe(one("a+b@example.com"), DONE, UNSUBSCRIBED, with_=with_)

    assert talk.paths[0] == "POST /leads/a%2Bb%40example.com/unsubscribe"


def test_somebody_found_unsubscribed_is_left_alone() -> None:
    talk = unsubscribe(one(), UNSUBSCRIBED)

    assert (talk.settled, len(talk.requests)) == ([("succeeded", "already")], 1)


@pytest.mark.parametrize(
    "shown", [{"email": "a@example.com"}, {"user_id": ".."}, {"user_id": ["7"]}, {"user_id": None}]
)
def test_a_user_whose_id_the_account_does_not_show_is_failed(shown: dict[str, Any]) -> None:
    talk = unsubscribe(one(), answer({"data": shown}))

    assert (talk.settled, len(talk.requests)) == ([("failed", "missing_id")], 1)


def test_an_own_id_never_stands_for_customerlys_when_that_is_missing() -> None:
    talk = unsubscribe(one(user_id="7"), answer({"data": {"user_id": "7"}}), with_=INTERNAL)

    assert (talk.settled, talk.paths) == ([("failed", "missing_id")], ["GET /users?user_id=7"])


@pytest.mark.parametrize("read_back", [SUBSCRIBED, DONE, answer({"data": {"unsubscribed": 1}})])
def test_an_accepted_request_without_effect_is_failed(read_back: Response) -> None:
    assert unsubscribe(one(None, "7"), DONE, read_back).settled == [("failed", "no_effect")]


@pytest.mark.parametrize(
    ("replies", "settled"),
    [
        ([LOST], ("failed", "timeout")),
        ([ABSENT, ABSENT], ("skipped", "not_found")),
        ([ABSENT, LOST], ("failed", "timeout")),
        ([ABSENT, refused("no", 400)], ("failed", "refused")),
        ([refused("no", 400)], ("failed", "refused")),
        ([SUBSCRIBED, LOST], ("failed", "timeout")),
        ([SUBSCRIBED, GONE_200, ABSENT], ("skipped", "not_found")),
        ([SUBSCRIBED, refused("no", 400)], ("failed", "refused")),
        ([SUBSCRIBED, DONE, LOST], ("failed", "timeout")),
        ([SUBSCRIBED, DONE, ABSENT, ABSENT], ("skipped", "not_found")),
    ],
)
def test_every_exchange_of_unsubscribing_may_go_wrong(replies: list[Reply], settled: tuple[str, str]) -> None:
    assert unsubscribe(one(), *replies).settled == [settled]


def test_somebody_who_is_a_lead_only_is_failed_and_never_not_found() -> None:
    lead = answer({"data": {"email": "a@example.com", "is_user": 0, "unsubscribe": 0}})

    talk = unsubscribe(one(), ABSENT, lead)

    assert talk.paths == ["GET /users?email=a%40example.com", "GET /leads?email=a%40example.com"]
    assert talk.settled == [("failed", "lead_only")]


def test_a_lead_who_is_unsubscribed_is_left_alone() -> None:
    lead = answer({"data": {"email": "a@example.com", "is_user": 0, "unsubscribe": 1}})

    assert unsubscribe(one(), ABSENT, lead).settled == [("succeeded", "already")]


def test_without_an_address_nobody_is_looked_for_among_leads() -> None:
    talk = unsubscribe(one(None, "7"), ABSENT)

    assert (talk.settled, talk.paths) == (
        [("skipped", "not_found")],
        ["POST /users/unsubscribe/7", "GET /users?user_id=7"],
    )


def test_somebody_whose_id_is_stale_is_unsubscribed_by_the_id_the_account_shows_for_the_address() -> None:
    shown = {"data": {"email": "a@example.com", "user_id": "u1", "unsubscribe": 0}}
    after = {"data": {"email": "a@example.com", "user_id": "u1", "unsubscribe": 1}}
    talk = unsubscribe(one(user_id="7"), ABSENT, ABSENT, answer(shown), DONE, answer(after))

    assert talk.settled == [SUCCEEDED]
    assert talk.paths == [
        "POST /users/unsubscribe/7",
        "GET /users?user_id=7",
        "GET /users?email=a%40example.com",
        "POST /users/unsubscribe/u1",
        "GET /users?email=a%40example.com",
    ]


def test_a_user_whom_the_account_shows_and_the_endpoint_does_not_know_is_never_passed_over() -> None:
    shown = answer({"data": {"email": "a@example.com", "user_id": "7", "unsubscribe": 0}})
    talk = unsubscribe(one(user_id="7"), ABSENT, shown)

    assert talk.settled == [("failed", "no_effect")]
    assert "unsubscribe_id" in talk.verdicts[0].error_message


@pytest.mark.parametrize("value", [1, "1", True, "true"])
def test_every_form_of_the_flag_counts(value: object) -> None:
    assert unsubscribe(one(None, "7"), DONE, answer({"data": {"unsubscribe": value}})).settled == [SUCCEEDED]


@pytest.mark.parametrize(
    ("fields", "with_", "expected"),
    [
        (["user_id"], SETTINGS, 2),
        (["email"], SETTINGS, 3),
        (["email"], MEND, 2),
        (["user_id"], INTERNAL, 3),
    ],
)
def test_the_preview_counts_look_ups(fields: list[str], with_: CustomerlySettings, expected: int) -> None:
    assert OPERATIONS["unsubscribe_user"].exchanges(fields, Terms(with_)) == expected
