from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from bulk.destinations.http.templates import BadValueError, Filler, path_problem, text_of

ANY_TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a?b=c",
        "a#b",
        "%2e%2e",
        "%2F",
        "a b+c",
        "\x00",
        "\r\n",
        "é",
        "/",
        "\\",
        "{id}",
    ]
)


def filler(values: Mapping[str, Any]) -> Filler:
    return Filler(values.get)


@given(ANY_TEXT, ANY_TEXT)
def test_a_value_never_leaves_its_segment_of_a_path(first: str, second: str) -> None:
    try:
        path = filler({"list": first, "id": second}).path("/v1/lists/{list}/members/x{id}")
    except BadValueError:
        reject()

    assert [unquote(segment) for segment in path.split("/")] == [
        "",
        "v1",
        "lists",
        first,
        "members",
        f"x{second}",
    ]
    assert path.isascii()
    assert not set(path) & set("?# \\")


@given(ANY_TEXT, ANY_TEXT)
def test_no_path_holds_a_step_elsewhere_or_an_empty_value(first: str, second: str) -> None:
    try:
        path = filler({"a": first, "b": second}).path("/x/{a}{b}/y")
    except BadValueError:
        reject()

    assert unquote(path.split("/")[2]) == first + second
    assert unquote(path.split("/")[2]) not in {".", ".."}
    assert first
    assert second


@pytest.mark.parametrize("value", ["", " ", ".", ".."])
def test_what_cannot_stand_in_a_path_is_refused_by_the_name_of_its_field(value: str) -> None:
    with pytest.raises(BadValueError, match='"id" cannot stand in a path') as raised:
        filler({"id": value}).path("/x/{id}")

    assert raised.value.reason == "bad_value"


def test_a_dot_is_refused_wherever_it_stands_because_with_its_neighbours_it_may_lead_elsewhere() -> None:
    with pytest.raises(BadValueError):
        filler({"id": "."}).path("/x/{id}./y")


def test_a_path_that_lacks_a_value_is_refused() -> None:
    with pytest.raises(BadValueError, match='"id" is missing') as raised:
        filler({}).path("/x/{id}")

    assert raised.value.reason == "missing_field"


@given(st.dictionaries(st.text(min_size=1, max_size=5), ANY_TEXT, max_size=3), ANY_TEXT)
def test_every_parameter_of_a_query_arrives_as_it_was_meant(fixed: dict[str, str], value: str) -> None:
    templates = {name: text.replace("{", "").replace("}", "") for name, text in fixed.items()} | {
        "last": "<{id}>"
    }

    query = filler({"id": value}).query(templates)

    assert parse_qsl(query.removeprefix("?"), keep_blank_values=True, strict_parsing=True) == [
        *((name, text) for name, text in templates.items() if name != "last"),
        ("last", f"<{value}>"),
    ]


def test_a_parameter_or_header_that_lacks_a_value_is_left_out() -> None:
    full = filler({"a": "1"})

    assert full.query({"one": "{a}", "two": "x{b}"}) == "?one=1"
    assert full.query({"two": "{b}"}) == ""
    assert full.headers({"One": "{a}", "Two": "x{b}"}) == (("One", "1"),)


@given(ANY_TEXT)
def test_a_header_carries_a_value_as_it_is_or_not_at_all(value: str) -> None:
    templates = {"X-Reason": "because {reason}"}

    if all(" " <= character <= "~" for character in value):
        assert filler({"reason": value}).headers(templates) == (("X-Reason", f"because {value}"),)
    else:
        with pytest.raises(BadValueError, match="X-Reason"):
            filler({"reason": value}).headers(templates)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (5, "5"), (True, "true"), (1.5, "1.5"), (["a", 1], '["a",1]'), (None, None), ("", "")],
)
def test_values_become_text_as_json_writes_them(value: object, expected: str | None) -> None:
    assert text_of(value) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "/a?b={c}",
        "/a b",
        "/a#b",
        "/é",
        "/{a",
        "/a}",
        "/{}",
        "/a/../b",
        "/%2e%2e/b",
        "/./b",
        "/%zz",
        "/a\\b",
    ],
)
def test_a_path_that_is_none_is_a_mistake_in_the_job(path: str) -> None:
    assert path_problem(path) is not None


@pytest.mark.parametrize(
    "path", ["/", "/a/{b}/c", "/a%20b", "/{a}.json", "/{é b}", "/a:b@c;d=e,f", "/...", "/{a}{b}/"]
)
def test_a_path_of_fixed_text_and_fields_is_fine(path: str) -> None:
    assert path_problem(path) is None
