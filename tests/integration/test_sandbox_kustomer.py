"""The Kustomer sandbox answers about customers as the reference says, checked without a network."""

from typing import Any

import pytest
from asking import START, Asker
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sandbox.customerly import SANDBOX_TOKEN
from bulk.sandbox.kustomer import Kustomer
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour

COMPANY = "5f0000000000000000000001"
NOBODY = "5f0000000000000000000002"


def kustomer(**behaviour: Any) -> Asker:
    return Asker(Kustomer(KustomerBehaviour(**behaviour), SANDBOX_TOKEN))


@pytest.fixture
def at() -> Asker:
    return kustomer()


def ann(**more: Any) -> dict[str, Any]:
    return {"emails": [{"email": "Ann@example.com", "type": "work"}], "externalId": "7", **more}


def created(at: Asker, body: dict[str, Any]) -> str:
    status, answer = at.ask("POST", "/customers", body)
    assert status == 201
    return str(answer["data"]["id"])


def by(name: str, value: str) -> dict[str, Any]:
    return {f"customer_{name}": {"equals": value}}


def message(answer: Any) -> tuple[str, str]:
    (error,) = answer["errors"]
    return error["code"], error["message"]


@pytest.mark.parametrize("header", [None, "sandbox-token", "Bearer wrong", "bearer sandbox-token"])
def test_a_bad_token_is_a_401_in_json(header: str | None) -> None:
    at = kustomer()
    at.headers = {"Authorization": header} if header else {}
    status, answer = at.ask("GET", "/auth/tokens/current")
    assert (status, message(answer)[0]) == (401, "unauthorized")


def test_a_key_of_another_region_is_told_so() -> None:
    at = kustomer(pod="prod2")
    status, answer = at.ask("GET", "/customers")
    assert status == 401
    assert message(answer)[1] == (
        "Auth token associated with pod prod2 but request is being handled by prod1"
    )


def test_a_key_tells_its_roles_and_holds_those_below_them() -> None:
    at = kustomer(roles=frozenset({"org.user.customer"}))
    assert at.ask("GET", "/auth/tokens/current")[1]["data"]["attributes"]["roles"] == ["org.user.customer"]
    assert at.ask("GET", "/customers")[0] == 200
    status, answer = at.ask("GET", f"/bulk/{NOBODY}")
    assert (status, "org.permission.bulk.read" in message(answer)[1]) == (403, True)


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_role_is_one_of_two_statuses(status: int) -> None:
    at = kustomer(roles=frozenset({"org.permission.customer.read"}), missing_role_status=status)
    assert at.ask("POST", "/customers", ann())[0] == status
    assert at.contents("customers") == []


def test_an_unknown_path_is_an_html_page(at: Asker) -> None:
    status, page = at.ask("GET", "/nowhere")
    assert (status, page[:15]) == (404, b"<!DOCTYPE html>")


def test_without_a_budget_there_are_no_headers(at: Asker) -> None:
    at.ask("GET", "/customers")
    assert at.answer.headers == ()


def test_the_budget_is_told_and_its_end_only_once_it_is_exceeded() -> None:
    at = kustomer(budget=2)
    told = []
    for _ in range(3):
        at.ask("GET", "/customers")
        told.append((at.answer.status, dict(at.answer.headers)))
    limit = {"x-ratelimit-limit": "2"}
    assert told[:2] == [(200, limit | {"x-ratelimit-remaining": left}) for left in ("1", "0")]
    end = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000040"}
    assert told[2] == (429, limit | end)
    assert (at.answer.body, at.answer.content_type) == (b"Too Many Requests", "text/plain")
    at.now = 1_700_000_040.0
    assert at.ask("GET", "/customers")[0] == 200


@settings(max_examples=60, deadline=None)
@given(
    budget=st.integers(1, 30),
    others=st.integers(0, 40),
    steps=st.lists(st.floats(0, 20), min_size=1, max_size=60),
)
def test_no_window_of_the_clock_admits_more_than_others_leave(
    budget: int, others: int, steps: list[float]
) -> None:
    at = kustomer(budget=budget, others_per_minute=others)
    admitted: dict[int, int] = {}
    for step in steps:
        at.now += step
        window = int(at.now // 60)
        before = admitted.get(window, 0)
        used_by_others = int((at.now - window * 60) * others / 60 + 1e-9)
        status, _ = at.ask("GET", "/users/current")
        assert status == (200 if before + used_by_others < budget else 429)
        admitted[window] = before + (status == 200)


def test_a_created_customer_is_kept_as_received_and_shown_with_more(at: Asker) -> None:
    body = ann(name="Ann", custom={"planStr": "pro"}, tags=["vip"])
    identifier = created(at, body)
    assert at.contents("customers") == [{"id": identifier, "rev": 1, **body}]
    attributes = at.ask("GET", f"/customers/{identifier}")[1]["data"]["attributes"]
    shown = {name: attributes[name] for name in ("emails", "externalIds", "displayName", "rev", "phones")}
    assert shown == {
        "emails": [{"id": None, "email": "Ann@example.com", "type": "work", "verified": False}],
        "externalIds": [{"id": None, "externalId": "7", "verified": False}],
        "displayName": "Ann",
        "rev": 1,
        "phones": [],
    }


def test_what_is_shown_cannot_be_written_back_as_it_is(at: Asker) -> None:
    identifier = created(at, ann())
    emails = at.ask("GET", f"/customers/{identifier}")[1]["data"]["attributes"]["emails"]
    status, answer = at.ask("PATCH", f"/customers/{identifier}", {"emails": emails})
    assert (status, answer["errors"][0]["source"]) == (400, {"pointer": "/emails/0/id"})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"displayName": "Ann"}, "/displayName"),
        ({"name": "x" * 257}, "/name"),
        ({"emails": [{"email": "ann"}]}, "/emails/0/email"),
        ({"emails": [{"email": "a@example.com", "type": "private"}]}, "/emails/0/type"),
        ({"emails": [{"type": "work"}]}, "/emails/0"),
        ({"emails": None}, "/emails"),
        ({"emails": [{"email": f"{n}@example.com"} for n in range(11)]}, "/emails"),
        ({"phones": [{"phone": "call me"}]}, "/phones/0/phone"),
        ({"externalId": ""}, "/externalId"),
        ({"company": "acme"}, "/company"),
        ({"gender": "female"}, "/gender"),
        ({"locations": [{"countryCode": "ITA"}]}, "/locations/0/countryCode"),
        ({"signedUpAt": "2024-05-06"}, "/signedUpAt"),
        ({"tags": [" vip"]}, "/tags/0"),
        ({"tags": ["a&b"]}, "/tags/0"),
        ({"tags": [f"t{n}" for n in range(21)]}, "/tags"),
        ({"sentiment": {"polarity": True, "confidence": 0}}, "/sentiment/polarity"),
        ({"custom": {"plan": "pro"}}, "/custom/plan"),
        ({"custom": {"Str": "pro"}}, "/custom/Str"),
        ({"custom": {"planStr": 5}}, "/custom/planStr"),
        ({"custom": {"planStr": "x" * 1025}}, "/custom/planStr"),
        ({"custom": {"ageNum": "5"}}, "/custom/ageNum"),
        ({"custom": {"ageNum": True}}, "/custom/ageNum"),
        ({"custom": {"sinceAt": "yesterday"}}, "/custom/sinceAt"),
        ({"custom": {"vipBool": "true"}}, "/custom/vipBool"),
        ({"custom": {"siteUrl": "example.com"}}, "/custom/siteUrl"),
        ({"custom": {"ownerId": "7"}}, "/custom/ownerId"),
        ({"custom": {f"n{n}Num": n for n in range(101)}}, "/custom"),
        ([], ""),
    ],
)
def test_a_body_that_breaks_the_schema_is_refused_with_its_place(at: Asker, body: Any, pointer: str) -> None:
    status, answer = at.ask("POST", "/customers", body)
    assert (status, answer["errors"][0].get("source", {"pointer": ""})) == (400, {"pointer": pointer})
    assert at.contents("customers") == []


def test_every_kind_of_value_is_accepted(at: Asker) -> None:
    body = {
        "name": None,
        "phones": [{"phone": "+44 7700 900001", "type": "mobile", "verified": True}],
        "socials": [{"type": "twitter", "username": "ann"}],
        "locations": [{"countryCode": "IT", "latitude": 41.9}],
        "birthdayAt": "1990-02-01",
        "tags": ["très/bon", "a b"],
        "sentiment": {"polarity": -1, "confidence": 0.5},
        "custom": {
            "planStr": "pro",
            "noteTxt": "a\nb",
            "ageNum": 4.5,
            "sinceAt": "2024-05-06T07:08:09Z",
            "vipBool": False,
            "siteUrl": "https://example.com/a",
            "ownerId": COMPANY,
            "goneStr": None,
        },
    }
    assert at.ask("POST", "/customers", body)[0] == 201


def test_a_body_beyond_the_limit_is_refused(at: Asker) -> None:
    status, answer = at.ask("POST", "/customers", b" " * 100_001)
    assert (status, message(answer)[0]) == (413, "request_entity_too_large")


def test_errors_can_have_the_other_form() -> None:
    status, answer = kustomer(errors="jsonapi").ask("GET", f"/customers/{NOBODY}")
    error = {"status": "404", "code": "not_found", "title": "Not Found", "detail": "customer not found"}
    assert (status, answer) == (404, {"errors": [error]})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"emails": [{"email": "ann@example.com"}]}, {"emails": [{"email": "ANN@example.com"}]}),
        ({"phones": [{"phone": "+44 7700 900001"}]}, {"phones": [{"phone": "447700900001"}]}),
        ({"whatsapps": [{"phone": "+447700900001"}]}, {"whatsapps": [{"phone": "+447700900001"}]}),
        ({"externalId": "7"}, {"externalIds": [{"externalId": "7"}]}),
        (
            {"socials": [{"type": "twitter", "username": "ann"}]},
            {"socials": [{"type": "twitter", "username": "Ann"}]},
        ),
    ],
)
def test_an_address_has_one_owner(at: Asker, first: Any, second: Any) -> None:
    owner, other = created(at, first), created(at, {"name": "Bob"})
    refused = (409, ("conflict", "duplicate detected"))
    for method, target in (("POST", "/customers"), ("PATCH", f"/customers/{other}")):
        status, answer = at.ask(method, target, second)
        assert (status, message(answer)) == refused
    assert at.ask("PATCH", f"/customers/{owner}", second)[0] == 200


def test_a_duplicate_can_be_a_400() -> None:
    at = kustomer(duplicate_status=400)
    created(at, ann())
    status, answer = at.ask("POST", "/customers", ann())
    assert (status, message(answer)) == (400, ("bad_request", "duplicate detected"))


def test_shared_addresses_have_many_owners(at: Asker) -> None:
    shared = {"sharedEmails": [{"email": "desk@example.com"}]}
    assert created(at, shared) != created(at, shared)
    assert at.ask("GET", "/customers/email=desk%40example.com")[0] == 404


def test_look_ups_can_find_shared_addresses() -> None:
    at = kustomer(lookup_shared=True)
    identifier = created(at, {"sharedEmails": [{"email": "desk@example.com"}]})
    assert at.ask("GET", "/customers/email=desk%40example.com")[1]["data"]["id"] == identifier


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("email=ann%2Bnews%40example.com", 200),
        ("email=ANN+news@example.com", 200),  # in a path a plus is a plus
        ("email=ann%20news%40example.com", 404),
        ("externalId=a%2F7", 200),
        ("externalId=A%2F7", 404),
        ("phone=%2B447700900001", 200),
        ("phone=447700900001", 200),
        ("phone=900001", 404),
    ],
)
def test_a_look_up_finds_the_one_customer_or_nobody(at: Asker, path: str, status: int) -> None:
    created(
        at,
        {
            "emails": [{"email": "ann+news@example.com"}],
            "phones": [{"phone": "+44 7700 900001"}],
            "externalId": "a/7",
        },
    )
    assert at.ask("GET", f"/customers/{path}")[0] == status


@pytest.mark.parametrize(("form", "statuses"), [("e164", [200, 404]), ("digits", [404, 200])])
def test_phone_numbers_can_be_found_in_one_form_only(form: str, statuses: list[int]) -> None:
    at = kustomer(phones_by=form)
    created(at, {"phones": [{"phone": "+44 7700 900001"}]})
    paths = ("%2B447700900001", "447700900001")
    assert [at.ask("GET", f"/customers/phone={path}")[0] for path in paths] == statuses


def test_an_update_keeps_what_it_does_not_mention_and_replaces_lists(at: Asker) -> None:
    identifier = created(at, ann(name="Ann", tags=["a"], custom={"xStr": "1", "yStr": "2"}))
    change = {"tags": ["b"], "custom": {"yStr": None, "zNum": 3}}
    assert at.ask("PATCH", f"/customers/{identifier}", change)[1]["data"]["attributes"]["rev"] == 2
    expected = {"name": "Ann", "tags": ["b"], "custom": {"xStr": "1", "zNum": 3}}
    assert at.contents("customers") == [{"id": identifier, "rev": 2, **ann(**expected)}]


def test_lists_can_be_added_to() -> None:
    at = kustomer(merge_arrays=True)
    identifier = created(at, {"tags": ["a"]})
    at.ask("PATCH", f"/customers/{identifier}", {"tags": ["b", "a"]})
    assert at.contents("customers")[0]["tags"] == ["a", "b"]


@pytest.mark.parametrize(
    ("replace", "left"),
    [
        ("?replace=false", {"name": "Ann", "locale": "it"}),
        ("", {"name": "Ann", "locale": "it"}),
        ("?replace=true", {"locale": "it"}),
    ],
)
def test_a_put_replaces_everything_only_when_told_to(at: Asker, replace: str, left: Any) -> None:
    identifier = created(at, {"name": "Ann"})
    assert at.ask("PUT", f"/customers/{identifier}{replace}", {"locale": "it"})[0] == 200
    assert at.contents("customers") == [{"id": identifier, "rev": 2, **left}]


@pytest.mark.parametrize(("unlinks", "company"), [(True, None), (False, COMPANY)])
def test_a_company_that_is_not_named_again_is_unlinked(*, unlinks: bool, company: str | None) -> None:
    at = kustomer(unlink_company=unlinks)
    identifier = created(at, {"company": COMPANY})
    related = at.ask("GET", f"/customers/{identifier}")[1]["data"]["relationships"]
    assert related["company"]["data"] == {"type": "company", "id": COMPANY}
    at.ask("PATCH", f"/customers/{identifier}", {"name": "Ann"})
    assert at.contents("customers")[0].get("company") == company


def test_a_change_to_an_older_revision_is_refused(at: Asker) -> None:
    identifier = created(at, ann())
    assert at.ask("PATCH", f"/customers/{identifier}", {"rev": 1, "name": "Ann"})[0] == 200
    status, answer = at.ask("PATCH", f"/customers/{identifier}", {"rev": 1, "name": "Bea"})
    assert (status, message(answer)[0]) == (409, "conflict")
    assert at.contents("customers")[0]["name"] == "Ann"


def test_tags_can_be_answered_and_written_by_id() -> None:
    at = kustomer(tags_as="ids")
    identifier = created(at, {"tags": ["vip", "new"]})
    ids = at.ask("GET", f"/customers/{identifier}")[1]["data"]["attributes"]["tags"]
    at.ask("PATCH", f"/customers/{identifier}", {"tags": ids[:1]})
    assert at.contents("customers")[0]["tags"] == ["vip"]


def test_masked_values_are_hidden_and_kept() -> None:
    at = kustomer(masked=frozenset({"emails", "custom.taxStr"}))
    identifier = created(at, ann(name="Ann", custom={"taxStr": "123", "planStr": "pro"}))
    shown = at.ask("GET", f"/customers/{identifier}")[1]["data"]["attributes"]
    assert (shown["emails"][0]["email"], shown["emails"][0]["type"]) == ("********", "work")
    assert shown["custom"] == {"taxStr": "********", "planStr": "pro"}
    assert at.contents("customers")[0]["custom"] == {"taxStr": "123", "planStr": "pro"}


def test_a_deleted_customer_is_gone_under_every_address_and_they_are_free_again(at: Asker) -> None:
    identifier = created(at, ann())
    assert at.ask("DELETE", f"/customers/{identifier}") == (204, b"")
    for path in (identifier, "email=ann%40example.com", "externalId=7", f"{identifier}/conversations"):
        assert at.ask("GET", f"/customers/{path}")[0] == 404
    assert at.ask("DELETE", f"/customers/{identifier}")[0] == 404
    assert [gone["id"] for gone in at.contents("deleted")] == [identifier]
    assert created(at, ann()) != identifier


def test_a_deletion_can_take_its_time() -> None:
    at = kustomer(delete_seconds=5.0)
    identifier = created(at, ann())
    assert at.ask("DELETE", f"/customers/{identifier}")[0] == 204
    at.now = START + 4.9
    assert at.ask("GET", f"/customers/{identifier}")[0] == 200
    at.now = START + 5
    assert at.ask("GET", f"/customers/{identifier}")[0] == 404


def test_a_deletion_can_answer_well_without_effect() -> None:
    at = kustomer(delete_ignored=frozenset({"ann@example.com"}))
    identifier = created(at, ann())
    assert at.ask("DELETE", f"/customers/{identifier}")[0] == 204
    assert at.ask("GET", f"/customers/{identifier}")[0] == 200


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 230), size=st.integers(1, 100), newest=st.booleans())
def test_pages_hold_everybody_once(count: int, size: int, *, newest: bool) -> None:
    at = kustomer()
    ids = [created(at, {"externalId": str(number)}) for number in range(count)]
    listed: list[str] = []
    target: str | None = f"/customers?pageSize={size}{'&sort=-createdAt' if newest else ''}"
    while target:
        answer = at.ask("GET", target)[1]
        assert len(answer["data"]) <= size
        listed += [customer["id"] for customer in answer["data"]]
        target = answer["links"]["next"] and answer["links"]["next"].removeprefix("/v1")
    assert listed == (ids[::-1] if newest else ids)


@pytest.mark.parametrize("query", ["pageSize=101", "pageSize=0", "page=0", "page=x"])
def test_a_page_that_cannot_be_is_refused(at: Asker, query: str) -> None:
    assert at.ask("GET", f"/customers?{query}")[0] == 400


def test_a_merge_takes_its_time_and_holds_both_customers(at: Asker) -> None:
    source = created(at, ann(custom={"aStr": "s", "bStr": "s"}, tags=["x"]))
    target = created(at, {"name": "Bea", "emails": [{"email": "bea@example.com"}], "custom": {"aStr": "t"}})
    note = at.ask("POST", f"/customers/{source}/notes", {"body": "hi"})[1]["data"]["id"]
    status, answer = at.ask("POST", "/customers/merges", {"source": source, "target": target})
    merge = answer["data"]["id"]
    assert (status, answer["data"]["attributes"]["status"]) == (201, "running")
    again = at.ask("POST", "/customers/merges", {"source": source, "target": target})[0]
    changes = [at.ask("PATCH", f"/customers/{one}", {"locale": "it"})[0] for one in (source, target)]
    assert [again, *changes] == [409, 409, 409]
    at.now += 0.3
    assert at.ask("GET", f"/customers/merges/{merge}")[1]["data"]["attributes"]["status"] == "success"
    assert at.ask("GET", f"/customers/{source}")[0] == 404
    assert at.contents("customers") == [
        {
            "id": target,
            "rev": 2,
            "name": "Bea",
            "emails": [{"email": "bea@example.com"}, {"email": "Ann@example.com", "type": "work"}],
            "externalIds": [{"externalId": "7"}],
            "custom": {"aStr": "t", "bStr": "s"},
            "tags": ["x"],
        }
    ]
    assert [child["id"] for child in at.ask("GET", f"/customers/{target}/notes")[1]["data"]] == [note]
    assert at.ask("GET", "/customers/externalId=7")[1]["data"]["id"] == target


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"source": COMPANY, "target": COMPANY}, 400),
        ({"source": COMPANY, "target": NOBODY}, 404),
        ({"source": COMPANY}, 400),
        ({"source": COMPANY, "target": NOBODY, "force": True}, 400),
    ],
)
def test_a_merge_names_two_customers_that_exist(at: Asker, body: Any, status: int) -> None:
    assert at.ask("POST", "/customers/merges", body)[0] == status


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ({"and": [by("email", "ANN@example.com")]}, ["ann"]),
        ({"and": [by("externalId", "8")]}, []),
        ({"or": [by("externalId", "7"), by("email", "bob@example.com")]}, ["ann", "bob"]),
        ({"and": [by("externalId", "7"), by("email", "bob@example.com")]}, []),
        ({"and": [by("shared_phone", "+447700900001")]}, ["bob"]),
        ({}, ["ann", "bob"]),
    ],
)
def test_a_search_finds_by_address(at: Asker, clauses: Any, expected: list[str]) -> None:
    created(at, ann(name="ann"))
    bob = {"emails": [{"email": "bob@example.com"}], "sharedPhones": [{"phone": "+44 7700 900001"}]}
    created(at, {"name": "bob", **bob})
    status, answer = at.ask("POST", "/customers/search", clauses)
    names = [found["attributes"]["name"] for found in answer["data"]]
    assert (status, names, answer["meta"]["total"]) == (200, expected, len(expected))


def test_a_search_finds_the_deleted_only_when_told_to(at: Asker) -> None:
    identifier = created(at, ann())
    at.ask("DELETE", f"/customers/{identifier}")
    found = [
        [one["id"] for one in at.ask("POST", "/customers/search", {"includeDeleted": deleted})[1]["data"]]
        for deleted in (False, True)
    ]
    assert found == [[], [identifier]]


def test_a_reset_forgets_everything(at: Asker) -> None:
    created(at, ann())
    at.system.reset()
    assert (at.contents("customers"), at.system.counts()["records_created"]) == ([], 0)
