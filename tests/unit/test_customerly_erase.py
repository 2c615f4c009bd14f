from collections.abc import Mapping
from typing import Any

import pytest
from conversing import ABSENT as NOBODY
from conversing import LOST, answer, batch_of, refused
from erasing import (
    ABSENT,
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

from bulk.conversation import Reply, Request, Response
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.customerly.system import CUSTOMERLY
from bulk.destinations.erasure import ErasureOptions, Verify
from bulk.destinations.operation import Sighting, State, Terms

OPERATION = CUSTOMERLY.operations["erase_person"]
DONE = answer({"data": []})
ANN = {"user_id": "7", "email": "ann@example.com"}
BY_ID, BY_EMAIL = "GET /users?user_id=7", "GET /users?email=ann%40example.com"
LEAD = "GET /leads?email=ann%40example.com"
DELETE_USER, DELETE_LEAD = "DELETE /users?email=ann%40example.com", "DELETE /leads?email=ann%40example.com"


def shown(number: int, email: str | None = "ann@example.com", user_id: str | None = "7") -> Response:
    return answer({"data": {"crmhero_user_id": number, "email": email, "user_id": user_id}})


class Account:
    """Answers as it is told, and says of everybody else that they do not exist."""

    def __init__(self, answers: Mapping[str, Reply]) -> None:
        self.answers = answers

    def __call__(self, request: Request) -> Reply:
        usual = NOBODY if request.method == "GET" else DONE
        return self.answers.get(f"{request.method} {request.path}", usual)


def run(answers: Mapping[str, Reply], held: frozenset[int] = frozenset(), **options: Any) -> Erasing:
    terms = Terms(CustomerlySettings(), ErasureOptions(**options))
    operation = OPERATION
    assert operation.tailor
    return Erasing(operation.tailor(operation, terms.options), terms, Account(answers), held)


def erased(answers: Mapping[str, Reply], record: Mapping[str, str] = ANN, **options: Any) -> Erasing:
    one = run(answers, **options)
    assert one.erase(batch_of(record))
    return one


BOTH = {BY_ID: shown(1), BY_EMAIL: shown(1), LEAD: shown(2, user_id=None)}


def test_user_and_lead_are_looked_up_and_deleted_each_by_its_own_address() -> None:
    one = erased(BOTH)

    assert one.paths == [BY_ID, BY_EMAIL, LEAD, DELETE_USER, DELETE_LEAD]
    assert one.destroyed == [DELETE_USER, DELETE_LEAD]
    assert one.told == [PENDING]


def test_what_is_found_beyond_what_was_given_is_told_before_anything_is_deleted() -> None:
    one = run({BY_ID: shown(1), LEAD: shown(2, user_id=None)})

    assert not one.erase(batch_of({"user_id": "7"}), acts=3)
    assert one.destroyed == []
    assert one.found == {
        1: (("email", "ann@example.com"), ("crmhero_user_id", "1"), ("crmhero_user_id", "2"))
    }


def test_the_lead_of_an_address_that_was_only_found_belongs_to_the_person() -> None:
    one = erased({BY_ID: shown(1), LEAD: shown(2, user_id=None)}, {"user_id": "7"})

    assert one.paths == [BY_ID, LEAD, DELETE_USER, DELETE_LEAD]


def test_somebody_who_is_a_lead_only_is_erased() -> None:
    assert erased({LEAD: shown(2, user_id=None)}).destroyed == [DELETE_LEAD]


def test_a_user_without_an_address_is_deleted_by_user_id() -> None:
    one = erased({BY_ID: shown(1, email=None)}, {"user_id": "7"})

    assert one.destroyed == ["DELETE /users?user_id=7"]


def test_a_user_of_whom_nothing_is_shown_that_could_name_them_is_left_alone() -> None:
    one = erased({BY_EMAIL: answer({"data": {"crmhero_user_id": 1}})}, {"email": "ann@example.com"})

    assert (one.destroyed, one.told) == ([], [("failed", "missing_id", "")])


def test_the_lead_of_a_user_who_cannot_be_deleted_is_left_alone_too() -> None:
    answers = {BY_EMAIL: answer({"data": {"crmhero_user_id": 1}}), LEAD: shown(2, user_id=None)}
    one = erased(answers, {"email": "ann@example.com"})

    assert (one.destroyed, one.told) == ([], [("failed", "missing_id", "")])


def test_a_lead_that_is_called_otherwise_is_seen_as_a_conflict() -> None:
    one = run({BY_EMAIL: shown(1), LEAD: shown(2, "other@example.com", None)})

    assert one.look(batch_of({"email": "ann@example.com"})) == [Sighting(0, State.CONFLICT, 1)]


def test_an_identifier_is_percent_encoded_in_full() -> None:
    one = erased({}, {"user_id": "a/b&email=x", "email": "a+b@example.com"})

    assert one.paths == [
        "GET /users?user_id=a%2Fb%26email%3Dx",
        "GET /users?email=a%2Bb%40example.com",
        "GET /leads?email=a%2Bb%40example.com",
    ]


def test_whoever_was_never_there_is_succeeded_and_nothing_is_deleted() -> None:
    one = erased({})

    assert (one.told, one.destroyed, one.found) == ([NOT_PRESENT], [], {})


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({BY_ID: shown(1, email="other@example.com")}, "whom the user_id names has another email"),
        ({BY_EMAIL: shown(1, user_id="8")}, "whom the email names has another user_id"),
        (
            {BY_ID: shown(1, email=None), BY_EMAIL: shown(2, user_id=None)},
            "user_id and email name different people",
        ),
        ({LEAD: shown(2, email="other@example.com")}, "the lead found has another email"),
    ],
)
def test_of_a_row_whose_identifiers_contradict_nothing_is_deleted(
    answers: Mapping[str, Reply], says: str
) -> None:
    one = erased({LEAD: shown(9, user_id=None), **answers})

    assert (one.told, one.destroyed) == ([CONFLICT], [])
    assert (one.verdicts[1].error_message, one.verdicts[1].ours) == (says, True)


def test_an_address_in_another_case_is_no_contradiction() -> None:
    one = erased({BY_ID: shown(1, email="Ann@Example.com")})

    assert one.destroyed == ["DELETE /users?email=Ann%40Example.com"]


def test_matches_all_erases_everybody_whom_an_identifier_names() -> None:
    answers = {
        BY_ID: shown(1, email="other@example.com"),
        BY_EMAIL: shown(2, user_id="8"),
        "GET /leads?email=other%40example.com": shown(3, email="other@example.com", user_id=None),
    }

    one = erased(answers, matches="all")

    assert one.destroyed == [
        "DELETE /users?email=other%40example.com",
        DELETE_USER,
        "DELETE /leads?email=other%40example.com",
    ]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (LOST, "timeout"),
        (refused("Something is wrong"), "read_refused"),
        (answer({"data": []}), "broken_answer"),
        (answer({"data": {"name": "Ann"}}), "broken_answer"),
        (answer([]), "broken_answer"),
    ],
)
@pytest.mark.parametrize("path", [BY_ID, BY_EMAIL, LEAD])
def test_a_look_up_that_tells_nothing_leaves_everybody_alone(path: str, reply: Reply, reason: str) -> None:
    one = erased({**BOTH, path: reply})

    assert (one.told, one.destroyed) == ([("failed", reason, "")], [])


def test_whoever_is_held_by_what_was_found_is_left_alone() -> None:
    one = run(BOTH, held=frozenset({1}))

    assert one.erase(batch_of(ANN))
    assert (one.destroyed, one.told) == ([], [])


@pytest.mark.parametrize(
    ("reply", "status", "reason"), [(LOST, "failed", "timeout"), (refused("No"), "failed", "refused")]
)
def test_a_failure_half_way_says_what_was_deleted_before(reply: Reply, status: str, reason: str) -> None:
    one = erased({**BOTH, DELETE_LEAD: reply})

    assert one.told == [(status, reason, "")]
    assert one.verdicts[1].error_message.startswith("the user removed, then: ")


def test_after_a_failure_the_lead_is_not_tried() -> None:
    assert erased({**BOTH, DELETE_USER: refused("No")}).destroyed == [DELETE_USER]


@pytest.mark.parametrize("gone", [NOBODY, refused("User doesn't exist", 200), Response(410)])
def test_what_vanished_meanwhile_is_gone(gone: Reply) -> None:
    only = erased({LEAD: shown(2, user_id=None), DELETE_LEAD: gone})
    beside = erased({**BOTH, DELETE_USER: gone})

    assert (only.told, beside.told) == ([GONE], [PENDING])


def test_without_verification_nobody_who_was_deleted_is_succeeded() -> None:
    one = erased(BOTH, verify="none")

    assert one.told == [NOT_VERIFIABLE]
    assert one.operation.erasing
    assert one.operation.erasing.verify is None
    assert erased({}, verify="none").told == [NOT_PRESENT]


# Trying again.


def retried(answers: Mapping[str, Reply], *, attempted: bool) -> Erasing:
    one = run(answers)
    one.found = {1: (("email", "ann@example.com"), ("crmhero_user_id", "1"))}
    one.attempted = attempted
    assert one.erase(batch_of({"user_id": "7"}))
    return one


@pytest.mark.parametrize("attempted", [True, False])
def test_what_an_earlier_try_left_is_found_by_what_it_found(attempted: object) -> None:
    one = retried({LEAD: shown(2, user_id=None)}, attempted=bool(attempted))

    assert (one.told, one.destroyed) == ([PENDING], [DELETE_LEAD])


@pytest.mark.parametrize("attempted", [True, False])
def test_whoever_was_found_once_and_is_not_there_is_gone_and_to_be_read_back(attempted: object) -> None:
    assert retried({}, attempted=bool(attempted)).told == [GONE]


def test_a_crash_before_anybody_was_found_beyond_what_was_given_counts_too() -> None:
    one = run({})
    one.attempted = True

    assert one.erase(batch_of(ANN))
    assert one.told == [GONE]


def test_somebody_else_with_an_identifier_that_was_only_found_is_left_alone() -> None:
    one = run({BY_ID: shown(5, email="other@example.com"), LEAD: shown(2, user_id=None)})
    one.found = {1: (("user_id", "7"), ("crmhero_user_id", "1"))}

    assert one.erase(batch_of({"email": "ann@example.com"}))
    assert one.destroyed == [DELETE_LEAD]
    assert one.read_back(batch_of({"email": "ann@example.com"})) == [STILL_PRESENT]
    assert "another record" in one.verdicts[1].error_message


# Reading back.


def read_back(answers: Mapping[str, Reply]) -> Erasing:
    one = erased(BOTH, {"user_id": "7"})
    one.requests.clear()
    one.server = Account(answers)
    one.read_back(batch_of({"user_id": "7"}))
    return one


def test_everybody_is_read_back_by_every_identifier_given_or_found() -> None:
    one = read_back({})

    assert one.paths == [BY_ID, BY_EMAIL, LEAD]
    assert one.told == [ABSENT]


def test_whoever_is_shown_and_was_never_found_by_another_name_is_the_person() -> None:
    one = run({})
    one.attempted = True
    assert one.erase(batch_of(ANN))
    one.server = Account({BY_EMAIL: shown(1)})

    assert one.read_back(batch_of(ANN)) == [STILL_PRESENT]
    assert "still shows the person" in one.verdicts[1].error_message


@pytest.mark.parametrize("path", [BY_ID, BY_EMAIL, LEAD])
def test_whoever_is_shown_under_any_identifier_is_still_present(path: str) -> None:
    others_lost: dict[str, Reply] = {BY_ID: LOST, BY_EMAIL: LOST, LEAD: LOST}

    assert read_back({**others_lost, path: shown(1)}).told == [STILL_PRESENT]


@pytest.mark.parametrize("reply", [LOST, refused("No"), answer({"data": []}), answer({}, 204)])
@pytest.mark.parametrize("path", [BY_ID, BY_EMAIL, LEAD])
def test_whoever_could_not_be_read_stays_pending(path: str, reply: Reply) -> None:
    assert read_back({path: reply}).told == [PENDING]


# Looking only.


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (BOTH, Sighting(0, State.PRESENT, 2)),
        ({}, Sighting(0, State.ABSENT)),
        ({BY_ID: shown(1, email="other@example.com")}, Sighting(0, State.CONFLICT, 1)),
        ({BY_ID: LOST}, Sighting(0, State.UNREAD)),
        ({**BOTH, LEAD: refused("No")}, Sighting(0, State.UNREAD, 1)),
    ],
)
def test_a_look_tells_whom_an_erasure_would_find(answers: Mapping[str, Reply], expected: Sighting) -> None:
    assert run(answers).look(batch_of(ANN)) == [expected]


# The preview.


@pytest.mark.parametrize(
    ("fields", "options", "expected"),
    [
        (["user_id", "email"], {}, 7),
        (["email", "reference"], {}, 6),
        (["user_id"], {"verify": "none"}, 3),
        (["user_id"], {"verify": Verify("0s")}, 3),
    ],
)
def test_look_ups_and_read_backs_are_counted(
    fields: list[str], options: Mapping[str, Any], expected: int
) -> None:
    assert OPERATION.exchanges(fields, Terms(CustomerlySettings(), ErasureOptions(**options))) == expected


def test_the_preview_shows_the_look_ups_and_a_deletion() -> None:
    suppose = OPERATION.suppose
    assert suppose
    one = run({})
    one.server = lambda request: suppose(request) or LOST

    assert one.erase(batch_of(ANN))
    assert one.paths == [BY_ID, BY_EMAIL, LEAD, DELETE_USER]


# Whatever is answered.

CONTACT = st.fixed_dictionaries(
    {},
    optional={
        "crmhero_user_id": st.sampled_from([1, 2, "1", None, True, ""]),
        "email": st.sampled_from(["ann@example.com", "ANN@example.com", "b@example.com", None, "", 7]),
        "user_id": st.sampled_from(["7", "8", 7, None, ""]),
    },
)
REPLIES = st.one_of(
    st.builds(answer, st.fixed_dictionaries({"data": CONTACT | st.sampled_from([[], None, "x"])})),
    st.sampled_from([NOBODY, LOST, refused("No"), refused("No", 200), answer({}), answer([]), Response(204)]),
)


def sure(reply: Reply) -> bool:
    """Tell whether an answer shows a contact with an identifier, or that there is none."""
    if not isinstance(reply, Response):
        return False
    body: Any = reply.json
    data = body.get("data") if isinstance(body, dict) else None
    told = isinstance(data, dict) and any(
        type(data.get(name)) in {str, int} and data[name] != ""
        for name in ("crmhero_user_id", "email", "user_id")
    )
    return reply == NOBODY or (reply.status == 200 and told)


def contradicts(reply: Reply) -> bool:
    """Tell whether an answer shows somebody whom the row calls otherwise."""
    body: Any = reply.json if isinstance(reply, Response) else None
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        return False
    told = {
        name: str(data[name]).lower() for name in ANN if type(data.get(name)) in {str, int} and data[name]
    }
    return any(told[name] != ANN[name] for name in told)


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({BY_ID: REPLIES, BY_EMAIL: REPLIES, LEAD: REPLIES}))
def test_nothing_is_deleted_of_a_row_whose_look_ups_were_refused_unclear_or_contradict(
    answers: Mapping[str, Reply],
) -> None:
    one = erased(answers)
    users = [answers[BY_ID], answers[BY_EMAIL]]

    if not all(map(sure, answers.values())) or any(map(contradicts, users)):
        assert one.destroyed == []
        assert one.told[0][0] == "failed"
    assert all(path.partition("=")[2] for path in one.destroyed), "an empty identifier may mean everybody"


@settings(max_examples=200, deadline=None)
@given(st.lists(REPLIES, min_size=1, max_size=6), st.booleans())
def test_whatever_is_answered_every_record_is_settled_and_nobody_is_absent_unread(
    script: list[Reply], attempted: object
) -> None:
    replies = iter(script + [script[-1]] * 50)
    one = run({})
    one.server = lambda _request: next(replies)
    one.attempted = bool(attempted)

    assert one.erase(batch_of(ANN))
    assert one.told[0][2] != "absent" or one.told == [NOT_PRESENT]
