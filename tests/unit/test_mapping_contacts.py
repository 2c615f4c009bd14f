"""Steps read their contacts' columns like the source's own, and send nothing about rows without a contact."""

from typing import Any

import orjson
import polars as pl
import pytest
from mapped import FINE, Fields, doing, named, records, source, step, verdicts

from bulk.conversation import KEY, RECORD
from bulk.destinations.fields import Kind
from bulk.mapping import Rules, check_form, column_names
from bulk.mapping.spec import Column, Expression
from bulk.plan.matching import ADDRESS, FORM, LISTING, Contacts, Form, contacts

TELL = doing(named("email", Kind.EMAIL, required=True), named("note", Kind.TEXT))
FIELDS = {"email": Column("email"), "note": Column("note")}
PEOPLE = source(
    who=["a", "b", "nobody", "", "two", "bad"], note=["1", "2", "3", "4", "5", "6"], keep=["y"] * 5 + ["n"]
)
NOT_FOUND = ("not_found", 'no contact of crm has this "who"')
AMBIGUOUS = ("ambiguous", 'several contacts of crm have this "who"')
EMPTY = ("bad_value", '"who" is empty, so nobody can be found by it')


def crm(**columns: list[Any]) -> Contacts:
    """Contacts a, b, bad, and two who are called two."""
    forms = pl.Series(FORM, ["b", "two", "a", "bad", "two"])
    given = columns or {
        "email": ["b@example.com", "t@example.com", "a@example.com", "no address", "u@example.com"]
    }
    used = [pl.Series(name, values) for name, values in given.items()]
    nothing = pl.Series(ADDRESS, [None] * 5, dtype=pl.String)
    listed = pl.DataFrame([forms, pl.Series(LISTING, [0] * 5, dtype=pl.UInt8), nothing, *used])
    return contacts("crm", "who", Form(), listed, pl.DataFrame(used).schema)


def test_rows_are_sent_with_what_their_contacts_have_the_others_are_told_why_not() -> None:
    assert verdicts(TELL, FIELDS, PEOPLE, contacts=crm()) == [
        FINE,
        FINE,
        NOT_FOUND,
        EMPTY,
        AMBIGUOUS,
        ("bad_value", 'field "email": is not an e-mail address'),
    ]
    assert records(TELL, FIELDS, PEOPLE.head(2), contacts=crm()) == [
        {"email": "a@example.com", "note": "1"},
        {"email": "b@example.com", "note": "2"},
    ]


def test_expressions_may_mix_columns_of_both() -> None:
    fields: Fields = {
        "email": Column("email"),
        "note": Expression("upper(note || ' of ' || split_part(email, '@', 1))"),
    }
    assert [one["note"] for one in records(TELL, fields, PEOPLE.head(2), contacts=crm())] == [
        "1 OF A",
        "2 OF B",
    ]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("keep = 'n'", ["filtered", "filtered", "filtered", "filtered", "filtered", "bad_value"]),
        ("note <> '3' and note <> '4'", [None, None, "filtered", "filtered", "ambiguous", "bad_value"]),
        ("email like 'a%'", [None, "filtered", "not_found", "bad_value", "ambiguous", "filtered"]),
    ],
)
def test_a_filter_over_the_source_comes_before_the_contact_one_over_contacts_after(
    where: str, expected: list[str | None]
) -> None:
    told = verdicts(TELL, FIELDS, PEOPLE, contacts=crm(), where=where)
    assert [reason for reason, _ in told] == expected


def test_the_filter_of_the_source_comes_first() -> None:
    told = verdicts(TELL, FIELDS, PEOPLE, Rules(where="note > '3'"), contacts=crm())
    assert [reason for reason, _ in told[:4]] == ["filtered"] * 3 + ["bad_value"]


def test_what_is_compared_with_former_deliveries_holds_the_contacts_values() -> None:
    mapping = step(TELL, FIELDS, PEOPLE, Rules(key=Column("who")), contacts=crm())
    found = mapping.contents(PEOPLE.head(2))
    assert found[KEY].to_list() == ["a", "b"]
    assert [orjson.loads(text)["email"] for text in found[RECORD]] == ["a@example.com", "b@example.com"]


def test_the_column_that_names_people_is_used_the_contacts_own_columns_are_not_the_sources() -> None:
    mapping = step(TELL, FIELDS, PEOPLE, contacts=crm())
    assert (mapping.columns, mapping.unused) == (("who", "note"), ("keep",))


def test_keys_that_are_hashes_are_the_same_in_either_case() -> None:
    frame = source(who=["AbC", "abc"])
    rules = Rules(key=Column("who"), key_case="always")
    mapping = step(doing(named("x", Kind.TEXT)), {"x": Column("who")}, frame, rules)
    assert mapping.judge(frame)[KEY].to_list() == ["abc", "abc"]


@pytest.mark.parametrize(
    "sql", ["lower(", "count(email)", "sum(a) over ()", "(select 1)", "now()", "first(email)"]
)
def test_what_is_wrong_with_an_expression_is_known_before_its_columns_are(sql: str) -> None:
    assert isinstance(check_form(sql), list)
    assert column_names(sql) == frozenset()


def test_the_columns_an_expression_reads_are_known_before_it_is_compiled() -> None:
    assert column_names('lower(trim(email)) || "attributes.plan"') == {"email", "attributes.plan"}
