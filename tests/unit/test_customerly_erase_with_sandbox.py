"""An erasure at Customerly, against its sandbox: wherever a run crashes, the next one ends the same way."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from conversing import batch_of
from erasing import ABSENT, CONFLICT, NOT_PRESENT, PENDING, STILL_PRESENT, Erasing, crash_points
from in_memory import send

from bulk.conversation import Request, Response
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.customerly.system import CUSTOMERLY
from bulk.destinations.erasure import UNREAD, ErasureOptions
from bulk.destinations.operation import Terms
from bulk.sandbox.customerly import SANDBOX_TOKEN, Customerly
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour

USERS = {
    "ann@example.com": "7",
    "bob@example.com": "8",
    "cat@example.com": None,
    "twin-1@example.com": "9",
    "twin-2@example.com": "9",
}
LEADS = ("ann@example.com", "bob@example.com", "dan@example.com")
Row = Mapping[str, str]


class Account:
    """A project with people in it, in which waiting only moves the clock."""

    def __init__(self, **behaviour: Any) -> None:
        self.now = 1_700_000_000.0
        self.system = Customerly(CustomerlyBehaviour(**behaviour), SANDBOX_TOKEN)
        self.headers = CUSTOMERLY.headers({"token": SANDBOX_TOKEN}, CustomerlySettings())
        users = [{"email": email, "user_id": user_id} for email, user_id in USERS.items()]
        self.send(Request("POST", "/users", orjson.dumps({"users": users})))
        self.send(Request("POST", "/leads", orjson.dumps({"leads": [{"email": email} for email in LEADS]})))

    def send(self, request: Request) -> Response:
        return send(self.system, request, self.headers, self.now)

    def gone(self) -> list[str]:
        """Return who is there no more."""
        users, leads = ({one.email for one in some} for some in (self.system.users, self.system.leads))
        return [
            *(f"user {email}" for email in USERS if email not in users),
            *(f"lead {email}" for email in LEADS if email not in leads),
        ]


def erasing(account: Account, **options: Any) -> Erasing:
    terms = Terms(CustomerlySettings(), ErasureOptions(**options))
    return Erasing(CUSTOMERLY.operations["erase_person"], terms, account.send)


ANN = ["user ann@example.com", "lead ann@example.com"]
CASES: tuple[tuple[Row, list[str], tuple[str, str, str]], ...] = (
    ({"user_id": "7"}, ANN, ABSENT),
    ({"email": "Ann@example.com"}, ANN, ABSENT),
    ({"user_id": "7", "email": "ann@example.com"}, ANN, ABSENT),
    ({"email": "dan@example.com"}, ["lead dan@example.com"], ABSENT),
    ({"email": "cat@example.com"}, ["user cat@example.com"], ABSENT),
    ({"user_id": "99", "email": "nobody@example.com"}, [], NOT_PRESENT),
    ({"user_id": "7", "email": "bob@example.com"}, [], CONFLICT),
    ({"user_id": "7", "email": "dan@example.com"}, [], CONFLICT),
    ({"email": "twin-1@example.com"}, ["user twin-1@example.com"], STILL_PRESENT),
)


@pytest.mark.parametrize(("row", "gone", "told"), CASES)
@pytest.mark.parametrize("behaviour", [{}, {"delete_seconds": 5}, {"delete_user_takes_lead": True}])
def test_wherever_a_run_crashes_exactly_the_person_is_gone(
    row: Row, gone: list[str], told: tuple[str, str, str], behaviour: Mapping[str, Any]
) -> None:
    batch = batch_of(row)
    whole = erasing(Account(**behaviour))
    assert whole.erase(batch)

    for acts, lost in [*crash_points(whole.acts), (whole.acts, False)]:
        account = Account(**behaviour)
        step = erasing(account)
        step.erase(batch, acts=acts, lost=lost)
        step.resume(batch)
        account.now += 60

        assert step.read_back(batch) == [told], f"after {acts} acts"
        assert account.gone() == gone, f"after {acts} acts"


def test_after_two_crashes_exactly_the_person_is_gone() -> None:
    batch = batch_of({"user_id": "7"})
    whole = erasing(Account())
    assert whole.erase(batch)

    for first, first_lost in crash_points(whole.acts):
        for second, second_lost in crash_points(whole.acts):
            account = Account()
            step = erasing(account)
            step.erase(batch, acts=first, lost=first_lost)
            if not step.verdicts:
                step.erase(batch, acts=second, lost=second_lost)
            step.resume(batch)

            assert (step.read_back(batch), account.gone()) == ([ABSENT], ANN)


def test_whoever_is_shown_for_a_while_stays_pending_only_so_long() -> None:
    account = Account(delete_seconds=5)
    step, batch = erasing(account), batch_of({"user_id": "7"})

    assert step.erase(batch)
    assert step.read_back(batch) == [STILL_PRESENT]
    step.verdicts[1] = UNREAD
    account.now += 5
    assert step.read_back(batch) == [ABSENT]


def test_whoever_is_kept_although_the_deletion_was_accepted_is_still_present() -> None:
    account = Account(delete_ignored=frozenset({"ann@example.com"}))
    step, batch = erasing(account), batch_of({"user_id": "7"})

    assert step.erase(batch)
    assert (step.told, step.read_back(batch), account.gone()) == ([PENDING], [STILL_PRESENT], [])


def test_wherever_a_run_crashes_nobody_is_called_absent_while_another_has_the_id() -> None:
    batch = batch_of({"user_id": "9"})
    first, both = ["user twin-1@example.com"], ["user twin-1@example.com", "user twin-2@example.com"]
    ends = []
    for acts, lost in crash_points(6):
        account = Account()
        step = erasing(account)
        step.erase(batch, acts=acts, lost=lost)
        step.resume(batch)
        ends.append((step.read_back(batch), account.gone()))

    assert all(end in [([STILL_PRESENT], first), ([ABSENT], both)] for end in ends)


def test_the_second_of_two_with_one_id_is_found_when_it_is_tried_again() -> None:
    account = Account()
    step, batch = erasing(account), batch_of({"user_id": "9"})

    assert step.erase(batch)
    assert step.read_back(batch) == [STILL_PRESENT]
    step.verdicts.clear()
    assert step.erase(batch)
    assert step.read_back(batch) == [ABSENT]
    assert account.gone() == ["user twin-1@example.com", "user twin-2@example.com"]


def test_matches_all_erases_both_people_whom_a_row_names() -> None:
    account = Account()
    step, batch = erasing(account, matches="all"), batch_of({"user_id": "7", "email": "bob@example.com"})

    assert step.erase(batch)
    assert step.read_back(batch) == [ABSENT]
    assert account.gone() == [
        "user ann@example.com",
        "user bob@example.com",
        "lead ann@example.com",
        "lead bob@example.com",
    ]
