from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from conversing import ABSENT, LOST, answer, refused
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import Reply, Request, Response
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.customerly.system import CUSTOMERLY
from bulk.destinations.listing import ListingError, Page, Query

SETTINGS = CustomerlySettings()


def walk(
    name: str, replies: Iterable[Reply], query: Query | None = None
) -> tuple[list[str], list[Mapping[str, Any]]]:
    """Return the requests of a listing and what it listed."""
    pages, script = CUSTOMERLY.listings[name].pages(query or Query(), SETTINGS), iter(replies)
    asked: list[str] = []
    found: list[Mapping[str, Any]] = []
    reply: Reply | None = None
    while True:
        try:
            act = pages.send(reply)
        except StopIteration:
            return asked, found
        reply = None
        if isinstance(act, Request):
            asked.append(f"{act.method} {act.path}")
            reply = next(script)
        elif isinstance(act, Page):
            found += act.records


def users(first: int, count: int) -> Response:
    listed = [{"crmhero_user_id": number, "email": None} for number in range(first, first + count)]
    return answer({"data": {"users": listed}})


@pytest.mark.parametrize("name", ["users", "leads"])
def test_contacts_are_listed_by_name_from_page_0(name: str) -> None:
    asked, found = walk(name, [answer({"data": {name: [{"crmhero_user_id": 1}]}})])

    assert asked == [f"GET /{name}/list?page=0&per_page=100&sort=name&sort_direction=asc"]
    assert found == [{"crmhero_user_id": 1}]


@pytest.mark.parametrize("size", [50, 100])
def test_a_server_whose_pages_are_shorter_than_asked_is_read_to_its_end(size: int) -> None:
    asked, found = walk("users", [users(0, size), users(size, size), users(2 * size, 7)])

    assert (len(asked), len(found)) == (3, 2 * size + 7)


def test_an_empty_page_ends_a_listing() -> None:
    asked, found = walk("users", [users(0, 100), users(0, 0)])

    assert (len(asked), len(found)) == (2, 100)


def test_a_server_that_knows_no_pages_does_not_keep_us_for_ever() -> None:
    asked, found = walk("users", [users(0, 100), users(0, 100)])

    assert (len(asked), len(found)) == (2, 100)


@given(st.integers(0, 400), st.sampled_from([50, 75, 100]))
def test_every_contact_is_listed_whatever_the_number(count: int, size: int) -> None:
    replies = [users(first, min(size, count - first)) for first in range(0, count + 1, size)]

    _, found = walk("users", [*replies, users(0, 0)])

    assert [record["crmhero_user_id"] for record in found] == list(range(count))


def test_single_contacts_are_read_and_unknown_ones_left_out() -> None:
    query = Query("email", ["a+b@example.com", "c@example.com"])

    asked, found = walk("leads", [ABSENT, answer({"data": {"email": "c@example.com"}})], query)

    assert asked == ["GET /leads?email=a%2Bb%40example.com", "GET /leads?email=c%40example.com"]
    assert found == [{"email": "c@example.com"}]


def test_users_are_read_by_their_id_as_well() -> None:
    asked, _ = walk("users", [ABSENT], Query("user_id", ["1/2"]))

    assert asked == ["GET /users?user_id=1%2F2"]
    assert (CUSTOMERLY.listings["users"].by, CUSTOMERLY.listings["leads"].by) == (
        ("email", "user_id"),
        ("email",),
    )


def test_tags_are_bare_text() -> None:
    assert walk("tags", [answer({"data": ["vip", "new", 3]})]) == (
        ["GET /tags"],
        [{"tag": "vip"}, {"tag": "new"}],
    )


def test_collections_come_at_once_and_articles_by_page() -> None:
    collection = {"knowledge_base_collection_id": 1, "title": "Hi"}
    article = {"knowledge_base_article_id": 2}
    query = Query(options={"knowledge_base_collection_id": "1"})

    assert walk("collections", [answer({"data": [collection]})]) == (
        ["GET /knowledge/collections"],
        [collection],
    )
    assert walk("articles", [answer({"data": [article]})], query) == (
        ["GET /knowledge/articles?page=0&per_page=100&knowledge_base_collection_id=1"],
        [article],
    )


@pytest.mark.parametrize(
    "reply", [LOST, refused("no", 400), answer({"data": {"people": []}}), answer(3), Response(200, {}, b"")]
)
@pytest.mark.parametrize("name", sorted(CUSTOMERLY.listings))
def test_what_is_no_list_ends_a_listing_with_a_sentence(name: str, reply: Reply) -> None:
    with pytest.raises(ListingError, match=f"the {name} cannot be listed"):
        walk(name, [reply])


@pytest.mark.parametrize("reply", [LOST, refused("a@example.com is odd", 400)])
def test_a_single_contact_that_cannot_be_read_is_told_without_naming_it(reply: Reply) -> None:
    with pytest.raises(ListingError) as raised:
        walk("users", [reply], Query("email", ["a@example.com"]))

    assert "@" not in str(raised.value)


def test_contacts_are_told_apart_by_the_id_of_the_account() -> None:
    identity = CUSTOMERLY.listings["leads"].identity

    assert identity({"crmhero_user_id": 5, "email": "a@example.com"}) == "crmhero_user_id 5"
    assert identity({"crmhero_user_id": 5}) != identity({"user_id": "5"})
