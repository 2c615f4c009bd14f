"""The jobs that lives are led with, and what must be true at their destinations in the end."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from multidict import CIMultiDict

from bulk.sandbox.customerio_app import App
from bulk.sandbox.customerio_behaviour import CustomerioBehaviour
from bulk.sandbox.customerio_track import Track
from bulk.sandbox.customerio_workspace import Workspace
from bulk.sandbox.customerly import Customerly
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.exchange import Asked, System
from bulk.sandbox.http import Http
from bulk.sandbox.http_behaviour import HttpBehaviour
from bulk.sandbox.kustomer import Kustomer
from bulk.sandbox.kustomer_behaviour import KustomerBehaviour

TOKEN = "sandbox-token"
RATES = ("5/s", "10/s", "100/s", "300/min", "30/3s", "none")
Row = dict[str, str]
Rows = Sequence[Row]


@dataclass(frozen=True)
class Outcome:
    """What the ledger says of one row in one step."""

    status: str
    reason: str
    verification: str


Outcomes = Mapping[str, Mapping[int, Outcome]]
"""By step and row."""


class Places:
    """The systems of a life: they outlive every process."""

    def __init__(self, chance: random.Random) -> None:
        workspace = Workspace(CustomerioBehaviour(lag=chance.choice((0.0, 0.5, 12.0))))
        self.systems: dict[tuple[str, str], System] = {
            ("customerly", ""): Customerly(CustomerlyBehaviour(), TOKEN),
            ("customerio", ""): Track(workspace, TOKEN),
            ("customerio", "app"): App(workspace, TOKEN),
            ("kustomer", ""): Kustomer(KustomerBehaviour(), TOKEN),
            ("http", ""): Http(HttpBehaviour(), TOKEN),
        }
        self.workspace = workspace

    def users(self) -> dict[str, str]:
        """Names by address."""
        return {one["email"]: one.get("name", "") for one in self.contents("customerly", "users")}

    def people(self) -> dict[str, str]:
        """Names by address."""
        shown = self.contents("customerio", "people")
        return {one["email"]: one.get("attributes", {}).get("name", "") for one in shown}

    def customers(self) -> dict[str, str]:
        """Names by address."""
        return {
            address["email"]: one.get("name", "")
            for one in self.contents("kustomer", "customers")
            for address in one.get("emails", ())
        }

    def contents(self, system: str, kind: str) -> Iterable[Any]:
        """Return all that a system has of a kind."""
        return self.systems[system, ""].contents(kind) or ()


@dataclass(frozen=True)
class Scenario:
    """A job, its sources night after night, and the truth about it.

    Attributes:
        name: What it is called.
        steps: Its steps; one a destination.
        truth: Says what the ledger claims and is not so.
        before: Puts people into the systems before anything begins.
        keys: More keys of the job.
        nights: How many sources there are, one after another.
        repeats: Whether records of one key come several times and all are sent.
        retried: Whether what failed is sent again in the end.
        rows: How many a source may have at the most.
        places: More keys of the destinations.
        weight: How often lives are led with it.
    """

    name: str
    steps: Sequence[dict[str, Any]]
    truth: Callable[[Places, Rows, Outcomes], Iterator[str]]
    before: Callable[[Places, Rows, float], None] = lambda _places, _rows, _unix: None
    keys: Mapping[str, Any] = field(default_factory=dict)
    nights: int = 1
    repeats: bool = False
    retried: bool = True
    rows: int = 60
    places: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weight: int = 1

    def job(self, chance: random.Random) -> dict[str, Any]:
        """Return the job file."""
        names = list(dict.fromkeys(step["destination"] for step in self.steps))
        retry = {"attempts": chance.choice((1, 2, 4, 8)), "max_elapsed": chance.choice(("30s", "5m", "15m"))}
        usual = {"concurrency": chance.choice((1, 2, 5, 16)), "retry": retry}
        return {
            "name": "contacts",
            "source": {"path": "contacts.csv"},
            "destinations": {
                name: {
                    "base_url": f"http://{name}.example.com",
                    "rate": chance.choice(RATES),
                    **usual,
                    **self.places.get(name, {}),
                }
                for name in names
            },
            "steps": [dict(step) for step in self.steps],
            **self.keys,
        }

    def source(self, chance: random.Random, night: int, before: Rows) -> list[Row]:
        """Return the rows of a night: new ones, and most of those of the night before."""
        few, some = chance.randrange(1, 12), chance.randrange(2, 20)
        count = chance.choice((1, few, some, chance.randrange(2, self.rows)))
        kept = [row for row in before if chance.random() < 0.85]
        known = [row["email"] for row in kept]
        fresh = [f"p{100 * night + number}@example.com" for number in range(count)]
        emails = known + fresh
        if self.repeats:
            emails = [chance.choice(emails) for _ in range(2 * count)]
        chance.shuffle(emails)
        unchanged = {row["email"]: row["name"] for row in kept if chance.random() < 0.7}
        return [
            {"email": email, "name": unchanged.get(email) or f"row{1000 * night + number}x"}
            for number, email in enumerate(emails, 1)
        ]


def mark(row: Row) -> int:
    """Return the number that tells a record apart from all others of a life."""
    return int(row["name"].removeprefix("row").removesuffix("x"))


def text(rows: Rows, chance: random.Random) -> str:
    """Return a source as csv; now and then a row is malformed, or holds no address."""
    lines = [f"{row['email']},{row['name']}" for row in rows]
    if chance.random() < 0.2:
        lines.append("no address,row0x")
    return "\n".join(["email,name", *lines]) + "\n"


def _latest(rows: Rows) -> dict[str, tuple[int, str]]:
    """Return by address the last row that has it, and its name."""
    return {row["email"]: (number, row["name"]) for number, row in enumerate(rows, 1)}


def _arrived(step: str, held: Callable[[Places], dict[str, str]]) -> Callable[..., Iterator[str]]:
    def truth(places: Places, rows: Rows, outcomes: Outcomes) -> Iterator[str]:
        names = held(places)
        for number, row in enumerate(rows, 1):
            said = outcomes[step].get(number)
            fine = said is not None and (said.status == "succeeded" or said.reason == "unchanged")
            last = _latest(rows)[row["email"]]
            if fine and last[0] == number and names.get(row["email"]) != row["name"]:
                yield f"{step}: row {number} succeeded, and is not there as it was sent"
            if said is not None and said.status == "failed" and said.reason in {"not_found", "refused"}:
                yield f"{step}: row {number} is valid, and failed: {said.reason}"

    return truth


def _gone(step: str, held: Callable[[Places], dict[str, str]]) -> Callable[..., Iterator[str]]:
    def truth(places: Places, rows: Rows, outcomes: Outcomes) -> Iterator[str]:
        there = held(places)
        for number, row in enumerate(rows, 1):
            if outcomes[step][number].status == "succeeded" and row["email"] in there:
                yield f"{step}: row {number} is said to be gone, and is there"
        asked = {row["email"] for row in rows}
        missing = [email for email in BYSTANDERS if email not in asked and email not in there]
        if missing:
            yield f"{step}: {len(missing)} people are gone whom nobody asked to remove"

    return truth


def _held_back(step: str, held: Callable[[Places], dict[str, str]]) -> Callable[..., Iterator[str]]:
    def truth(places: Places, rows: Rows, outcomes: Outcomes) -> Iterator[str]:
        there = held(places)
        for number, row in enumerate(rows, 1):
            listed = row["email"] in SUPPRESSED
            if listed and row["email"] in there:
                yield f"{step}: row {number} stands in a suppression list, and was sent"
            if listed != (outcomes[step][number].reason == "suppressed"):
                yield f"{step}: row {number}: {outcomes[step][number]}, in a list: {listed}"

    return truth


def _tracked(places: Places, rows: Rows, outcomes: Outcomes) -> Iterator[str]:
    """Every event is there, once."""
    names = Counter(
        one.get("attributes", {}).get("note", "") for one in places.contents("customerio", "events")
    )
    for number, row in enumerate(rows, 1):
        if outcomes["events"][number].status == "succeeded" and names[row["name"]] != 1:
            yield f"events: row {number} succeeded, and its event is there {names[row['name']]} times"


def _all(*truths: Callable[..., Iterator[str]]) -> Callable[..., Iterator[str]]:
    def truth(places: Places, rows: Rows, outcomes: Outcomes) -> Iterator[str]:
        for one in truths:
            yield from one(places, rows, outcomes)

    return truth


def _nothing(_places: Places, _rows: Rows, _outcomes: Outcomes) -> Iterator[str]:
    return iter(())


SUPPRESSED = frozenset(f"p{number}@example.com" for number in range(0, 400, 3))
"""Everybody whose number is divisible by three."""
BYSTANDERS = tuple(f"p{number}@example.com" for number in range(90_000, 90_020))


def _ask(places: Places, system: str, method: str, path: str, body: bytes, unix: float) -> None:
    chosen = places.systems[system, ""]
    headers = {
        "customerly": {"authorization": f"Bearer {TOKEN}"},
        "kustomer": {"authorization": f"Bearer {TOKEN}"},
        "customerio": {"authorization": "Basic c2FuZGJveDpzYW5kYm94LXRva2Vu"},
    }[system]
    route = chosen.routes.find(method, path)
    told = (route.parameter, route.parameters) if route else ("", {})
    answer = chosen.answer(Asked(method, path, {}, CIMultiDict(headers), body, unix, *told), route)
    if answer.status >= 300:
        raise AssertionError(answer.body)


def _put_users(places: Places, rows: Rows, unix: float) -> None:
    emails = list(dict.fromkeys([*(row["email"] for row in rows), *BYSTANDERS]))
    users = [{"email": email, "name": "before"} for email in emails]
    for start in range(0, len(users), 50):
        body = orjson.dumps({"users": users[start : start + 50]})
        _ask(places, "customerly", "POST", "/users", body, unix - 3600)


def _put_people(places: Places, rows: Rows, unix: float) -> None:
    emails = list(dict.fromkeys([*(row["email"] for row in rows), *BYSTANDERS]))
    items = [
        {
            "type": "person",
            "action": "identify",
            "identifiers": {"email": email},
            "attributes": {"name": "before"},
        }
        for email in emails
    ]
    body = orjson.dumps({"batch": items})
    _ask(places, "customerio", "POST", "/api/v2/batch", body, unix - 3600)


def _put_customers(places: Places, rows: Rows, unix: float) -> None:
    for email in dict.fromkeys([*(row["email"] for row in rows), *BYSTANDERS]):
        body = orjson.dumps({"emails": [{"email": email}], "name": "before"})
        _ask(places, "kustomer", "POST", "/customers", body, unix - 3600)


def _put_all(places: Places, rows: Rows, unix: float) -> None:
    _put_users(places, rows, unix)
    _put_people(places, rows, unix)
    _put_customers(places, rows, unix)


FIELDS = {"email": "email", "name": "name"}
USERS = {"name": "users", "destination": "customerly", "operation": "upsert_user", "fields": FIELDS}
PEOPLE = {
    "name": "people",
    "destination": "customerio",
    "operation": "upsert_person",
    "fields": {"email": "email", "attributes": {"name": "name"}},
}
CUSTOMERS = {"name": "customers", "destination": "kustomer", "operation": "upsert_customer", "fields": FIELDS}
APP = {"customerio": {"app_base_url": "http://customerio-app.example.com", "app_rate": "10/s", "lag": "15s"}}


def _erase(name: str, **options: Any) -> dict[str, Any]:
    fields = {"email": "email"}
    return {"name": name, "destination": name, "operation": "erase_person", "fields": fields, **options}


SCENARIOS = (
    Scenario("upsert users, batched", [{**USERS, "batch_size": 7}], _arrived("users", Places.users)),
    Scenario("upsert users, one by one", [{**USERS, "batch_size": 1}], _arrived("users", Places.users)),
    Scenario(
        "upsert users, every row of a key",
        [{**USERS, "batch_size": 3, "duplicates": "keep_all"}],
        _arrived("users", Places.users),
        repeats=True,
        retried=False,
        rows=25,
    ),
    Scenario("upsert people", [{**PEOPLE, "batch_size": 5}], _arrived("people", Places.people), places=APP),
    Scenario("upsert customers", [{**CUSTOMERS, "batch_size": 6}], _arrived("customers", Places.customers)),
    Scenario(
        "upsert everywhere",
        [{**USERS, "batch_size": 4}, {**PEOPLE, "batch_size": 4}, {**CUSTOMERS, "batch_size": 4}],
        _all(
            _arrived("users", Places.users),
            _arrived("people", Places.people),
            _arrived("customers", Places.customers),
        ),
        places=APP,
        rows=30,
    ),
    Scenario(
        "upsert users who stand in no list",
        [{**USERS, "batch_size": 3}],
        _all(_arrived("users", Places.users), _held_back("users", Places.users)),
        keys={"suppression": [{"path": "suppressed.csv", "column": "email"}]},
    ),
    Scenario(
        "upsert users with hashed keys, the first few alone",
        [{**USERS, "batch_size": 4}],
        _arrived("users", Places.users),
        keys={"ledger": {"keys": "hashed"}, "guards": {"canary": 3}},
    ),
    Scenario(
        "track events",
        [
            {
                "name": "events",
                "destination": "customerio",
                "operation": "track_event",
                "fields": {"email": "email", "name": {"value": "came"}, "attributes": {"note": "name"}},
                "batch_size": 5,
            }
        ],
        _tracked,
        _put_people,
        places=APP,
    ),
    Scenario(
        "delete users",
        [
            {
                "name": "delete",
                "destination": "customerly",
                "operation": "delete_user",
                "fields": {"email": "email"},
            }
        ],
        _gone("delete", Places.users),
        _put_users,
    ),
    Scenario(
        "post what must not be repeated",
        [
            {
                "name": "post",
                "destination": "http",
                "operation": "request",
                "method": "POST",
                "path": "/members",
                "duplicates": "keep_all",
                "fields": FIELDS,
            }
        ],
        _nothing,
        places={"http": {"system": "http"}},
        retried=False,
        weight=2,
    ),
    Scenario(
        "post batches that must not be repeated",
        [
            {
                "name": "post",
                "destination": "http",
                "operation": "request",
                "method": "POST",
                "path": "/members",
                "duplicates": "keep_all",
                "envelope": "items",
                "batch_size": 5,
                "fields": FIELDS,
            }
        ],
        _nothing,
        places={"http": {"system": "http"}},
        retried=False,
        weight=2,
    ),
    Scenario(
        "unsubscribe people",
        [
            {
                "name": "unsubscribe",
                "destination": "customerio",
                "operation": "unsubscribe_person",
                "fields": {"email": "email"},
                "batch_size": 5,
            }
        ],
        _nothing,
        _put_people,
        places=APP,
    ),
    Scenario(
        "erase everywhere",
        [
            _erase("customerly", verify={"wait": "30s"}),
            _erase("customerio", verify={"wait": "60s"}, batch_size=5),
            _erase("kustomer", verify={"wait": "30s"}),
        ],
        _all(
            _gone("customerly", Places.users),
            _gone("customerio", Places.people),
            _gone("kustomer", Places.customers),
        ),
        _put_all,
        places=APP,
        rows=14,
    ),
    Scenario(
        "three nights of changes",
        [{**USERS, "batch_size": 4}],
        _arrived("users", Places.users),
        keys={"sync": {"mode": "changes"}},
        nights=3,
        rows=30,
        weight=2,
    ),
    Scenario(
        "three nights, and who left is deleted",
        [{**USERS, "batch_size": 4}],
        _arrived("users", Places.users),
        keys={"sync": {"mode": "changes", "removed": "delete_user"}},
        nights=3,
        rows=30,
        weight=2,
    ),
)
