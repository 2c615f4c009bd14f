"""The Customerly sandbox keeps companies, messages and a knowledge base as the reference says."""

from typing import Any

import pytest
from asking import Asker

from bulk.sandbox.customerly import SANDBOX_TOKEN, Customerly
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour

DONE: tuple[int, Any] = (200, {"data": []})
COLLECTION, ARTICLE = "knowledge_base_collection_id", "knowledge_base_article_id"


def missing(what: str) -> tuple[int, Any]:
    return 404, {"error": {"message": f"{what} doesn't exist", "code": 0}}


def customerly(**behaviour: Any) -> Asker:
    at = Asker(Customerly(CustomerlyBehaviour(**behaviour), SANDBOX_TOKEN))
    at.ask("POST", "/users", {"users": [{"email": "ann@example.com", "user_id": "7"}]})
    at.ask("POST", "/leads", {"leads": [{"email": "leo@example.com"}]})
    return at


@pytest.fixture
def at() -> Asker:
    return customerly()


@pytest.mark.parametrize("named", [{"internal_user_id": 1}, {"user_id": "7"}, {"email": "Ann@example.com"}])
def test_a_user_is_put_into_a_company_which_is_made(at: Asker, named: dict[str, Any]) -> None:
    company = {"company_id": "acme", "company_name": "Acme", "company_attributes": {"seats": 5}}
    assert at.ask("POST", "/users/add-to-company", {**named, **company}) == DONE
    expected = {"company_id": "acme", "company_name": "Acme", "attributes": {"seats": 5}}
    assert at.contents("companies") == [{**expected, "users": [1]}]
    assert at.ask("GET", "/users?user_id=7")[1]["data"]["companies"] == [expected]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"user_id": "7"}, 400),
        ({"company_id": "acme"}, 400),
        ({"company_id": "acme", "user_id": "7", "email": "ann@example.com"}, 400),
        ({"company_id": "acme", "email": "leo@example.com"}, 404),
        ({"company_id": "acme", "user_id": "7", "company_attributes": {"a b": 1}}, 400),
        ({"company_id": "acme", "user_id": "7", "company_name": 5}, 400),
    ],
)
def test_a_user_who_cannot_be_put_into_a_company_makes_none(at: Asker, body: Any, status: int) -> None:
    assert at.ask("POST", "/users/add-to-company", body)[0] == status
    assert at.contents("companies") == []


def test_attributes_are_added_to_a_company_that_exists(at: Asker) -> None:
    at.ask("POST", "/users/add-to-company", {"user_id": "7", "company_id": "a/b", "company_name": "AB"})
    change = {"attributes": {"plan": "pro"}}
    assert at.ask("POST", "/company/add-attributes/a%2Fb", change) == DONE
    (company,) = at.contents("companies")
    assert (company["company_name"], company["attributes"]) == ("AB", {"plan": "pro"})
    assert at.ask("POST", "/company/add-attributes/other", change) == missing("Company")


def test_a_deleted_user_leaves_their_companies(at: Asker) -> None:
    at.ask("POST", "/users/add-to-company", {"user_id": "7", "company_id": "acme"})
    at.ask("DELETE", "/users?user_id=7")
    assert at.contents("companies")[0]["users"] == []


def message(**more: Any) -> dict[str, Any]:
    sender, recipient = {"type": "admin", "id": 1}, {"type": "user", "id": "7"}
    return {"from": sender, "to": recipient, "content": "Hello", **more}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"from": {"type": "admin", "email": "support@example.com"}},
        {"from": {"type": "user", "id": "7"}},
        {"to": {"type": "lead", "email": "leo@example.com"}},
        {"attachments": ["https://example.com/a.pdf"]},
    ],
)
def test_a_message_is_sent_and_answered_with_its_time(at: Asker, more: Any) -> None:
    assert at.ask("POST", "/messages", message(**more)) == (200, {"data": {"timestamp": 1_700_000_000}})
    assert at.contents("messages") == [{**message(**more), "timestamp": 1_700_000_000}]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"content": ""}, 400),
        ({"from": {"type": "admin"}}, 400),
        ({"from": {"type": "lead", "email": "leo@example.com"}}, 400),
        ({"from": {"type": "admin", "id": 99}}, 404),
        ({"to": {"type": "admin", "id": 1}}, 400),
        ({"to": {"type": "user", "email": "nobody@example.com"}}, 404),
        ({"attachments": "a.pdf"}, 400),
    ],
)
def test_a_message_that_cannot_be_is_not_sent(at: Asker, more: Any, status: int) -> None:
    assert at.ask("POST", "/messages", message(**more))[0] == status
    assert at.contents("messages") == []


def test_the_same_message_sent_twice_is_there_twice(at: Asker) -> None:
    for _ in range(2):
        at.ask("POST", "/messages", message())
    assert (len(at.contents("messages")), at.system.counts()["messages_repeated"]) == (2, 1)


def test_teammates_are_listed_at_an_address_with_a_slash_at_its_end(at: Asker) -> None:
    assert at.ask("GET", "/accounts")[0] == 404
    accounts = at.ask("GET", "/accounts/")[1]["data"]
    assert accounts[0] == {"account_id": 1, "email": "support@example.com"}
    writers = at.ask("GET", "/knowledge/writers")[1]["data"]
    assert [one["account_id"] for one in writers] == [one["account_id"] for one in accounts]


def test_a_collection_is_created_changed_in_part_and_deleted(at: Asker) -> None:
    path = "/knowledge/collections"
    made = at.ask("POST", path, {"title": "Help", "icon": "book"})[1]["data"]
    assert (made[COLLECTION], made["description"], made["app_id"]) == (1, None, "5a4d6b0e")
    at.ask("POST", f"{path}/1", {"title": "How to", "colour": "red"})
    assert at.contents("collections") == [{COLLECTION: 1, "title": "How to", "icon": "book"}]
    assert at.ask("GET", f"{path}/1")[1]["data"]["title"] == "How to"
    assert at.ask("DELETE", f"{path}/1") == DONE
    assert [at.ask(method, f"{path}/1", {}) for method in ("GET", "POST", "DELETE")] == [
        missing("Collection")
    ] * 3


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "x", "icon": 5}, []])
def test_a_collection_that_cannot_be_is_not_made(at: Asker, body: Any) -> None:
    assert at.ask("POST", "/knowledge/collections", body)[0] == 400
    assert at.contents("collections") == []


def test_articles_are_listed_by_collection_and_page(at: Asker) -> None:
    for title in ("a", "b"):
        at.ask("POST", "/knowledge/collections", {"title": title})
    for number in range(5):
        body = {"title": str(number), "body": "<p>", COLLECTION: str(1 + number % 2)}
        assert at.ask("POST", "/knowledge/articles", body)[0] == 200
    at.ask("POST", "/knowledge/articles", {"title": "alone"})
    queries = ("", f"?{COLLECTION}=1", "?page=1&per_page=4", "?page=9")
    titles = [
        [one["title"] for one in at.ask("GET", f"/knowledge/articles{query}")[1]["data"]] for query in queries
    ]
    assert titles == [["0", "1", "2", "3", "4", "alone"], ["0", "2", "4"], ["4", "alone"], []]
    assert at.ask("GET", "/knowledge/articles/")[0] == 200


def test_an_article_stands_in_a_collection_that_exists_and_goes_with_it(at: Asker) -> None:
    at.ask("POST", "/knowledge/collections", {"title": "Help"})
    article = {"title": "One", COLLECTION: 1}
    assert at.ask("POST", "/knowledge/articles", {**article, COLLECTION: 9}) == missing("Collection")
    assert at.ask("POST", "/knowledge/articles", article)[1]["data"][ARTICLE] == 1
    assert at.contents("articles") == [{ARTICLE: 1, **article}]
    at.ask("DELETE", "/knowledge/collections/1")
    assert at.contents("articles") == []


def test_an_article_can_name_its_collection_otherwise() -> None:
    at = customerly(article_collection_key="collection_id")
    at.ask("POST", "/knowledge/collections", {"title": "Help"})
    at.ask("POST", "/knowledge/articles", {"title": "One", "collection_id": 1})
    at.ask("POST", "/knowledge/articles", {"title": "Two", COLLECTION: 1})
    assert [one[COLLECTION] for one in at.contents("articles")] == [1, None]


def test_a_reset_forgets_what_was_reached_before(at: Asker) -> None:
    at.ask("POST", "/knowledge/collections", {"title": "Help"})
    at.ask("POST", "/users/add-to-company", {"user_id": "7", "company_id": "acme"})
    at.system.reset()
    at.ask("POST", "/knowledge/collections", {"title": "New"})
    assert [one["title"] for one in at.contents("collections")] == ["New"]
    assert at.ask("POST", "/users/add-to-company", {"user_id": "7", "company_id": "acme"}) == missing("User")
    assert at.contents("companies") == []
