"""Attributes, companies, messages and the knowledge base: one request for each record."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from conversing import ABSENT, LOST, Talk, answer, drive, refused
from mapped_records import batch_of, faults

from bulk.conversation import Lost, Reply, Response
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.customerly.system import CUSTOMERLY
from bulk.destinations.operation import Effect, Terms

OPERATIONS = CUSTOMERLY.operations
DONE = answer({"data": []})
SUCCEEDED = ("succeeded", "")
TERMS = Terms(CustomerlySettings())
SHORT = Terms(CustomerlySettings(article_collection_key="collection_id"))


def converse(operation: str, record: dict[str, Any], *replies: Reply, terms: Terms = TERMS) -> Talk:
    batch = batch_of(OPERATIONS[operation], terms, record)
    return drive(OPERATIONS[operation].converse(batch, terms), replies)


def body(talk: Talk, number: int = 0) -> Any:
    return orjson.loads(talk.requests[number].body or b"")


# Attributes.

PLAN = {"attributes": {"plan": "pro", "seats": 3}}


def test_attributes_are_added_by_the_id_in_the_path() -> None:
    talk = converse("add_user_attributes", {"user_id": "u/1", "email": "a@example.com", **PLAN}, DONE)

    assert talk.paths == ["POST /users/add-attributes/u%2F1"]
    assert (body(talk), talk.settled) == (PLAN, [SUCCEEDED])


def test_a_user_known_by_email_only_is_looked_up_first() -> None:
    shown = answer({"data": {"user_id": 7, "email": "a@example.com"}})

    talk = converse("add_user_attributes", {"email": "a@example.com", **PLAN}, shown, DONE)

    assert talk.paths == ["GET /users?email=a%40example.com", "POST /users/add-attributes/7"]
    assert body(talk, 1) == PLAN


@pytest.mark.parametrize("value", [None, "", "..", ["7"], True])
def test_a_user_shown_without_an_id_is_failed(value: object) -> None:
    shown = answer({"data": {"user_id": value, "email": "a@example.com"}})

    talk = converse("add_user_attributes", {"email": "a@example.com", **PLAN}, shown)

    assert (talk.settled, len(talk.requests)) == ([("failed", "missing_id")], 1)
    assert talk.verdicts[0].http_status == 200
    assert "shows no user_id" in talk.verdicts[0].error_message


@pytest.mark.parametrize(
    ("replies", "settled"),
    [
        ([ABSENT], ("skipped", "not_found")),
        ([LOST], ("failed", "timeout")),
        ([refused("no", 400)], ("failed", "refused")),
    ],
)
@pytest.mark.parametrize("record", [{"user_id": "1", **PLAN}, {"email": "a@example.com", **PLAN}])
def test_adding_attributes_may_go_wrong(
    record: dict[str, Any], replies: list[Reply], settled: tuple[str, str]
) -> None:
    assert converse("add_user_attributes", record, *replies).settled == [settled]


@pytest.mark.parametrize(
    ("attributes", "settled"),
    [
        ({"plan": "pro", "seats": "3"}, ("succeeded", "read_back")),
        ({"plan": "free", "seats": "3"}, ("failed", "no_effect")),
        ({}, ("failed", "no_effect")),
    ],
)
def test_added_attributes_are_confirmed_by_reading_back(
    attributes: dict[str, str], settled: tuple[str, str]
) -> None:
    operation = OPERATIONS["add_user_attributes"]
    batch = batch_of(operation, TERMS, {"user_id": "1", **PLAN})
    assert operation.confirm is not None

    talk = drive(operation.confirm(batch, TERMS), [answer({"data": {"attributes": attributes}})])

    assert (talk.paths, talk.settled) == (["GET /users?user_id=1"], [settled])


@pytest.mark.parametrize(("fields", "expected"), [(["user_id"], 1), (["email"], 2)])
def test_the_preview_counts_look_ups(fields: list[str], expected: int) -> None:
    assert OPERATIONS["add_user_attributes"].exchanges(fields, TERMS) == expected


# Companies.


@pytest.mark.parametrize(
    ("identifiers", "named"),
    [
        ({"internal_user_id": 4, "user_id": "1", "email": "a@example.com"}, {"internal_user_id": 4}),
        ({"user_id": "1", "email": "a@example.com"}, {"user_id": "1"}),
        ({"email": "a@example.com"}, {"email": "a@example.com"}),
    ],
)
def test_a_user_is_put_into_a_company_by_exactly_one_identifier(
    identifiers: dict[str, Any], named: dict[str, Any]
) -> None:
    company = {"company_id": "c1", "company_name": "Acme", "company_attributes": {"size": 5}}

    talk = converse("add_user_to_company", {**identifiers, **company}, DONE)

    assert talk.paths == ["POST /users/add-to-company"]
    assert body(talk) == {**named, **company}


def test_what_a_company_lacks_is_left_out() -> None:
    talk = converse("add_user_to_company", {"user_id": "1", "company_id": "c1"}, DONE)

    assert body(talk) == {"user_id": "1", "company_id": "c1"}


def test_a_company_is_named_by_the_path_and_not_by_the_body() -> None:
    record = {"company_id": "c/1?", "company_name": "Acme", "attributes": {"size": 5}}

    talk = converse("add_company_attributes", record, DONE)

    assert talk.paths == ["POST /company/add-attributes/c%2F1%3F"]
    assert body(talk) == {"company_name": "Acme", "attributes": {"size": 5}}


# Messages.

MESSAGE = {
    "from": {"type": "admin", "id": "9"},
    "to": {"type": "user", "email": "a@example.com"},
    "content": "Hello",
}


def test_a_message_is_sent_as_it_is_and_never_twice() -> None:
    talk = converse("send_message", MESSAGE, answer({"data": {"timestamp": 1}}))

    assert talk.paths == ["POST /messages"]
    assert (body(talk), talk.requests[0].repeatable) == (MESSAGE, False)
    assert talk.settled == [SUCCEEDED]


def test_a_message_without_an_answer_is_unknown() -> None:
    unsent = Lost("connection", "no connection", processed=False)

    assert converse("send_message", MESSAGE, LOST).settled == [("unknown", "timeout")]
    assert converse("send_message", MESSAGE, unsent).settled == [("failed", "connection")]


@pytest.mark.parametrize("party", ["from", "to"])
def test_a_message_that_names_nobody_is_rejected_and_not_sent(party: str) -> None:
    talk = converse("send_message", {**MESSAGE, party: {"type": "user"}})

    assert (talk.settled, talk.requests) == ([("rejected", "missing_field")], [])
    assert party in talk.verdicts[0].error_message


@pytest.mark.parametrize("changed", [{"from": {"type": "bot", "id": "1"}}, {"to": {"type": "", "id": "1"}}])
def test_the_mapping_rejects_a_message_whose_party_is_of_no_known_type(changed: dict[str, Any]) -> None:
    (message,) = faults(OPERATIONS["send_message"], TERMS, {**MESSAGE, **changed})

    assert message is not None
    assert "type" in message


def test_the_id_of_a_message_is_kept_if_it_is_shown() -> None:
    talk = converse("send_message", MESSAGE, answer({"data": {"message_id": 12}}))

    assert talk.verdicts[0].object_id == "12"


# The knowledge base.


@pytest.mark.parametrize("what", ["collection", "article"])
def test_what_is_created_is_created_once_and_its_id_is_kept(what: str) -> None:
    made = answer({"data": {f"knowledge_base_{what}_id": 31}})

    talk = converse(f"create_{what}", {"title": "Hi", "slug": "hi"}, made)

    assert talk.paths == [f"POST /knowledge/{what}s"]
    assert (body(talk), talk.requests[0].repeatable) == ({"title": "Hi", "slug": "hi"}, False)
    assert talk.verdicts[0].object_id == "31"


@pytest.mark.parametrize("shown", [[], {}, {"id": None}, {"id": [1]}, {"id": True}, "31", None])
def test_an_answer_without_an_id_leaves_it_empty(shown: object) -> None:
    talk = converse("create_article", {"title": "Hi"}, answer({"data": shown}))

    assert (talk.settled, talk.verdicts[0].object_id) == ([SUCCEEDED], "")


def test_a_creation_without_an_answer_is_unknown_and_a_missing_collection_is_no_excuse() -> None:
    missing = refused("Collection not found", 404)

    assert converse("create_article", {"title": "Hi"}, LOST).settled == [("unknown", "timeout")]
    assert converse("create_article", {"title": "Hi"}, missing).settled == [("failed", "refused")]


@pytest.mark.parametrize("what", ["collection", "article"])
def test_an_update_sends_what_is_given_to_the_id_in_the_path(what: str) -> None:
    talk = converse(f"update_{what}", {f"knowledge_base_{what}_id": "3/1", "title": "Hi"}, DONE)

    assert talk.paths == [f"POST /knowledge/{what}s/3%2F1"]
    assert (body(talk), talk.settled) == ({"title": "Hi"}, [SUCCEEDED])


@pytest.mark.parametrize(
    ("terms", "key"), [(TERMS, "knowledge_base_collection_id"), (SHORT, "collection_id")]
)
def test_the_key_of_an_articles_collection_is_a_setting(terms: Terms, key: str) -> None:
    talk = converse("create_article", {"title": "Hi", "knowledge_base_collection_id": "5"}, DONE, terms=terms)

    assert body(talk) == {"title": "Hi", key: "5"}


@pytest.mark.parametrize("what", ["collection", "article"])
def test_a_deletion_goes_to_exactly_one_id_and_cannot_be_undone(what: str) -> None:
    talk = converse(f"delete_{what}", {f"knowledge_base_{what}_id": "a/../b"}, DONE)

    assert talk.paths == [f"DELETE /knowledge/{what}s/a%2F..%2Fb"]
    assert (talk.requests[0].irreversible, talk.requests[0].body) == (True, None)


def test_what_is_missing_is_not_found_unless_an_earlier_run_deleted_it() -> None:
    operation = OPERATIONS["delete_article"]
    batch = batch_of(operation, TERMS, {"knowledge_base_article_id": "1"})
    missing = refused("Article does not exist", 404)

    fresh = drive(operation.converse(batch, TERMS), [missing])
    resumed = drive(operation.converse(replace(batch, attempted=True), TERMS), [missing])

    assert (fresh.settled, resumed.settled) == ([("skipped", "not_found")], [("succeeded", "gone")])


@pytest.mark.parametrize(
    ("operation", "record"),
    [
        ("update_collection", {"knowledge_base_collection_id": "1", "title": None}),
        ("create_article", {"title": None, "slug": "x"}),
        ("add_company_attributes", {"company_id": "1", "company_name": None}),
        ("delete_article", {"knowledge_base_article_id": ".."}),
        ("add_user_attributes", {"user_id": "..", **PLAN}),
    ],
)
def test_what_could_not_be_carried_out_is_rejected_by_the_mapping(
    operation: str, record: dict[str, Any]
) -> None:
    text = {name: "" if value is None else value for name, value in record.items()}

    (message,) = faults(OPERATIONS[operation], TERMS, text)

    assert message is not None


# All of them.


def test_every_operation_of_the_contract_is_there() -> None:
    named = """upsert_user upsert_lead delete_user delete_lead unsubscribe_user add_user_attributes
    add_user_to_company add_company_attributes tag untag delete_tag send_message create_collection
    update_collection delete_collection create_article update_article delete_article erase_person"""

    assert set(named.split()) <= set(OPERATIONS)


def test_what_deletes_needs_approval_and_what_adds_keeps_every_row() -> None:
    deleting = {name for name, operation in OPERATIONS.items() if name.startswith("delete_")}
    adding = {name for name, operation in OPERATIONS.items() if operation.adds}

    assert {name for name in deleting if OPERATIONS[name].needs_approval} == deleting
    assert {OPERATIONS[name].effect for name in deleting} == {Effect.REMOVES}
    assert {"tag", "untag", "add_user_to_company", "send_message"} <= adding


def test_what_cannot_be_repeated_says_so() -> None:
    named = {name for name, operation in OPERATIONS.items() if not operation.repeatable}

    assert named == {"send_message", "create_collection", "create_article"}


@pytest.mark.parametrize("reply", [Response(200, {}, b""), answer([]), answer({"data": None})])
def test_an_odd_answer_of_success_is_success(reply: Response) -> None:
    assert converse("add_user_to_company", {"user_id": "1", "company_id": "c"}, reply).settled == [SUCCEEDED]
