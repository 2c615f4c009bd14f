"""Night after night only what changed is sent, whatever became of the nights before."""

import random
import signal
from collections import Counter
from typing import Any

import orjson
from forked_bulk import Ended
from workshop import Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import CustomerlyBehaviour, SandboxOptions

CHANGES = {"mode": "changes"}


def night(shop: Workshop, people: dict[str, str]) -> None:
    """Write the list of a night: names by address, in an order of its own."""
    lines = [f"{email},{name}" for email, name in people.items()]
    random.Random(len(lines)).shuffle(lines)
    shop.source(lines)


def tonight(shop: Workshop, *arguments: str) -> Ended:
    """Run the job, in a process of its own."""
    return shop.ask("run", "contacts.yaml", *arguments)


def looked_at(shop: Workshop) -> dict[str, Any]:
    """What a preview shows."""
    shown: dict[str, Any] = orjson.loads(shop.ask("preview", "contacts.yaml", "--json").stdout)
    return shown


def bodies(sandbox: Sandbox) -> int:
    """How many writing requests have come."""
    return sum(entry["method"] == "POST" for entry in sandbox.log("customerly"))


def names(sandbox: Sandbox) -> dict[str, str]:
    return {email: contact["name"] for email, contact in sandbox.contacts().items()}


def reasons(shop: Workshop, *arguments: str) -> dict[tuple[str, str], int]:
    """Rows of a pass by status and reason."""
    return dict(Counter((status, reason) for _, status, reason in shop.outcomes(*arguments)))


def test_three_nights_send_what_is_new_or_changed_and_nothing_else(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job({"operation": "upsert_user", "batch_size": 1}, sync=CHANGES)
    first = {f"person{n}@example.com": f"Person {n}" for n in range(60)}
    night(shop, first)
    assert (tonight(shop).code, bodies(sandbox)) == (0, 60)

    second = {email: name for email, name in first.items() if email != "person7@example.com"}
    second |= {"person8@example.com": "Married", "new@example.com": "New"}
    night(shop, second)
    assert (tonight(shop).code, bodies(sandbox)) == (0, 62)
    assert reasons(shop) == {("skipped", "unchanged"): 58, ("succeeded", ""): 2}

    night(shop, dict(reversed(second.items())))
    assert (tonight(shop).code, bodies(sandbox)) == (0, 62)
    assert tonight(shop).code == 0  # over the very same file: a pass of its own, which sends nothing
    assert (shop.status()["pass"], shop.status()["balanced"], bodies(sandbox)) == (4, True, 62)
    assert names(sandbox) == first | second  # who left the list is left alone


def test_a_value_that_returns_is_sent_again(shop: Workshop, sandbox: Sandbox) -> None:
    shop.job({"operation": "upsert_user", "batch_size": 1}, sync=CHANGES)
    for name in ("Ann", "Anna", "Ann"):
        shop.source([f"a@example.com,{name}"])
        assert tonight(shop).code == 0
    assert (bodies(sandbox), names(sandbox)) == (3, {"a@example.com": "Ann"})


def test_a_night_that_is_killed_is_mended_by_the_next_with_its_own_list(shop: Workshop) -> None:
    first = {f"person{n}@example.com": f"Person {n}" for n in range(400)}
    second = first | {"person0@example.com": "Changed", "new@example.com": "New"}
    with sandbox_with(SandboxOptions()) as sandbox:
        shop.url = sandbox.url
        shop.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": "200/s"}, sync=CHANGES)
        night(shop, first)
        with shop.running() as run:
            until(lambda: bodies(sandbox) >= 100, "100 requests")
            run.kill()
        before = bodies(sandbox)
        arrived = {line["key"] for line in shop.export() if line["status"] == "succeeded"}
        assert 0 < len(arrived) < 400
        night(shop, second)
        shop.job({"operation": "upsert_user", "batch_size": 1}, sync=CHANGES)
        assert tonight(shop).code == 0
        sent = {line["key"] for line in shop.export() if line["status"] == "succeeded"}
        assert sent == (second.keys() - arrived) | {"person0@example.com"}
        assert (bodies(sandbox) - before, names(sandbox)) == (len(sent), second)
    assert reasons(shop, "--pass", "1") == {
        ("succeeded", ""): len(arrived),
        ("skipped", "superseded"): 400 - len(arrived),
    }


def test_an_unfinished_night_over_the_same_list_goes_on(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(300)
    shop.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": "100/s"}, sync=CHANGES)
    with shop.running() as run:
        until(lambda: bodies(sandbox) >= 20, "20 requests")
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 143
    assert tonight(shop, "--set", "destinations.customerly.rate=2000/s").code == 0
    assert (shop.status()["pass"], bodies(sandbox), len(sandbox.contacts())) == (1, 300, 300)


def test_an_unfinished_night_of_another_job_is_not_passed_over(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(10)
    shop.job({"operation": "upsert_user", "batch_size": 1}, sync=CHANGES)
    assert tonight(shop, "--limit", "4").code == 0
    job = {"operation": "upsert_user", "batch_size": 1, "fields": {"email": "email"}}
    shop.job(job, sync=CHANGES)
    refused = tonight(shop)
    assert (refused.code, "the job has changed" in refused.stderr) == (2, True)
    assert tonight(shop, "--fresh").code == 0
    assert bodies(sandbox) == 4 + 10
    assert reasons(shop, "--pass", "1") == {("succeeded", ""): 4, ("skipped", "superseded"): 6}


def test_a_changed_job_sends_what_it_changes(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["a@example.com,Ann", "b@example.com,"])
    shop.job({"operation": "upsert_user", "batch_size": 1}, sync=CHANGES)
    assert tonight(shop).code == 0
    fields = {"email": "email", "attributes": {"called": "name"}}
    shop.job({"operation": "upsert_user", "batch_size": 1, "fields": fields}, sync=CHANGES)
    assert (tonight(shop).code, bodies(sandbox)) == (0, 3)  # Bob has no name, so nothing of his changed
    fields["name"] = "name"
    shop.job({"operation": "upsert_user", "batch_size": 1, "fields": fields}, sync=CHANGES)
    assert (tonight(shop).code, bodies(sandbox)) == (0, 4)


def test_what_failed_one_night_is_tried_again_the_next(shop: Workshop) -> None:
    behaviour = CustomerlyBehaviour(unsubscribe_ignored=frozenset(["deaf@example.com"]))
    step = {"operation": "unsubscribe_user", "fields": {"email": "email"}}
    shop.source([f"{name}@example.com,x" for name in ("deaf", "fine", "nobody")])
    shop.job(step, sync=CHANGES)
    people = [{"email": f"{name}@example.com", "user_id": name} for name in ("deaf", "fine")]
    with sandbox_with(SandboxOptions(customerly=behaviour)) as sandbox:
        shop.url = sandbox.url
        sandbox.put("users", people)
        shop.job(step, sync=CHANGES)
        assert tonight(shop).code == 3
        assert sorted(reasons(shop)) == [
            ("failed", "no_effect"),
            ("skipped", "not_found"),
            ("succeeded", ""),
        ]
        before = sandbox.requests
        assert tonight(shop).code == 3
        # Three requests for whom it failed, two (user, lead) for whom nobody knows, none for whom it worked.
        assert sandbox.requests - before == 5
    assert sorted(reasons(shop)) == [
        ("failed", "no_effect"),
        ("skipped", "not_found"),
        ("skipped", "unchanged"),
    ]


def test_a_truncated_list_is_refused_and_is_no_pass(shop: Workshop, sandbox: Sandbox) -> None:
    first = {f"person{n}@example.com": f"Person {n}" for n in range(100)}
    guards = {"max_shrink": "20%", "min_records": 50}
    shop.job({"operation": "upsert_user", "batch_size": 1}, sync=CHANGES, guards=guards)
    night(shop, first)
    assert tonight(shop).code == 0
    short = dict(list(first.items())[:79]) | {"person1@example.com": "Changed"}
    night(shop, short)
    for _ in range(2):
        refused = tonight(shop)
        assert refused.code == 5
        assert "guard max_shrink: 79 records are 21.0% fewer than the 100 of the last pass" in refused.stderr
    assert (shop.status()["pass"], bodies(sandbox)) == (1, 100)

    night(shop, dict(list(first.items())[:80]))
    assert (tonight(shop).code, bodies(sandbox)) == (0, 100)  # exactly 20% are allowed; nothing changed

    night(shop, dict(list(short.items())[:60]))
    assert tonight(shop, "--override", "max_shrink", "--reason", "closed the shop").code == 0
    assert (shop.status()["pass"], bodies(sandbox)) == (3, 101)
    assert tonight(shop).code == 0  # the next night compares with the last pass


def test_delivered_long_ago_is_sent_again(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(5)
    shop.job({"operation": "upsert_user", "batch_size": 1}, sync={**CHANGES, "resend_after": "30d"})
    assert (tonight(shop).code, bodies(sandbox)) == (0, 5)
    assert (tonight(shop).code, bodies(sandbox)) == (0, 5)
    assert (tonight(shop, "--set", "sync.resend_after=0s").code, bodies(sandbox)) == (0, 10)


def test_preview_and_check_compare_with_the_ledger(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(5)
    shop.job({"operation": "delete_user", "fields": {"email": "email"}}, sync=CHANGES)
    sandbox.put("users", [{"email": f"person{n}@example.com"} for n in range(1, 7)])
    before = looked_at(shop)
    assert "there is no ledger contacts.ledger" in before["compared"]
    assert before["steps"][0]["records"] == 5
    assert tonight(shop, "--confirm", before["digest"]).code == 0
    shop.people(6)
    after = looked_at(shop)
    told = after["steps"][0]
    assert (told["records"], told["told"]) == (1, {"skipped: unchanged": 5})
    assert "contacts.ledger says was delivered" in after["compared"]
    check = shop.ask("check", "contacts.yaml", "--offline", "--ledger", "contacts.ledger").stdout
    assert "1 records to send; 5 skipped: unchanged" in check
    assert tonight(shop, "--confirm", after["digest"]).code == 0
    assert sandbox.contacts() == {}


def test_events_of_one_person_are_each_sent_once(shop: Workshop, sandbox: Sandbox) -> None:
    step = {"operation": "track_event", "fields": {"email": "email", "name": "name"}}
    shop.job(step, to="customerio", sync=CHANGES)
    shop.source(["a@example.com,opened", "a@example.com,clicked"])
    assert tonight(shop).code == 0
    shop.source(["b@example.com,opened", "a@example.com,clicked", "a@example.com,bought"])
    assert tonight(shop).code == 0
    events = [
        (event["identifiers"]["email"], event["name"]) for event in sandbox.contents("customerio", "events")
    ]
    assert sorted(events) == [("a@example.com", name) for name in ("bought", "clicked", "opened")] + [
        ("b@example.com", "opened")
    ]


def test_hashed_ledgers_know_what_was_delivered_and_hold_nobody(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(20)
    shop.job({"operation": "upsert_user", "batch_size": 1}, sync=CHANGES, ledger={"keys": "hashed"})
    shop.environ["BULK_LEDGER_SECRET"] = "made up for this test"
    assert tonight(shop).code == 0
    shop.people(21)
    assert (tonight(shop).code, bodies(sandbox)) == (0, 21)
    told = looked_at(shop)
    assert told["steps"][0]["records"] == 0
    assert b"person1@" not in shop.ledger.read_bytes()
