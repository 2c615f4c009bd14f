"""Any JSON API: requests arrive as the step describes them, and single bad records are found."""

import json
from typing import Any

import pytest
from workshop import REPOSITORY, Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import HttpBehaviour, SandboxOptions

HEADER = "id,list,note"
FIELDS = {"id": "id", "note": "note"}


def taken(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Requests that were taken."""
    return sandbox.contents("http", "requests")


def records(sandbox: Sandbox) -> list[dict[str, Any]]:
    return sandbox.contents("http", "records")


def step(**options: Any) -> dict[str, Any]:
    return {"operation": "request", "fields": FIELDS, "path": "/people", **options}


def test_three_poisoned_records_of_1000_are_found_by_halving(shop: Workshop, sandbox: Sandbox) -> None:
    bad = {1, 500, 777}
    lines = (json.dumps({"id": n, **({"poison": True} if n in bad else {})}) for n in range(1, 1001))
    shop.write("people.ndjson", "\n".join(lines))
    described = step(
        envelope="people", batch_size=1000, idempotent=True, fields={"id": "id", "poison": "poison"}
    )
    shop.job(described, to="http", source={"path": "people.ndjson", "key": "id"})
    assert shop.run().returncode == 3
    assert {row for row, status, _ in shop.outcomes() if status == "failed"} == bad
    assert {n for n in range(1, 1001) if n not in bad} == {one["id"] for one in records(sandbox)}
    assert len(records(sandbox)) == 997, "nobody is sent twice to those who took him"
    assert sandbox.stats("http")["requests"] <= 3 * 2 * 10 + 1


def test_records_refused_inside_a_200_have_failed_and_no_others(shop: Workshop, sandbox: Sandbox) -> None:
    bad = set(range(3, 200, 17))
    lines = (json.dumps({"id": n, **({"refuse": True} if n in bad else {})}) for n in range(1, 201))
    shop.write("people.ndjson", "\n".join(lines))
    fields = {"id": "id", "refuse": "refuse"}
    described = step(envelope="[]", batch_size=50, errors={"path": "errors"}, fields=fields)
    shop.job(described, to="http", source={"path": "people.ndjson", "key": "id"})
    assert shop.run().returncode == 3
    told = {line["row"]: line["error_message"] for line in shop.export("--status", "failed")}
    assert set(told) == bad
    assert len(set(told.values())) == 1
    assert "" not in told.values()
    assert sandbox.stats("http")["requests"] == 4


def test_values_never_leave_their_place_in_an_address(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["a/b?c=d&e#f %41+é,x/../y,why?", "2,l,"], header=HEADER)
    described = step(
        method="PUT",
        path="/lists/{list}/members/{id}",
        query={"why": "{note}", "from": "crm & co"},
        headers={"X-List": "list {list}"},
        fields={"id": "id", "list": "list", "note": "note"},
        exclude=["list"],
    )
    shop.job(described, to="http", source={"key": "id"})
    assert shop.run().returncode == 0
    assert [
        (one["method"], one["path"], one["query"], one["headers"]["x-list"], one["body"])
        for one in sorted(taken(sandbox), key=lambda one: len(one["path"]))
    ] == [
        ("PUT", "/lists/l/members/2", {"from": "crm & co"}, "list l", {"id": "2"}),
        (
            "PUT",
            "/lists/x%2F..%2Fy/members/a%2Fb%3Fc%3Dd%26e%23f%20%2541%2B%C3%A9",
            {"why": "why?", "from": "crm & co"},
            "list x/../y",
            {"id": "a/b?c=d&e#f %41+é", "note": "why?"},
        ),
    ]


def test_a_form_is_sent_as_a_form(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["1,l,a=b&c +é"], header=HEADER)
    shop.job(step(body="form"), to="http", source={"key": "id"})
    assert shop.run().returncode == 0
    (request,) = taken(sandbox)
    assert request["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert request["body"] == {"id": "1", "note": "a=b&c +é"}


def test_records_are_grouped_by_what_stands_in_the_address(shop: Workshop, sandbox: Sandbox) -> None:
    rows = {n: f"l{n % 3}" for n in range(1, 301)}
    shop.source((f"{n},{name},x" for n, name in rows.items()), header=HEADER)
    described = step(
        path="/lists/{list}",
        envelope="members",
        batch_size=100,
        fields={"id": "id", "list": "list"},
        exclude=["list"],
    )
    shop.job(described, to="http", source={"key": "id"})
    assert shop.run().returncode == 0
    arrived = {one["path"]: [member["id"] for member in one["body"]["members"]] for one in taken(sandbox)}
    assert arrived == {
        f"/lists/l{k}": [str(n) for n, name in rows.items() if name == f"l{k}"] for k in (0, 1, 2)
    }


def test_a_request_sent_again_carries_the_same_key(shop: Workshop) -> None:
    shop.source((f"{n},l,x" for n in range(1, 61)), header=HEADER)
    options = SandboxOptions(system_faults={"http": 0.2}, fault_delay=0.01, seed=8)
    with sandbox_with(options) as sandbox:
        shop.at(sandbox)
        described = step(idempotency_key="Idempotency-Key", envelope="people", batch_size=2)
        shop.job(described, to="http", source={"key": "id"}, place={"rate": "100/s"})
        with shop.running() as run:
            until(lambda: sandbox.stats("http")["requests"] >= 12, "12 requests")
            assert run.poll() is None, "the run was over before it could be killed"
            run.kill()
        assert shop.run().returncode == 0
        found = taken(sandbox)
        repeated = sandbox.stats("http")["requests_repeated"]
    keys = {json.dumps(one["body"]): one["headers"]["idempotency-key"] for one in found}
    assert len(set(keys.values())) == 30
    assert [keys[json.dumps(one["body"])] for one in found] == [
        one["headers"]["idempotency-key"] for one in found
    ]
    assert (repeated > 0, len(found) - repeated) == (True, 30)


def test_a_request_that_must_not_be_repeated_is_unknown_without_an_answer(shop: Workshop) -> None:
    shop.source((f"{n},l,x" for n in range(1, 41)), header=HEADER)
    options = SandboxOptions(system_faults={"http": 0.3}, fault_delay=0.01, seed=8)
    with sandbox_with(options) as sandbox:
        shop.at(sandbox)
        shop.job(step(idempotent=False), to="http", source={"key": "id"})
        assert shop.run().returncode == 3
        arrived = [one["id"] for one in records(sandbox)]
        stats = sandbox.stats("http")
    assert len(set(arrived)) == len(arrived), "nothing was sent twice"
    status = {str(row): status for row, status, _ in shop.outcomes()}
    assert {row for row in status if status[row] == "succeeded"} <= set(arrived)
    assert set(status.values()) == {"succeeded", "unknown"}
    assert stats["requests_repeated"] == 0


def test_what_destroys_needs_approval(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["1,l,x"], header=HEADER)
    shop.job(step(method="DELETE", path="/people/{id}", destructive=True, fields={"id": "id"}), to="http")
    assert (shop.refused(), sandbox.stats("http")["requests"]) == (5, 0)
    assert shop.run("--yes").returncode == 0
    assert [(one["method"], one["path"], one["body"]) for one in taken(sandbox)] == [
        ("DELETE", "/people/1", None)
    ]


@pytest.mark.parametrize(
    "auth",
    [
        {"bearer": "${KUSTOMER_API_KEY}"},
        {"basic": {"user": "me", "password": "${KUSTOMER_API_KEY}"}},
        {"header": {"name": "X-Key", "value": "${KUSTOMER_API_KEY}"}},
    ],
    ids=lambda auth: next(iter(auth)),
)
def test_credentials_open_what_is_closed_without(shop: Workshop, auth: dict[str, Any]) -> None:
    shop.source(["1,l,x"], header=HEADER)
    with sandbox_with(SandboxOptions(http=HttpBehaviour(secret=True))) as sandbox:
        shop.at(sandbox)
        shop.job(step(), to="http", source={"key": "id"}, name="closed")
        assert shop.run().returncode == 4
        shop.job(step(), to="http", place={"auth": auth}, source={"key": "id"})
        assert shop.run().returncode == 0
        assert len(records(sandbox)) == 1


def test_nested_orders_arrive_as_kustomers_objects(shop: Workshop, sandbox: Sandbox) -> None:
    job = REPOSITORY / "jobs" / "kustomer-orders.yaml"
    place = "destinations.kustomer"
    run = shop.bulk(
        "run",
        str(job),
        "--set",
        f"{place}.base_url={sandbox.urls['kustomer']}",
        "--set",
        f"{place}.rate=1000/s",
    )
    assert run.returncode == 0, run.stderr
    lines = (job.parent / "data" / "orders.ndjson").read_text(encoding="utf-8").splitlines()
    latest = {order["order_number"]: order for order in map(json.loads, lines)}
    expected = {
        number: {
            "lines": order["lines"],
            "totals": order["totals"],
            "shippingAddress": order["shipping_address"],
            "customer": order["customer"],
        }
        for number, order in latest.items()
    }
    arrived = {one["externalId"]: one for one in sandbox.contents("kustomer", "kobject.order")}
    assert expected == {number: one["data"] for number, one in arrived.items()}
    assert {number: one["custom"]["totalNum"] for number, one in arrived.items()} == {
        number: order["totals"]["total"] for number, order in latest.items()
    }
