"""Who stands in a list, whatever form the list has."""

import hashlib
import hmac
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import IDENTIFIER
from bulk.errors import SourceError
from bulk.plan.suppression import Listed, Recipe, among, gathered, standing, without

WORDS = st.integers(0, 2**64 - 1)
HASHES = st.lists(WORDS, max_size=40).map(lambda found: np.array(found, dtype=np.uint64))


def texts(*values: str | None) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


def listed(recipe: Recipe, *values: str, columns: tuple[str, ...] = ("email",), name: str = "list") -> Listed:
    names = frozenset(IDENTIFIER + column for column in columns)
    return Listed(name, recipe, names, gathered([recipe.listed(texts(*values))]))


def people(**columns: Sequence[str | None] | Sequence[list[str]]) -> pl.DataFrame:
    return pl.DataFrame({IDENTIFIER + name: values for name, values in columns.items()})


def found(recipe: Recipe, value: str, identifier: str) -> bool:
    return bool(standing([listed(recipe, value)], people(email=[identifier]))[0][0] == 0)


@given(st.lists(HASHES, max_size=5), HASHES)
def test_joined_lists_hold_exactly_their_members(parts: list[np.ndarray], asked: np.ndarray) -> None:
    members = {int(one) for part in parts for one in part}
    joined = gathered(list(parts))
    assert among(asked, joined).tolist() == [int(one) in members for one in asked]
    assert {int(one) for one in without(joined, np.sort(asked))} == members - {int(one) for one in asked}


@pytest.mark.parametrize(
    ("value", "identifier", "same"),
    [
        (" Ann@Example.com", "ann@example.COM ", True),
        ("ann+news@example.com", "ann@example.com", False),
        ("+39 02 123-4567", "+39021234567", True),
        ("02 123 4567", "02.123.4567", True),
        ("U1", "u1", False),
        ("", "", False),
        ("1 2", "12", False),
    ],
)
def test_by_default_addresses_are_compared_in_any_case_and_numbers_without_separators(
    value: str, identifier: str, *, same: bool
) -> None:
    assert found(Recipe(), value, identifier) is same


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "hmac-sha256"])
@given(st.text(st.characters(codec="utf-8", exclude_characters="@"), min_size=1).map(lambda text: f"@{text}"))
def test_a_hash_stands_for_what_was_hashed_in_either_case(name: str, identifier: str) -> None:
    formed = pl.select(pl.lit(identifier).str.strip_chars().str.to_lowercase()).item()
    plain, secret = formed.encode(), b"secret"
    digest = (
        hmac.digest(secret, plain, "sha256").hex()
        if name == "hmac-sha256"
        else hashlib.new(name, plain).hexdigest()
    )
    recipe = Recipe(name, secret)
    assert found(recipe, f" {digest.upper()} ", identifier)
    assert found(recipe, digest, identifier)
    assert not found(recipe, digest, identifier + "x")


def test_another_secret_is_another_hash() -> None:
    digest = hmac.digest(b"one", b"ann@example.com", "sha256").hex()
    assert not found(Recipe("hmac-sha256", b"other"), digest, "ann@example.com")


def test_of_says_what_is_compared_and_what_it_leaves_out_is_nobody() -> None:
    recipe = Recipe(of=pl.sql_expr("case when value like 'u%' then substr(value, 2) end"))
    lists = [listed(recipe, "u1", "2")]
    assert standing(lists, people(email=["u1", "x1", "u2", None]))[0].tolist() == [0, -1, -1, -1]


def test_what_cannot_be_computed_stops_and_shows_no_value() -> None:
    with pytest.raises(SourceError, match="cannot be computed") as caught:
        found(Recipe(of=pl.col("value").cast(pl.Int64).cast(pl.String)), "1", "marker")
    assert "marker" not in str(caught.value)


def test_the_first_list_is_told_and_all_that_hold_anybody_are_known() -> None:
    lists = [
        listed(Recipe(), "b", columns=("email", "more"), name="first"),
        listed(Recipe(), "a", "b", columns=("email",), name="second"),
        listed(Recipe(), "c", columns=("email",), name="third"),
    ]
    frame = people(email=["a", "b", "x", "x"], more=[["x"], [], ["y", "b"], ["c"]])
    numbers, met = standing(lists, frame)
    assert (numbers.tolist(), met.tolist()) == ([1, 0, 0, -1], [True, True, False])


def test_exceptions_to_a_hashed_list_are_given_in_plain_or_hashed() -> None:
    recipe = Recipe("md5")
    given_ = texts("Ann@example.com", hashlib.md5(b"bob@example.com").hexdigest().upper())
    expected = {*recipe.hashes(texts("ann@example.com", "bob@example.com")).tolist()}
    assert expected <= {*recipe.excepted(given_).tolist()}


def test_nobody_leaves_a_list_that_was_read_again() -> None:
    first, second, third = (listed(Recipe(), *values) for values in (("a", "b"), ("b", "c"), ("d",)))
    now = third.after(second.after(first))
    held = standing([now], people(email=["a", "b", "c", "d", "e"]))[0]
    assert held.tolist() == [0, 0, 0, 0, -1]
