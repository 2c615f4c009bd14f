"""Records become columns as `bulk pull` writes them, whenever a value of another kind comes."""

from collections.abc import Sequence
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.plan.matching import LISTING, NAMES
from bulk.runner import records
from bulk.runner.records import Columns, Kept

Pages = Sequence[Sequence[dict[str, Any]]]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
)


def kept(*pages: Sequence[dict[str, Any]], wanted: str = "abcdef") -> pl.DataFrame:
    taking = Kept(frozenset(wanted) | {"a.b"})
    for number, page in enumerate(pages):
        taking.add(page, number)
    return taking.frame()


def test_objects_become_columns_with_dotted_names_lists_json_text() -> None:
    frame = kept([{"a": {"b": 1, "z": 2}, "c": [1, "x"]}, {"a": {"b": None}}])
    assert frame.to_dict(as_series=False) == {LISTING: [0, 0], "a.b": [1, None], "c": ['[1,"x"]', None]}


def test_only_what_is_wanted_is_kept_and_all_columns_are_known() -> None:
    taking = Kept(frozenset("a"))
    taking.add([{"a": "1", "secret": "x", "b": {"c": True}}], 3)
    assert taking.frame().to_dict(as_series=False) == {LISTING: [3], "a": ["1"]}
    assert taking.columns.schema == {"a": pl.String, "secret": pl.String, "b.c": pl.Boolean}


def test_where_nothing_is_listed_there_is_no_row() -> None:
    assert kept().height == 0


@pytest.mark.parametrize("part", [1, 2, 100])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 2], [1, None, 2]),
        ([1, "x", 2.5, True, None], ["1", "x", "2.5", "true", None]),
        ([1, 2.5], [1.0, 2.5]),
        ([True, 1], ["true", "1"]),
        ([None, None], [None, None]),
        ([2**63, 1], ["9223372036854775808", "1"]),
    ],
)
def test_a_column_of_several_kinds_holds_texts_whenever_they_come(
    monkeypatch: pytest.MonkeyPatch, part: int, values: list[Any], expected: list[Any]
) -> None:
    monkeypatch.setattr(records, "_PART", part)
    assert kept(*([{"a": value}] for value in values))["a"].to_list() == expected


def test_a_column_that_comes_late_is_null_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_PART", 1)
    frame = kept([{"a": 1}], [{"a": 2, "b": "x"}])
    assert frame.select("a", "b").rows() == [(1, None), (2, "x")]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=12))
def test_what_is_kept_is_what_a_pulled_file_holds(given_records: list[dict[str, Any]]) -> None:
    columns = Columns()
    lines = [dict(columns.flat(record)) for record in given_records]
    frame = kept(*([record] for record in given_records))
    assert frame.drop(LISTING).schema == columns.schema
    if columns.schema:
        written = b"\n".join(map(orjson.dumps, lines))
        read = pl.read_ndjson(written, schema=columns.schema)
        plain = [name for name, dtype in columns.schema.items() if dtype != pl.String]
        assert frame.select(plain).equals(read.select(plain))


def test_what_names_records_is_kept_beside_them_each_name_once() -> None:
    taking = Kept(frozenset("a"))
    taking.add(
        [{"a": 1, "n": ["x", "y"]}, {"a": 2}], 0, lambda one: (("n", name) for name in one.get("n", ()))
    )
    taking.add([{"a": 3, "n": ["z", "z"]}], 1, lambda one: (("n", name) for name in one["n"]))
    frame = taking.frame()
    assert frame[NAMES].to_list() == [["x", "y"], [], ["z"]]
    assert frame.columns == [LISTING, NAMES, "a"]
