from dataclasses import replace
from typing import Any

import orjson
import pytest
from conversing import LOST, Talk, answer, drive
from hypothesis import given
from hypothesis import strategies as st
from mapped_records import batches_of

from bulk.conversation import Batch, Lost, Reply, Response
from bulk.destinations.http import HTTP
from bulk.destinations.http.options import ErrorsAt, HttpOptions
from bulk.destinations.http.settings import HttpSettings
from bulk.destinations.operation import Terms

REQUEST = HTTP.operations["request"]
AT = ErrorsAt("result.errors", "index", "message")
OK = ("succeeded", "")
REFUSED = ("failed", "refused")
UNCLEAR = ("failed", "unclear_answer")


def options(**given: Any) -> HttpOptions:
    return HttpOptions(**{"path": "/x", "envelope": "rows", "errors": AT, **given})


def batch(count: int, chosen: HttpOptions) -> Batch:
    terms = Terms(HttpSettings(), replace(chosen, envelope="rows", body=None), "seed")
    return batches_of(REQUEST, terms, *({"id": str(number)} for number in range(count)))[0]


def talk(count: int, *replies: Reply, **given: Any) -> Talk:
    chosen = options(**given)
    return drive(REQUEST.converse(batch(count, chosen), Terms(HttpSettings(), chosen, "seed")), replies)


def listed(*elements: object, status: int = 200) -> Response:
    return answer({"result": {"errors": list(elements)}}, status)


def test_any_2xx_is_success_unless_the_job_says_which() -> None:
    assert talk(2, Response(204)).settled == [OK] * 2
    assert talk(2, Response(200, {}, b"<p>fine</p>"), errors=None).settled == [OK] * 2
    assert talk(1, Response(202), success=(200,)).settled == [REFUSED]
    assert talk(1, Response(404), success=(200, 404)).settled == [OK]


@pytest.mark.parametrize("index", [1, "1"])
@pytest.mark.parametrize("status", [200, 207])
def test_a_record_that_is_named_is_failed_with_its_own_message(index: object, status: int) -> None:
    found = talk(3, listed({"index": index, "message": "bad name"}, status=status))

    assert (found.settled, found.verdicts[1].error_message) == ([OK, REFUSED, OK], "bad name")


@pytest.mark.parametrize(
    "body", [{}, {"result": None}, {"result": {"errors": None}}, [], {"result": {"errors": []}}, 3]
)
def test_an_answer_that_lists_no_errors_accepts_the_batch(body: object) -> None:
    assert talk(2, answer(body)).settled == [OK] * 2


@pytest.mark.parametrize(
    "at",
    [ErrorsAt("", "n", "why.text"), ErrorsAt("errors.of.rows", "where.row", "why"), ErrorsAt("e", "i", "")],
)
def test_verdicts_may_stand_at_any_depth(at: ErrorsAt) -> None:
    def under(path: str, value: object) -> object:
        for name in reversed(path.split(".") if path else []):
            value = {name: value}
        return value

    element: Any = under(at.index, 0)
    message: Any = under(at.message, "odd")
    both = {**element, **message} if isinstance(message, dict) else element

    found = talk(2, answer(under(at.path, [both])), errors=at)

    assert found.settled == [REFUSED, OK]
    assert "odd" in found.verdicts[0].error_message or not at.message


@pytest.mark.parametrize(
    "element", [{"message": "odd"}, {"index": 9, "message": "odd"}, {"index": True}, "odd", {"index": -1}, 7]
)
def test_a_verdict_that_names_nobody_splits_only_what_may_be_sent_again(element: object) -> None:
    put, post = talk(2, listed(element), method="PUT"), talk(2, listed(element))
    keyed = talk(2, listed(element), idempotency_key="Key")

    assert (put.split is not None, put.verdicts) == (True, {})
    assert post.settled == keyed.settled == [("unknown", "unclear_answer")] * 2


def test_a_verdict_that_names_nobody_is_about_the_only_record() -> None:
    assert talk(1, listed({"message": "odd"})).verdicts[0].error_message == "odd"
    assert talk(1, listed("odd")).settled == [REFUSED]


def test_those_that_are_named_beside_a_nameless_verdict_are_failed() -> None:
    found = talk(3, listed({"index": 2, "message": "bad"}, {"message": "odd"}), method="PUT")

    assert found.settled == [UNCLEAR, UNCLEAR, REFUSED]


def test_an_unreadable_answer_of_success_is_no_success_where_verdicts_are_expected() -> None:
    broken = Response(200, {}, b"<html>")

    assert talk(1, broken).settled == [("unknown", "unclear_answer")]
    assert talk(1, broken, method="PUT").settled == [UNCLEAR]


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_a_refused_batch_is_split_and_a_refused_record_is_failed(status: int) -> None:
    refusal = answer({"error": {"message": "bad name"}}, status)

    assert talk(2, refusal).split is not None
    assert talk(1, refusal).settled == [REFUSED]
    assert talk(1, refusal).verdicts[0].error_message == "bad name"


def test_a_refused_batch_that_names_only_some_is_split_for_the_sake_of_the_others() -> None:
    some, every = listed({"index": 0}, status=400), listed({"index": 0}, {"index": 1}, status=400)

    assert talk(2, some).split is not None
    assert (talk(2, every).settled, talk(2, every).split) == ([REFUSED] * 2, None)


@pytest.mark.parametrize(("status", "words"), [(301, "redirects"), (304, "HTTP 304"), (501, "HTTP 501")])
def test_what_no_part_of_a_batch_could_mend_is_not_split(status: int, words: str) -> None:
    found = talk(2, Response(status))

    assert found.settled == [REFUSED] * 2
    assert words in found.verdicts[0].error_message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"message": "m"}, "m"),
        ({"error": "e"}, "e"),
        ({"error": {"detail": "d"}}, "d"),
        ({"title": "t", "detail": "d"}, "d"),
        ({"error": {"a": 1}}, "HTTP 400 without an explanation"),
        ({"error": ["x"]}, "HTTP 400 without an explanation"),
        ([], "HTTP 400 without an explanation"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_server(body: object, expected: str) -> None:
    assert talk(1, answer(body, 400)).verdicts[0].error_message == expected


@pytest.mark.parametrize("status", [404, 410])
def test_what_an_earlier_try_may_have_deleted_is_gone(status: int) -> None:
    fresh = talk(1, Response(status), method="DELETE", envelope=None)
    repeated = talk(1, Response(status, repeated=True), method="DELETE", envelope=None)
    posted = talk(1, Response(status, repeated=True), method="POST", envelope=None)
    chosen = options(method="DELETE", envelope=None)
    attempted = replace(batch(1, chosen), attempted=True)
    resumed = drive(REQUEST.converse(attempted, Terms(HttpSettings(), chosen)), [Response(status)])

    assert (fresh.settled, posted.settled) == ([REFUSED], [REFUSED])
    assert repeated.settled == resumed.settled == [("succeeded", "gone")]


def test_a_lost_answer_is_unknown_unless_it_may_be_sent_again() -> None:
    unsent = Lost("connection", "no connection", processed=False)

    assert talk(2, LOST).settled == [("unknown", "timeout")] * 2
    assert talk(2, LOST, method="PUT").settled == [("failed", "timeout")] * 2
    assert talk(2, unsent).settled == [("failed", "connection")] * 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 6) | st.text(max_size=3) | st.sampled_from(["0", "1", "²"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["result", "errors", "index", "message", "error"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)
ELEMENT = st.fixed_dictionaries({"index": JSON | st.integers(0, 4)}, optional={"message": JSON})
BODY = JSON | st.lists(JSON | ELEMENT, max_size=5).map(lambda found: {"result": {"errors": found}})


@given(
    body=BODY.map(orjson.dumps) | st.binary(max_size=6),
    status=st.sampled_from([200, 201, 204, 207, 301, 400, 404, 410, 422, 501]),
    count=st.integers(1, 5),
    given_=st.fixed_dictionaries(
        {
            "method": st.sampled_from(["POST", "PUT", "DELETE"]),
            "errors": st.sampled_from([AT, ErrorsAt(""), None]),
        }
    ),
    repeated=st.booleans(),
)
def test_whatever_is_answered_every_record_is_settled_once_or_the_batch_is_split(
    *, body: bytes, status: int, count: int, given_: dict[str, Any], repeated: bool
) -> None:
    found = talk(count, Response(status, {}, body, repeated=repeated), **given_)

    assert (found.split and count > 1 and not found.times) or found.times == dict.fromkeys(range(count), 1)


@given(st.sets(st.integers(0, 7)), st.integers(1, 8))
def test_exactly_those_that_are_named_are_failed(named: set[int], count: int) -> None:
    inside = {position for position in named if position < count}
    found = talk(count, listed(*({"index": position} for position in sorted(inside, reverse=True))))

    assert [position for position, one in enumerate(found.settled) if one == REFUSED] == sorted(inside)
    assert set(found.settled) <= {OK, REFUSED}
