from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from conversing import Talk, drive
from hypothesis import given, settings
from hypothesis import strategies as st
from mapped_records import batches_of

from bulk.conversation import Batch, Request, Response
from bulk.destinations.http import HTTP
from bulk.destinations.http.options import HttpOptions
from bulk.destinations.http.request import key_of
from bulk.destinations.http.settings import HttpSettings
from bulk.destinations.operation import Terms

REQUEST = HTTP.operations["request"]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8)
SOLID = TEXT.map(lambda text: f"x{text}x")
RECORD = st.fixed_dictionaries(
    {"list": st.sampled_from(["a", "b/c"]), "name": SOLID, "age": st.integers(0, 99), "vip": st.booleans()},
    optional={"note": SOLID, 'odd "name': SOLID},
)


def terms(seed: str = "seed", **given: Any) -> Terms:
    return Terms(HttpSettings(), HttpOptions(**{"path": "/x", **given}), seed)


def sent(records: list[dict[str, Any]], **given: Any) -> list[Request]:
    chosen = terms(**given)
    talks = [
        drive(REQUEST.converse(batch, chosen), [Response(200)])
        for batch in batches_of(REQUEST, chosen, *records)
    ]
    return [request for talk in talks for request in talk.requests]


def one(record: dict[str, Any], **given: Any) -> Request:
    (request,) = sent([record], **given)
    return request


def refused(record: dict[str, Any], **given: Any) -> Talk:
    chosen = terms(**given)
    return drive(REQUEST.converse(batches_of(REQUEST, chosen, record)[0], chosen), [])


def header(request: Request, name: str) -> str:
    return dict(request.headers)[name]


@settings(deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=4))
def test_one_record_is_the_body_without_an_envelope(records: list[dict[str, Any]]) -> None:
    bodies = [orjson.loads(request.body or b"") for request in sent(records)]

    assert bodies == records


@settings(deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=5), st.sampled_from(["rows", "[]", 'a "b']))
def test_records_stand_in_their_envelope_grouped_and_without_what_is_excluded(
    records: list[dict[str, Any]], envelope: str
) -> None:
    requests = sent(records, envelope=envelope, group_by="list", exclude=("list", "vip"))

    expected: list[tuple[str, list[Any]]] = []
    for record in records:
        plain = {name: value for name, value in record.items() if name not in {"list", "vip"}}
        if expected and expected[-1][0] == record["list"]:
            expected[-1][1].append(plain)
        else:
            expected.append((record["list"], [plain]))
    listed = [listed for _, listed in expected]
    wanted = listed if envelope == "[]" else [{envelope: found} for found in listed]
    assert [orjson.loads(request.body or b"") for request in requests] == wanted


@settings(deadline=None)
@given(RECORD)
def test_a_form_carries_every_field_as_text(record: dict[str, Any]) -> None:
    request = one(record, body="form", exclude=("list",))

    plain = {name: value for name, value in record.items() if name != "list"}
    expected = {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in plain.items()
    }
    assert (
        dict(parse_qsl((request.body or b"").decode(), keep_blank_values=True, strict_parsing=True))
        == expected
    )
    assert header(request, "Content-Type") == "application/x-www-form-urlencoded"


def test_objects_and_lists_stand_in_a_form_as_json() -> None:
    request = one({"a": {"b": 1}, "c": ["d"]}, body="form")

    assert parse_qsl((request.body or b"").decode()) == [("a", '{"b":1}'), ("c", '["d"]')]


def test_address_and_headers_are_filled_from_the_fields() -> None:
    request = one(
        {"list": "a/b", "id": "c+d", "age": 5, "why": "moved"},
        method="PUT",
        path="/lists/{list}/members/{id}",
        query={"source": "crm {age}"},
        headers={"X-Reason": "{why}"},
        exclude=("list", "id", "why"),
    )

    assert (request.method, request.path) == ("PUT", "/lists/a%2Fb/members/c%2Bd?source=crm%205")
    assert (header(request, "X-Reason"), request.body) == ("moved", b'{"age":5}')


def test_records_that_differ_in_their_address_never_share_a_request() -> None:
    records = [{"list": "a", "n": 1}, {"list": "a", "n": 2}, {"list": "b", "n": 3}]

    requests = sent(records, path="/{list}", envelope="rows", exclude=("list",))

    assert [(request.path, request.body) for request in requests] == [
        ("/a", b'{"rows":[{"n":1},{"n":2}]}'),
        ("/b", b'{"rows":[{"n":3}]}'),
    ]


def test_a_group_tells_apart_a_missing_value_from_the_text_of_one() -> None:
    records = [{"list": "null", "n": 1}, {"list": "", "n": 2}, {"list": '"', "n": 3}]

    assert len(sent(records, envelope="rows", group_by="list")) == 3


def test_without_a_body_nothing_is_sent_but_the_address() -> None:
    request = one({"id": "1"}, method="DELETE", path="/x/{id}", destructive=True)

    assert (request.body, request.irreversible, request.repeatable) == (None, True, True)


def test_a_record_of_which_everything_is_excluded_is_an_empty_object() -> None:
    assert one({"id": "1"}, path="/x/{id}", exclude=("id",)).body == b"{}"


@pytest.mark.parametrize(
    ("record", "given_", "reason"),
    [
        ({"id": ".."}, {"path": "/x/{id}"}, "bad_value"),
        ({"id": "", "n": 1}, {"path": "/x/{id}"}, "missing_field"),
        ({"id": "a\nb"}, {"headers": {"X-Id": "{id}"}}, "bad_value"),
        ({"id": "é"}, {"headers": {"X-Id": "{id}"}}, "bad_value"),
    ],
)
def test_a_record_whose_values_cannot_stand_in_the_address_is_rejected_and_not_sent(
    record: dict[str, Any], given_: dict[str, Any], reason: str
) -> None:
    talk = refused(record, **given_)

    assert (talk.settled, talk.requests) == ([("rejected", reason)], [])


def batch(*rows: int, seed: str = "seed") -> tuple[Batch, str]:
    whole = batches_of(REQUEST, terms(envelope="x"), *({"id": str(row)} for row in range(1, 10)))[0]
    return whole.part(rows[0] - 1, rows[-1]), seed


def test_the_idempotency_key_names_the_step_and_the_exact_rows() -> None:
    made = [
        key_of(*batch(1, 2)),
        key_of(*batch(1, 3)),
        key_of(*batch(2, 3)),
        key_of(*batch(1, 2, seed="other")),
    ]

    assert len(set(made)) == 4
    assert key_of(*batch(1, 2)) == made[0]
    assert all(len(key) == 32 for key in made)


def test_the_idempotency_key_is_sent_under_the_name_the_job_gives() -> None:
    first, again = one({"id": "1"}, idempotency_key="Idem-Key"), one({"id": "2"}, idempotency_key="Idem-Key")
    later = one({"id": "1"}, idempotency_key="Idem-Key", seed="next pass")

    assert header(first, "Idem-Key") == header(again, "Idem-Key")  # the same row of the same step
    assert header(first, "Idem-Key") != header(later, "Idem-Key")
    assert first.repeatable
