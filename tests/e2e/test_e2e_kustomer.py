"""Kustomer: customers arrive once through look-ups and bulk jobs, and nobody is taken for somebody else."""

import threading
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError

import orjson
import pytest
from workshop import Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import KustomerBehaviour, SandboxOptions

FIELDS = {"externalId": "id", "email": "email", "name": "name", "tags": {"value": ["imported"]}}
UPSERT = {"operation": "upsert_customer", "fields": FIELDS}
HEADER = "id,email,name"
COMPANY = f"{0xC0:024x}"


def customers(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Customers by externalId, as they arrived."""
    return {one["externalId"]: one for one in sandbox.contents("kustomer", "customers")}


def emails(customer: dict[str, Any]) -> list[str]:
    return [item["email"] for item in customer["emails"]]


def plain(found: dict[str, dict[str, Any]]) -> dict[str, tuple[str, list[str], list[str]]]:
    return {name: (one["name"], emails(one), one["tags"]) for name, one in found.items()}


def rows(names: dict[int, str]) -> list[str]:
    return [f"c{n},p{n}@example.com,{name}" for n, name in names.items()]


def expected(names: dict[int, str]) -> dict[str, tuple[str, list[str], list[str]]]:
    return {f"c{n}": (name, [f"p{n}@example.com"], ["imported"]) for n, name in names.items()}


def test_2000_customers_arrive_by_bulk_jobs_and_a_changed_file_updates_them(
    shop: Workshop, sandbox: Sandbox
) -> None:
    names = {n: f"Person {n}" for n in range(1, 2001)}
    shop.source(rows(names), header=HEADER)
    shop.job({**UPSERT, "lookup": "on_conflict"}, to="kustomer")
    assert shop.run().returncode == 0
    assert plain(customers(sandbox)) == expected(names)
    stats = sandbox.stats("kustomer")
    assert (stats["jobs"], stats["items_submitted"], stats["records_created"]) == (20, 2000, 2000)
    changed = {n: f"Changed {n}" for n in range(1901, 2101)}
    shop.source(rows(changed), header=HEADER)
    shop.job(UPSERT, to="kustomer", name="changed")
    assert shop.run().returncode == 0
    assert plain(customers(sandbox)) == expected(names | changed)
    stats = sandbox.stats("kustomer")
    assert (stats["records_created"], stats["records_updated"], stats["items_failed"]) == (2100, 100, 0)


def test_a_job_is_asked_for_and_not_submitted_again_after_a_kill(shop: Workshop) -> None:
    names = {n: f"Person {n}" for n in range(1, 251)}
    shop.source(rows(names), header=HEADER)
    shop.job({**UPSERT, "lookup": "on_conflict"}, to="kustomer")
    with sandbox_with(SandboxOptions(kustomer=KustomerBehaviour(job_seconds=2.5))) as sandbox:
        shop.at(sandbox)
        shop.job({**UPSERT, "lookup": "on_conflict"}, to="kustomer")

        def asked_for() -> set[str]:
            """The jobs that were asked for: what is asked for was remembered before."""
            log = sandbox.log("kustomer")
            return {entry["target_sha256"] for entry in log if entry["path"] == "/bulk/{id}"}

        with shop.running() as run:
            until(lambda: len(asked_for()) == 3 or run.poll() is not None, "three jobs under way")
            run.kill()
        settled = shop.counts("upsert_customer")
        last = shop.run()
        stats, found = sandbox.stats("kustomer"), customers(sandbox)
    assert settled == {"pending": 250}, "the kill came too late to show anything"
    assert last.returncode == 0, last.stderr
    assert plain(found) == expected(names)
    assert {name: stats[name] for name in ("jobs", "items_submitted", "items_failed", "customers")} == {
        "jobs": 3,
        "items_submitted": 250,
        "items_failed": 0,
        "customers": 250,
    }
    assert shop.counts("upsert_customer") == {"succeeded": 250}


def test_a_row_that_means_two_customers_touches_neither(shop: Workshop, sandbox: Sandbox) -> None:
    before = [
        {"externalId": f"c{n}", "emails": [{"email": f"p{n}@example.com"}], "name": "x"} for n in (1, 2)
    ]
    sandbox.put_customers(*before)
    shop.source(
        ["c1,p2@example.com,Conflict", "c9,p2@example.com,Other id", "c3,p3@example.com,New"], header=HEADER
    )
    shop.job(UPSERT, to="kustomer", source={"key": "id"})
    assert shop.run().returncode == 3
    assert shop.outcomes() == [
        (1, "failed", "identity_conflict"),
        (2, "failed", "identity_conflict"),
        (3, "succeeded", ""),
    ]
    found = customers(sandbox)
    assert {name: (one["name"], emails(one)) for name, one in found.items()} == {
        "c1": ("x", ["p1@example.com"]),
        "c2": ("x", ["p2@example.com"]),
        "c3": ("New", ["p3@example.com"]),
    }


def test_creating_somebody_who_is_there_has_failed(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put_customers({"emails": [{"email": "p2@example.com"}], "name": "There"})
    shop.source(rows({n: f"Person {n}" for n in (1, 2, 3)}), header=HEADER)
    fields = {"email": "email", "name": "name"}
    shop.job({"operation": "create_customer", "fields": fields}, to="kustomer")
    assert shop.run().returncode == 3
    assert shop.outcomes() == [(1, "succeeded", ""), (2, "failed", "duplicate"), (3, "succeeded", "")]
    found = {emails(one)[0]: one["name"] for one in sandbox.contents("kustomer", "customers")}
    assert found == {"p1@example.com": "Person 1", "p2@example.com": "There", "p3@example.com": "Person 3"}


def test_an_update_keeps_company_and_what_else_was_there(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put_customers(
        *(
            {
                "externalId": f"c{n}",
                "name": "Old",
                "emails": [{"email": f"p{n}@example.com", "type": "home"}],
                "tags": ["kept"],
                "company": COMPANY,
                "custom": {"planStr": "gold"},
            }
            for n in (1, 2)
        )
    )
    shop.source(rows({1: "New 1", 2: "New 2", 3: "Nobody"}), header=HEADER)
    fields = {"externalId": "id", "name": "name", "tags": {"value": ["imported"]}}
    shop.job({"operation": "update_customer", "fields": fields}, to="kustomer")
    assert shop.run().returncode == 0
    assert shop.outcomes()[2] == (3, "skipped", "not_found")
    found = [
        {name: one[name] for name in ("name", "emails", "tags", "company", "custom")}
        for one in customers(sandbox).values()
    ]
    kept = {"tags": ["kept", "imported"], "company": COMPANY, "custom": {"planStr": "gold"}}
    assert found == [
        {"name": f"New {n}", "emails": [{"email": f"p{n}@example.com", "type": "home"}], **kept}
        for n in (1, 2)
    ]


def test_unsubscribing_sets_what_stands_for_it_and_reads_it_back(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put_customers(*({"externalId": f"c{n}", "tags": ["vip"]} for n in (1, 2)))
    shop.source(["c1", "c9"], header="id")
    fields = {
        "externalId": "id",
        "custom": {"optedOutBool": {"value": True}},
        "tags": {"value": ["opted-out"]},
    }
    shop.job({"operation": "unsubscribe_customer", "fields": fields}, to="kustomer")
    assert shop.run().returncode == 0
    assert shop.outcomes() == [(1, "succeeded", ""), (2, "skipped", "not_found")]
    found = {name: (one["tags"], one.get("custom")) for name, one in customers(sandbox).items()}
    assert found == {"c1": (["vip", "opted-out"], {"optedOutBool": True}), "c2": (["vip"], None)}


def test_exactly_the_named_are_deleted_with_approval(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put_customers(
        *({"externalId": f"c{n}", "emails": [{"email": f"p{n}@example.com"}]} for n in range(1, 6))
    )
    shop.source(["c1,", ",p2@example.com", "c3,p4@example.com", "c9,p9@example.com"], header="id,email")
    fields = {"externalId": "id", "email": "email"}
    shop.job({"operation": "delete_customer", "fields": fields}, to="kustomer")
    assert (shop.refused(), len(customers(sandbox))) == (5, 5)
    assert shop.run("--yes").returncode == 3
    assert set(customers(sandbox)) == {"c3", "c4", "c5"}
    assert shop.outcomes() == [
        (1, "succeeded", ""),
        (2, "succeeded", ""),
        (3, "failed", "identity_conflict"),
        (4, "skipped", "not_found"),
    ]


def test_a_preview_shows_how_somebody_is_erased_and_sends_nothing(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["c1,p1@example.com"], header="id,email")
    fields = {"externalId": "id", "email": "email"}
    shop.job({"operation": "erase_person", "fields": fields}, to="kustomer", name="leavers")
    shown = orjson.loads(shop.ask("preview", "contacts.yaml", "--json").stdout)
    base = shop.urls["kustomer"]
    assert [f"{one['method']} {one['url'].removeprefix(base)}" for one in shown["requests"]] == [
        "GET /customers/externalId=c1",
        "GET /customers/email=p1%40example.com",
        *(
            f"GET /customers/ID-LOOKED-UP/{kind}?page=1&pageSize=100"
            for kind in ("messages", "conversations", "notes", "drafts")
        ),
        "DELETE /customers/ID-LOOKED-UP",
    ]
    assert shown["steps"][0]["requests"] == 2 + 4 + 1 + 3
    assert sandbox.stats("kustomer")["requests"] == 0


def test_customers_are_merged_once_and_only_with_approval(shop: Workshop, sandbox: Sandbox) -> None:
    first, second, third = sandbox.put_customers(
        *({"externalId": f"c{n}", "name": f"Person {n}"} for n in (1, 2, 3))
    )
    shop.source([f"{first},{second}", f"{third},{third}"], header="goes,stays")
    fields = {"source": "goes", "target": "stays"}
    shop.job({"operation": "merge_customers", "fields": fields}, to="kustomer", source={"key": "goes"})
    assert (shop.refused(), len(customers(sandbox))) == (5, 3)
    assert shop.run("--yes").returncode == 3
    assert shop.outcomes() == [(1, "succeeded", ""), (2, "rejected", "bad_value")]
    merges = sandbox.contents("kustomer", "merges")
    assert [(one["source"], one["target"]) for one in merges] == [(first, second)]
    assert {one["id"] for one in sandbox.contents("kustomer", "customers")} == {second, third}


BUDGET, RESERVE = 6_000, 0.3


def test_a_reserve_of_the_budget_is_left_to_others(shop: Workshop) -> None:
    shop.source(rows({n: f"Person {n}" for n in range(1, 101)}), header=HEADER)
    behaviour = KustomerBehaviour(budget=BUDGET, others_per_minute=BUDGET * RESERVE / 2)
    refused: list[int] = []
    with sandbox_with(SandboxOptions(kustomer=behaviour)) as sandbox:
        shop.at(sandbox)
        shop.job(UPSERT, to="kustomer", place={"rate": None, "reserve": RESERVE})

        def read_now_and_then() -> None:
            while not over.wait(0.1):
                try:
                    sandbox.ask("kustomer", "GET", "/customers?page=1&pageSize=1")
                except HTTPError as error:
                    refused.append(error.code)

        over = threading.Event()
        others = threading.Thread(target=read_now_and_then)
        others.start()
        code = shop.run().returncode
        over.set()
        others.join()
        stats, log = sandbox.stats("kustomer"), sandbox.log("kustomer")
    assert (code, stats["customers"], refused) == (0, 100, [])
    assert str(HTTPStatus.TOO_MANY_REQUESTS.value) not in stats["statuses"]
    ours = [entry["time"] for entry in log if entry["path"] != "/customers"]
    fastest = min(later - first for first, later in zip(ours, ours[50:], strict=False))
    share = BUDGET / 60 * (1 - RESERVE)
    assert fastest >= 0.9 * 50 / share, "faster than our share of the budget"


@pytest.mark.parametrize("role", ["org.permission.customer.update", "org.permission.bulk.read"])
def test_a_missing_role_is_named_before_anything_is_sent(shop: Workshop, role: str) -> None:
    roles = {f"org.permission.customer.{right}" for right in ("read", "create", "update")}
    behaviour = KustomerBehaviour(roles=frozenset({*roles, "org.permission.bulk.read"} - {role}))
    shop.source(rows({1: "Person"}), header=HEADER)
    with sandbox_with(SandboxOptions(kustomer=behaviour)) as sandbox:
        shop.at(sandbox)
        shop.job(UPSERT, to="kustomer")
        checked = shop.bulk("check", "contacts.yaml")
        stats = sandbox.stats("kustomer")
    assert (checked.returncode, role in checked.stdout) == (2, True)
    assert (stats["customers"], stats["jobs"]) == (0, 0)
