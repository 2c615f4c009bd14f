from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from conversing import LOST, answer
from customerio_talk import SETTINGS

from bulk.conversation import NOT_CONFIGURED, Lost, Reply, Request, Response
from bulk.destinations.customerio import CUSTOMERIO
from bulk.destinations.customerio.listing import EVERYBODY
from bulk.destinations.listing import ListingError, Page, Query

PEOPLE = CUSTOMERIO.listings["people"]
ANN = {
    "id": "1",
    "identifiers": {"cio_id": "0a", "id": "1", "email": "ann@example.com"},
    "attributes": {"plan": "paid"},
    "unsubscribed": True,
}
ANN_FLAT = {
    "id": "1",
    "email": "ann@example.com",
    "cio_id": "0a",
    "unsubscribed": True,
    "attributes": {"plan": "paid"},
}


def page(*identifiers: dict[str, Any], following: str = "") -> Response:
    return answer({"identifiers": list(identifiers), "ids": [], "next": following})


def details(*persons: dict[str, Any]) -> Response:
    return answer({"customers": list(persons)})


def listing(query: Query, replies: Sequence[Reply]) -> tuple[list[Request], list[Any]]:
    """Run a listing to its end; the last reply answers all further requests too."""
    asked: list[Request] = []
    found: list[Any] = []
    pages = PEOPLE.pages(query, SETTINGS)
    reply: Reply | None = None
    while True:
        try:
            act = pages.send(reply)
        except StopIteration:
            return asked, found
        reply = None
        if isinstance(act, Page):
            found.extend(act.records)
        elif isinstance(act, Request):
            reply = replies[min(len(asked), len(replies) - 1)]
            asked.append(act)


def body(request: Request) -> Any:
    return orjson.loads(request.body or b"")


def test_everybody_is_listed_page_by_page_with_their_attributes() -> None:
    script = [page({"cio_id": "0a"}, following="a&b"), details(ANN), page({"cio_id": "0b"}), details()]

    asked, found = listing(Query(), script)

    assert [request.path for request in asked] == [
        "/v1/customers?limit=1000",
        "/v1/customers/attributes?id_type=cio_id",
        "/v1/customers?start=a%26b&limit=1000",
        "/v1/customers/attributes?id_type=cio_id",
    ]
    assert body(asked[0]) == {"filter": EVERYBODY}
    assert body(asked[1]) == {"ids": ["0a"]}
    assert {request.surface for request in asked} == {"app"}
    assert found == [ANN_FLAT]
    assert PEOPLE.identity(found[0]) == "0a"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"segment": "7"}, {"segment": {"id": 7}}),
        ({"filter": '{"or":[]}'}, {"or": []}),
        ({"segment": "7", "filter": '{"or":[]}'}, {"and": [{"segment": {"id": 7}}, {"or": []}]}),
    ],
)
def test_a_segment_or_a_filter_narrows_the_list(options: dict[str, str], expected: object) -> None:
    asked, _ = listing(Query(options=options), [page()])

    assert body(asked[0]) == {"filter": expected}


@pytest.mark.parametrize("by", ["id", "email", "phone", "cio_id"])
def test_single_people_are_read_a_hundred_at_a_time(by: str) -> None:
    values = [f"v{number}" for number in range(250)]

    asked, _ = listing(Query(by, values), [details()])

    assert [request.path for request in asked] == [f"/v1/customers/attributes?id_type={by}"] * 3
    assert [value for request in asked for value in body(request)["ids"]] == values


def test_a_page_is_read_a_hundred_at_a_time_by_each_persons_first_identifier() -> None:
    named = [{"cio_id": f"0{number}"} for number in range(101)]

    asked, _ = listing(Query(), [page(*named, {"cio_id": None, "id": "7"}), details()])

    assert [len(body(request)["ids"]) for request in asked[1:]] == [100, 1, 1]
    assert asked[3].path == "/v1/customers/attributes?id_type=id"


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ([Lost(NOT_CONFIGURED, "no key", processed=False)], "CUSTOMERIO_APP_API_KEY"),
        ([LOST], "no answer in time"),
        ([answer({"errors": [{"detail": "bad filter of a@example.com"}]}, 400)], "bad filter of …"),
        ([answer([])], "does not list people"),
        ([answer({})], "no list of identifiers"),
        ([page({"id": "7"}), answer({})], "no list of people"),
        ([page(following="x")], "does not come to an end"),
    ],
)
def test_a_listing_that_cannot_go_on_says_why(replies: list[Reply], words: str) -> None:
    with pytest.raises(ListingError, match=words):
        listing(Query(), replies)


@pytest.mark.parametrize("options", [{"segment": "x"}, {"segment": "-1"}, {"filter": "{"}, {"filter": "[]"}])
def test_an_option_that_makes_no_sense_is_told_before_anything_is_sent(options: dict[str, str]) -> None:
    with pytest.raises(ListingError, match="takes"):
        listing(Query(options=options), [page()])
