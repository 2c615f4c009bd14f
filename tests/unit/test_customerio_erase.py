from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from conversing import LOST, answer
from customerio_talk import OK, SETTINGS, batch, error, errors
from erasing import (
    ABSENT,
    AMBIGUOUS,
    CONFLICT,
    GONE,
    NOT_PRESENT,
    NOT_VERIFIABLE,
    PENDING,
    STILL_PRESENT,
    Erasing,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.conversation import NOT_CONFIGURED, Batch, Lost, Reply, Request, Response
from bulk.destinations.customerio import CUSTOMERIO
from bulk.destinations.customerio.erase import EraseOptions
from bulk.destinations.erasure import Verify
from bulk.destinations.operation import Sighting, State, Terms

OPERATION = CUSTOMERIO.operations["erase_person"]
NO_KEY = Lost(NOT_CONFIGURED, "the credential for its app surface is not set", processed=False)
NOT_ENABLED = answer({"errors": [{"detail": "id_type is not enabled", "status": "400"}]}, 400)
NOT_FOUND = answer({"errors": [{"detail": "not found", "status": "404"}]}, 404)
KINDS = ("id", "email", "phone", "cio_id")
ANN = {"id": "1", "email": "ann@example.com"}
BOB = {"id": "2", "email": "bob@example.com"}
PHONE = "+390612345678"


def shown(cio_id: str, **own: str) -> dict[str, Any]:
    names = {kind: own.get(kind) for kind in ("id", "email")}
    return {"identifiers": {"cio_id": cio_id, **names}, "attributes": {"cio_id": cio_id, **own}}


@dataclass
class Workspace:
    """Shows whom it has, and takes what it is sent; it answers otherwise where it is told to."""

    people: Sequence[Mapping[str, Any]] = ()
    instead: Mapping[str, Reply] = field(default_factory=dict)
    """By kind of identifier, what a list is answered; by ``GET`` and a kind, a single look-up."""
    sent: Callable[[list[Any]], Reply] = lambda _items: OK

    def __call__(self, request: Request) -> Reply:
        if not request.surface:
            return self.sent(orjson.loads(request.body or b"")["batch"])
        kind = request.path.rpartition("?id_type=")[2]
        if request.method == "GET":
            return self.instead.get(f"GET {kind}", NOT_FOUND)
        asked = {value.lower() for value in orjson.loads(request.body or b"")["ids"]}
        listed = [one for one in self.people if str(one["attributes"].get(kind)).lower() in asked]
        return self.instead.get(kind, answer({"customers": listed}))


def erasing(workspace: Workspace, held: frozenset[int] = frozenset(), **options: Any) -> Erasing:
    given_options = EraseOptions(**options)
    assert OPERATION.tailor
    operation = OPERATION.tailor(OPERATION, given_options)
    return Erasing(operation, Terms(SETTINGS, given_options), workspace, held)


def rows(*records: Mapping[str, Any]) -> Batch:
    return batch("erase_person", *records)


def erased(workspace: Workspace, *records: Mapping[str, Any], **options: Any) -> Erasing:
    step = erasing(workspace, **options)
    assert step.erase(rows(*records))
    return step


def acted(step: Erasing) -> list[tuple[str, str, str]]:
    """Return what was sent about people: action, kind and identifier."""
    return [
        (item["action"], *next(iter(item["identifiers"].items())))
        for request in step.requests
        if request.irreversible
        for item in orjson.loads(request.body or b"")["batch"]
    ]


def looked_up(step: Erasing) -> list[tuple[str, list[str]]]:
    return [
        (request.path.rpartition("=")[2], orjson.loads(request.body or b"")["ids"])
        for request in step.requests
        if request.surface and request.method == "POST"
    ]


def test_people_are_looked_up_by_every_kind_and_suppressed_by_all_they_have() -> None:
    workspace = Workspace([shown("0a", **ANN, phone=PHONE), shown("0b", **BOB)])

    step = erased(workspace, ANN, {"email": "Bob@example.com"})

    assert looked_up(step) == [
        ("id", ["1"]),
        ("email", ["ann@example.com", "Bob@example.com"]),
        ("phone", [PHONE]),
    ]
    assert acted(step) == [
        ("suppress", "id", "1"),
        ("suppress", "email", "ann@example.com"),
        ("suppress", "phone", PHONE),
        ("suppress", "email", "Bob@example.com"),
        ("suppress", "id", "2"),
    ]
    assert step.told == [PENDING, PENDING]
    assert len([one for one in step.requests if one.irreversible]) == 1


def test_what_is_found_beyond_what_was_given_is_told_before_anybody_is_suppressed() -> None:
    step = erasing(Workspace([shown("0a", **ANN, phone="+39 06 1234-5678")]))

    assert not step.erase(rows({"email": "ann@example.com"}, BOB), acts=4)
    assert acted(step) == []
    assert step.found == {1: (("id", "1"), ("phone", PHONE), ("cio_id", "0a"))}


def test_whoever_was_never_there_is_blocked_all_the_same_and_not_present() -> None:
    step = erased(Workspace(), {**ANN, "phone": PHONE})

    assert acted(step) == [
        ("suppress", "id", "1"),
        ("suppress", "email", "ann@example.com"),
        ("suppress", "phone", PHONE),
    ]
    assert step.told == [NOT_PRESENT]


def test_without_block_people_are_deleted_and_nothing_is_sent_about_those_who_are_not_there() -> None:
    step = erased(Workspace([shown("0b", **BOB)]), ANN, {"id": "2"}, block=False)

    assert acted(step) == [("delete", "id", "2"), ("delete", "email", "bob@example.com")]
    assert step.told == [NOT_PRESENT, PENDING]


def test_a_profile_that_nothing_else_names_is_removed_by_its_cio_id() -> None:
    step = erased(Workspace([shown("0a"), shown("0b", **BOB)]), {"cio_id": "0a"}, {"cio_id": "0b"})

    assert acted(step) == [
        ("suppress", "cio_id", "0a"),
        ("suppress", "id", "2"),
        ("suppress", "email", "bob@example.com"),
    ]


@pytest.mark.parametrize(
    ("people", "row", "says"),
    [
        ([shown("0a", id="1", email="x@example.com")], ANN, "whom the id names has another email"),
        ([shown("0a", id="9", email="ann@example.com")], ANN, "whom the email names has another id"),
        (
            [shown("0a", email="ann@example.com")],
            {**ANN, "cio_id": "0b"},
            "whom the email names has another cio_id",
        ),
        (
            [shown("0a", id="1"), shown("0b", email="ann@example.com")],
            ANN,
            "id and email name different people",
        ),
        (
            [shown("0a", **ANN), shown("0b", phone=PHONE)],
            {**ANN, "phone": PHONE},
            "id and email and phone name different people",
        ),
    ],
)
def test_of_a_row_whose_identifiers_contradict_nobody_is_removed(
    people: Sequence[Mapping[str, Any]], row: Mapping[str, str], says: str
) -> None:
    step = erased(Workspace(people), row, BOB)

    assert step.told == [CONFLICT, NOT_PRESENT]
    assert (step.verdicts[1].error_message, step.verdicts[1].ours) == (says, True)
    assert {value for _, _, value in acted(step)} == set(BOB.values())


def test_another_phone_than_the_one_given_is_no_contradiction() -> None:
    assert erased(Workspace([shown("0a", **ANN, phone=PHONE)]), {**ANN, "phone": "+390699999999"}).told == [
        PENDING
    ]


@pytest.mark.parametrize(
    ("people", "row"),
    [
        ([shown("0a", phone=PHONE)], {"phone": PHONE}),
        ([shown("0a", id="1", phone=PHONE)], {"phone": PHONE}),
        ([shown("0a", id="1", phone=PHONE)], {"phone": PHONE, "email": "ann@example.com"}),
        ([shown("0a", **ANN), shown("0b", email="ann@example.com")], {"email": "ann@example.com"}),
    ],
)
def test_a_phone_or_a_shared_address_alone_selects_nobody(
    people: Sequence[Mapping[str, Any]], row: Mapping[str, str]
) -> None:
    step = erased(Workspace(people), row)

    assert (step.told, acted(step)) == ([AMBIGUOUS], [])


def test_matches_all_removes_everybody_whom_an_identifier_names() -> None:
    people = [shown("0a", id="1", email="x@example.com"), shown("0b", **BOB, phone=PHONE)]

    step = erased(Workspace(people), {"id": "1", "phone": PHONE}, matches="all")

    assert {(kind, value) for _, kind, value in acted(step)} == {
        ("id", "1"),
        ("phone", PHONE),
        ("email", "x@example.com"),
        ("id", "2"),
        ("email", "bob@example.com"),
    }


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (LOST, "timeout"),
        (answer({"customers": None}), "broken_answer"),
        (answer({"customers": [None]}), "broken_answer"),
        (answer({"customers": [shown("0c", id="3", email="c@example.com")]}), "broken_answer"),
        (answer({}, 422), "read_refused"),
    ],
)
@pytest.mark.parametrize("kind", ["id", "email", "phone", "cio_id"])
def test_a_look_up_that_tells_nothing_leaves_everybody_alone(kind: str, reply: Reply, reason: str) -> None:
    row = {**ANN, "phone": PHONE, "cio_id": "0a"}

    step = erased(Workspace([shown("0a", **ANN)], {kind: reply}), row)

    assert (step.told, acted(step)) == ([("failed", reason, "")], [])


@pytest.mark.parametrize("kind", ["email", "phone"])
def test_what_people_are_called_otherwise_is_looked_up_before_they_are_removed(kind: str) -> None:
    step = erased(Workspace([shown("0a", **ANN, phone=PHONE)], {kind: LOST}), {"id": "1"}, BOB)

    assert (step.told[0], {value for _, _, value in acted(step)}) == (
        ("failed", "timeout", ""),
        set(BOB.values()) if kind == "phone" else set(),
    )


def test_one_identifier_that_is_refused_does_not_hide_the_others() -> None:
    def server(request: Request) -> Reply:
        bad = request.surface and b'"2"' in (request.body or b"")
        return answer({}, 422) if bad else workspace(request)

    workspace = Workspace([shown("0a", **ANN), shown("0c", id="3")])
    step = erasing(workspace)
    step.server = server

    assert step.erase(rows({"id": "1"}, {"id": "2"}, {"id": "3"}))
    assert step.told == [PENDING, ("failed", "read_refused", ""), PENDING]


# A kind that the workspace does not have.

NO_PHONES = {"phone": NOT_ENABLED, "GET phone": NOT_ENABLED}
NO_EMAILS = {"email": NOT_ENABLED, "GET email": NOT_ENABLED}


def test_where_nobody_is_known_by_phone_the_others_names_decide_and_no_phone_is_sent() -> None:
    workspace = Workspace([shown("0a", **ANN, phone="+390699999999")], NO_PHONES)

    step = erased(workspace, {**ANN, "phone": PHONE}, {"phone": PHONE})

    assert step.told == [PENDING, AMBIGUOUS]
    assert acted(step) == [("suppress", "id", "1"), ("suppress", "email", "ann@example.com")]
    assert len([path for path in step.paths if path.startswith("GET")]) == 2
    assert step.read_back(rows({**ANN, "phone": PHONE}, {"phone": PHONE}))[0] == STILL_PRESENT
    assert ("phone", "+390699999999") in step.found[1], "it names the person all the same"


def test_where_nobody_is_known_by_address_a_row_that_gives_one_is_failed_and_none_is_sent() -> None:
    step = erased(Workspace([shown("0a", **ANN)], NO_EMAILS), ANN, {"id": "1"})

    assert step.told == [("failed", "read_refused", ""), PENDING]
    assert "does not know people by email" in step.verdicts[1].error_message
    assert acted(step) == [("suppress", "id", "1")]


@pytest.mark.parametrize("bad", ["p0@example.com", "p2@example.com"])
def test_one_address_that_is_refused_does_not_hide_the_others(bad: str) -> None:
    def server(request: Request) -> Reply:
        named = unquote(request.path).encode() + (request.body or b"")
        return NOT_ENABLED if request.surface and bad.encode() in named else workspace(request)

    workspace = Workspace()
    people = [{"email": f"p{number}@example.com"} for number in range(3)]
    step = erasing(workspace)
    step.server = server

    assert step.erase(rows(*people))
    assert [told == NOT_PRESENT for told in step.told] == [one["email"] != bad for one in people]
    assert bad not in {value for _, _, value in acted(step)}


def test_a_phone_that_is_refused_where_phones_are_known_is_no_unknown_kind() -> None:
    step = erased(Workspace([], {"phone": NOT_ENABLED}), {"phone": PHONE})

    assert step.told == [("failed", "read_refused", "")]


# Without the App API key.


def test_without_the_key_and_with_verify_none_what_is_given_is_suppressed_unseen() -> None:
    workspace = Workspace([], dict.fromkeys(KINDS, NO_KEY))

    step = erased(workspace, {**ANN, "phone": PHONE}, {"phone": PHONE}, verify="none")

    assert step.told == [NOT_VERIFIABLE, AMBIGUOUS]
    assert acted(step) == [("suppress", "id", "1"), ("suppress", "email", "ann@example.com")]


def test_without_the_key_matches_all_takes_a_phone_too_and_block_false_deletes() -> None:
    workspace = Workspace([], dict.fromkeys(KINDS, NO_KEY))

    step = erased(workspace, {"phone": PHONE}, verify="none", matches="all", block=False)

    assert (step.told, acted(step)) == ([NOT_VERIFIABLE], [("delete", "phone", PHONE)])


def test_with_the_key_verify_none_looks_people_up_all_the_same() -> None:
    step = erased(Workspace([shown("0a", id="1", email="x@example.com")]), ANN, BOB, verify="none")

    assert step.told == [CONFLICT, NOT_VERIFIABLE]
    assert acted(step) == [("suppress", "id", "2"), ("suppress", "email", "bob@example.com")]


def test_without_the_key_nobody_is_removed_by_a_step_that_reads_back() -> None:
    step = erased(Workspace([], dict.fromkeys(KINDS, NO_KEY)), ANN)

    assert (step.told, acted(step)) == ([("failed", "not_configured", "")], [])


def test_a_step_that_reads_nobody_back_needs_no_key() -> None:
    usual, alone = erasing(Workspace()).operation, erasing(Workspace(), verify="none").operation

    assert (usual.surfaces, alone.surfaces) == (("app",), ())
    assert "verify: none" in usual.instead
    assert alone.erasing
    assert alone.erasing.verify is None
    assert "be it different people" in alone.warning


@pytest.mark.parametrize(("block", "says"), [(True, "blocks the identifiers"), (False, "past activity")])
def test_the_warning_says_what_the_step_does(block: object, says: str) -> None:
    assert says in erasing(Workspace(), block=block).operation.warning


# What is said of a batch.


def test_an_error_of_the_batch_is_told_to_whom_it_is_about_and_what_was_done_before() -> None:
    workspace = Workspace(
        [shown("0a", **ANN), shown("0b", id="3", email="c@example.com")],
        sent=lambda items: errors(error(len(items) - 1, field="", message="is odd")),
    )

    step = erased(workspace, ANN, {"id": "3", "email": "c@example.com"})

    assert step.told == [PENDING, ("failed", "refused", "")]
    assert step.verdicts[2].error_message == "what the id names removed, then: refused"


def test_whoever_was_never_there_and_cannot_be_blocked_is_failed() -> None:
    step = erased(Workspace(sent=lambda _items: errors(error(0))), {"id": "1"}, BOB)

    assert step.told == [("failed", "refused", ""), NOT_PRESENT]


def refusing(value: str) -> Callable[[list[Any]], Reply]:
    """Return what refuses a whole batch for the sake of one identifier, and does not say which."""
    return lambda items: Response(400) if any(value in item["identifiers"].values() for item in items) else OK


def test_a_batch_refused_as_a_whole_is_sent_in_halves_until_the_culprit_stands_alone() -> None:
    people = [{"id": str(number), "email": f"p{number}@example.com"} for number in range(5)]

    step = erased(Workspace(sent=refusing("p3@example.com")), *people)

    assert step.told == [*[NOT_PRESENT] * 3, ("failed", "refused", ""), NOT_PRESENT]


def test_a_batch_whose_answer_is_lost_fails_everybody_and_may_be_sent_again() -> None:
    step = erased(Workspace(sent=lambda _items: LOST), ANN, BOB)

    assert step.told == [("failed", "timeout", "")] * 2
    assert all(request.repeatable for request in step.requests)


def test_an_identifier_that_two_rows_share_is_sent_once_and_told_to_both() -> None:
    step = erased(Workspace([shown("0a", **ANN)]), {"id": "1"}, {"email": "ann@example.com"})

    assert acted(step) == [("suppress", "id", "1"), ("suppress", "email", "ann@example.com")]
    assert step.told == [PENDING, PENDING]


def test_no_request_is_longer_than_the_vendor_takes() -> None:
    people = [{"id": f"{number:0>150}", "email": f"{'é' * 120}{number}@example.com"} for number in range(100)]
    step = erasing(Workspace([shown(f"c{number}", **one) for number, one in enumerate(people)]))
    step.found = {
        row: tuple(("email", f"{'é' * 100}{row}-{n}@example.com") for n in range(20)) for row in range(1, 101)
    }

    assert step.erase(rows(*people))
    sizes = [len(request.body or b"") for request in step.requests if request.irreversible]
    assert sum(sizes) > 500_000 >= max(sizes)
    assert (len(acted(step)), step.told) == (2200, [PENDING] * 100)


# Trying again.


@pytest.mark.parametrize("attempted", [True, False])
def test_whoever_was_found_once_and_is_not_there_is_blocked_again_and_read_back(
    attempted: object,
) -> None:
    step = erasing(Workspace())
    step.found, step.attempted = {1: (("id", "1"), ("cio_id", "0a"))}, bool(attempted)

    assert step.erase(rows({"email": "ann@example.com"}))
    assert acted(step) == [("suppress", "email", "ann@example.com"), ("suppress", "id", "1")]
    assert step.told == [GONE]


def test_whoever_was_found_once_is_read_by_that_where_the_row_gives_nothing_any_more() -> None:
    step = erasing(Workspace())
    step.found, step.attempted = {1: (("id", "1"), ("cio_id", "0a"))}, True

    assert step.erase(rows({"email": None}))
    assert acted(step) == [("suppress", "id", "1")]
    assert step.told == [GONE]


def test_what_may_have_been_sent_is_never_called_not_present() -> None:
    step, deleting = erasing(Workspace()), erasing(Workspace(), block=False)
    step.attempted = deleting.attempted = True

    assert step.erase(rows(ANN))
    assert deleting.erase(rows(ANN))
    assert (step.told, deleting.told) == ([GONE], [GONE])
    assert acted(deleting) == []


def test_somebody_else_who_has_taken_over_an_identifier_that_was_only_found_is_left_alone() -> None:
    step = erasing(Workspace([shown("0f", id="1", email="new@example.com")]), block=False)
    step.found = {1: (("id", "1"), ("cio_id", "0a"))}

    assert step.erase(rows({"email": "ann@example.com"}))
    assert (acted(step), step.told) == ([], [GONE])
    assert step.read_back(rows({"email": "ann@example.com"})) == [STILL_PRESENT]


def test_what_was_found_and_names_somebody_else_by_now_is_not_suppressed() -> None:
    other = shown("0b", id="2", email="old@example.com")
    step = erasing(Workspace([shown("0a", **ANN), other]))
    step.found = {1: (("email", "old@example.com"), ("cio_id", "0a"))}

    assert step.erase(rows(ANN))
    assert acted(step) == [("suppress", "id", "1"), ("suppress", "email", "ann@example.com")]


def test_whoever_is_not_shown_is_waited_for_only_where_people_are_read_back() -> None:
    waited: list[float] = []
    steps: list[dict[str, Any]] = [{}, {"verify": "none"}]
    for options in steps:
        step = erasing(Workspace(), **options)
        step.sleep = waited.append
        assert step.erase(rows(ANN))

    assert waited == [SETTINGS.patience]


def test_how_a_block_was_answered_is_told_also_of_those_who_are_not_shown() -> None:
    assert erased(Workspace(), ANN, verify="none").verdicts[1].http_status == 200


@pytest.mark.parametrize("phone", [{"attributes": {"phone": PHONE}}, {"attributes.phone": PHONE}])
def test_people_as_listed_are_called_by_all_they_have(phone: Mapping[str, Any]) -> None:
    assert OPERATION.erasing
    listed = {"cio_id": "0a", "id": "1", "email": "ann@example.com", **phone}

    names = set(OPERATION.erasing.contacts["people"](listed))

    assert names == {("cio_id", "0a"), ("id", "1"), ("email", "ann@example.com"), ("phone", PHONE)}


def test_whoever_came_back_under_an_identifier_that_was_found_is_removed() -> None:
    step = erasing(Workspace([shown("0f", id="1")]), block=False)
    step.found = {1: (("id", "1"), ("cio_id", "0a"))}

    assert step.erase(rows({"email": "ann@example.com"}))
    assert acted(step) == [("delete", "email", "ann@example.com"), ("delete", "id", "1")]


def test_whoever_is_held_by_what_was_found_is_left_alone() -> None:
    step = erasing(Workspace([shown("0a", **ANN), shown("0b", **BOB)]), held=frozenset({1}))

    assert step.erase(rows({"id": "1"}, {"id": "2"}))
    assert {value for _, _, value in acted(step)} == set(BOB.values())
    assert list(step.verdicts) == [2]


def test_where_everybody_is_held_nothing_is_sent() -> None:
    step = erasing(Workspace(), held=frozenset({1}))

    assert step.erase(rows(ANN))
    assert acted(step) == []


# Reading back.


def read_back(workspace: Workspace) -> Erasing:
    step = erased(Workspace([shown("0a", **ANN, phone=PHONE)]), {"id": "1"}, BOB)
    step.requests.clear()
    step.server = workspace
    step.read_back(rows({"id": "1"}, BOB))
    return step


def test_everybody_is_read_back_by_every_identifier_in_one_request_a_kind() -> None:
    step = read_back(Workspace())

    assert looked_up(step) == [
        ("id", ["1", "2"]),
        ("email", ["ann@example.com", "bob@example.com"]),
        ("phone", [PHONE]),
        ("cio_id", ["0a"]),
    ]
    assert step.told == [ABSENT, NOT_PRESENT]


@pytest.mark.parametrize("own", [{"id": "1"}, {"email": "ann@example.com"}, {"phone": PHONE}, {}])
def test_whoever_is_shown_under_any_identifier_is_still_present(own: dict[str, str]) -> None:
    others: dict[str, Reply] = {kind: LOST for kind in ("id", "email", "phone") if own and kind not in own}

    assert read_back(Workspace([shown("0a", **own)], others)).told == [STILL_PRESENT, NOT_PRESENT]


@pytest.mark.parametrize("reply", [LOST, NO_KEY, answer({}, 422), answer({"customers": {}}), Response(204)])
@pytest.mark.parametrize("kind", KINDS)
def test_whoever_could_not_be_read_stays_pending(kind: str, reply: Reply) -> None:
    assert read_back(Workspace([], {kind: reply})).told[0] == PENDING


def test_where_nobody_is_known_by_phone_whoever_is_gone_otherwise_is_absent() -> None:
    assert read_back(Workspace([], NO_PHONES)).told[0] == ABSENT


# Looking only.


def test_a_look_tells_whom_an_erasure_would_find() -> None:
    people = [shown("0a", **ANN), shown("0b", id="2", email="x@example.com"), shown("0c", phone=PHONE)]

    seen = erasing(Workspace(people)).look(rows(ANN, BOB, {"phone": PHONE}, {"id": "9"}))

    assert seen == [
        Sighting(0, State.PRESENT, 1),
        Sighting(1, State.CONFLICT, 1),
        Sighting(2, State.AMBIGUOUS, 1),
        Sighting(3, State.ABSENT, 0),
    ]


@pytest.mark.parametrize("options", [{}, {"verify": "none"}])
def test_without_the_key_a_look_tells_that_nobody_could_be_looked_up(options: Mapping[str, Any]) -> None:
    assert erasing(Workspace([], {"id": NO_KEY}), **options).look(rows({"id": "1"})) == [
        Sighting(0, State.UNREAD)
    ]


# The preview.


@pytest.mark.parametrize(
    ("fields", "options", "expected"),
    [
        (["id", "email"], {}, 6),
        (["email", "reference"], {}, 5),
        (KINDS, {}, 9),
        (["email"], {"verify": "none"}, 2),
        (["email"], {"verify": Verify("0s")}, 2),
    ],
)
def test_look_ups_and_read_backs_are_counted(
    fields: Sequence[str], options: Mapping[str, Any], expected: int
) -> None:
    assert OPERATION.exchanges(fields, Terms(SETTINGS, EraseOptions(**options))) == expected


@pytest.mark.parametrize(("block", "action"), [(True, "suppress"), (False, "delete")])
def test_the_preview_shows_the_look_ups_and_what_is_sent(block: object, action: str) -> None:
    suppose = OPERATION.suppose
    assert suppose
    step = erasing(Workspace(), block=block)
    step.server = lambda request: suppose(request) or LOST

    assert step.erase(rows(ANN, {"email": "bob@example.com"}))
    assert [path.partition("?")[0] for path in step.paths] == [
        "POST /v1/customers/attributes",
        "POST /v1/customers/attributes",
        "POST /api/v2/batch",
    ]
    assert acted(step) == [
        (action, "id", "1"),
        (action, "email", "ann@example.com"),
        (action, "email", "bob@example.com"),
    ]


# Whatever is answered.

VALUES = {"id": ["1", "2", "9"], "email": ["ann@example.com", "ANN@example.com", "x@example.com"]}
PEOPLE = st.builds(
    lambda cio_id, own: shown(cio_id, **{kind: value for kind, value in own.items() if value}),
    st.sampled_from(["0a", "0b"]),
    st.fixed_dictionaries({kind: st.sampled_from([*VALUES[kind], None]) for kind in VALUES}),
)
REPLIES = st.one_of(
    st.builds(lambda some: answer({"customers": some}), st.lists(PEOPLE, max_size=2)),
    st.sampled_from([LOST, NOT_ENABLED, answer({}), answer({"customers": [None]}), answer({}, 422), OK]),
)


def sure(kind: str, reply: Reply) -> bool:
    """Tell whether an answer shows who has Ann's identifier of a kind, and nobody else."""
    body: Any = reply.json if isinstance(reply, Response) and reply.status == 200 else None
    people = body.get("customers") if isinstance(body, dict) else None
    if not isinstance(people, list) or None in people:
        return False
    return all((one["identifiers"][kind] or "").lower() == ANN[kind] for one in people)


def contradicts(reply: Reply) -> bool:
    body: Any = reply.json if isinstance(reply, Response) else None
    people = body.get("customers") if isinstance(body, dict) else None
    shown_people = [one["identifiers"] for one in people or () if one]
    return any(
        one[kind] and one[kind].lower() != ANN[kind] for one in shown_people for kind in ("id", "email")
    )


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({"id": REPLIES, "email": REPLIES}), st.booleans())
def test_nothing_is_sent_about_a_row_whose_look_ups_were_refused_unclear_or_contradict(
    answers: Mapping[str, Reply], block: object
) -> None:
    step = erased(Workspace([], answers), ANN, block=block)

    if not all(sure(kind, reply) for kind, reply in answers.items()) or any(
        map(contradicts, answers.values())
    ):
        assert acted(step) == []
        assert step.told[0][0] == "failed"


@settings(max_examples=200, deadline=None)
@given(st.lists(REPLIES, min_size=1, max_size=6), st.booleans())
def test_whatever_is_answered_every_record_is_settled_and_nobody_is_absent_unread(
    script: list[Reply], attempted: object
) -> None:
    replies = iter(script + [script[-1]] * 50)
    step = erasing(Workspace())
    step.server = lambda _request: next(replies)
    step.attempted = bool(attempted)

    assert step.erase(rows(ANN, BOB))
    assert all(told[2] != "absent" or told == NOT_PRESENT for told in step.told)


def test_a_single_look_up_is_percent_encoded_in_full() -> None:
    step = erased(Workspace([], NO_PHONES), {"phone": PHONE})

    assert [path for path in step.paths if path.startswith("GET")] == [
        "GET /v1/customers/%2B390612345678/attributes?id_type=phone"
    ]
    assert unquote(step.paths[-1]).count(PHONE) == 1
