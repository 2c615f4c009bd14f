"""Which values of a record name people."""

from typing import Any

import polars as pl
from mapped import Fields, doing, named, source, step

from bulk.conversation import IDENTIFIER, ROW
from bulk.destinations.fields import Kind
from bulk.mapping import Rules, identifiers
from bulk.mapping.spec import Column, Constant, Expression, Nested, Shaping

ANY = doing()


def found(fields: Fields, frame: pl.DataFrame, *also: str, rules: Rules | None = None) -> dict[str, Any]:
    """Return the columns of identifiers by their paths; the key's has none."""
    mapping = step(ANY, fields, frame, rules)
    identified = mapping.identified(frame, tuple(identifiers(mapping.nodes, also, 0)))
    assert identified[ROW].to_list() == frame[ROW].to_list()
    return {
        name.removeprefix(IDENTIFIER).removeprefix("0."): identified[name].to_list()
        for name in identified.columns
        if name != ROW
    }


def test_fields_that_name_people_count_and_others_do_not() -> None:
    frame = source(a=["Ann@example.com ", ""], n=[7, None])
    fields: Fields = {
        "email": Column("a"),
        "user_id": Column("n"),
        "name": Column("a"),
        "device": Nested({"id": Column("n"), "phone": Column("a")}),
        "primary": Nested({"id": Column("n")}),
        "EMAIL_ADDRESS": Column("a"),
    }
    address, number = ["Ann@example.com", None], ["7", None]
    seen = {name: [v and v.strip() for v in values] for name, values in found(fields, frame).items()}
    assert seen == {
        "": address,
        "email": address,
        "user_id": number,
        "device.phone": address,
        "primary.id": number,
        "EMAIL_ADDRESS": address,
    }


def test_documents_and_lists_are_looked_into() -> None:
    frame = source(
        doc=['{"email": "a", "deep": [{"phone": 1, "id": 2}], "n": "x"}', '{"n": 1}', ""],
        items=[[{"email": "b", "kind": "home"}], [], None],
        ids=["p;q", "", "r"],
    )
    fields: Fields = {
        "attributes": Column("doc", Shaping("json")),
        "emails": Column("items"),
        "externalIds": Column("ids", Shaping(split=";")),
        "to": Column("doc", Shaping("json")),
    }
    assert found(fields, frame) == {
        "": [None, None, None],
        "attributes": [["1", "a"], [], None],
        "emails": [["b"], None, None],
        "externalIds": [["p", "q"], None, ["r"]],
        "to": [["1", "a"], [], None],
    }


def test_constants_expressions_and_named_fields_count() -> None:
    frame = source(a=["x", "y"])
    fields: Fields = {
        "email": Constant("a@example.com"),
        "phones": Constant([{"phone": "+39021234567"}]),
        "contact": Expression("concat(a, '!')"),
        "note": Column("a"),
    }
    assert found(fields, frame, "contact") == {
        "": [None, None],
        "email": [["a@example.com"]] * 2,
        "phones": [["+39021234567"]] * 2,
        "contact": ["x!", "y!"],
    }


def test_the_key_counts_as_it_is_written() -> None:
    frame = source(a=["x", "y"], k=[" Ann@example.com", ""])
    fields: Fields = {"name": Column("a")}
    assert found(fields, frame, rules=Rules(key=Column("k"))) == {"": ["Ann@example.com", None]}


def test_numbers_with_a_fraction_of_nothing_are_whole() -> None:
    frame = source(n=[1.0, 2.0])
    operation = doing(named("id", Kind.IDENTIFIER))
    mapping = step(operation, {"id": Column("n")}, frame)
    identified = mapping.identified(frame, tuple(identifiers(mapping.nodes)))
    assert identified[f"{IDENTIFIER}0.id"].to_list() == ["1", "2"]
