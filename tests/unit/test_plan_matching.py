"""Rows find the contact they are about, and nobody else, whatever form their source names people in."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.conversation import MATCH, ROW
from bulk.plan.matching import ADDRESS, FORM, LISTING, Contacts, Form, contacts

SECRET = b"the list's secret"
NAMES = ("md5", "sha1", "sha256", "hmac-sha256")
EMPTY, NO_HASH, NOT_FOUND, SEVERAL = 1, 2, 3, 4
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def digest(text: str, name: str) -> str:
    if name == "hmac-sha256":
        return hmac.digest(SECRET, text.encode(), "sha256").hex()
    return hashlib.new(name, text.encode()).hexdigest()


def people(
    forms: Sequence[str | None],
    hashed: str = "md5",
    listings: Sequence[int] | None = None,
    addresses: Sequence[str | None] | None = None,
    **used: Sequence[Any],
) -> Contacts:
    listed = pl.DataFrame(
        [
            pl.Series(FORM, forms, dtype=pl.String),
            pl.Series(LISTING, listings or [0] * len(forms), dtype=pl.UInt8),
            pl.Series(ADDRESS, addresses or [None] * len(forms), dtype=pl.String),
            *(
                pl.Series(column, values, dtype=None if values else pl.String)
                for column, values in used.items()
            ),
        ]
    )
    schema = listed.drop(FORM, LISTING, ADDRESS).schema
    return contacts("crm", "who", Form(hashed, (SECRET,)), listed, schema)


def rows(*values: str | None, **more: Sequence[Any]) -> pl.DataFrame:
    numbers = pl.Series(ROW, range(1, len(values) + 1), dtype=pl.UInt32)
    return pl.DataFrame(
        [numbers, pl.Series("who", values, dtype=pl.String), *(pl.Series(*one) for one in more.items())]
    )


def found(known: Contacts, *values: str | None) -> list[int]:
    """What MATCH says of rows."""
    codes: list[int] = known.joined(rows(*values))[MATCH].to_list()
    return codes


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8, unique=True), st.data())
def test_a_hash_in_any_case_between_spaces_finds_the_contact_it_was_made_of(
    name: str, forms: list[str], data: st.DataObject
) -> None:
    known = people(forms, name, number=list(range(len(forms))))
    asked = data.draw(st.lists(st.sampled_from(forms), max_size=8))
    written = [
        data.draw(st.sampled_from([str.upper, str.lower]))(digest(form, name)).join(
            data.draw(st.sampled_from([("", ""), (" ", "\t"), ("", "  ")]))
        )
        for form in asked
    ]
    joined = known.joined(rows(*written))
    assert joined[MATCH].to_list() == [0] * len(asked)
    assert joined["number"].to_list() == [forms.index(form) for form in asked]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, max_size=8), TEXTS, st.text("0123456789abcdefABCDEFxyz", max_size=70))
def test_a_hash_of_nobody_finds_nobody_and_what_is_no_hash_is_told(
    name: str, forms: list[str], stranger: str, text: str
) -> None:
    known = people(forms, name)
    is_hash = len(text) == len(digest("", name)) and not set(text) & set("xyz")
    expected = EMPTY if not text else NO_HASH if not is_hash else NOT_FOUND
    strange = 0 if stranger in forms else NOT_FOUND
    assert found(known, digest(stranger, name), text) == [strange, expected]


def test_another_secret_finds_nobody() -> None:
    other = hmac.digest(b"another", b"a@example.com", "sha256").hex()
    known = people(["a@example.com"], "hmac-sha256")
    assert found(known, other, digest("a@example.com", "hmac-sha256")) == [NOT_FOUND, 0]
    assert "secret" not in repr(known).replace("secret=", "")


@given(
    st.sampled_from(["A@Example.com", " a@example.com ", "a@EXAMPLE.com"]), st.sampled_from(["a@example.com"])
)
def test_plain_addresses_are_compared_trimmed_and_in_lower_case_ids_as_they_are(
    row: str, contact: str
) -> None:
    known = people([contact, "U1", " x "], "none")
    assert found(known, row, "U1", "u1", "x", "", None) == [0, 0, NOT_FOUND, 0, EMPTY, EMPTY]


def test_whole_numbers_name_people_too() -> None:
    known = people(["7", "8"], "none", name=["a", "b"])
    joined = known.joined(pl.DataFrame({ROW: [1, 2], "who": [8, None]}, schema_overrides={ROW: pl.UInt32}))
    assert (joined["name"].to_list(), joined[MATCH].to_list()) == (["b", None], [0, EMPTY])


def test_contacts_without_a_form_are_found_by_nobody() -> None:
    known = people([None, "", "a"])
    assert found(known, digest("", "md5"), digest("a", "md5")) == [NOT_FOUND, 0]
    assert (known.listed, known.first.size) == (3, 1)


def test_where_there_are_no_contacts_nobody_is_found() -> None:
    known = people([], plan=[])
    joined = known.joined(rows(digest("a", "md5"), "x", other=[1, 2]))
    assert joined.columns == [ROW, "who", "other", "plan", MATCH]
    assert (joined["plan"].to_list(), joined[MATCH].to_list()) == ([None, None], [NOT_FOUND, NO_HASH])


def test_columns_of_the_contact_stand_beside_those_of_the_row_null_where_there_is_none() -> None:
    known = people(["b", "a"], id=["2", "1"], tags=[["x"], ["y", "z"]])
    joined = known.joined(rows(digest("a", "md5"), digest("q", "md5"), digest("b", "md5")))
    assert joined["id"].to_list() == ["1", None, "2"]
    assert joined["tags"].to_list() == [["y", "z"], None, ["x"]]


def test_nothing_but_being_there_may_be_asked_of_contacts() -> None:
    known = people(["a", "a"])
    joined = known.joined(rows(digest("a", "md5"), digest("b", "md5")))
    assert (joined.columns, joined[MATCH].to_list()) == ([ROW, "who", MATCH], [0, NOT_FOUND])


BOTH = {"forms": ["a", "a"], "id": ["1", "2"]}
PAIRS: Mapping[str, tuple[dict[str, Any], int]] = {
    "two of one listing": ({}, SEVERAL),
    "a user and a lead of one address": ({"listings": [0, 1], "addresses": ["m", "m"]}, 0),
    "two users of one address": ({"listings": [0, 0], "addresses": ["m", "m"]}, SEVERAL),
    "a user and a lead of different addresses": ({"listings": [0, 1], "addresses": ["m", "n"]}, SEVERAL),
    "a user and a lead without an address": ({"listings": [0, 1]}, SEVERAL),
    "two that differ in nothing that is used": ({"id": ["1", "1"]}, 0),
    "two that both lack what is used": ({"id": [None, None]}, 0),
    "one that lacks what the other has": ({"id": ["1", None]}, SEVERAL),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_contacts_that_may_be_two_people_are_not_chosen_between(pair: str) -> None:
    differing, expected = PAIRS[pair]
    joined = people(**{**BOTH, **differing}).joined(rows(digest("a", "md5")))
    assert joined[MATCH].to_list() == [expected]
    assert joined["id"].to_list() == [None if expected else {**BOTH, **differing}["id"][0]]


def test_the_contact_of_the_listing_that_is_named_first_counts() -> None:
    known = people(["b", "a", "a"], listings=[0, 1, 0], addresses=["n", "m", "m"], id=["0", "lead", "user"])
    ordered = people(["a", "b", "a"], listings=[0, 0, 1], addresses=["m", "n", "m"], id=["user", "0", "lead"])
    assert known.joined(rows(digest("a", "md5")))["id"].to_list() == ["lead"]
    assert ordered.joined(rows(digest("a", "md5")))["id"].to_list() == ["user"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("12"), st.integers(0, 1)), max_size=14),
    st.sampled_from(["md5", "none"]),
)
def test_each_row_is_told_what_a_look_through_all_contacts_tells(
    there: list[tuple[str, str, int]], name: str
) -> None:
    there = sorted(there, key=lambda one: one[2])
    forms, listings = [one[0] for one in there], [one[2] for one in there]
    addresses = [f"{form}@example.com" for form in forms]
    known = people(forms, name, listings, addresses, id=[one[1] for one in there])

    def expected(form: str) -> tuple[int, str | None]:
        same = [one for one in there if one[0] == form]
        if not same:
            return NOT_FOUND, None
        first = same[0]
        several = any(one[1] != first[1] and one[2] == first[2] for one in same)
        return (SEVERAL, None) if several else (0, first[1])

    joined = known.joined(rows(*(form if name == "none" else digest(form, name) for form in "abcdefg")))
    ids_found = joined["id"].to_list() if "id" in joined.columns else [None] * 7
    assert list(zip(joined[MATCH], ids_found, strict=True)) == [expected(form) for form in "abcdefg"]


def test_what_is_told_names_columns_and_places_only() -> None:
    assert people(["a"]).faults == (
        ("bad_value", '"who" is empty, so nobody can be found by it'),
        ("bad_value", '"who" is no md5, which has 32 hexadecimal digits'),
        ("not_found", 'no contact of crm has this "who"'),
        ("ambiguous", 'several contacts of crm have this "who"'),
    )


def named(names: Sequence[Sequence[str]], form: Form) -> Contacts:
    """Contacts, each by several texts."""
    listed = pl.DataFrame(
        [
            pl.Series(FORM, names, dtype=pl.List(pl.String)),
            pl.Series(LISTING, [0] * len(names), dtype=pl.UInt8),
            pl.Series(ADDRESS, [None] * len(names), dtype=pl.String),
            pl.Series("number", range(len(names)), dtype=pl.Int64),
        ]
    )
    return contacts("crm", "who", form, listed, pl.Schema({"number": pl.Int64()}))


@pytest.mark.parametrize("name", NAMES)
def test_a_contact_of_several_names_is_found_by_each_and_by_no_other(name: str) -> None:
    people = [["A@example.com", "u1", "+39 06-1234567"], [], ["b@example.com", "b@example.com", "u2"]]
    known = named(people, Form(name, (SECRET,), usual=True))
    asked = ("a@example.com", "u1", "+39061234567", "b@example.com", "u2", "A@example.com", "c")
    joined = known.joined(rows(*(digest(one, name) for one in asked)))
    assert joined["number"].to_list() == [0, 0, 0, 2, 2, None, None]
    assert joined[MATCH].to_list() == [0] * 5 + [NOT_FOUND] * 2


def test_names_in_plain_are_compared_in_the_usual_form_on_both_sides() -> None:
    known = named([["A@example.com", "+39 06-1234567"]], Form(usual=True))
    assert found(known, "a@Example.com", "+39 06 1234567", "x") == [0, 0, NOT_FOUND]


def test_a_name_that_two_contacts_have_is_ambiguous() -> None:
    known = named([["a@example.com", "u1"], ["a@example.com", "u2"]], Form("md5", usual=True))
    asked = [digest(one, "md5") for one in ("a@example.com", "u1", "u2")]
    assert found(known, *asked) == [SEVERAL, 0, 0]


def test_while_a_secret_is_exchanged_a_contact_is_found_by_hashes_of_either() -> None:
    known = named([["a@example.com"], ["b@example.com"]], Form("hmac-sha256", (b"new", SECRET)))
    new = hmac.digest(b"new", b"b@example.com", "sha256").hex()
    other = hmac.digest(b"other", b"b@example.com", "sha256").hex()
    assert found(known, new, digest("a@example.com", "hmac-sha256"), other) == [0, 0, NOT_FOUND]
