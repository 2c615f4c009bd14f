import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import BulkError, JobError
from bulk.job.document import dotted, parse_document, parse_value


def value(text: str) -> Any:
    return parse_document(f"a: {text}\n", "job.yaml").value["a"]


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(JobError) as caught:
        parse_document(text, "job.yaml")
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("~", None),
        ("", None),
        ("null", None),
        ("12", 12),
        ("+12", 12),
        ("-12", -12),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("00184", "00184"),
        ("-007", "-007"),
        ("1.5", 1.5),
        ("1e5", 1e5),
        ("-.INF", -float("inf")),
        (".inf", float("inf")),
        ("2024-01-31", "2024-01-31"),
        ("12:30:45", "12:30:45"),
        ("10/s", "10/s"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("[a, 1, [true]]", ["a", 1, [True]]),
        ("{x: {y: z}}", {"x": {"y": "z"}}),
        ("|\n  line\n  line", "line\nline\n"),
        ("zoë", "zoë"),
    ],
)
def test_plain_values_are_those_of_yaml_1_2_and_zeros_are_kept(text: str, expected: object) -> None:
    found = value(text)

    assert (found, type(found)) == (expected, type(expected))


def test_nan_is_read_in_every_spelling() -> None:
    assert all(value(text) != value(text) for text in (".nan", ".NaN", ".NAN"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{expr: concat_ws(' ', a, b)}", {"expr": "concat_ws(' ', a, b)"}),
        ("{expr: coalesce(a, b), as: int}", {"expr": "coalesce(a, b)", "as": "int"}),
        ("{expr: lower(a)}", {"expr": "lower(a)"}),
        ("{expr: 'concat(a, b)'}", {"expr": "concat(a, b)"}),
    ],
)
def test_an_expression_in_braces_may_hold_commas(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text", ["a: !!python/object:os.system x", "a: !secret x", "a:\n  - !!str 12", "a: !!binary aGk="]
)
def test_tags_are_refused_with_their_line(text: str) -> None:
    (problem,) = problems(f"first: 1\n{text}\n")

    assert problem.endswith("YAML tags (!…) are not allowed")
    assert problem.startswith(f"job.yaml:{2 + text.count(chr(10))}: ")


def test_a_directive_cannot_change_what_words_mean() -> None:
    assert problems("%YAML 1.1\n---\na: yes\n") == ("job.yaml:1: directives (%…) are not allowed",)


def test_keys_that_stand_twice_are_all_told_with_their_lines() -> None:
    assert problems("a: 1\nb:\n  c: 1\n  c: 2\na: 2\n") == (
        'job.yaml:4: b: the key "c" stands here twice',
        'job.yaml:5: the key "a" stands here twice',
    )


def test_a_key_must_be_plain_text() -> None:
    assert problems("? [a, b]\n: 1\n") == ("job.yaml:1: a key must be plain text",)


def test_aliases_give_the_value_they_name() -> None:
    assert parse_document("a: &x {n: 1}\nb: *x\n", "job.yaml").value == {"a": {"n": 1}, "b": {"n": 1}}


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    began = time.process_time()

    assert problems("\n".join(lines)) == ("job.yaml: too many values (aliases repeat them?)",)
    assert time.process_time() - began < 10


def test_an_alias_of_itself_is_refused() -> None:
    assert problems("a: &a [*a]\n")[0].startswith("job.yaml")


@pytest.mark.parametrize(
    "text",
    ["a: [" * 3000, "[" * 1500, "a: [1", "a: 'x", "a: b: c", "\t- a", "a: *missing", "---\na: 1\n---\nb: 2"],
)
def test_what_is_not_yaml_is_refused_in_one_sentence(text: str) -> None:
    (problem,) = problems(text)

    assert problem.startswith("job.yaml")
    assert "not valid YAML" in problem


@pytest.mark.parametrize("text", ["", "[1, 2]", "just text", "12", "# nothing"])
def test_a_document_that_is_no_mapping_is_refused(text: str) -> None:
    assert "a job file holds keys such as name" in problems(text)[0]


def test_a_huge_text_is_refused_unread() -> None:
    assert "larger than" in problems("a" * 4_000_001)[0]


def test_lines_are_remembered_by_path() -> None:
    document = parse_document("a:\n  b:\n    - c: 1\n    - d: 2\n", "job.yaml")

    assert document.line(("a", "b", 1, "d")) == 4
    assert document.line(("a", "b", 1, "missing")) == 4
    assert document.line(("elsewhere",)) == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [((), ""), (("a",), "a"), (("a", 0, "b"), "a[0].b"), (("steps", 1, "fields"), "steps[1].fields")],
)
def test_paths_are_written_as_people_do(path: tuple[str | int, ...], expected: str) -> None:
    assert dotted(path) == expected


def test_a_document_does_not_show_its_values() -> None:
    assert "s3cret" not in repr(parse_document("a: s3cret\n", "job.yaml"))


@given(st.text(max_size=60))
def test_whatever_the_text_it_is_a_document_or_a_sentence(text: str) -> None:
    try:
        assert isinstance(parse_document(text, "job.yaml").value, dict)
    except BulkError as error:
        refused = str(error)
        assert refused.startswith("job.yaml")


@given(st.text(max_size=40))
def test_whatever_a_setting_says_it_is_a_value_or_refused(text: str) -> None:
    try:
        parse_value(text)
    except BulkError as error:
        refused = str(error)
        assert refused.startswith("--set")
