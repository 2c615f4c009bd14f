"""The Customerly sandbox answers as the reference says, checked without a network."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sandbox.customerly import SANDBOX_TOKEN, Customerly
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.exchange import Answer, Asked

BEARER = {"Authorization": "Bearer sandbox-token"}
MISSING = {"error": {"message": "User doesn't exist", "code": 0}}
Ask = Callable[..., tuple[int, Any]]


def asking(
    behaviour: CustomerlyBehaviour | None = None,
    headers: dict[str, str] = BEARER,
    clock: Callable[[], float] = lambda: 1_700_000_000.9,
) -> Ask:
    system = Customerly(behaviour or CustomerlyBehaviour(), SANDBOX_TOKEN)

    def ask(method: str, target: str, body: Any = None) -> tuple[int, Any]:
        parts = urlsplit(target)
        route = system.routes.find(method, parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        parameter = route.parameter if route else ""
        asked = Asked(method, parts.path, query, headers, sent, clock(), parameter)
        answer: Answer = system.answer(asked, route)
        is_json = answer.content_type == "application/json"
        return answer.status, orjson.loads(answer.body) if is_json else answer.body

    return ask


@pytest.fixture
def ask() -> Ask:
    return asking()


def users(*records: Any) -> dict[str, Any]:
    return {"users": list(records)}


def ann(**more: Any) -> dict[str, Any]:
    return {"email": "Ann@example.com", **more}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "You must provide a valid header Authorization: Bearer <TOKEN>"),
        (
            {"Authorization": "sandbox-token"},
            "You must provide a valid header Authorization: Bearer <TOKEN>",
        ),
        (
            {"Authentication": "sandbox-token"},
            "You must provide a valid header Authorization: Bearer <TOKEN>",
        ),
        ({"Authorization": "Bearer wrong"}, "Access token not found."),
        ({"Authentication": "AccessToken: wrong"}, "Access token not found."),
    ],
)
def test_a_bad_token_is_a_500_that_only_its_message_explains(headers: dict[str, str], message: str) -> None:
    assert asking(headers=headers)("GET", "/tags") == (500, {"error": {"message": message, "code": 0}})


def test_the_token_is_checked_before_the_path() -> None:
    assert asking(headers={})("GET", "/nowhere")[0] == 500


def test_the_legacy_header_is_accepted() -> None:
    assert asking(headers={"Authentication": "AccessToken: sandbox-token"})("GET", "/tags") == (
        200,
        {"data": []},
    )


def test_an_unknown_path_is_an_html_page(ask: Ask) -> None:
    status, page = ask("PUT", "/users")
    assert (status, page[:15]) == (404, b"<!DOCTYPE html>")


def test_addresses_that_differ_in_case_are_one_contact(ask: Ask) -> None:
    status, answer = ask(
        "POST", "/users", users(ann(name="Ann"), {"email": "ann@EXAMPLE.com", "user_id": "7"})
    )
    assert (status, answer) == (200, {"data": {"inserted": 2, "errors": []}})
    found = ask("GET", "/users?user_id=7")[1]["data"]
    assert (found["crmhero_user_id"], found["email"], found["name"]) == (1, "Ann@example.com", "Ann")


def test_an_upsert_merges_attributes_and_adds_tags(ask: Ask) -> None:
    ask("POST", "/users", users(ann(attributes={"plan": "a", "city": "Roma"}, tags=["x"])))
    ask("POST", "/users", users(ann(attributes={"plan": "b", "city": None}, tags=["y", "x"])))
    found = ask("GET", "/users?email=ann%40example.com")[1]["data"]
    assert (found["attributes"], found["user_tags"]) == ({"plan": "b"}, ["x", "y"])


def test_tags_are_replaced_where_the_behaviour_says_so() -> None:
    ask = asking(CustomerlyBehaviour(replace_tags=True))
    ask("POST", "/users", users(ann(tags=["x"])))
    ask("POST", "/users", users(ann(tags=["y"])))
    assert ask("GET", "/users?email=ann@example.com")[1]["data"]["user_tags"] == ["y"]


def test_numbers_come_back_as_text(ask: Ask) -> None:
    ask("POST", "/users", users(ann(attributes={"score": 7, "share": 1.5, "paid": True, "zip": "007"})))
    found = ask("GET", "/users?email=ann@example.com")[1]["data"]["attributes"]
    assert found == {"score": "7", "share": "1.5", "paid": True, "zip": "007"}


def test_a_contact_has_the_fields_of_the_vendor(ask: Ask) -> None:
    ask("POST", "/users", users(ann(user_id=12)))
    found = ask("GET", "/users?email=ann@example.com")[1]["data"]
    assert (found["user_id"], found["unsubscribe"], found["first_seen_at"], found["last_update"]) == (
        "12",
        0,
        1_700_000_000,
        "2023-11-14 22:13:20",
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "The email is required."),
        ({"email": ""}, "The email is required."),
        ({"email": "ann"}, "The email is not valid."),
        ({"email": " ann@example.com"}, "The email is not valid."),
        ({"email": f"{'a' * 250}@example.com"}, "The email is not valid."),
        (ann(name=5), "The name must be a string."),
        (ann(user_id={}), "The user_id must be a string."),
        (ann(tags="x"), "The tags must be an array of strings."),
        (ann(attributes=[]), "The attributes must be an object."),
        (
            ann(attributes={"Job Title": "x"}),
            "An attribute name must not contain spaces or special characters.",
        ),
        (ann(attributes={"a": "x" * 129}), "The attribute a is longer than 128 characters."),
        (
            ann(attributes={"a": {"b": 1}}),
            "The attribute a must be a text, a number, a boolean or a date.",
        ),
        ("ann@example.com", "The record must be an object."),
    ],
)
def test_a_refused_record_is_told_in_a_200_and_the_others_are_taken(
    ask: Ask, record: Any, message: str
) -> None:
    status, answer = ask("POST", "/users", users({"email": "bob@example.com"}, record))
    address = record.get("email") if isinstance(record, dict) else None
    refused = [{"index": 1, "email": address, "message": message}]
    assert (status, answer) == (200, {"data": {"inserted": 1, "errors": refused}})


@pytest.mark.parametrize(
    ("refusals", "told"),
    [
        ("messages", {"inserted": 1, "errors": ["The email is not valid."]}),
        ("not_added", {"inserted": 1, "not_added": ["bad"]}),
        ("count", {"inserted": 1}),
    ],
)
def test_refused_records_can_be_told_in_other_ways(refusals: Any, told: Any) -> None:
    ask = asking(CustomerlyBehaviour(refusals=refusals))
    assert ask("POST", "/users", users({"email": "bad"}, ann()))[1] == {"data": told}


def test_a_long_text_is_cut_where_the_behaviour_says_so() -> None:
    ask = asking(CustomerlyBehaviour(long_text="truncate"))
    ask("POST", "/users", users(ann(attributes={"a": "x" * 200})))
    assert ask("GET", "/users?email=ann@example.com")[1]["data"]["attributes"]["a"] == "x" * 128


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"email":"ann@example.com"}', b'{"users":{}}', b'{"users":[]}']
)
def test_a_wrong_envelope_is_refused_as_a_whole(ask: Ask, body: bytes) -> None:
    assert ask("POST", "/users", body)[0] == 400
    assert ask("GET", "/users/list")[1] == {"data": {"users": []}}


def test_a_batch_beyond_the_limit_is_refused_with_the_limit() -> None:
    ask = asking(CustomerlyBehaviour(max_batch=2))
    status, answer = ask("POST", "/users", users(ann(), ann(), ann()))
    assert (status, answer["error"]["message"]) == (400, "You can send at most 2 users per request.")


@pytest.mark.parametrize(
    "target", ["/users", "/users?email=", "/users?email=nobody@example.com", "/users?user_id=1"]
)
def test_whoever_is_not_found_does_not_exist(ask: Ask, target: str) -> None:
    assert ask("GET", target) == (404, MISSING)


def test_not_found_can_be_a_200() -> None:
    assert asking(CustomerlyBehaviour(missing_status=200))("GET", "/users") == (200, MISSING)


def test_an_unencoded_plus_is_a_space_and_misses(ask: Ask) -> None:
    ask("POST", "/users", users({"email": "ann+news@example.com"}))
    assert ask("DELETE", "/users?email=ann+news@example.com") == (404, MISSING)
    assert ask("DELETE", "/users?email=ann%2Bnews@example.com") == (200, {"data": []})


@pytest.mark.parametrize("query", ["", "?email=", "?user_id=", "?email=ann@example.com&user_id=7"])
def test_a_deletion_needs_exactly_one_identifier(ask: Ask, query: str) -> None:
    ask("POST", "/users", users(ann(user_id="7")))
    assert ask("DELETE", f"/users{query}")[0] == 400
    assert ask("GET", "/users?user_id=7")[0] == 200


def test_a_deleted_user_is_gone_under_every_identifier(ask: Ask) -> None:
    ask("POST", "/users", users(ann(user_id="7")))
    assert ask("DELETE", "/users?user_id=7") == (200, {"data": []})
    assert [ask("GET", f"/users?{query}")[0] for query in ("user_id=7", "email=ann@example.com")] == [
        404,
        404,
    ]


def test_a_deletion_can_answer_well_without_effect() -> None:
    ask = asking(CustomerlyBehaviour(delete_ignored=frozenset(["ann@example.com"])))
    ask("POST", "/users", users(ann()))
    assert ask("DELETE", "/users?email=ann@example.com")[0] == 200
    assert ask("GET", "/users?email=ann@example.com")[0] == 200


def test_somebody_deleted_can_be_shown_for_a_while() -> None:
    times = iter([0.0, 1.0, 2.0, 3.5, 5.0])
    ask = asking(CustomerlyBehaviour(delete_seconds=3), clock=lambda: next(times))
    ask("POST", "/users", users(ann()))
    ask("DELETE", "/users?email=ann@example.com")
    assert [ask("GET", "/users?email=ann@example.com")[0] for _ in range(3)] == [200, 200, 404]


@pytest.mark.parametrize(("takes", "status"), [(False, 200), (True, 404)])
def test_a_lead_outlives_its_user_unless_the_behaviour_says_otherwise(*, takes: bool, status: int) -> None:
    ask = asking(CustomerlyBehaviour(delete_user_takes_lead=takes))
    ask("POST", "/users", users(ann()))
    ask("POST", "/leads", {"leads": [ann()]})
    ask("DELETE", "/users?email=ann@example.com")
    assert ask("GET", "/leads?email=ann@example.com")[0] == status


def test_unsubscribing_shows_and_no_upsert_undoes_it(ask: Ask) -> None:
    ask("POST", "/users", users(ann(user_id="a/7")))
    assert ask("POST", "/users/unsubscribe/a%2F7") == (200, {"data": []})
    ask("POST", "/users", users(ann(unsubscribe=0, unsubscribed=False)))
    assert ask("GET", "/users?email=ann@example.com")[1]["data"]["unsubscribe"] == 1


def test_unsubscribing_can_ask_for_the_internal_id() -> None:
    ask = asking(CustomerlyBehaviour(unsubscribe_by="internal_id"))
    ask("POST", "/users", users(ann(user_id="7")))
    assert ask("POST", "/users/unsubscribe/7")[0] == 404
    assert ask("POST", "/users/unsubscribe/1")[0] == 200


def test_unsubscribing_can_ask_for_an_address() -> None:
    ask = asking(CustomerlyBehaviour(unsubscribe_by="email"))
    ask("POST", "/users", users(ann(user_id="7")))
    assert ask("POST", "/users/unsubscribe/7")[0] == 404
    ask("POST", "/user/unsubscribe", {"email": "ann@example.com"})
    assert ask("GET", "/users?user_id=7")[1]["data"]["unsubscribe"] == 1


def test_unsubscribing_can_answer_well_without_effect() -> None:
    ask = asking(CustomerlyBehaviour(unsubscribe_ignored=frozenset(["ann@example.com"])))
    ask("POST", "/users", users(ann(user_id="7")))
    assert ask("POST", "/users/unsubscribe/7")[0] == 200
    assert ask("GET", "/users?user_id=7")[1]["data"]["unsubscribe"] == 0


def test_tagging_creates_the_tag_and_passes_over_strangers(ask: Ask) -> None:
    ask("POST", "/users", users(ann()))
    named = [{"email": "ann@example.com"}, {"user_id": "nobody"}]
    assert ask("POST", "/tags", {"tag": "vip", "users": named}) == (200, {"data": []})
    assert ask("GET", "/users?email=ann@example.com")[1]["data"]["user_tags"] == ["vip"]
    assert ask("GET", "/tags")[1] == {"data": ["vip"]}


def test_untagging_takes_the_tag_from_those_named_only(ask: Ask) -> None:
    ask("POST", "/users", users(ann(tags=["vip"]), {"email": "bob@example.com", "tags": ["vip"]}))
    ask("POST", "/tags", {"tag": "vip", "untag": True, "users": [{"email": "ann@example.com"}]})
    found = [
        ask("GET", f"/users?email={name}@example.com")[1]["data"]["user_tags"] for name in ("ann", "bob")
    ]
    assert found == [[], ["vip"]]


def test_a_deleted_tag_leaves_every_contact(ask: Ask) -> None:
    ask("POST", "/leads", {"leads": [ann(tags=["vip", "x"])]})
    assert ask("DELETE", "/tags", {"tag": "vip"}) == (200, {})
    assert ask("GET", "/leads?email=ann@example.com")[1]["data"]["user_tags"] == ["x"]


def test_attributes_are_added_to_a_user_that_exists(ask: Ask) -> None:
    ask("POST", "/users", users(ann(user_id="7", attributes={"a": "1"})))
    assert ask("POST", "/users/add-attributes/7", {"attributes": {"b": "2"}}) == (200, {"data": []})
    assert ask("GET", "/users?user_id=7")[1]["data"]["attributes"] == {"a": "1", "b": "2"}
    assert ask("POST", "/users/add-attributes/8", {"attributes": {}}) == (404, MISSING)


@settings(max_examples=50)
@given(count=st.integers(0, 230), size=st.integers(1, 150), descending=st.booleans())
def test_pages_hold_everybody_once_and_never_more_than_a_hundred(
    count: int, size: int, *, descending: bool
) -> None:
    ask = asking(CustomerlyBehaviour(max_batch=1000))
    if count:
        ask(
            "POST",
            "/leads",
            {"leads": [{"email": f"{n}@example.com", "name": f"{n:04d}"} for n in range(count)]},
        )
    direction = "desc" if descending else "asc"
    pages = [
        ask("GET", f"/leads/list?page={page}&per_page={size}&sort=name&sort_direction={direction}")[1][
            "data"
        ]["leads"]
        for page in range(count // min(size, 100) + 2)
    ]
    names = [lead["name"] for page in pages for lead in page]
    assert names == sorted((f"{n:04d}" for n in range(count)), reverse=descending)
    assert max(map(len, pages)) <= min(size, 100)
