"""The sandbox that takes any request keeps them as they came, and refuses what is marked."""

from base64 import b64encode
from typing import Any

import orjson
import pytest

from bulk.sandbox.exchange import Asked
from bulk.sandbox.http import Http
from bulk.sandbox.http_behaviour import HttpBehaviour

JSON = {"Content-Type": "application/json"}


class Asking:
    def __init__(self, behaviour: HttpBehaviour | None = None) -> None:
        self.system = Http(behaviour or HttpBehaviour(), "sandbox-token")

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        sent = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        asked = Asked(method, path, more.get("query", {}), more.get("headers", JSON), sent, 0.0)
        answer = self.system.answer(asked, self.system.routes.find(method, path))
        return answer.status, orjson.loads(answer.body)

    def kept(self, kind: str) -> list[Any]:
        contents = self.system.contents(kind)
        assert contents is not None
        return list(contents)


def test_any_method_and_path_is_taken_and_kept() -> None:
    ask = Asking()
    assert ask("PUT", "/lists/a%2Fb/members/7", {"n": 1}, query={"q": "x"}) == (200, {})
    assert ask("REPORT", "/") == (200, {})
    assert ask.kept("requests") == [
        {
            "method": "PUT",
            "path": "/lists/a%2Fb/members/7",
            "query": {"q": "x"},
            "headers": {"content-type": "application/json"},
            "body": {"n": 1},
        },
        {
            "method": "REPORT",
            "path": "/",
            "query": {},
            "headers": {"content-type": "application/json"},
            "body": None,
        },
    ]


@pytest.mark.parametrize(
    ("body", "records"),
    [
        ([1, 2], [1, 2]),
        ({"members": [{"n": 1}]}, [{"n": 1}]),
        ({"members": {"n": 1}}, [{"members": {"n": 1}}]),
        ({"n": 1, "of": [2]}, [{"n": 1, "of": [2]}]),
        (None, []),
    ],
)
def test_records_are_told_from_what_is_around_them(body: Any, records: list[Any]) -> None:
    ask = Asking()
    ask("POST", "/", body)
    assert (ask.kept("records"), ask.system.counts()["records_taken"]) == (records, len(records))


def test_forms_and_text_are_kept_too() -> None:
    ask = Asking()
    ask("POST", "/", b"a=1&b=%2B", headers={"Content-Type": "application/x-www-form-urlencoded"})
    ask("POST", "/", b"plain", headers={"Content-Type": "text/plain"})
    assert ask.kept("records") == [{"a": "1", "b": "+"}, "plain"]


@pytest.mark.parametrize("body", [{"poison": True}, [{"n": 1}, {"deep": [{"poison": True}]}]])
def test_poison_anywhere_refuses_the_whole_without_saying_where(body: Any) -> None:
    ask = Asking()
    assert ask("POST", "/", body) == (422, {"error": "The request holds what cannot be processed."})
    assert (ask.kept("requests"), ask.system.counts()["requests_poisoned"]) == ([], 1)


def test_only_true_is_poison_and_only_if_it_is_wanted() -> None:
    assert Asking()("POST", "/", {"poison": "true"})[0] == 200
    assert Asking(HttpBehaviour(poison=False))("POST", "/", {"poison": True})[0] == 200


@pytest.mark.parametrize("around", [lambda records: records, lambda records: {"members": records}])
def test_a_record_that_asks_for_it_is_refused_by_its_index(around: Any) -> None:
    ask = Asking()
    answer = ask("POST", "/", around([{"refuse": True}, {"refuse": False}]))
    assert answer == (200, {"errors": [{"index": 0, "message": "This record is refused."}]})
    counts = ask.system.counts()
    assert (counts["records_taken"], counts["records_refused"]) == (1, 1)


def test_requests_that_come_again_are_counted() -> None:
    ask = Asking()
    for body in ({"n": 1}, {"n": 1}, {"n": 2}):
        ask("POST", "/", body)
    assert ask.system.counts()["requests_repeated"] == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer sandbox-token"}, 200),
        ({"X-Key": "sandbox-token"}, 200),
        ({"Authorization": f"Basic {b64encode(b'me:sandbox-token').decode()}"}, 200),
        ({"Authorization": "Bearer sandbox-token-2"}, 401),
        ({"Authorization": "Basic ???"}, 401),
        ({}, 401),
    ],
)
def test_a_secret_may_be_asked_for_and_is_never_kept(headers: dict[str, str], status: int) -> None:
    ask = Asking(HttpBehaviour(secret=True))
    assert ask("GET", "/", headers=headers)[0] == status
    assert [request["headers"] for request in ask.kept("requests")] == [{}] * (status == 200)


def test_headers_of_ones_own_are_kept() -> None:
    ask = Asking()
    ask("POST", "/", {}, headers={"Idempotency-Key": "k1", "User-Agent": "bulk"})
    assert ask.kept("requests")[0]["headers"] == {"idempotency-key": "k1"}


def test_a_reset_forgets_everything_and_there_is_no_other_kind() -> None:
    ask = Asking()
    ask("POST", "/", {})
    ask.system.reset()
    assert (ask.kept("requests"), ask.system.contents("users")) == ([], None)
    assert set(ask.system.counts().values()) == {0}


def test_poison_is_not_looked_for_in_the_deepest_depths() -> None:
    body: Any = {"poison": True}
    for _ in range(200):
        body = [body]
    assert Asking()("POST", "/", body)[0] == 200
    assert Asking().system.too_large().status == 413
