from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapped import FINE, doing, named, problems, records, source, texts, verdicts

from bulk.destinations.fields import Kind
from bulk.mapping import Problem
from bulk.mapping.spec import Column, Constant, FieldSpec, Nested, Shaping

BOOL, JSON = Shaping("bool"), Shaping("json")
UNSUBSCRIBED = named("unsubscribed", Kind.BOOLEAN, consent=False)
TOPICS = named("topics", Kind.OBJECT, consent=True)
PREFERENCES = named("preferences", Kind.OBJECT, members=(TOPICS,))
OPERATION = doing(
    named("id", Kind.IDENTIFIER),
    UNSUBSCRIBED,
    TOPICS,
    named("attributes", Kind.OBJECT, special=(UNSUBSCRIBED, PREFERENCES)),
)
ID = {"id": Column("i")}
RESUBSCRIBES = "would re-subscribe people; if that is wanted, give the step `resubscribe: true`"


def sent(fields: dict[str, FieldSpec], frame: Any, **options: Any) -> list[Any]:
    """Return what the records hold beside the id."""
    assert verdicts(OPERATION, ID | fields, frame, **options) == [FINE] * frame.height
    found = records(OPERATION, ID | fields, frame, **options)
    return [{name: value for name, value in record.items() if name != "id"} for record in found]


def members(name: str) -> dict[str, FieldSpec]:
    """Map a column to every place where consent is given."""
    column = Column(name, BOOL)
    return {
        "unsubscribed": column,
        "topics": Nested({"news": column, "deep": Nested({"er": column})}),
        "attributes": Nested(
            {"unsubscribed": column, "preferences": Nested({"topics": Nested({"news": column})})}
        ),
    }


def test_what_would_re_subscribe_is_left_out_and_what_unsubscribes_is_sent() -> None:
    frame = source(i=["1", "2"], u=["yes", "no"])

    assert sent(members("u"), frame) == [
        {"unsubscribed": True, "attributes": {"unsubscribed": True}},
        {
            "topics": {"news": False, "deep": {"er": False}},
            "attributes": {"preferences": {"topics": {"news": False}}},
        },
    ]


def test_a_step_that_re_subscribes_sends_both() -> None:
    frame = source(i=["1", "2"], u=["yes", "no"])

    for value, record in zip([True, False], sent(members("u"), frame, resubscribe=True), strict=True):
        assert record == {
            "unsubscribed": value,
            "topics": {"news": value, "deep": {"er": value}},
            "attributes": {"unsubscribed": value, "preferences": {"topics": {"news": value}}},
        }


def test_a_null_never_resets_consent_unless_the_step_re_subscribes() -> None:
    frame = source(i=["1"], u=[""], t=["no"])
    fields: dict[str, FieldSpec] = {
        "unsubscribed": Column("u", BOOL),
        "attributes": Nested({"unsubscribed": Column("t", BOOL), "plan": Column("u")}),
        "topics": Constant({"news": None}),
    }

    assert sent(fields, frame, nulls="send") == [{"attributes": {"plan": None}}]
    assert sent(fields, frame, nulls="send", resubscribe=True) == [
        {
            "unsubscribed": None,
            "attributes": {"unsubscribed": False, "plan": None},
            "topics": {"news": None},
        }
    ]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"unsubscribed": Constant(value=False)}, ("unsubscribed",)),
        ({"topics": Constant({"news": True})}, ("topics", "news")),
        ({"topics": Nested({"a": Nested({"b": Constant(value=True)})})}, ("topics", "a", "b")),
        ({"attributes": Constant({"unsubscribed": False})}, ("attributes", "unsubscribed")),
        (
            {"attributes": Nested({"preferences.topics.news": Constant(value=True)})},
            ("attributes", "preferences.topics.news"),
        ),
    ],
)
def test_a_constant_that_would_re_subscribe_everybody_is_a_problem(
    fields: dict[str, FieldSpec], path: tuple[str, ...]
) -> None:
    frame = source(i=["1"])

    assert problems(OPERATION, ID | fields, frame) == [Problem(("fields", *path), RESUBSCRIBES)]
    assert verdicts(OPERATION, ID | fields, frame, resubscribe=True) == [FINE]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"unsubscribed": Column("u")}, ("unsubscribed",)),
        ({"topics": Nested({"news": Column("u")})}, ("topics", "news")),
        ({"attributes": Nested({"unsubscribed": Column("u")})}, ("attributes", "unsubscribed")),
        (
            {"attributes": Nested({"preferences.topics.news": Column("u")})},
            ("attributes", "preferences.topics.news"),
        ),
    ],
)
@pytest.mark.parametrize("resubscribe", [True, False])
def test_consent_takes_booleans_only(
    fields: dict[str, FieldSpec],
    path: tuple[str, ...],
    resubscribe: bool,  # noqa: FBT001 - drawn
) -> None:
    frame = source(i=["1"], u=["true"])

    assert problems(OPERATION, ID | fields, frame, resubscribe=resubscribe) == [
        Problem(("fields", *path), "takes boolean: give `as: bool`")
    ]


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("topics", '{"news":"false"}'),
        ("topics", '{"news":[false]}'),
        ("topics", '{"news":0}'),
        ("attributes", '{"unsubscribed":"true"}'),
        ("attributes", '{"unsubscribed":1}'),
        ("attributes", '{"preferences":{"topics":{"news":"no"}}}'),
        ("attributes", '{"preferences":{"topic":{"news":false}}}'),
        ("attributes", '{"preferences":[]}'),
    ],
)
def test_consent_in_documents_takes_booleans_only(name: str, document: str) -> None:
    frame = source(i=["1"], j=[document])

    assert verdicts(OPERATION, ID | {name: Column("j", JSON)}, frame)[0][0] == "bad_value"


def test_a_typed_object_is_held_to_consent_like_a_mapped_one() -> None:
    frame = source(i=["1"], o=[{"unsubscribed": False, "preferences": {"topics": {"a": True, "b": False}}}])

    assert sent({"attributes": Column("o")}, frame) == [
        {"attributes": {"preferences": {"topics": {"b": False}}}}
    ]


def test_a_document_keeps_what_nobody_asked_about() -> None:
    document = '{"a": null, "n": 12345678901234567890123, "o": {}, "unsubscribed": false, "l": [true]}'
    frame = source(i=["1", "2"], j=[document, '{"unsubscribed": false}'])

    assert texts(OPERATION, ID | {"attributes": Column("j", JSON)}, frame) == [
        '{"id":"1","attributes":{"a":null,"n":12345678901234567890123,"o":{},"l":[true]}}',
        '{"id":"2"}',
    ]


CHOICES = st.dictionaries(
    st.sampled_from(["news", "offers", "x.y"]), st.none() | st.booleans(), min_size=1, max_size=3
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "unsubscribed": st.none() | st.booleans(),
        "plan": st.sampled_from([None, "x", False, True]),
        "preferences": st.fixed_dictionaries({}, optional={"topics": CHOICES}),
    },
)


def permitted(document: Any, name: str = "") -> Any:
    """Leave out by hand what would re-subscribe, and what is empty then."""
    if not isinstance(document, dict):
        return document
    kept = {}
    for key, value in document.items():
        below = "topics" if name == "topics" else key
        consents = {"unsubscribed": (False, None), "topics": (True, None)}.get(below, ())
        left = permitted(value, below)
        if isinstance(value, dict):
            if left or not value:
                kept[key] = left
        elif not any(value is withheld for withheld in consents):
            kept[key] = left
    return kept


@settings(deadline=None, max_examples=100)
@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_documents_hold_nothing_that_re_subscribes(documents: list[Any]) -> None:
    frame = source(
        i=[str(number) for number in range(len(documents))],
        j=[orjson.dumps(document).decode() for document in documents],
    )
    fields: dict[str, FieldSpec] = {"attributes": Column("j", JSON)}

    found = [record.get("attributes") or {} for record in sent(fields, frame)]

    assert found == [permitted(document) for document in documents]
    assert [record["attributes"] for record in sent(fields, frame, resubscribe=True)] == documents
