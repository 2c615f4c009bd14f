import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

import mapped
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapped import FINE, Fields, converse, named, source

from bulk.conversation import KEY, RECORD, ROW
from bulk.destinations.fields import Kind
from bulk.destinations.operation import Effect, Operation
from bulk.mapping import CompiledRules, Problem, Rules, StepMapping, compile_rules, compile_step
from bulk.mapping.encode import Nulls
from bulk.mapping.spec import Column, Constant, Expression, FieldSpec, Nested, Shaping

UPSERT = Operation(
    name="upsert_user",
    about="",
    fields=(
        named("email", Kind.EMAIL),
        named("user_id", Kind.IDENTIFIER),
        named("name", Kind.TEXT, max_chars=5),
        named("phone", Kind.TEXT, max_bytes=5),
        named("tags", Kind.TEXTS, max_items=2, max_chars=3),
        named("unsubscribed", Kind.BOOLEAN),
        named("timestamp", Kind.INTEGER),
        named("score", Kind.NUMBER),
        named("attributes", Kind.OBJECT, max_chars=5, max_items=2, member_pattern="[a-z]+"),
        named("custom", Kind.OBJECT),
    ),
    effect=Effect.WRITES,
    converse=converse,
    fact="",
    one_of=("email", "user_id"),
)
REQUIRING = Operation(
    "tag",
    "",
    (named("tag", Kind.TEXT, required=True), *UPSERT.fields),
    Effect.WRITES,
    converse,
    "",
    ("email", "user_id"),
)
ID = {"user_id": Column("id")}


def step(fields: Fields, frame: pl.DataFrame, rules: Rules | None = None, **options: Any) -> StepMapping:
    return mapped.step(options.pop("operation", UPSERT), fields, frame, rules, **options)


def problems(
    fields: Fields, frame: pl.DataFrame, operation: Operation = UPSERT, **options: Any
) -> list[Problem]:
    return mapped.problems(operation, fields, frame, **options)


def verdicts(fields: Fields, frame: pl.DataFrame, rules: Rules | None = None, **options: Any) -> list[Any]:
    return mapped.verdicts(options.pop("operation", UPSERT), fields, frame, rules, **options)


def records(fields: Fields, frame: pl.DataFrame, **options: Any) -> list[Any]:
    return mapped.records(options.pop("operation", UPSERT), fields, frame, **options)


NO_EMAIL = ("bad_value", 'field "email": is not an e-mail address')


@pytest.mark.parametrize(
    "text",
    [
        "a@b.com",
        "  a@b.com ",
        "A+tag.x@B.co.uk",
        "o'brien@example.com",
        "müller@bücher.example",
        "a@[x].y",
        f"{'a' * 242}@example.com",
    ],
)
def test_an_e_mail_address_passes(text: str) -> None:
    assert verdicts({"email": Column("e")}, source(e=[text])) == [FINE]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a@b",
        "@b.com",
        "a@",
        "a@b..com",
        "a@.com",
        "a@b.com.",
        "a b@c.com",
        "a@b@c.com",
        "a@b.com,c@d.com",
        "<a@b.com>",
        '"a"@b.com',
        "'a@b.com'",
        "a@b.com\n",
        "a\x00@b.com",
        "a\u200b@b.com",
        f"{'a' * 243}@example.com",
    ],
)
def test_what_is_no_e_mail_address_is_a_bad_value(text: str) -> None:
    expected = [NO_EMAIL] if text != "a@b.com\n" else [FINE]  # surrounding space is trimmed
    assert verdicts({"email": Column("e")}, source(e=[text])) == expected


@pytest.mark.parametrize("text", [".", " .. ", "a\tb", "a\nb", "\x7f"])
def test_what_could_name_somebody_else_is_a_bad_value(text: str) -> None:
    assert verdicts(ID, source(id=[text])) == [("bad_value", 'field "user_id": cannot name anybody')]


@pytest.mark.parametrize(
    ("fields", "values", "reason", "message"),
    [
        ({"name": Column("x")}, "123456", "too_long", 'field "name": is longer than 5 characters'),
        ({"phone": Column("x")}, "ééé", "too_long", 'field "phone": is longer than 5 bytes'),
        ({"tags": Column("x")}, "long", "too_long", 'field "tags": is longer than 3 characters'),
        (
            {"tags": Column("x", Shaping(split=","))},
            "a,b,c",
            "too_many",
            'field "tags": has more than 2 items',
        ),
        (
            {"attributes": Nested({"a": Column("x")})},
            "123456",
            "too_long",
            'field "attributes.a": is longer than 5 characters',
        ),
        (
            {"attributes": Column("x", Shaping("json"))},
            "[1]",
            "bad_value",
            'field "attributes": is not a JSON object',
        ),
        (
            {"attributes": Column("x", Shaping("json"))},
            '{"A":1}',
            "bad_value",
            'field "attributes": has a member whose name is not allowed',
        ),
        (
            {"attributes": Column("x", Shaping("json"))},
            '{"a":"123456"}',
            "too_long",
            'field "attributes": has a text longer than 5 characters',
        ),
        (
            {"attributes": Column("x", Shaping("json"))},
            '{"a":1,"b":2,"c":3}',
            "too_many",
            'field "attributes": has more than 2 items',
        ),
        (
            {"unsubscribed": Column("x", Shaping("bool"))},
            "si",
            "bad_value",
            'field "unsubscribed": is none of true false yes no y n t f 1 0',
        ),
        (
            {"score": Expression('cast("x" as double)')},
            "x",
            "bad_value",
            'field "score": the expression cannot be computed for this row',
        ),
    ],
)
def test_a_fault_is_told_by_field_and_never_by_value(
    fields: dict[str, FieldSpec], values: str, reason: str, message: str
) -> None:
    frame = source(id=["1", "2"], x=[values, None])

    assert verdicts(ID | fields, frame) == [(reason, message), FINE]


def test_objects_may_have_more_members_than_allowed_as_long_as_few_enough_are_sent() -> None:
    fields: Fields = {**ID, "attributes": Nested({"a": Column("x"), "b": Column("y"), "c": Column("z")})}
    frame = source(id=["1", "2"], x=["1", "1"], y=["1", "1"], z=["1", None])

    assert verdicts(fields, frame) == [("too_many", 'field "attributes": has more than 2 members'), FINE]
    assert problems(fields, frame, nulls="send") == [
        Problem(("fields", "attributes"), "has 3 members; at most 2 are allowed")
    ]


def test_a_record_without_what_its_operation_requires_is_missing_a_field() -> None:
    fields: Fields = {"tag": Column("t"), "email": Column("e"), "user_id": Column("id")}
    frame = source(t=["", "x", "x"], e=["a@b.com", " ", None], id=["", "", "7"])

    assert verdicts(fields, frame, operation=REQUIRING) == [
        ("missing_field", "no tag"),
        ("missing_field", "needs one of email, user_id"),
        FINE,
    ]


def test_the_first_field_in_mapping_order_gives_the_reason() -> None:
    frame = source(e=["x"], n=["too long"], id=["."])

    assert verdicts({"name": Column("n"), "email": Column("e"), **ID}, frame)[0][0] == "too_long"
    assert (
        verdicts({**ID, "name": Column("n"), "email": Column("e")}, frame)[0][1]
        == 'field "user_id": cannot name anybody'
    )


def test_a_where_that_is_null_is_false_and_comes_before_other_faults() -> None:
    frame = source(id=["1", ".", "."], c=["IT", "US", None], d=["x", "x", "x"])

    assert verdicts(ID, frame, Rules(where="c = 'IT'"), where="d = 'x'") == [
        FINE,
        ("filtered", None),
        ("filtered", None),
    ]
    assert verdicts(ID, frame, where="c = 'US' and d = 'x'")[0] == ("filtered", None)


def test_a_rule_that_cannot_be_computed_rejects_its_row_alone() -> None:
    frame = source(id=["1", "2", "3"], n=["5", "x", "0"])
    raised = "the expression cannot be computed for this row"

    assert verdicts(ID, frame, Rules(where="cast(n as int) > 1")) == [
        FINE,
        ("bad_value", f'"where": {raised}'),
        ("filtered", None),
    ]
    assert verdicts(ID, frame, Rules(opted_out="cast(n as int) > 1"))[1] == (
        "bad_value",
        f'"opted_out": {raised}',
    )
    assert verdicts(ID, frame, Rules(key=Expression("cast(n as int)")))[1] == (
        "bad_value",
        f'"key": {raised}',
    )


def test_opted_out_is_only_reported_and_null_is_false() -> None:
    frame = source(id=["1", "2", "3"], u=["true", None, "false"])

    judged = step(ID, frame, Rules(opted_out="u = 'true'")).judge(frame)

    assert judged["opted_out"].to_list() == [True, False, False]
    assert judged["reason"].null_count() == 3


@pytest.mark.parametrize(
    ("key", "fields", "sent"),
    [
        (None, {"user_id": Column("i"), "email": Column("e")}, ["a@b.com", None, None]),
        (None, {"user_id": Column("i")}, ["X@Y", "7", None]),
        (None, {"name": Column("i")}, [None, None, None]),
        (Column("i"), {"email": Column("e")}, ["x@y", "7", None]),
        (Expression("upper(i)"), {"email": Column("e")}, ["x@y", "7", None]),
        (Expression("lower(i)"), {"email": Column("e")}, ["x@y", "7", None]),
        (None, {"email": Expression("lower(e)")}, ["a@b.com", None, None]),
        (None, {"email": Expression("upper(e)")}, ["a@b.com", None, None]),
        (Column("e"), {"name": Column("e")}, ["a@b.com", None, None]),
    ],
)
def test_keys_are_trimmed_and_addresses_in_lower_case(
    key: Any, fields: dict[str, FieldSpec], sent: Any
) -> None:
    frame = source(i=[" X@Y ", "7", " "], e=[" A@B.com", "", None])
    operation = Operation("any", "", UPSERT.fields, Effect.WRITES, converse, "")
    mapping = step(fields, frame, Rules(key=key), operation=operation)

    assert mapping.judge(frame)[KEY].to_list() == sent
    assert mapping.encode(frame)[KEY].to_list() == sent


def test_a_second_step_keeps_the_key_of_the_first() -> None:
    frame = source(i=["1"], e=["A@b.com"])
    rules = compile_rules(Rules(), frame.schema, first=({"email": Column("e")}, UPSERT))
    assert isinstance(rules, CompiledRules)

    second = compile_step({"user_id": Column("i")}, UPSERT, frame.schema, rules)

    assert isinstance(second, StepMapping)
    assert second.judge(frame)[KEY].to_list() == ["a@b.com"]


def test_typed_columns_become_what_their_field_takes() -> None:
    frame = source(id=[7], f=[7.0], g=[0.5], b=[True], l=[["x"]])
    fields: Fields = {
        **ID,
        "name": Column("f"),
        "phone": Column("g"),
        "tags": Column("l"),
        "unsubscribed": Column("b"),
        "score": Column("g"),
        "custom": Nested({"b": Column("b"), "l": Column("l")}),
    }

    assert records(fields, frame) == [
        {
            "user_id": "7",
            "name": "7",
            "phone": "0.5",
            "tags": ["x"],
            "unsubscribed": True,
            "score": 0.5,
            "custom": {"b": True, "l": ["x"]},
        }
    ]


def test_members_of_a_typed_object_are_omitted_like_mapped_ones() -> None:
    frame = source(id=["1", "2", "3"], o=[{"a": 1, "b": {"c": ""}}, {"a": None, "b": {"c": "x"}}, None])

    assert records({**ID, "custom": Column("o")}, frame) == [
        {"user_id": "1", "custom": {"a": 1}},
        {"user_id": "2", "custom": {"b": {"c": "x"}}},
        {"user_id": "3"},
    ]


def test_lists_of_typed_columns_hold_only_what_json_can_say() -> None:
    moment = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
    frame = source(
        id=["1"], f=[[7.0]], n=[["a", None]], d=[[moment]], s=[[{"at": moment.date(), "x": 0.5}, None]]
    )
    fields: Fields = {
        **ID,
        "tags": Column("n"),
        "custom": Nested({"f": Column("f"), "d": Column("d"), "s": Column("s")}),
    }

    assert records(fields, frame)[0]["tags"] == ["a"]
    assert records(fields, frame)[0]["custom"] == {
        "f": [7.0],
        "d": ["2026-01-31T10:00:00Z"],
        "s": [{"at": "2026-01-31", "x": 0.5}, None],
    }


def test_a_number_that_is_not_finite_is_found_at_any_depth() -> None:
    frame = source(id=["1", "2"], s=[[{"x": [1.0, math.nan]}], [{"x": [1.0]}]])

    assert verdicts({**ID, "custom": Nested({"s": Column("s")})}, frame) == [
        ("bad_value", 'field "custom.s": holds a number that is not finite'),
        FINE,
    ]


def test_a_list_of_objects_is_no_list_of_text() -> None:
    assert problems({**ID, "tags": Column("s")}, source(id=["1"], s=[[{"x": 1}]]))[0].path == (
        "fields",
        "tags",
    )


def test_constants_are_always_sent_and_null_ones_only_on_request() -> None:
    frame = source(id=["1", "2"])
    fields: Fields = {
        **ID,
        "name": Constant(""),
        "tags": Constant(["a"]),
        "custom": Nested({"x": Constant(None), "y": Constant({"z": 1})}),
    }

    assert records(fields, frame)[1] == {"user_id": "2", "name": "", "tags": ["a"], "custom": {"y": {"z": 1}}}
    assert records(fields, frame, nulls="send")[1]["custom"] == {"x": None, "y": {"z": 1}}


def test_constants_alone_make_a_record_for_every_row() -> None:
    frame = source(id=["1", "2"])

    assert records({"email": Constant("a@b.com")}, frame) == [{"email": "a@b.com"}] * 2


@pytest.mark.parametrize("height", [0, 1])
def test_small_chunks_keep_their_height(height: int) -> None:
    frame = source(id=["1"]).head(height)
    fields: Fields = {
        "email": Constant("a@b.com"),
        "tags": Constant(["a"]),
        "custom": Nested({"i": Column("id")}),
    }
    keeping = Operation(
        "any", "", UPSERT.fields, Effect.WRITES, converse, "", keep=("email", "tags", "custom", "name")
    )
    mapping = step(fields, frame, Rules(where="1 = 1", opted_out="false"), operation=keeping)

    assert mapping.judge(frame).height == height
    assert mapping.encode(frame).height == height


def test_kept_fields_come_as_columns_with_their_normalised_values() -> None:
    keep = ("email", "tags", "custom", "name", "phone", "score")
    keeping = Operation("any", "", UPSERT.fields, Effect.WRITES, converse, "", keep=keep)
    frame = source(e=[" a@b.com", ""], t=['["x"]', ""], c=["", "1"])
    fields: Fields = {
        "email": Column("e"),
        "tags": Column("t", Shaping("json")),
        "custom": Nested({"c": Column("c")}),
        "name": Constant("n"),
        "score": Constant(1),
    }

    encoded = step(fields, frame, operation=keeping).encode(frame)

    assert encoded.select(keep).rows() == [
        ("a@b.com", ["x"], None, "n", None, 1),
        (None, None, '{"c":"1"}', "n", None, 1),
    ]


def test_column_names_that_look_like_patterns_are_taken_literally() -> None:
    frame = source(id=["1"], a=["wrong"]).with_columns(
        pl.lit("star").alias("*"), pl.lit("right").alias("^a$")
    )

    assert records({**ID, "custom": Nested({"s": Column("*"), "p": Column("^a$")})}, frame)[0]["custom"] == {
        "s": "star",
        "p": "right",
    }


def test_used_and_unused_columns_are_known() -> None:
    frame = source(id=["1"], a=["1"], b=["1"], c=["1"])

    mapping = step({**ID, "name": Expression("upper(a)")}, frame, Rules(where="b = '1'"))

    assert mapping.columns == ("id", "a", "b")
    assert mapping.unused == ("c",)


def test_encoding_rows_that_cannot_be_mapped_is_a_mistake_of_the_caller() -> None:
    frame = source(id=["x"])

    with pytest.raises(ValueError, match="cannot be mapped"):
        step({"user_id": Expression("cast(id as int)")}, frame).encode(frame)


def test_all_problems_of_a_step_are_told_at_once() -> None:
    fields: Fields = {
        "emial": Column("id"),
        "name": Nested({"x": Column("id")}),
        "unsubscribed": Column("id"),
        "timestamp": Column("id"),
        "score": Column("id"),
        "custom": Column("id"),
        "phone": Column("list"),
        "attributes": Nested({"Plan": Column("id"), "plan": Column("Id"), "bad": Expression("count(*)")}),
        "tags": Constant("x"),
    }
    told = problems(fields, source(id=["1"], list=[["1"]]), REQUIRING, where="id")

    assert [(problem.path, problem.message) for problem in told] == [
        (("fields", "emial"), 'unknown field "emial"; did you mean "email"?'),
        (("fields", "name"), "takes text, not members"),
        (("fields", "unsubscribed"), "takes boolean: give `as: bool`"),
        (("fields", "timestamp"), "takes integer: give `as: int`"),
        (("fields", "score"), "takes number: give `as: float` or `as: int`"),
        (("fields", "custom"), "takes an object: map its members one by one, or give `as: json`"),
        (("fields", "phone"), "takes text, not List(String)"),
        (("fields", "attributes", "plan"), 'unknown column "Id"; did you mean "id"?'),
        (
            ("fields", "attributes", "bad"),
            (
                "count() is not row-wise: it looks at more than one row, "
                "and the result would depend on how the source is read"
            ),
        ),
        (("fields", "attributes", "Plan"), 'the member name "Plan" is not allowed here; its form is [a-z]+'),
        (("fields", "tags"), "takes list of text"),
        (("fields",), 'tag needs the field "tag"'),
        (("fields",), "tag needs one of email, user_id"),
        (("where",), "must be true or false, but the expression gives String"),
    ]


def test_all_problems_of_the_rules_are_told_at_once() -> None:
    found = compile_rules(Rules(Column("Id"), "nope = 1", "id"), source(id=["1"]).schema)

    assert isinstance(found, list)
    assert [problem.path for problem in found] == [("where",), ("opted_out",), ("key",)]


@pytest.mark.parametrize(
    ("name", "constant"),
    [
        ("email", "x"),
        ("user_id", "."),
        ("name", 7),
        ("name", "123456"),
        ("unsubscribed", 1),
        ("timestamp", 1.5),
        ("timestamp", True),
        ("score", float("nan")),
        ("custom", "x"),
        ("tags", [1]),
        ("attributes", {"A": 1}),
        ("custom", {"x": {1, 2}}),
    ],
)
def test_a_constant_that_its_field_does_not_take_is_a_problem(name: str, constant: Any) -> None:
    assert [
        problem.path
        for problem in problems({**ID, "email": Column("id")} | {name: Constant(constant)}, source(id=["1"]))
    ] == [("fields", name)]


TEXT = (
    st.none()
    | st.text(max_size=8)
    | st.sampled_from(["", " ", '"', "\\", "\x00\x1f\x7f", "\u2028é😀", "null", "}", '{"', ',"a":null'])
    | st.sampled_from(
        [":null", "x,", "{", ',"a":{}', '{"a":null,', '{"a":{}}', ',"', '\\","a":null', "$0", "${a}"]
    )
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "t": TEXT,
            "u": TEXT,
            "i": st.none() | st.integers(-(2**63), 2**63 - 1),
            "f": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "b": st.none() | st.booleans(),
            "l": st.none() | st.lists(st.text(max_size=3), max_size=3),
        }
    ),
    max_size=6,
)
TYPES: dict[str, Any] = {
    "t": pl.String,
    "u": pl.String,
    "i": pl.Int64,
    "f": pl.Float64,
    "b": pl.Boolean,
    "l": pl.List(pl.String),
}
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4) | st.sampled_from(
    ["a", "a", "b", "a.b", "a,", ":", ":null", ",", '"', '"a', "{", "}", "\\", "é", "\x7f", "(a|b)*$"]
)
COLUMN = st.sampled_from(list(TYPES)).map(Column)
CONSTANT = st.sampled_from([1, "x", [1], None, {"k": None}]).map(Constant)
MEMBER = COLUMN | CONSTANT
INNER = st.dictionaries(NAMES, MEMBER, min_size=1, max_size=3).map(Nested)
NESTED = st.dictionaries(NAMES, MEMBER | INNER, min_size=1, max_size=3).map(Nested)
TREES = st.dictionaries(NAMES, MEMBER | NESTED, min_size=1, max_size=4)
ANYTHING = Operation("anything", "", (), Effect.WRITES, converse, "")


def members(fields: Fields, row: dict[str, Any], nulls: Nulls) -> Iterator[tuple[str, Any]]:
    """Map one row the slow and obvious way."""
    for name, spec in fields.items():
        value: Any = None
        if isinstance(spec, Nested):
            value = dict(members(spec.members, row, nulls)) or None
        elif isinstance(spec, Column):
            value = row[spec.name]
            value = None if value in ("", []) else value
        elif isinstance(spec, Constant):
            value = spec.value
        if value is not None or nulls == "send":
            yield name, value


@settings(deadline=None, max_examples=150)
@given(ROWS, TREES, st.sampled_from(["omit", "send"]))
def test_records_are_what_mapping_row_by_row_gives(
    rows: Any, fields: dict[str, FieldSpec], nulls: Nulls
) -> None:
    frame = pl.DataFrame(rows, schema=TYPES).with_row_index(ROW, 1)

    encoded = step(fields, frame, operation=ANYTHING, nulls=nulls).encode(frame)

    expected = [dict(members(fields, row, nulls)) for row in rows]
    decoded = [orjson.loads(text) for text in encoded[RECORD]]
    assert decoded == expected
    assert [list(record) for record in decoded] == [list(record) for record in expected]


def test_what_is_noted_of_rows_is_known_also_of_those_that_are_rejected_and_null_where_it_is_faulty() -> None:
    frame = source(
        who=["a@example.com", "no address", None], name=["ok", "too long", "ok"], at=["1", "2", "x"]
    )
    fields: Fields = {
        "email": Column("who"),
        "name": Column("name"),
        "timestamp": Column("at", Shaping("int")),
    }
    noted = step(fields, frame).noted(frame, ("name", "timestamp", "score"))
    assert noted.to_dict(as_series=False) == {
        ROW: [1, 2, 3],
        "name": ["ok", None, "ok"],
        "timestamp": [1, 2, None],
    }


def test_only_members_of_the_record_itself_are_left_out_not_those_within_its_values() -> None:
    frame = source(
        a=[None, "x"], d=['{"a":null,"b":1}', '{"a":null}'], l=[[{"a": None, "b": 1}], [{"a": None}]]
    )
    fields: dict[str, FieldSpec] = {
        "a": Column("a"),
        "document": Column("d", Shaping(convert="json")),
        "listed": Column("l"),
        "within": Nested({"a": Column("a")}),
    }

    assert records(fields, frame, operation=ANYTHING) == [
        {"document": {"a": None, "b": 1}, "listed": [{"a": None, "b": 1}]},
        {"a": "x", "document": {"a": None}, "listed": [{"a": None, "b": None}], "within": {"a": "x"}},
    ]
