"""Erasures at Customer.io, against its sandbox: wherever a run crashes, the next one ends the same way."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from customerio_talk import SETTINGS, batch
from erasing import ABSENT, AMBIGUOUS, CONFLICT, NOT_PRESENT, STILL_PRESENT, Erasing, crash_points
from in_memory import send

from bulk.conversation import Batch, Request, Response
from bulk.destinations.customerio import CUSTOMERIO
from bulk.destinations.customerio.erase import EraseOptions
from bulk.destinations.erasure import UNREAD
from bulk.destinations.operation import Terms
from bulk.sandbox.customerio_app import App
from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerio_track import Track
from bulk.sandbox.customerio_workspace import Workspace

TOKEN = {"site_id": "site", "api_key": "sandbox-token", "app_api_key": "sandbox-token"}
PHONE = "+390612345678"
PEOPLE: tuple[dict[str, Any], ...] = (
    {"id": "1", "email": "ann@example.com"},
    {"id": "2", "email": "bob@example.com", "phone": PHONE},
    {"id": "3", "email": "cat@example.com"},
    {"id": "4", "email": "dan@example.com", "phone": "+390699999999"},
    {"id": "5", "email": "eve@example.com"},
)
ROWS = (
    {"id": "1", "email": "ann@example.com"},
    {"email": "Bob@example.com"},
    {"id": "3", "email": "dan@example.com"},
    {"id": "99", "email": "nobody@example.com"},
    {"phone": "+390699999999"},
)


class World:
    """A workspace with people in it, in which waiting only moves the clock."""

    def __init__(self, **behaviour: Any) -> None:
        self.now = 1_700_000_000.0
        self.workspace = Workspace(CustomerioBehaviour(**{"lag": 12.0, **behaviour}))
        self.apis: dict[str, Track | App] = {
            "": Track(self.workspace, "sandbox-token"),
            "app": App(self.workspace, "sandbox-token"),
        }
        headers = {"": CUSTOMERIO.headers, "app": CUSTOMERIO.surfaces["app"].headers}
        self.headers = {name: dict(of(TOKEN, SETTINGS)) for name, of in headers.items()}
        self.write("identify", *PEOPLE)
        self.now += 60

    def write(self, action: str, *people: Mapping[str, Any]) -> None:
        items = [
            {
                "type": "person",
                "action": action,
                "identifiers": {"id": one["id"]},
                "attributes": {kind: one[kind] for kind in one if kind != "id"},
            }
            for one in people
        ]
        self.send(Request("POST", "/api/v2/batch", orjson.dumps({"batch": items})))

    def send(self, request: Request) -> Response:
        return send(self.apis[request.surface], request, self.headers[request.surface], self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @property
    def left(self) -> set[str]:
        return {person.names["id"] for person in self.workspace.live.people}

    @property
    def blocked(self) -> set[str]:
        return {value for _, value in self.workspace.live.suppressed}


def erasing(world: World, **options: Any) -> Erasing:
    operation = CUSTOMERIO.operations["erase_person"]
    return Erasing(operation, Terms(SETTINGS, EraseOptions(**options)), world.send, sleep=world.sleep)


def rows() -> Batch:
    return batch("erase_person", *ROWS)


BLOCKED = {"1", "ann@example.com", "2", "bob@example.com", PHONE, "99", "nobody@example.com"}
TOLD = [ABSENT, ABSENT, CONFLICT, ABSENT, AMBIGUOUS]


@pytest.mark.parametrize("pause", [0.0, 60.0])
@pytest.mark.parametrize(("block", "blocked"), [(True, BLOCKED), (False, set())])
@pytest.mark.parametrize("behaviour", [{}, {"lag": 0.0}])
def test_wherever_a_run_crashes_exactly_those_who_are_certain_are_gone(
    pause: float, block: object, blocked: set[str], behaviour: Mapping[str, Any]
) -> None:
    whole = erasing(World(**behaviour), block=block)
    assert whole.erase(rows())

    for acts, lost in [*crash_points(whole.acts), (whole.acts, False)]:
        world = World(**behaviour)
        step = erasing(world, block=block)
        step.erase(rows(), acts=acts, lost=lost)
        world.now += pause
        step.resume(rows())
        world.now += 60
        told = step.read_back(rows())

        assert [ABSENT if one == NOT_PRESENT else one for one in told] == TOLD, f"after {acts} acts"
        assert world.left == {"3", "4", "5"}, f"after {acts} acts"
        assert world.blocked == blocked, f"after {acts} acts"


def test_whoever_was_never_there_is_told_apart() -> None:
    world = World()
    step = erasing(world)

    assert step.erase(rows())
    world.now += 60
    assert step.read_back(rows())[3] == NOT_PRESENT


def test_people_are_shown_until_the_lag_is_over() -> None:
    world = World()
    step = erasing(world)

    assert step.erase(rows().part(0, 2))
    assert step.read_back(rows())[0] == STILL_PRESENT
    step.verdicts[1] = UNREAD
    world.now += 12
    assert step.read_back(rows())[0] == ABSENT


@pytest.mark.parametrize("block", [True, False])
def test_whoever_came_seconds_ago_and_is_not_shown_yet_is_erased_when_the_lag_is_over(*, block: bool) -> None:
    world = World()
    world.write("identify", {"id": "99", "email": "nobody@example.com"})
    step = erasing(world, block=block)

    assert step.erase(rows())
    world.now += 60
    assert step.read_back(rows())[3] == ABSENT
    assert "99" not in world.left


@pytest.mark.parametrize("block", [True, False])
def test_different_people_who_came_seconds_ago_are_not_removed_by_one_row(*, block: bool) -> None:
    world = World()
    world.write("identify", {"id": "100", "email": "nobody@example.com"}, {"id": "99"})
    step = erasing(world, block=block)

    assert step.erase(rows())
    assert step.told[3] == CONFLICT
    assert {"99", "100"} <= world.left


def test_whoever_is_kept_although_it_was_accepted_is_still_present() -> None:
    world = World(delete_ignored=frozenset({"ann@example.com"}))
    step = erasing(world)

    assert step.erase(rows())
    world.now += 60
    assert step.read_back(rows())[:2] == [STILL_PRESENT, ABSENT]


def test_whoever_is_suppressed_does_not_come_back_and_whoever_is_deleted_may() -> None:
    ends = []
    for block in (True, False):
        world = World()
        step = erasing(world, block=block)
        assert step.erase(rows())
        world.write("identify", PEOPLE[0])
        world.now += 60
        ends.append(step.read_back(rows())[0])

    assert ends == [ABSENT, STILL_PRESENT]


def test_where_nobody_is_known_by_phone_people_are_erased_by_their_other_identifiers() -> None:
    world = World(phone_identifies=False)
    step = erasing(world)

    assert step.erase(rows())
    world.now += 60
    assert step.read_back(rows()) == [ABSENT, ABSENT, CONFLICT, NOT_PRESENT, AMBIGUOUS]
    assert world.blocked == BLOCKED - {PHONE}
