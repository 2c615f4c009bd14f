from dataclasses import dataclass, replace
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapped import FINE, doing, named, records, source, step, texts, verdicts

from bulk.conversation import RECORD, ROW
from bulk.destinations.fields import Kind
from bulk.destinations.operation import Batching, Terms
from bulk.destinations.shape import braced, constant, member
from bulk.mapping.spec import Column, Constant, FieldSpec, Nested, Shaping

FIELDS = (
    named("id", Kind.IDENTIFIER),
    named("name", Kind.TEXT),
    named("age", Kind.INTEGER),
    named("tags", Kind.TEXTS),
    named("attributes", Kind.OBJECT, members=(named("a", Kind.TEXT, sent_as="b"),)),
    named("more", Kind.OBJECT),
)


@dataclass(frozen=True)
class Options:
    action: str = "identify"


def everything(terms: Terms) -> pl.Expr:
    """Make an item that shows all it is made of."""
    return braced(
        member("action", constant(terms.options.action)),
        member("seed", constant(terms.seed)),
        member("row", pl.col(ROW).cast(pl.String)),
        *(member(field.name, pl.col(field.name)) for field in FIELDS),
    )


ITEM = doing(*FIELDS, item=everything)
TERMS = Terms(options=Options())


def test_an_item_is_made_of_the_json_text_of_each_field() -> None:
    frame = source(i=["1", "2"], n=['"é"\n', ""], a=["7", ""], t=["x;y", ""], j=['{"k": [1]}', ""])
    fields: dict[str, FieldSpec] = {
        "id": Column("i"),
        "name": Column("n"),
        "age": Column("a", Shaping("int")),
        "tags": Column("t", Shaping(split=";")),
        "attributes": Nested({"a": Column("n")}),
        "more": Column("j", Shaping("json")),
    }

    assert records(ITEM, fields, frame, terms=TERMS) == [
        {
            "action": "identify",
            "seed": "",
            "row": 1,
            "id": "1",
            "name": '"é"\n',
            "age": 7,
            "tags": ["x", "y"],
            "attributes": {"b": '"é"\n'},
            "more": {"k": [1]},
        },
        {"action": "identify", "seed": "", "row": 2, "id": "2"},
    ]


def test_nulls_that_are_sent_reach_the_item_and_unmapped_fields_do_not() -> None:
    frame = source(i=["1"], n=[""])
    fields: dict[str, FieldSpec] = {
        "id": Column("i"),
        "name": Column("n"),
        "attributes": Nested({"a": Column("n")}),
    }

    assert records(ITEM, fields, frame, terms=TERMS, nulls="send") == [
        {"action": "identify", "seed": "", "row": 1, "id": "1", "name": None, "attributes": {"b": None}}
    ]


def test_the_seed_comes_with_the_rows() -> None:
    frame = source(i=["1"])

    encoded = step(ITEM, {"id": Column("i")}, frame, terms=TERMS).encode(frame, seed="pass-1")

    assert orjson.loads(encoded[RECORD][0])["seed"] == "pass-1"


@pytest.mark.parametrize("height", [0, 1, 3])
def test_an_item_that_is_the_same_for_all_is_there_for_each(height: int) -> None:
    frame = source(i=["1", "2", "3"]).head(height)
    operation = doing(named("id", Kind.IDENTIFIER), item=lambda _terms: constant({"x": 1}))

    assert texts(operation, {"id": Constant("7")}, frame) == ['{"x":1}'] * height


def test_where_any_field_is_taken_the_item_sees_those_that_are_mapped() -> None:
    frame = source(x=["1"])
    operation = doing(item=lambda _terms: braced(member("y", pl.col("a b")), member("z", pl.col("z"))))
    fields: dict[str, FieldSpec] = {"a b": Nested({"c": Column("x")}), "z": Constant({"k": [None]})}

    assert texts(operation, fields, frame) == ['{"y":{"c":"1"},"z":{"k":[null]}}']


VALUES = st.fixed_dictionaries(
    {
        "n": st.none() | st.text(max_size=6) | st.sampled_from(['"}', "{}", '{"v":', "null"]),
        "a": st.none() | st.integers(-(2**63), 2**63 - 1),
        "t": st.none() | st.lists(st.text(max_size=3), max_size=3),
    }
)


@settings(deadline=None, max_examples=100)
@given(st.lists(VALUES, min_size=1, max_size=5), st.sampled_from(["omit", "send"]))
def test_an_item_of_all_fields_is_the_plain_record(rows: list[dict[str, Any]], nulls: str) -> None:
    frame = pl.DataFrame(rows, schema={"n": pl.String, "a": pl.Int64, "t": pl.List(pl.String)})
    frame = frame.with_row_index(ROW, 1)
    fields: dict[str, FieldSpec] = {
        "name": Column("n"),
        "age": Column("a"),
        "tags": Column("t"),
        "attributes": Nested({"a": Column("n")}),
    }
    shaped = [member(name, pl.col(name)) for name in fields]
    plain = doing(*FIELDS)

    made = texts(replace(plain, item=lambda _terms: braced(*shaped)), fields, frame, nulls=nulls)

    assert made == texts(plain, fields, frame, nulls=nulls)


LIMIT = 40
TOO_LONG = ("too_long", "is longer than 40 bytes as it is sent")
SIZED = doing(
    named("name", Kind.TEXT),
    named("tags", Kind.TEXTS),
    named("more", Kind.OBJECT),
    named("list", Kind.LIST),
    batching=Batching(9, 9, item_bytes=LIMIT),
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "n": st.text(st.sampled_from('aé\x00"'), max_size=40),
                "t": st.lists(st.text("ab\n", max_size=9), max_size=5),
                "d": st.lists(st.integers(), max_size=9).map(lambda items: {"k": items}),
                "l": st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4),
            }
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_row_is_rejected_exactly_if_its_record_is_too_long(rows: list[dict[str, Any]]) -> None:
    frame = source(
        n=[row["n"] for row in rows],
        t=pl.Series([row["t"] for row in rows], dtype=pl.List(pl.String)),
        d=[str(row["d"]).replace("'", '"') for row in rows],  # integers of any size
        l=pl.Series([row["l"] for row in rows], dtype=pl.List(pl.Float64)),
    )
    fields: dict[str, FieldSpec] = {
        "name": Column("n"),
        "tags": Column("t"),
        "more": Column("d", Shaping("json")),
        "list": Column("l"),
    }

    told = verdicts(SIZED, fields, frame)

    lengths = [len(text.encode()) for text in texts(SIZED, fields, frame)]
    assert told == [TOO_LONG if length > LIMIT else FINE for length in lengths]


def test_the_limit_is_meant_for_the_record_as_it_is_sent() -> None:
    frame = source(n=["a" * 20, "a" * 21])
    around = replace(
        SIZED, item=lambda _terms: braced(member("some_more", pl.col("name")), member("x", constant("yz")))
    )

    assert [len(text) for text in texts(around, {"name": Column("n")}, frame)] == [45, 46]
    exact = replace(around, batching=Batching(9, 9, item_bytes=45))
    assert verdicts(exact, {"name": Column("n")}, frame) == [
        FINE,
        ("too_long", "is longer than 45 bytes as it is sent"),
    ]


def test_another_fault_comes_before_the_length() -> None:
    operation = replace(SIZED, fields=(*SIZED.fields, named("id", Kind.IDENTIFIER)))
    frame = source(i=["."], n=["a" * 50])

    assert verdicts(operation, {"name": Column("n"), "id": Column("i")}, frame)[0][0] == "bad_value"


def test_rows_that_are_clearly_short_enough_are_not_encoded_to_be_judged() -> None:
    def item(_terms: Terms) -> pl.Expr:
        raise AssertionError

    operation = replace(SIZED, item=item, batching=Batching(9, 9, item_bytes=32_000))

    assert verdicts(operation, {"name": Column("n")}, source(n=["a" * 2_000] * 9)) == [FINE] * 9
