import re
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from conversing import LOST, answer
from hypothesis import given
from hypothesis import strategies as st
from kustomer_talk import NO_SUCH, Account

from bulk.conversation import KEY, Meaning, Reply, Request, Response
from bulk.destinations.kustomer import KUSTOMER
from bulk.destinations.kustomer.answers import is_duplicate, read, refusal
from bulk.destinations.kustomer.body import update_body
from bulk.destinations.kustomer.compare import differences, is_same
from bulk.destinations.kustomer.customer import Customer, customers, is_masked
from bulk.destinations.kustomer.jobs import Job, memory, remembered, results
from bulk.destinations.kustomer.probes import ROLES, missing_role, probes
from bulk.destinations.kustomer.settings import KustomerSettings, UpsertOptions, WriteOptions
from bulk.destinations.listing import ListingError, Page, Query
from bulk.destinations.operation import Operation, Terms
from bulk.destinations.system import Place

CODE_SHAPE = {"errors": [{"code": "bad_request", "message": "no", "meta": {}}]}
JSON_API = {
    "errors": [{"status": "400", "code": "bad_param", "title": "no", "source": {"parameters": ["name", "x"]}}]
}
HTML_404 = Response(404, {}, b"<html>Cannot GET /v2/customers</html>")


def meaning(response: Response) -> Meaning | None:
    reading = read(response)
    return reading.meaning if reading else None


def test_both_shapes_of_errors_are_read() -> None:
    simple, json_api = refusal(answer(CODE_SHAPE, 400)), refusal(answer(JSON_API, 400))

    assert (simple.error_code, simple.error_message) == ("bad_request", "no")
    assert (json_api.error_code, json_api.error_message) == ("bad_param", "no (name, x)")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"errors":"x"}', b'{"errors":[1]}', b"<p>"])
def test_a_refusal_without_an_explanation_says_so(body: bytes) -> None:
    assert refusal(Response(400, {}, body)).error_message == "HTTP 400 without an explanation"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer(CODE_SHAPE, 401), Meaning.STOP),
        (answer(CODE_SHAPE, 403), Meaning.STOP),
        (Response(402), Meaning.STOP),
        (HTML_404, Meaning.STOP),
        (NO_SUCH, Meaning.ANSWER),
        (Response(404), Meaning.ANSWER),
        (answer(CODE_SHAPE, 400), None),
        (answer(CODE_SHAPE, 409), None),
        (Response(500, {}, b"<html>"), None),
        (Response(429, {}, b"slow down"), None),
        (Response(200, {}, b"<html>"), Meaning.RETRY),
        (Response(204), None),
    ],
)
def test_a_status_means_what_the_body_makes_of_it(response: Response, expected: Meaning | None) -> None:
    assert meaning(response) == expected


def test_a_missing_role_is_named_and_nothing_else_of_the_answer() -> None:
    said = "a@example.com needs org.permission.customer.create or org.user.customer.write."
    reading = read(answer({"errors": [{"code": "forbidden", "message": said}]}, 403))

    assert reading is not None
    assert "org.permission.customer.create or org.user.customer.write;" in reading.why
    assert "@" not in reading.why


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_key_of_another_region_stops_with_words_about_the_host(status: int) -> None:
    said = "Auth token associated with pod prod2 but request is being handled by prod1"
    reading = read(answer({"errors": [{"message": said}]}, status))

    assert reading is not None
    assert reading.meaning is Meaning.STOP
    assert "base_url" in reading.why


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (409, "duplicate value", True),
        (400, "email already exists", True),
        (400, "Duplicated externalId", True),
        (409, "optimistic locking", False),
        (500, "duplicate value", False),
    ],
)
def test_a_duplicate_is_told_by_its_words(status: int, message: str, *, expected: bool) -> None:
    assert is_duplicate(answer({"errors": [{"message": message}]}, status)) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("api.kustomerapp.com", True),
        ("acme-1.api.kustomerapp.com", True),
        ("api.prod2.kustomerapp.com", True),
        ("api.prod4.kustomerapp.com", True),
        ("acme.api.prod2.kustomerapp.com", True),
        ("kustomerapp.com", False),
        ("api.kustomerapp.com.example.com", False),
        ("evil.example.com", False),
    ],
)
def test_hosts_of_the_system_are_known(host: str, *, expected: bool) -> None:
    assert bool(re.fullmatch(KUSTOMER.hosts, host)) is expected


def test_the_key_is_sent_as_a_bearer_token() -> None:
    headers = KUSTOMER.headers({"api_key": "made-up"}, KustomerSettings())

    assert headers == {"Authorization": "Bearer made-up"}


# probes


def place(*operations: str) -> Place:
    return Place("https://api.kustomerapp.com/v1", KustomerSettings(), frozenset(operations))


def test_probes_change_nothing() -> None:
    assert {probe.request.method for probe in probes(place("upsert_customer"))} == {"GET"}


def test_every_operation_has_its_roles() -> None:
    assert ROLES.keys() == KUSTOMER.operations.keys()


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (["org.permission.customer", "org.permission.bulk"], None),
        (["org.user.customer.read", "org.user.customer.write", "org.user.bulk.read"], None),
        (["org"], None),
        ([], None),
        (
            ["org.permission.customer.read", "org.permission.customer.create"],
            "org.permission.customer.update",
        ),
        (["org.permission.customer"], "org.permission.bulk.read"),
        (["org.permission.customerish", "org.permission.bulk"], "org.permission.customer.read"),
    ],
)
def test_roles_that_the_account_shows_are_compared_with_those_needed(
    roles: list[str], expected: str | None
) -> None:
    shown = answer({"data": {"attributes": {"roleGroups": [{"roles": roles}]}}})

    problem = missing_role(shown, frozenset({"upsert_customer"}))

    assert (problem is None) if expected is None else (expected in (problem or ""))


@pytest.mark.parametrize(
    ("operation", "roles", "hint"),
    [
        ("upsert_customer", ["org.permission.customer"], "without it, give its step bulk_jobs: false"),
        ("erase_person", ["org.permission.customer"], "without it, give its step children: keep"),
        (
            "erase_person",
            ["org.permission.message"],
            "org.permission.customer.read or org.user.customer.read",
        ),
    ],
)
def test_a_missing_role_that_a_step_can_do_without_is_told_with_how(
    operation: str, roles: list[str], hint: str
) -> None:
    shown = answer({"data": {"attributes": {"roles": roles}}})

    assert (missing_role(shown, frozenset({operation})) or "").endswith(hint)


@pytest.mark.parametrize("response", [answer(CODE_SHAPE, 401), HTML_404, answer(CODE_SHAPE, 400)])
def test_a_refused_probe_is_a_problem(response: Response) -> None:
    assert all(probe.problem(response) for probe in probes(place()))


# what is shown, compared and joined


@pytest.mark.parametrize(
    ("sent", "shown", "expected"),
    [
        (None, "", True),
        ("", None, True),
        (1, 1.0, True),
        (True, 1, False),
        (False, None, False),
        (False, False, True),
        ("a ", "a", True),
        ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000Z", True),
        ("2026-01-01", "2026-01-01T00:00:00.000Z", True),
        ("2026-01-01T01:00:00Z", "2026-01-01T00:00:00.000Z", False),
        ("a", "A", False),
        ("1", 1, False),
        ("secret", "****", True),
    ],
)
def test_values_are_compared_as_the_account_shows_them(sent: Any, shown: Any, *, expected: bool) -> None:
    assert is_same(sent, shown) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a***@example.com", True),
        ("\u2022\u2022\u2022", True),
        ("XXX", True),
        ("5 * 3", False),
        ("a@example.com", False),
    ],
)
def test_a_hidden_value_is_recognised(value: str, *, expected: bool) -> None:
    assert is_masked({"email": value, "verified": True}) is expected


@pytest.mark.parametrize("body", [None, [], {}, {"data": 1}, {"data": [None, 1, {}]}, {"data": {"id": 7}}])
def test_an_answer_of_another_form_shows_nobody(body: object) -> None:
    assert not customers(answer(body))


def test_an_answer_with_something_that_is_no_customer_is_of_another_form() -> None:
    assert customers(answer({"data": [{"id": "1"}, {"id": ""}]})) is None
    assert customers(answer({"data": {"attributes": {}}})) is None


def test_what_a_list_holds_is_compared_by_what_names_its_items() -> None:
    shown = Customer(
        "c",
        {
            "emails": [{"email": "A@example.com", "id": None}],
            "phones": [{"phone": "+39 06 1"}],
            "socials": [{"type": "twitter", "username": "a"}],
            "urls": [{"url": "https://example.com"}],
            "tags": ["x"],
        },
    )
    same = {
        "emails": [{"email": "a@example.com", "type": "home"}],
        "phones": [{"phone": "+39061"}],
        "socials": [{"type": "twitter", "username": "A"}],
        "urls": [{"url": "https://example.com"}],
        "tags": ["x"],
        "company": None,
    }
    other = {
        "emails": [{"email": "b@example.com"}],
        "phones": [{"phone": "+39062"}],
        "socials": [{"type": "facebook", "username": "a"}],
        "urls": [{"url": "https://example.com/a"}],
        "tags": ["y"],
        "company": "x",
    }

    assert (differences(same, shown), differences(other, shown)) == ([], list(other))


EMAILS = st.lists(
    st.fixed_dictionaries(
        {"email": st.sampled_from(["a@example.com", "B@example.com", "b@example.com", "c@example.com"])},
        optional={"type": st.sampled_from(["home", "work"]), "verified": st.booleans()},
    ),
    max_size=4,
)


@given(EMAILS, EMAILS)
def test_joined_addresses_hold_all_there_were_and_all_given_each_once(
    there: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    shown = Customer("c", {"emails": [{"id": None, **item} for item in there]})

    body = update_body({"emails": wanted}, shown, KustomerSettings())

    assert isinstance(body, dict)
    sent = body.get("emails", there)
    names = [item["email"].lower() for item in sent]
    assert set(names) == {item["email"].lower() for item in [*there, *wanted]}
    assert "emails" not in body or len(names) == len(set(names))
    assert all(item.keys() <= {"email", "type", "verified"} for item in sent)


@given(
    st.builds(
        Job,
        st.text(min_size=1),
        st.booleans(),
        st.lists(st.integers(0, 99), min_size=1, unique=True).map(tuple),
        st.booleans(),
    )
)
def test_a_job_is_remembered_through_the_ledger_as_it_was(job: Job) -> None:
    rows = np.arange(100, dtype=np.uint32) + 17
    assert remembered(orjson.loads(orjson.dumps(memory([job], rows))), rows) == [job]


def test_of_a_job_a_part_of_its_batch_remembers_its_own_rows() -> None:
    rows = np.arange(4, dtype=np.uint32) + 17
    told = memory(
        [Job("a", creates=True, positions=(0, 2, 3)), Job("b", creates=False, positions=(1,))], rows
    )
    assert remembered(told, rows[2:]) == [Job("a", creates=True, positions=(0, 1))]


def test_results_stand_in_several_batches() -> None:
    first = {"attributes": {"results": [{"_clientRef": "1", "status": "created", "objectId": "x"}]}}
    second = {"results": [{"_clientRef": 2, "status": "error", "error": {"code": "c", "message": "m"}}]}

    found = results(answer({"data": [first, second]}))
    one, two = found.of("1"), found.of("2")

    assert one is not None
    assert two is not None
    assert (one.object_id, two.error, found.of("3")) == ("x", "c: m", None)


# listings


def listed(asked: Query, server: Any) -> list[dict[str, Any]]:
    pages = KUSTOMER.listings["customers"].pages(asked, KustomerSettings())
    found: list[dict[str, Any]] = []
    reply: Reply | None = None
    while True:
        try:
            act = pages.send(reply)
        except StopIteration:
            return found
        reply = None
        if isinstance(act, Request):
            reply = server(act)
        elif isinstance(act, Page):
            found += [dict(record) for record in act.records]


def test_customers_are_listed_until_a_page_is_empty() -> None:
    asked: list[str] = []

    def server(request: Request) -> Reply:
        asked.append(request.path)
        return answer({"data": [{"id": f"c{len(asked)}", "attributes": {}}] if len(asked) < 3 else []})

    assert [record["id"] for record in listed(Query(), server)] == ["c1", "c2"]
    assert asked[0] == "/customers?page=1&pageSize=100&sort=-createdAt"


def test_a_page_that_says_it_is_the_last_is_believed() -> None:
    shown = {"data": [{"id": "c1", "attributes": {}}], "links": {"next": None}}

    assert len(listed(Query(), lambda _request: answer(shown))) == 1


def test_single_customers_are_read_and_flattened() -> None:
    account = Account()
    account.add(
        externalId="c-0",
        name="A",
        emails=[{"email": "a@example.com"}, {"email": "b@example.com"}],
        tags=["vip"],
        custom={"planStr": "pro"},
        company="x1",
    )

    found = listed(Query("email", ["unheard@example.com", "b@example.com"]), account)

    assert len(found) == 1
    assert (found[0]["email"], found[0]["emails"]) == ("a@example.com", ["a@example.com", "b@example.com"])
    assert (found[0]["externalId"], found[0]["company"], found[0]["phone"]) == ("c-0", "x1", None)
    assert (found[0]["tags"], found[0]["custom"]) == (["vip"], {"planStr": "pro"})
    assert KUSTOMER.listings["customers"].identity(found[0]) == f"{1:024x}"


@pytest.mark.parametrize("reply", [LOST, answer(CODE_SHAPE, 400), answer([])])
@pytest.mark.parametrize("asked", [Query(), Query("email", ["a@example.com"])])
def test_a_listing_that_cannot_go_on_says_why_without_naming_anybody(asked: Query, reply: Reply) -> None:
    with pytest.raises(ListingError) as raised:
        listed(asked, lambda _request: reply)

    assert "@" not in str(raised.value)


# operations as data


def operation(name: str) -> Operation:
    return KUSTOMER.operations[name]


def test_requests_are_counted_with_look_ups_and_questions() -> None:
    fields = {"externalId", "email", "name"}
    first, later = (
        Terms(KustomerSettings(), UpsertOptions()),
        Terms(None, UpsertOptions(lookup="on_conflict")),
    )
    upsert = operation("upsert_customer")

    assert (upsert.exchanges(fields, first), upsert.exchanges_each(fields, first)) == (8, 2)
    assert (upsert.exchanges(fields, later), upsert.exchanges_each(fields, later)) == (4, 0)
    assert upsert.exchanges_each({"phone"}, first) == 2
    assert operation("delete_customer").exchanges({"id"}, first) == 1
    assert operation("delete_customer").exchanges({"email"}, first) == 2


def test_without_bulk_jobs_every_record_has_a_conversation_of_its_own() -> None:
    upsert = operation("upsert_customer")
    assert upsert.tailor is not None

    alone = upsert.tailor(upsert, UpsertOptions(bulk_jobs=False))
    together = upsert.tailor(upsert, UpsertOptions())

    assert (alone.batching, together.batching) == (None, upsert.batching)
    assert upsert.exchanges({"email"}, Terms(None, WriteOptions(bulk_jobs=False))) == 1


@pytest.mark.parametrize("name", sorted(KUSTOMER.operations))
def test_a_foreseen_answer_leads_to_the_request_that_matters(name: str) -> None:
    suppose = operation(name).suppose
    if suppose is not None:
        looked_up = suppose(Request("GET", "/customers/email=a%40example.com"))

        assert looked_up is not None
        assert suppose(Request("POST", "/customers", b"{}")) is None


def test_what_cannot_be_undone_says_so() -> None:
    undoable = {name for name, each in KUSTOMER.operations.items() if each.irreversible}

    assert undoable == {"delete_customer", "erase_person", "merge_customers"}
    assert all(operation(name).warning for name in undoable)


def test_kept_columns_are_fields_of_their_operation() -> None:
    for each in KUSTOMER.operations.values():
        assert {*each.keep, *each.one_of, *each.also_one_of} <= {field.name for field in each.fields}
        assert KEY not in each.keep


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("vip", True),
        ("a b", True),
        ("Caf\u00e9/<x>-1.0_", True),
        (" vip", False),
        ("a,b", False),
        ("\u4e2d", False),
    ],
)
def test_tags_are_spelled_as_the_vendor_allows(tag: str, *, expected: bool) -> None:
    tags = operation("upsert_customer").field("tags")
    assert tags is not None
    assert tags.pattern is not None

    in_polars = pl.Series([tag]).str.contains(f"^(?:{tags.pattern})$").item()

    assert (bool(re.fullmatch(tags.pattern, tag)), in_polars) == (expected, expected)
