"""What a system holds comes into a file whole, or not at all."""

import csv
import json
import signal
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from workshop import Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import CustomerioBehaviour, SandboxOptions

Contents = list[dict[str, Any]]


def url_of(sandbox: Sandbox, system: str) -> tuple[str, ...]:
    """The settings that point a system at a sandbox."""
    place = f"destinations.{system}"
    settings = [f"{place}.base_url={sandbox.urls[system]}", f"{place}.rate=1000/s"]
    if system == "customerio":
        settings += [f"{place}.app_base_url={sandbox.urls['customerio_app']}", f"{place}.app_rate=1000/s"]
    return tuple(part for setting in settings for part in ("--set", setting))


def pull(shop: Workshop, sandbox: Sandbox, what: str, file: str, *more: str) -> Any:
    system, kind = what.split()
    return shop.bulk("pull", system, kind, "-o", file, *url_of(sandbox, system), *more)


def ndjson(path: Path) -> Contents:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def users(sandbox: Sandbox) -> Sandbox:
    """An account of 250 users, three pages, and one lead."""
    people = [
        {"email": f"p{n}@example.com", "name": f"Person {n:03}", "attributes": {"zip": f"{n:05}"}}
        for n in range(1, 251)
    ]
    sandbox.put("users", people)
    sandbox.put("leads", [{"email": "lead@example.com", "tags": ["a", "b"]}])
    return sandbox


def test_users_come_as_csv_ndjson_and_parquet(shop: Workshop, users: Sandbox) -> None:
    for suffix in ("csv", "ndjson", "parquet"):
        done = pull(shop, users, "customerly users", f"users.{suffix}")
        assert (done.returncode, "250 users" in done.stderr) == (0, True), done.stderr
    expected = {email: contact["attributes"]["zip"] for email, contact in users.contacts().items()}
    with (shop.folder / "users.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert expected == {line["email"]: line["attributes.zip"] for line in lines}
    found = ndjson(shop.folder / "users.ndjson")
    assert expected == {one["email"]: one["attributes"]["zip"] for one in found}
    frame = pl.read_parquet(shop.folder / "users.parquet")
    assert expected == dict(frame.select("email", "attributes.zip").iter_rows())
    assert len(lines) == len(found) == frame.height == 250


@pytest.mark.parametrize(("kind", "expected"), [("leads", {"lead@example.com"}), ("tags", {"a", "b"})])
def test_leads_and_tags_come_too(shop: Workshop, users: Sandbox, kind: str, expected: set[str]) -> None:
    assert pull(shop, users, f"customerly {kind}", "out.ndjson").returncode == 0
    name = {"leads": "email", "tags": "tag"}[kind]
    assert {one[name] for one in ndjson(shop.folder / "out.ndjson")} == expected


def test_a_limit_ends_the_listing_and_single_people_are_found(shop: Workshop, users: Sandbox) -> None:
    assert pull(shop, users, "customerly users", "some.ndjson", "--limit", "120").returncode == 0
    assert len(ndjson(shop.folder / "some.ndjson")) == 120
    assert users.stats()["routes"]["GET /users/list"] == 2
    shop.write(
        "who.txt", "p7@example.com\n\nnobody@example.com\nP7@example.com\np7@example.com\np9@example.com\n"
    )
    done = pull(shop, users, "customerly users", "who.ndjson", "--by", "email", "who.txt")
    assert done.returncode == 0
    assert [one["email"] for one in ndjson(shop.folder / "who.ndjson")] == [
        "p7@example.com",
        "p9@example.com",
    ]


@pytest.fixture(scope="module")
def workspace() -> Any:
    """A workspace whose writes show at once: 1,200 people, of whom every third is in segment 7."""
    with sandbox_with(SandboxOptions(customerio=CustomerioBehaviour(lag=0))) as sandbox:
        for start in (0, 600):
            sandbox.put_people(
                *(
                    {("id" if n % 2 else "email"): f"p{n}@example.com", "plan": "gold" if n % 4 else "free"}
                    for n in range(start + 1, start + 601)
                )
            )
        ids = {
            "id": [f"p{n}@example.com" for n in range(1, 1201) if not n % 3 and n % 2],
            "email": [f"p{n}@example.com" for n in range(1, 1201) if not n % 6],
        }
        for kind, values in ids.items():
            path = f"/api/v1/segments/7/add_customers?id_type={kind}"
            sandbox.ask("customerio", "POST", path, {"ids": values})
        yield sandbox


FILTER = json.dumps({"attribute": {"field": "plan", "operator": "eq", "value": "free"}})


@pytest.mark.parametrize(
    ("narrowed", "step"),
    [
        ((), 1),
        (("--where", "segment=7"), 3),
        (("--where", f"filter={FILTER}"), 4),
        (("--where", "segment=7", "--where", f"filter={FILTER}"), 12),
    ],
    ids=["all", "segment", "filter", "both"],
)
def test_people_are_listed_as_the_workspace_has_them(
    shop: Workshop, workspace: Sandbox, narrowed: tuple[str, ...], step: int
) -> None:
    done = pull(shop, workspace, "customerio people", "people.ndjson", *narrowed)
    assert done.returncode == 0, done.stderr
    found = ndjson(shop.folder / "people.ndjson")
    expected = {f"p{n}@example.com": "gold" if n % 4 else "free" for n in range(step, 1201, step)}
    assert expected == {one["id"] or one["email"]: one["attributes"]["plan"] for one in found}
    assert len(found) == len(expected)


def test_single_people_are_read_by_email(shop: Workshop, workspace: Sandbox) -> None:
    shop.write("who.txt", "p2@example.com\nnobody@example.com\nP4@example.com\n")
    done = pull(shop, workspace, "customerio people", "who.csv", "--by", "email", "who.txt")
    assert done.returncode == 0, done.stderr
    assert pl.read_csv(shop.folder / "who.csv")["email"].to_list() == ["p2@example.com", "p4@example.com"]


def customer(n: int) -> dict[str, Any]:
    return {"externalId": f"c{n}", "emails": [{"email": f"p{n}@example.com"}]}


def test_customers_met_again_because_pages_moved_are_left_out(shop: Workshop, sandbox: Sandbox) -> None:
    for start in range(1, 331, 66):
        sandbox.ask("kustomer", "POST", "/customers/bulk", [customer(n) for n in range(start, start + 66)])

    def worked_off() -> bool:
        sandbox.ask("kustomer", "GET", "/users/current")  # the account works when it is asked something
        return bool(sandbox.stats("kustomer")["customers"] == 330)

    until(worked_off, "all customers")
    settings = (*url_of(sandbox, "kustomer"), "--set", "destinations.kustomer.rate=2/s")
    with shop.running_command("pull", "kustomer", "customers", "-o", "all.ndjson", *settings) as process:
        until(lambda: sandbox.stats("kustomer")["routes"].get("GET /customers"), "a page")
        sandbox.put_customers(*map(customer, range(901, 906)))
        pages = sandbox.stats("kustomer")["routes"]["GET /customers"]
        assert process.wait(30) == 0
    assert pages < 4, "the last page was read before anything moved"
    found = [(one["externalId"], one["email"]) for one in ndjson(shop.folder / "all.ndjson")]
    assert sorted(found) == sorted((f"c{n}", f"p{n}@example.com") for n in range(1, 331))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_listing_leaves_no_file(
    shop: Workshop, users: Sandbox, number: signal.Signals, code: int
) -> None:
    slow = (*url_of(users, "customerly"), "--set", "destinations.customerly.rate=1/s")
    before = users.requests
    files = set(shop.folder.iterdir())
    with shop.running_command("pull", "customerly", "users", "-o", "users.csv", *slow) as process:
        until(lambda: users.requests > before or process.poll() is not None, "a page")
        process.send_signal(number)
        assert process.wait(20) == code
    assert {path.name for path in set(shop.folder.iterdir()) - files} <= {"state"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("customerli", "users", "-o", "x.csv"), 'did you mean "customerly"'),
        (("customerly", "user", "-o", "x.csv"), 'did you mean "users"'),
        (("kustomer", "people", "-o", "x.csv"), "it lists customers"),
        (("http", "records", "-o", "x.csv"), "http"),
        (("customerly", "users", "-o", "x.pdf"), "parquet"),
        (
            ("customerly", "users", "-o", "x.csv", "--by", "phone", "who.txt"),
            "can be read by: email, user_id",
        ),
        (("customerly", "users", "-o", "x.csv", "--by", "email", "none.txt"), "cannot be read"),
        (("customerio", "people", "-o", "x.csv", "--where", "group=7"), "segment=…, filter=…"),
    ],
    ids=lambda given: " ".join(given[:2]) if isinstance(given, tuple) else None,
)
def test_a_wrong_name_is_told_in_a_sentence(shop: Workshop, arguments: tuple[str, ...], said: str) -> None:
    shop.write("who.txt", "a@example.com\n")
    told = shop.ask("pull", *arguments)
    assert (told.code, said in told.stderr) == (2, True), told.stderr
    assert not list(shop.folder.glob("x.*"))


def test_without_the_app_key_people_are_not_listed(shop: Workshop, sandbox: Sandbox) -> None:
    shop.environ["CUSTOMERIO_APP_API_KEY"] = ""
    told = shop.ask("pull", "customerio", "people", "-o", "x.csv", *url_of(sandbox, "customerio"))
    assert (told.code, "CUSTOMERIO_APP_API_KEY" in told.stderr) == (2, True), told.stderr


@pytest.mark.usefixtures("users")
def test_the_destination_of_a_job_is_read_with_its_own_settings(shop: Workshop) -> None:
    shop.job(to={"crm": {"system": "customerly"}})
    done = shop.bulk("pull", "crm", "users", "-o", "users.ndjson", "--job", "contacts.yaml")
    assert done.returncode == 0, done.stderr
    assert len(ndjson(shop.folder / "users.ndjson")) == 250
