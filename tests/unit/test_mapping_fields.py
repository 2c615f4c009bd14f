import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapped import FINE, doing, named, problems, records, source, step, texts, verdicts

from bulk.conversation import KEY
from bulk.destinations.fields import Kind
from bulk.mapping import Problem
from bulk.mapping.spec import Column, Constant, FieldSpec, Nested, Shaping

JSON = Shaping("json")
DEVICE = named(
    "device",
    Kind.OBJECT,
    members=(
        named("id", Kind.IDENTIFIER, required=True, sent_as="token"),
        named("platform", Kind.TEXT, choices=("ios", "android")),
        named("last_used", Kind.INTEGER),
        named("attributes", Kind.OBJECT, max_chars=3),
    ),
)
CUSTOM = named(
    "custom",
    Kind.OBJECT,
    max_items=2,
    suffixes={
        "Str": named("Str", Kind.TEXT, max_chars=5),
        "Num": named("Num", Kind.NUMBER),
        "At": named("At", Kind.MOMENT),
        "Bool": named("Bool", Kind.BOOLEAN),
    },
)
OPERATION = doing(
    named("phone", Kind.PHONE),
    named("at", Kind.MOMENT),
    named("list", Kind.LIST, max_items=2),
    named("size", Kind.TEXT, choices=("s", "m")),
    named("sizes", Kind.TEXTS, choices=("s", "m"), pattern="[a-z]"),
    named("code", Kind.TEXT, pattern="[a-z]+|[0-9]{2}"),
    named("short", Kind.OBJECT, member_max_bytes=3),
    named("renamed", Kind.TEXT, sent_as="other"),
    DEVICE,
    CUSTOM,
)


def told(name: str, value: Any, *, given_as: Shaping | None = None) -> Any:
    """Return what a row is told whose one field has this value."""
    spec = Column("x", given_as or Shaping())
    return verdicts(OPERATION, {name: spec}, source(x=[value]))[0]


def sent(name: str, value: Any, *, given_as: Shaping | None = None) -> Any:
    return records(OPERATION, {name: Column("x", given_as or Shaping())}, source(x=[value]))[0].get(name)


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("+390212345678", "+390212345678"),
        (" +39 02 1234-5678 ", "+390212345678"),
        ("+1 (555) 123.4567", "+15551234567"),
        ("+44\u00a020\u20117946/0000", "+442079460000"),
        ("", None),
    ],
)
def test_a_phone_number_is_sent_with_its_digits_alone(written: str, digits: str | None) -> None:
    assert told("phone", written) == FINE
    assert sent("phone", written) == digits


NO_PHONE = 'field "phone": is not an international phone number such as +39 02 1234567'


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0212345678", NO_PHONE),
        (390212345678, NO_PHONE),
        ("+0212345678", NO_PHONE),
        ("+123456", NO_PHONE),
        ("+1234567890123456", NO_PHONE),
        ("+39 02 1234 ext 5", NO_PHONE),
        ("++39021234567", NO_PHONE),
        ("+44 (0)20 7946 0000", 'field "phone": leave out (0): it is not dialled from everywhere'),
    ],
)
def test_what_is_no_international_phone_number_is_a_bad_value(written: Any, message: str) -> None:
    assert told("phone", written) == ("bad_value", message)


@settings(deadline=None, max_examples=50)
@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.data())
def test_separators_never_change_a_phone_number(number: str, data: st.DataObject) -> None:
    gaps = st.text(" .-/", max_size=2)
    spaced = "+" + "".join(digit + data.draw(gaps) for digit in number[1:])

    assert sent("phone", spaced) == number


def test_records_keyed_by_phone_share_a_key_however_the_number_is_written() -> None:
    frame = source(x=["+39 02 1234567", "+39021234567", "1234"])

    judged = step(OPERATION, {"phone": Column("x")}, frame).judge(frame)

    assert judged[KEY].to_list() == ["+39021234567", "+39021234567", "1234"]


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T10:00Z",
        "2026-01-31T10:00:00+01:00",
        "2026-01-31T10:00:00.123456Z",
        "2026-01-31T10:00-0530",
    ],
)
def test_a_date_and_time_with_an_offset_is_sent_as_it_is_written(text: str) -> None:
    assert told("at", f" {text} ") == FINE
    assert sent("at", text) == text


NO_MOMENT = 'field "at": is not a date and time of the form 2026-01-31T10:00:00Z'
NO_OFFSET = 'field "at": the date has no offset: give `as: iso8601` and `timezone`'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-01-31T10:00:00", NO_OFFSET),
        ("2026-01-31", NO_OFFSET),
        ("2026-02-30T10:00:00Z", NO_MOMENT),
        ("2026-01-31 10:00:00Z", NO_MOMENT),
        ("1767225600", NO_MOMENT),
        ("yesterday", NO_MOMENT),
    ],
)
def test_text_that_is_no_date_and_time_with_an_offset_is_a_bad_value(text: str, message: str) -> None:
    assert told("at", text) == ("bad_value", message)


def test_dates_that_are_converted_or_typed_become_text_with_an_offset() -> None:
    moment = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)

    assert sent("at", moment) == "2026-01-31T10:00:00Z"
    assert sent("at", 1_767_225_600, given_as=Shaping("iso8601")) == "2026-01-01T00:00:00Z"
    assert sent("at", "2026-01-31", given_as=Shaping("iso8601", timezone="UTC")) == "2026-01-31T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "shaping", "message"),
    [
        (dt.date(2026, 1, 31), Shaping(), "its dates have no offset: give `as: iso8601` and `timezone`"),
        (7, Shaping(), "takes date and time: give `as: iso8601`"),
        ("2026-01-31T10:00Z", Shaping("unix_seconds"), "takes date and time: give `as: iso8601`"),
    ],
)
def test_a_column_that_cannot_hold_dates_and_times_is_a_problem(
    value: Any, shaping: Shaping, message: str
) -> None:
    assert problems(OPERATION, {"at": Column("x", shaping)}, source(x=[value])) == [
        Problem(("fields", "at"), message)
    ]


@pytest.mark.parametrize(
    ("value", "shaping", "listed"),
    [
        ('[1, {"a": null}]', JSON, [1, {"a": None}]),
        ([1, 2], Shaping(), [1, 2]),
        ([{"a": "x"}], Shaping(), [{"a": "x"}]),
        ("a; b", Shaping(split=";"), ["a", "b"]),
    ],
)
def test_a_list_may_hold_anything(value: Any, shaping: Shaping, listed: list[Any]) -> None:
    assert told("list", value, given_as=shaping) == FINE
    assert sent("list", value, given_as=shaping) == listed


@pytest.mark.parametrize(("value", "shaping"), [("[1,2,3]", JSON), ([1, 2, 3], Shaping())])
def test_a_list_keeps_its_limit(value: Any, shaping: Shaping) -> None:
    assert told("list", value, given_as=shaping) == ("too_many", 'field "list": has more than 2 items')


def test_what_is_no_list_is_told() -> None:
    assert told("list", "{}", given_as=JSON) == ("bad_value", 'field "list": is not a JSON list')
    assert problems(OPERATION, {"list": Column("x")}, source(x=["a"])) == [
        Problem(("fields", "list"), "takes a list: give `split`, or a JSON list with `as: json`")
    ]
    assert problems(OPERATION, {"list": Constant({})}, source(x=["a"])) == [
        Problem(("fields", "list"), "takes list")
    ]


@pytest.mark.parametrize(
    ("name", "value", "shaping", "message"),
    [
        ("size", "l", Shaping(), "is none of s, m"),
        ("sizes", "s,L", Shaping(split=","), "is none of s, m"),
        ("sizes", '["s","L"]', JSON, "holds what is not allowed: one of s, m, of the form [a-z]"),
        ("code", "ab\n", Shaping(), "is not of the form [a-z]+|[0-9]{2}"),
        ("code", "123", Shaping(), "is not of the form [a-z]+|[0-9]{2}"),
    ],
)
def test_choices_and_patterns_hold_for_each_text(
    name: str, value: str, shaping: Shaping, message: str
) -> None:
    assert told(name, value, given_as=shaping) == ("bad_value", f'field "{name}": {message}')


@pytest.mark.parametrize(("name", "value"), [("size", "m"), ("sizes", "s"), ("code", "12"), ("code", "")])
def test_what_is_chosen_and_of_the_form_passes(name: str, value: str) -> None:
    assert told(name, value) == FINE


@pytest.mark.parametrize(("name", "constant"), [("size", "l"), ("phone", "02 1234"), ("at", "2026-01-31")])
def test_constants_are_held_to_the_same_rules(name: str, constant: str) -> None:
    assert [found.path for found in problems(OPERATION, {name: Constant(constant)}, source(x=["a"]))] == [
        ("fields", name)
    ]


def test_a_field_goes_by_its_name_in_the_request() -> None:
    assert texts(OPERATION, {"renamed": Column("x")}, source(x=["a"])) == ['{"other":"a"}']


def test_members_are_fields_of_their_own() -> None:
    frame = source(
        i=[" 7 ", ".", "", ""], p=["ios", "ios", "ios", ""], n=["1", "1", "1", ""], a=["x", "x", "x", ""]
    )
    device: dict[str, FieldSpec] = {
        "id": Column("i"),
        "platform": Column("p"),
        "last_used": Column("n", Shaping("int")),
        "attributes": Nested({"any": Column("a")}),
    }

    assert verdicts(OPERATION, {"device": Nested(device)}, frame) == [
        FINE,
        ("bad_value", 'field "device.id": cannot name anybody'),
        ("missing_field", 'field "device": no id'),
        FINE,
    ]
    assert texts(OPERATION, {"device": Nested(device)}, frame)[::3] == [
        '{"device":{"token":"7","platform":"ios","last_used":1,"attributes":{"any":"x"}}}',
        "{}",
    ]


@pytest.mark.parametrize(
    ("members", "path", "message"),
    [
        (
            {"id": Column("x"), "platfrom": Column("x")},
            ("platfrom",),
            'unknown member "platfrom"; did you mean "platform"?',
        ),
        ({"platform": Column("x")}, (), 'needs the member "id"'),
        ({"id": Column("x"), "last_used": Column("x")}, ("last_used",), "takes integer: give `as: int`"),
        ({"id": Column("x"), "platform": Constant("mac")}, ("platform",), "is none of ios, android"),
        (
            {"id": Column("x"), "attributes": Constant({"a": "long"})},
            ("attributes",),
            "has a text longer than 3 characters",
        ),
    ],
)
def test_mistakes_in_members_are_problems(members: Any, path: Any, message: str) -> None:
    expected = [Problem(("fields", "device", *path), message)]

    assert problems(OPERATION, {"device": Nested(members)}, source(x=["a"])) == expected
    if all(isinstance(member, Constant) for member in members.values()):
        given = {name: member.value for name, member in members.items()}
        assert problems(OPERATION, {"device": Constant(given)}, source(x=["a"])) == expected


def test_an_object_of_known_members_may_be_a_constant_or_typed_but_no_document() -> None:
    frame = source(o=[{"id": "7", "platform": "ios"}, {"id": "8", "platform": "mac"}], j=["{}", "{}"])

    assert records(OPERATION, {"device": Constant({"id": "7"})}, frame)[0] == {"device": {"token": "7"}}
    assert records(OPERATION, {"device": Column("o")}, frame)[0] == {
        "device": {"token": "7", "platform": "ios"}
    }
    assert verdicts(OPERATION, {"device": Column("o")}, frame)[1] == (
        "bad_value",
        'field "device.platform": is none of ios, android',
    )
    assert problems(OPERATION, {"device": Column("j", JSON)}, frame) == [
        Problem(("fields", "device"), "map its members one by one: id, platform, last_used, attributes")
    ]


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("planStr", "longer", "too_long"),
        ("bornAt", "2026", "bad_value"),
        ("bornAt", "2026-01-31T10:00Z", None),
        ("planStr", "short", None),
    ],
)
def test_a_member_is_what_its_suffix_says(name: str, value: str, fault: str | None) -> None:
    fields = {"custom": Nested({name: Column("x")})}

    assert verdicts(OPERATION, fields, source(x=[value]))[0][0] == fault


@pytest.mark.parametrize(
    ("members", "path", "message"),
    [
        ({"plan": Column("x")}, ("plan",), 'the member name "plan" must end in one of Str, Num, At, Bool'),
        ({"aNum": Column("x")}, ("aNum",), "takes number: give `as: float` or `as: int`"),
        ({"aBool": Constant("yes")}, ("aBool",), "takes boolean"),
    ],
)
def test_a_member_that_its_suffix_does_not_take_is_a_problem(members: Any, path: Any, message: str) -> None:
    assert problems(OPERATION, {"custom": Nested(members)}, source(x=["a"])) == [
        Problem(("fields", "custom", *path), message)
    ]


KINDS = (
    "holds what is not allowed: "
    "…Str takes text, …Num takes number, …At takes date and time, …Bool takes boolean"
)


@pytest.mark.parametrize(
    ("document", "reason", "message"),
    [
        ('{"aStr":"x","bNum":12345678901234567890}', None, None),
        ('{"aStr":null}', None, None),
        ('{"aAt":"2026-01-31T10:00:00Z"}', None, None),
        ('{"a":1}', "bad_value", "has a member whose name is not allowed"),
        ('{"aStr":1}', "bad_value", KINDS),
        ('{"aStr":"longer"}', "bad_value", KINDS),
        ('{"aNum":"1"}', "bad_value", KINDS),
        ('{"aAt":"2026-02-30T10:00:00Z"}', "bad_value", KINDS),
        ('{"aBool":"true"}', "bad_value", KINDS),
        ('{"aNum":1,"bNum":1,"cNum":1}', "too_many", "has more than 2 items"),
    ],
)
def test_documents_are_checked_by_their_values(
    document: str, reason: str | None, message: str | None
) -> None:
    expected = (reason, None if message is None else f'field "custom": {message}')

    assert told("custom", document, given_as=JSON) == expected


def test_member_names_keep_their_limit_of_bytes() -> None:
    frame = source(x=['{"é":1}', '{"éé":1}'])

    assert verdicts(OPERATION, {"short": Column("x", JSON)}, frame) == [
        FINE,
        ("bad_value", 'field "short": has a member whose name is not allowed'),
    ]
    assert problems(OPERATION, {"short": Nested({"éé": Column("x")})}, frame) == [
        Problem(("fields", "short", "éé"), 'the member name "éé" is longer than 3 bytes')
    ]


def test_a_record_needs_one_field_of_each_group() -> None:
    operation = doing(*(named(name, Kind.TEXT) for name in "abcd"), one_of=("a", "b"), also_one_of=("c", "d"))
    frame = source(a=["1", "1", ""], c=["1", "", "1"])

    assert verdicts(operation, {"a": Column("a"), "c": Column("c")}, frame) == [
        FINE,
        ("missing_field", "needs one of c, d"),
        ("missing_field", "needs one of a, b"),
    ]
    assert problems(operation, {"a": Column("a")}, frame) == [Problem(("fields",), "do needs one of c, d")]


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ({"id": Column("i"), "email": Column("e")}, ["a@b.com"]),
        ({"id": Column("i"), "user": Nested({"email": Column("e")})}, ["7"]),
        ({"user": Nested({"email": Column("e")})}, [None]),
    ],
)
def test_where_any_field_is_taken_the_one_called_email_names_the_record(
    fields: dict[str, FieldSpec], keys: list[str | None]
) -> None:
    frame = source(i=["7"], e=[" A@b.com "])

    judged = step(doing(), fields, frame).judge(frame)

    assert judged[KEY].to_list() == keys


def test_a_step_without_anything_to_check_judges_every_row() -> None:
    frame = source(i=["7", "8"])

    assert verdicts(doing(), {"i": Column("i")}, frame) == [FINE, FINE]
    assert verdicts(doing(named("i", Kind.TEXT, required=True)), {"i": Constant("x")}, frame) == [FINE, FINE]


def test_a_list_that_is_kept_is_its_json_text() -> None:
    operation = doing(named("list", Kind.LIST), keep=("list",))
    frame = source(x=["[1,{}]", ""], y=[["a"], None])

    mapped = {
        name: step(operation, {"list": Column(name, shaping)}, frame).encode(frame)["list"].to_list()
        for name, shaping in (("x", JSON), ("y", Shaping()))
    }

    assert mapped == {"x": ["[1,{}]", None], "y": ['["a"]', None]}
    assert pl.String == step(operation, {"list": Constant([1])}, frame).encode(frame)["list"].dtype
