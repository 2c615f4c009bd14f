"""The conversations and the sandbox were written apart: they must understand each other."""

from collections.abc import Generator
from typing import Any

import pytest
from customerio_talk import OPERATIONS, SETTINGS, batch, terms
from in_memory import send

from bulk.conversation import Request, Response, Settle, Wait
from bulk.destinations.customerio import CUSTOMERIO
from bulk.destinations.listing import Page, Query
from bulk.destinations.system import Place
from bulk.sandbox.customerio_app import App
from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerio_track import Track
from bulk.sandbox.customerio_workspace import Workspace

AUTH = {"site_id": "site", "api_key": "sandbox-token", "app_api_key": "sandbox-token"}
DONE = ("succeeded", "")
ANN = {"id": "1", "email": "ann+x@example.com"}
BOB = {"email": "bob@example.com"}


class World:
    """A workspace with both APIs, in which waiting only moves the clock."""

    def __init__(self, lag: float = 12.0) -> None:
        self.now = 1_700_000_000.0
        workspace = Workspace(CustomerioBehaviour(lag=lag))
        self.apis: dict[str, Track | App] = {
            "": Track(workspace, "sandbox-token"),
            "app": App(workspace, "sandbox-token"),
        }
        headers = {"": CUSTOMERIO.headers, "app": CUSTOMERIO.surfaces["app"].headers}
        self.headers = {name: dict(of(AUTH, SETTINGS)) for name, of in headers.items()}

    def send(self, request: Request) -> Response:
        api, headers = self.apis[request.surface], self.headers[request.surface]
        return send(api, request, headers, self.now)

    def hold(self, conversation: Generator[Any, Any, None]) -> list[Any]:
        """Return what was settled, by position, or listed."""
        settled: dict[int, tuple[str, str]] = {}
        listed: list[Any] = []
        reply: Response | None = None
        while True:
            try:
                act = conversation.send(reply)
            except StopIteration:
                return [settled[position] for position in sorted(settled)] or listed
            reply = self.send(act) if isinstance(act, Request) else None
            if isinstance(act, Wait):
                self.now += act.seconds
            elif isinstance(act, Page):
                listed += act.records
            elif isinstance(act, Settle):
                for run in act.verdicts:
                    verdict = (str(run.verdict.status), run.verdict.reason)
                    settled |= dict.fromkeys(range(run.start, run.stop), verdict)

    def do(self, operation: str, *records: dict[str, Any]) -> list[Any]:
        told = terms(operation)
        return self.hold(OPERATIONS[operation].converse(batch(operation, *records), told))

    def people(self) -> list[Any]:
        self.now += 60
        return self.hold(CUSTOMERIO.listings["people"].pages(Query(), SETTINGS))


@pytest.fixture
def world() -> World:
    return World()


def test_what_was_upserted_is_confirmed_once_it_shows(world: World) -> None:
    attributes = {"n": 5, "vip": True, "o": {"x": [1]}}
    topics = {"topics": {"topic_1": False}}
    record = {**ANN, "attributes": attributes, "cio_subscription_preferences": topics, "unsubscribed": False}
    confirm = OPERATIONS["upsert_person"].confirm
    assert confirm is not None

    assert world.do("upsert_person", record) == [DONE]
    assert world.hold(confirm(batch("upsert_person", record), terms("upsert_person"))) == [
        ("succeeded", "read_back")
    ]


def test_only_the_bad_record_of_a_batch_is_refused(world: World) -> None:
    bad = {**BOB, "attributes": {"plan": "x" * 1001}}

    assert world.do("upsert_person", ANN, bad) == [DONE, ("failed", "refused")]
    assert [person["email"] for person in world.people()] == ["ann+x@example.com"]


def test_unsubscribing_tells_the_known_from_the_unknown_and_creates_nobody(world: World) -> None:
    world.do("upsert_person", ANN)

    assert world.do("unsubscribe_person", {"email": "Ann+X@example.com"}, BOB) == [
        DONE,
        ("skipped", "not_found"),
    ]
    assert [(person["id"], person["unsubscribed"]) for person in world.people()] == [("1", True)]


def test_merging_and_deleting_leave_nobody(world: World) -> None:
    world.do("upsert_person", ANN, BOB)
    merged = world.do("merge_people", {"primary": {"id": "1"}, "secondary": BOB})
    one = world.people()
    deleted = world.do("delete_person", ANN)

    assert (merged, deleted) == ([DONE], [DONE])
    assert [person["id"] for person in one] == ["1"]
    assert world.people() == []


def test_somebody_suppressed_cannot_be_imported_until_unsuppressed(world: World) -> None:
    found = []
    for operation in ("suppress_person", "upsert_person", "unsuppress_person", "upsert_person"):
        assert world.do(operation, BOB) == [DONE]
        found.append(len(world.people()))

    assert found == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("operation", "record"),
    [
        ("track_event", {"name": "bought", "attributes": {"a": 1}}),
        ("track_event", {"name": "/home", "type": "page"}),
        ("add_device", {"device": {"token": "t", "platform": "ios"}}),
        ("delete_device", {"device": {"token": "t"}}),
        ("add_to_segment", {"segment_id": "1"}),
        ("remove_from_segment", {"segment_id": "1"}),
    ],
)
def test_the_other_operations_are_accepted(world: World, operation: str, record: dict[str, Any]) -> None:
    assert world.do(operation, {"id": "1", **record}) == [DONE]


def test_the_probes_find_no_problem(world: World) -> None:
    probes = CUSTOMERIO.probes(Place("http://127.0.0.1", SETTINGS, surfaces=frozenset({"app"})))

    assert [probe.problem(world.send(probe.request)) for probe in probes] == [None, None]
