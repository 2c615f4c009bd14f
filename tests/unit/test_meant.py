from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import Name
from bulk.destinations.erasure import normal
from bulk.destinations.meant import Finding, Kinds, Person, meant, sighting
from bulk.destinations.operation import Sighting, State

KINDS = Kinds("own", frozenset({"phone"}))


def person(own: str, *names: Name) -> Person:
    return Person(own, (("own", own), *names))


ANN = person("a", ("id", "1"), ("email", "Ann@example.com"), ("phone", "+39061"))
BOB = person("b", ("id", "2"), ("email", "bob@example.com"), ("phone", "+39061"))


def found(
    people: Sequence[Person], *asked: Name, earlier: Sequence[Name] = (), everybody: bool = False
) -> Finding:
    """Decide about a row, where these people are there."""
    sight = {
        normal(name): [one for one in people if normal(name) in map(normal, one.names)]
        for name in (*asked, *earlier)
    }
    return meant(asked, earlier, sight, KINDS, everybody=everybody)


def told(finding: Finding) -> tuple[list[str], str]:
    return [one.identity for one in finding.people], "" if finding.doubt is None else finding.doubt.reason


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([("id", "1")], (["a"], "")),
        ([("email", "ann@example.com")], (["a"], "")),
        ([("id", "1"), ("email", "ANN@example.com")], (["a"], "")),
        ([("id", "1"), ("phone", "+39069")], (["a"], "")),
        ([("own", "a")], (["a"], "")),
        ([("id", "9")], ([], "")),
        ([("id", "1"), ("email", "new@example.com")], (["a"], "identity_conflict")),
        ([("id", "1"), ("email", "bob@example.com")], (["a", "b"], "identity_conflict")),
        ([("own", "c"), ("id", "1")], (["a"], "identity_conflict")),
        ([("phone", "+39061")], (["a", "b"], "ambiguous")),
        ([("id", "1"), ("phone", "+39061")], (["a", "b"], "identity_conflict")),
        ([("id", "9"), ("phone", "+39069")], ([], "")),
    ],
)
def test_a_row_means_whom_all_its_identifiers_agree_on(
    asked: list[Name], expected: tuple[list[str], str]
) -> None:
    assert told(found([ANN, BOB], *asked)) == expected


def test_a_phone_alone_selects_nobody_even_if_only_one_has_it() -> None:
    assert told(found([ANN], ("phone", "+39061"))) == (["a"], "ambiguous")
    assert told(found([ANN], ("phone", "+39061"), ("email", "ann@example.com"))) == (["a"], "")


def test_a_record_shown_twice_is_one_person_with_all_that_was_shown() -> None:
    by_id, by_email = Person("a", (("id", "1"),)), Person("a", (("email", "a@example.com"),))
    asked = (("id", "1"), ("email", "a@example.com"))

    finding = meant(asked, (), {asked[0]: [by_id], asked[1]: [by_email]}, KINDS, everybody=False)

    assert finding == Finding((Person("a", asked),))


def test_everybody_means_everybody_whom_any_identifier_names() -> None:
    asked: list[Name] = [("id", "1"), ("email", "bob@example.com")]

    assert told(found([ANN, BOB], *asked, everybody=True)) == (["a", "b"], "")
    assert told(found([ANN, BOB], ("phone", "+39061"), everybody=True)) == (["a", "b"], "")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([("email", "ann@example.com"), ("id", "9")], "whom the email names has another id"),
        ([("id", "1"), ("email", "new@example.com")], "whom the id names has another email"),
        ([("phone", "+39061")], "several people have this phone"),
        ([("badge", "7"), ("card", "8")], "badge and card name different people"),
        ([("email", "both@example.com"), ("badge", "7")], "several people have this email"),
    ],
)
def test_whoever_has_to_decide_is_told_what_is_in_doubt(asked: list[Name], message: str) -> None:
    cyd = Person("c", (("badge", "7"), ("email", "both@example.com")))
    dan = Person("d", (("card", "8"), ("email", "both@example.com")))

    doubt = found([ANN, BOB, cyd, dan], *asked).doubt

    assert doubt is not None
    assert doubt.error_message == message


def test_what_never_selects_anybody_is_named() -> None:
    doubt = found([ANN], ("phone", "+39061")).doubt

    assert doubt is not None
    assert doubt.error_message == "a phone alone never selects anybody"


GIVEN: Name = ("email", "gone@example.com")


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [([("own", "b"), ("id", "2")], ["b"]), ([("id", "2")], ["b"]), ([("phone", "+39061")], [])],
)
def test_what_was_only_found_means_whoever_is_not_called_otherwise_but_never_by_phone(
    earlier: list[Name], expected: list[str]
) -> None:
    nameless = person("b", ("id", "2"), ("phone", "+39061"))

    assert told(found([nameless], GIVEN, earlier=earlier)) == (expected, "")


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [([("own", "b"), ("id", "2")], (["b"], "identity_conflict")), ([("id", "2")], ([], ""))],
)
def test_whoever_is_called_otherwise_and_was_not_found_before_is_somebody_else(
    earlier: list[Name], expected: tuple[list[str], str]
) -> None:
    renamed = person("b", ("id", "2"), ("email", "other@example.com"))

    assert told(found([renamed], GIVEN, earlier=earlier)) == expected


NAMES = st.tuples(st.sampled_from(["id", "email", "phone"]), st.sampled_from(["1", "2", "3"]))
OWN = st.lists(NAMES, max_size=3, unique_by=lambda name: name[0])
PEOPLE = st.lists(OWN, max_size=3).map(
    lambda some: [person(str(number), *names) for number, names in enumerate(some)]
)


@given(PEOPLE, st.lists(NAMES, min_size=1, max_size=3, unique_by=lambda name: name[0]))
def test_whoever_is_chosen_is_one_and_nothing_given_contradicts_them(
    people: list[Person], asked: list[Name]
) -> None:
    finding = found(people, *asked)
    if finding.doubt is None and finding.people:
        (one,) = finding.people
        own = dict(one.names)
        agreeing = [kind for kind, value in asked if own.get(kind) == value]
        assert set(agreeing) - {"phone"}
        assert all(own.get(kind, value) == value for kind, value in asked if kind != "phone")


@given(PEOPLE, st.lists(NAMES, min_size=1, max_size=3, unique_by=lambda name: name[0]))
def test_nobody_is_called_absent_who_has_a_given_identifier(people: list[Person], asked: list[Name]) -> None:
    somebody = any(set(asked) & set(one.names) for one in people)

    assert bool(found(people, *asked).people) == somebody
    assert (sighting(0, found(people, *asked)).state is State.ABSENT) == (not somebody)


def test_a_sighting_counts_what_would_go_too() -> None:
    assert sighting(3, Finding((ANN,)), 2) == Sighting(3, State.PRESENT, 3)
    assert sighting(0, Finding(), 1) == Sighting(0, State.PRESENT, 1)
