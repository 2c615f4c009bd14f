"""Customer.io: people, events, segments, devices and merges arrive as the source has them, each once."""

from collections import defaultdict
from typing import Any

import pytest
from workshop import Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import CustomerioBehaviour, SandboxOptions

PERSON = {"id": "id", "email": "email", "attributes": {"plan": "plan"}}
BATCH = "POST /api/v2/batch"
IDS = range(1, 4)


def people(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """People by id."""
    return {person["id"]: person for person in sandbox.contents("customerio", "people")}


def addresses(sandbox: Sandbox) -> set[str]:
    return {person["email"] for person in sandbox.contents("customerio", "people")}


def batches(sandbox: Sandbox) -> int:
    count: int = sandbox.stats("customerio")["routes"].get(BATCH, 0)
    return count


def refused_for_length(name: str) -> str:
    return f"attributes.{name}: property value cannot be longer than 1000 bytes"


def test_of_10000_people_exactly_the_37_refused_have_failed(shop: Workshop, sandbox: Sandbox) -> None:
    bad = set(range(131, 10_000, 271))
    long = ";".join(f"interest number {n:05}" for n in range(50))
    lists = {n: long if n in bad else f"golf;row {n}" for n in range(1, 10_001)}
    shop.source((f"{n},p{n}@example.com,{lists[n]}" for n in lists), header="id,email,interests")
    interests = {"column": "interests", "split": ";"}
    fields = {"id": "id", "email": "email", "attributes": {"interests": interests}}
    shop.job({"operation": "upsert_person", "fields": fields}, to="customerio")
    assert len(bad) == 37
    assert shop.run().returncode == 3
    expected = {
        str(n): (f"p{n}@example.com", {"interests": lists[n].split(";")}) for n in lists if n not in bad
    }
    assert expected == {
        name: (person["email"], person["attributes"]) for name, person in people(sandbox).items()
    }
    assert shop.counts("upsert_person") == {"succeeded": 9_963, "failed": 37}
    told = {
        line["row"]: (line["reason"], line["error_message"]) for line in shop.export("--status", "failed")
    }
    assert dict.fromkeys(sorted(bad), ("refused", refused_for_length("interests"))) == told
    assert (batches(sandbox), sandbox.stats("customerio")["items_repeated"]) == (100, 0)


def test_batches_are_packed_by_bytes_and_what_is_too_long_is_never_sent(
    shop: Workshop, sandbox: Sandbox
) -> None:
    lengths = {n: 33_000 if n == 7 else 20_000 for n in range(1, 101)}
    text = {n: "é" * (lengths[n] // 2) for n in lengths}
    shop.source((f"{n},{text[n]}" for n in lengths), header="id,note")
    fields = {"id": "id", "name": {"value": "visited"}, "attributes": {"note": "note"}}
    shop.job({"operation": "track_event", "fields": fields, "batch_size": 1000}, to="customerio")
    assert shop.run().returncode == 3
    arrived = {
        event["identifiers"]["id"]: event["attributes"]["note"]
        for event in sandbox.contents("customerio", "events")
    }
    assert {str(n): text[n] for n in text if n != 7} == arrived
    assert sandbox.stats("customerio")["statuses"] == {"200": 5}, (
        "99 items of 20 kB fill five requests of 500 kB"
    )
    assert [row for row, status, _ in shop.outcomes() if status == "rejected"] == [7]


@pytest.mark.parametrize("told", ["region", "redirect"])
def test_in_the_wrong_region_nobody_is_deleted(shop: Workshop, told: str) -> None:
    behaviour = CustomerioBehaviour(region="eu", moved=told == "redirect")
    with sandbox_with(SandboxOptions(customerio=behaviour)) as sandbox:
        shop.at(sandbox)
        shop.source(["1", "2"], header="id")
        shop.job(
            {"operation": "delete_person", "fields": {"id": "id"}}, to="customerio", place={"region": "us"}
        )
        run = shop.run("--yes")
        routes = sandbox.stats("customerio")["routes"]
    assert (run.returncode, "EU" in run.stderr) == (4, True)
    assert routes == {"GET /api/v1/accounts/region": 1}
    assert shop.counts("delete_person") == {"pending": 2}


@pytest.fixture
def known(sandbox: Sandbox) -> Sandbox:
    """A workspace that knows people 1 to 3."""
    sandbox.put_people(*({"id": str(n), "email": f"p{n}@example.com"} for n in IDS))
    return sandbox


@pytest.mark.parametrize(
    ("operation", "left", "suppressed"),
    [
        ("delete_person", {"3"}, set()),
        ("suppress_person", {"3"}, {("id", "1"), ("id", "2"), ("id", "unknown")}),
    ],
)
def test_removing_needs_approval_and_removes_exactly_the_named(
    shop: Workshop, known: Sandbox, operation: str, left: set[str], suppressed: set[tuple[str, str]]
) -> None:
    shop.source(["1", "2", "unknown"], header="id")
    shop.job({"operation": operation, "fields": {"id": "id"}}, to="customerio")
    assert (shop.refused(), set(people(known))) == (5, {"1", "2", "3"})
    assert shop.run("--yes").returncode == 0
    assert set(people(known)) == left
    blocked = {(one["type"], one["value"]) for one in known.contents("customerio", "suppressed")}
    assert {one for one in blocked if one[0] == "id"} == suppressed


def test_a_suppression_is_lifted_only_with_approval(shop: Workshop, known: Sandbox) -> None:
    for n in (1, 2):
        item = {"type": "person", "action": "suppress", "identifiers": {"id": str(n)}}
        known.ask("customerio", "POST", "/api/v2/entity", item)
    before = known.contents("customerio", "suppressed")
    shop.source(["1"], header="id")
    shop.job({"operation": "unsuppress_person", "fields": {"id": "id"}}, to="customerio")
    assert (shop.refused(), known.contents("customerio", "suppressed")) == (5, before)
    assert shop.run("--yes").returncode == 0
    assert {"type": "id", "value": "1"} not in known.contents("customerio", "suppressed")
    assert {"type": "id", "value": "2"} in known.contents("customerio", "suppressed")
    assert set(people(known)) == {"3"}, "lifting a suppression restores nobody"


def test_without_create_missing_nobody_is_created(shop: Workshop, known: Sandbox) -> None:
    shop.source(["1,p1@example.com,gold", "9,p9@example.com,gold"], header="id,email,plan")
    step = {"operation": "upsert_person", "fields": PERSON, "create_missing": False}
    shop.job(step, to="customerio")
    assert shop.run().returncode == 0
    assert {name: person["attributes"] for name, person in people(known).items()} == {
        "1": {"plan": "gold"},
        "2": {},
        "3": {},
    }


def test_consent_is_never_given_back_unasked(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put_people({"id": "1", "unsubscribed": True}, {"id": "2"})
    shop.source(["1,false", "2,true"], header="id,gone")
    step = {
        "operation": "upsert_person",
        "fields": {"id": "id", "unsubscribed": {"column": "gone", "as": "bool"}},
    }
    shop.job(step, to="customerio")
    assert shop.run().returncode == 0
    assert {name: one["attributes"] for name, one in people(sandbox).items()} == {
        "1": {"unsubscribed": True},
        "2": {"unsubscribed": True},
    }
    shop.job({**step, "resubscribe": True}, to="customerio", name="again")
    shop.ledger = shop.folder / "again.ledger"
    assert shop.refused() == 5
    assert shop.run("--yes").returncode == 0
    assert {name: one["attributes"]["unsubscribed"] for name, one in people(sandbox).items()} == {
        "1": False,
        "2": True,
    }


EVENTS, VISITORS = 10_000, 50


@pytest.mark.parametrize("faults", [0.0, 0.025])
def test_events_arrive_once_and_in_order_through_a_kill(shop: Workshop, faults: float) -> None:
    visits = [(n, n * 7 % VISITORS) for n in range(1, EVENTS + 1)]
    shop.source((f"v{who},{n},{n % 10}" for n, who in visits), header="id,number,page")
    number = {"column": "number", "as": "int"}
    fields = {"id": "id", "name": {"value": "visit"}, "attributes": {"number": number, "page": "page"}}
    step = {"operation": "track_event", "fields": fields, "batch_size": 100}
    with sandbox_with(SandboxOptions(faults=faults, fault_delay=0.05, seed=6)) as sandbox:
        shop.at(sandbox)
        shop.job(step, to="customerio", place={"rate": "200/s"})
        with shop.running() as run:
            until(lambda: sandbox.stats("customerio")["requests"] >= 25, "25 requests")
            assert run.poll() is None, "the run was over before it could be killed"
            run.kill()
        last = shop.run("--set", "destinations.customerio.rate=3000/s")
        assert last.returncode == 0, last.stderr
        stats, events = sandbox.stats("customerio"), sandbox.contents("customerio", "events")
    arrived: dict[str, list[int]] = defaultdict(list)
    for event in events:
        arrived[event["identifiers"]["id"]].append(event["attributes"]["number"])
    expected: dict[str, list[int]] = defaultdict(list)
    for n, who in visits:
        expected[f"v{who}"].append(n)
    assert expected == arrived
    assert shop.counts("track_event") == {"succeeded": EVENTS}
    if faults:
        assert stats["items_repeated"] > 0, "no batch whose answer was withheld was sent again"


def test_segments_are_filled_one_request_for_each_and_kind_of_identifier(
    shop: Workshop, sandbox: Sandbox
) -> None:
    named = [("", f"p{n}@example.com") if n % 2 else (f"i{n}", "") for n in range(1, 301)]
    sandbox.put_people(*({"id": name} if name else {"email": address} for name, address in named))
    rows = [(name, address, 7 + n % 3) for n, (name, address) in enumerate(named)]
    shop.source(("{},{},{}".format(*row) for row in rows), header="id,email,segment")
    fields = {"id": "id", "email": "email", "segment_id": "segment"}
    shop.job({"operation": "add_to_segment", "fields": fields}, to="customerio")
    assert shop.run().returncode == 0
    expected = {(segment, name or None, address or None) for name, address, segment in rows}
    assert expected == {
        (one["segment_id"], one["id"], one["email"]) for one in sandbox.contents("customerio", "segments")
    }
    asked = "POST /api/v1/segments/{segment_id}/add_customers"
    assert sandbox.stats("customerio")["routes"][asked] == 6
    shop.source(("{},{},{}".format(*row) for row in rows[:100]), header="id,email,segment")
    shop.job({"operation": "remove_from_segment", "fields": fields}, to="customerio", name="leavers")
    assert shop.run().returncode == 0
    assert len(sandbox.contents("customerio", "segments")) == 200


def test_unsubscribing_is_read_back(shop: Workshop) -> None:
    behaviour = CustomerioBehaviour(unsubscribe_ignored=frozenset(["deaf@example.com"]))
    step = {"operation": "unsubscribe_person", "fields": {"email": "email"}}
    with sandbox_with(SandboxOptions(customerio=behaviour)) as sandbox:
        shop.at(sandbox)
        sandbox.put_people({"email": "deaf@example.com"}, {"email": "fine@example.com"})
        shop.source(["deaf@example.com", "fine@example.com", "nobody@example.com"], header="email")
        shop.job(step, to="customerio")
        assert shop.run().returncode == 3
        assert shop.outcomes() == [
            (1, "failed", "no_effect"),
            (2, "succeeded", ""),
            (3, "skipped", "not_found"),
        ]
        shop.job(step, to="customerio", name="unread")
        shop.ledger = shop.folder / "unread.ledger"
        assert shop.run(CUSTOMERIO_APP_API_KEY="").returncode == 0
        assert shop.outcomes() == [(row, "succeeded", "not_read_back") for row in (1, 2, 3)]
        unsubscribed = {one["email"]: one["attributes"] for one in sandbox.contents("customerio", "people")}
    assert unsubscribed == {"deaf@example.com": {}, "fine@example.com": {"unsubscribed": True}}


def test_profiles_are_merged_only_with_approval(shop: Workshop, known: Sandbox) -> None:
    shop.source(["1,2", "3,3"], header="stays,goes")
    fields = {"primary": {"id": "stays"}, "secondary": {"id": "goes"}}
    shop.job({"operation": "merge_people", "fields": fields}, to="customerio", source={"key": "stays"})
    assert (shop.refused(), len(people(known))) == (5, 3)
    assert shop.run("--yes").returncode == 3
    assert set(people(known)) == {"1", "3"}
    assert shop.outcomes() == [(1, "succeeded", ""), (2, "rejected", "bad_value")]
    assert known.stats("customerio")["merges"] == 1


def test_devices_come_and_go(shop: Workshop, known: Sandbox) -> None:
    device = {"id": "token", "platform": "platform", "attributes": {"app": {"value": "1.2"}}}
    shop.source(["1,t/1,ios", "1,t/2,android", "2,t/3,windows"], header="id,token,platform")
    shop.job({"operation": "add_device", "fields": {"id": "id", "device": device}}, to="customerio")
    assert shop.run().returncode == 3
    assert shop.outcomes()[2] == (3, "rejected", "bad_value")
    assert people(known)["1"]["devices"] == [
        {"token": "t/1", "platform": "ios", "attributes": {"app": "1.2"}},
        {"token": "t/2", "platform": "android", "attributes": {"app": "1.2"}},
    ]
    step = {"operation": "delete_device", "fields": {"id": "id", "device": {"id": "token"}}}
    shop.source(["1,t/1"], header="id,token")
    shop.job(step, to="customerio", name="leavers")
    assert shop.refused() == 5
    assert shop.run("--yes").returncode == 0
    assert [one["token"] for one in people(known)["1"]["devices"]] == ["t/2"]
