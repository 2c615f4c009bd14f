from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bulk.destinations.http import HTTP
from bulk.destinations.http.options import ErrorsAt, HttpOptions, problems
from bulk.destinations.http.settings import HttpSettings
from bulk.destinations.operation import Effect

REQUEST = HTTP.operations["request"]


def read(**given: Any) -> HttpOptions:
    return TypeAdapter(HttpOptions).validate_python(given)


def mistake(**given: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        read(**given)
    return str(raised.value.errors()[0]["msg"]).removeprefix("Value error, ")


def test_the_keys_of_the_contract_are_read_as_a_job_file_has_them() -> None:
    options = read(
        method="PUT",
        path="/lists/{list}/members/{id}",
        query={"source": "{origin}"},
        headers={"X-Reason": "{reason}"},
        body="json",
        envelope="members",
        group_by="list",
        exclude=["list"],
        success=[200, 201, 204],
        errors={"path": "result.errors", "index": "index", "message": "message"},
        idempotency_key="Idempotency-Key",
        idempotent=True,
        destructive=False,
    )

    assert options.errors == ErrorsAt("result.errors", "index", "message")
    assert options.names == ("list", "id", "origin", "reason")
    assert (options.groups, options.exclude, options.success) == (("list",), ("list",), (200, 201, 204))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, 'a request needs "path"'),
        ({"path": "x"}, "path begins with /"),
        ({"path": "/a", "query": {"a": "{b"}}, "query and headers hold a brace that belongs to no field"),
        ({"path": "/a", "headers": {"A": "b}"}}, "query and headers hold a brace that belongs to no field"),
        ({"path": "/a", "headers": {"A": "é"}}, "a header holds printable ASCII only"),
        ({"path": "/a", "headers": {"A": "b\nc"}}, "a header holds printable ASCII only"),
        ({"path": "/a", "headers": {"A b": "c"}}, "a header's name holds letters, digits and hyphens"),
        ({"path": "/a", "headers": {"Host": "c"}}, "the header Host is set by the connection itself"),
        ({"path": "/a", "headers": {"A": "1", "a": "2"}}, "a header is given twice, in upper and lower case"),
        (
            {"path": "/a", "headers": {"authorization": "c"}},
            "the header authorization holds a secret; give it under auth of the destination",
        ),
        ({"path": "/a", "envelope": ""}, 'envelope is a key, or "[]" for a bare list'),
        ({"path": "/a", "envelope": "x", "body": "form"}, "an envelope needs body: json"),
        (
            {"path": "/a", "group_by": "x"},
            "group_by needs an envelope: without one every record is sent alone",
        ),
        (
            {"path": "/a", "success": [200, 401]},
            "success cannot hold 401: it is about the destination, not a record",
        ),
        (
            {"path": "/a", "success": [500]},
            "success cannot hold 500: it is about the destination, not a record",
        ),
        (
            {"path": "/a", "headers": {"Key": "{a}"}, "idempotency_key": "key"},
            "idempotency_key names a header that headers gives already",
        ),
        ({"path": "/a", "idempotency_key": "a b"}, "a header's name holds letters, digits and hyphens"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(given: dict[str, Any], said: str) -> None:
    assert mistake(**given) == said


@pytest.mark.parametrize(
    "given",
    [{"method": "FETCH"}, {"body": "xml"}, {"errors": {"path": "x", "indx": "y"}}, {"query": {"a": 1}}],
)
def test_what_has_no_meaning_is_refused(given: dict[str, Any]) -> None:
    assert mistake(path="/a", **given)


@pytest.mark.parametrize(
    ("given", "repeatable", "divisible"),
    [
        ({"method": "POST"}, False, False),
        ({"method": "PATCH"}, False, False),
        ({"method": "PUT"}, True, True),
        ({"method": "DELETE"}, True, True),
        ({"method": "POST", "idempotent": True}, True, True),
        ({"method": "PUT", "idempotent": False}, False, False),
        ({"method": "POST", "idempotency_key": "Key"}, True, False),
        ({"method": "POST", "idempotency_key": "Key", "idempotent": False}, False, False),
    ],
)
def test_what_may_be_sent_twice_is_decided_by_method_key_or_the_job(
    given: dict[str, Any], *, repeatable: bool, divisible: bool
) -> None:
    options = read(path="/a", **given)

    assert (options.repeatable, options.divisible) == (repeatable, divisible)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "json"),
        ({"method": "DELETE"}, "none"),
        ({"method": "GET"}, "none"),
        ({"method": "DELETE", "body": "json"}, "json"),
        ({"method": "DELETE", "envelope": "ids"}, "json"),
        ({"body": "none"}, "none"),
    ],
)
def test_a_body_is_json_unless_the_method_or_the_job_says_otherwise(
    given: dict[str, Any], expected: str
) -> None:
    assert read(path="/a", **given).sends == expected


def test_fields_that_are_not_mapped_are_told_with_a_suggestion() -> None:
    options = read(
        path="/{lst}/{id}", envelope="x", group_by="list", exclude=["emial"], query={"a": "{origin}"}
    )

    assert problems(options, ["list", "id", "email"]) == [
        'path: unknown field "lst"; did you mean "list"?',
        'query: unknown field "origin"',
        'exclude: unknown field "emial"; did you mean "email"?',
    ]
    assert REQUEST.check(options, ["lst", "id", "list", "emial", "origin"], None) == []


def test_a_batch_size_without_an_envelope_is_a_mistake() -> None:
    without, with_ = HttpOptions(path="/x"), HttpOptions(path="/x", envelope="items")

    assert REQUEST.check(with_, [], 50) == []
    assert REQUEST.check(without, [], 1) == []
    assert REQUEST.check(without, [], 50) == [
        'batch_size needs an "envelope": without one every record is a request of its own'
    ]


def tailored(**given: Any) -> Any:
    assert REQUEST.tailor is not None
    return REQUEST.tailor(REQUEST, read(path="/{list}", **given))


def test_a_destructive_step_needs_approval_and_removes() -> None:
    assert (tailored(destructive=True).needs_approval, tailored(destructive=True).effect) == (
        True,
        Effect.REMOVES,
    )
    assert (tailored().needs_approval, tailored().effect) == (False, Effect.WRITES)


def test_only_an_envelope_makes_batches_and_no_row_is_ever_dropped() -> None:
    assert tailored().batching is None
    assert tailored(envelope="x").batching.default == 1
    assert (tailored().adds, tailored(method="PUT").adds) == (True, True)
    assert (tailored().repeatable, tailored(method="PUT").repeatable) == (False, True)


# The destination.


def headers(auth: dict[str, str], **given: Any) -> dict[str, str]:
    return dict(HTTP.headers(auth, HttpSettings(**given)))


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({}, {}),
        ({"bearer": ""}, {}),
        ({"bearer": "t"}, {"Authorization": "Bearer t"}),
        ({"basic.user": "u", "basic.password": "p:é"}, {"Authorization": "Basic dTpwOsOp"}),
        ({"basic.user": "u"}, {"Authorization": "Basic dTo="}),
        ({"header.name": "X-Key", "header.value": "k"}, {"X-Key": "k"}),
        ({"header.name": "X-Key", "header.value": ""}, {}),
    ],
)
def test_every_form_of_auth_becomes_a_header(auth: dict[str, str], expected: dict[str, str]) -> None:
    assert headers(auth) == expected


def test_the_destinations_own_headers_go_with_every_request() -> None:
    assert headers({"bearer": "t"}, headers={"X-A": "{b}"}) == {"X-A": "{b}", "Authorization": "Bearer t"}


@pytest.mark.parametrize(
    "given",
    [
        {"headers": {"A": "é"}},
        {"headers": {"Cookie": "x"}},
        {"check": "ping"},
        {"check": "/{id}"},
        {"check": "/a b"},
    ],
)
def test_a_mistake_in_the_destination_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(HttpSettings).validate_python(given)


@pytest.mark.parametrize("name", ["base_url", "hosts"])
def test_a_job_must_say_where_the_api_is(name: str) -> None:
    assert getattr(HTTP, name) == ""
