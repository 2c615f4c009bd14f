"""Which rows a run sends: opted out, limited, tried again, failed in an earlier step."""

import pytest
from workshop import Sandbox, Workshop

from bulk.sandbox import SANDBOX_TOKEN

BAD = "b;b@example.com"
"""An address that the account refuses."""


def test_one_opted_out_row_holds_back_all_rows_of_its_key(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(
        ["A@example.com,1,no", "b@example.com,2,no", " a@example.com,3,yes", "a@example.com,4,no"],
        "email,name,out",
    )
    shop.job(source={"opted_out": "out = 'yes'"})
    assert shop.run().returncode == 0
    assert set(sandbox.contacts()) == {"b@example.com"}
    held = [(row, "skipped", "suppressed") for row in (1, 3, 4)]
    assert sorted([*held, (2, "succeeded", "")]) == shop.outcomes()


def test_a_limited_run_is_completed_by_a_full_one(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(120)
    shop.job()
    assert (shop.run("--limit", "1").returncode, shop.counts()) == (0, {"succeeded": 1, "pending": 119})
    assert (shop.run().returncode, shop.counts()) == (0, {"succeeded": 120})
    assert sandbox.stats()["records_repeated"] == 0


def test_failed_rows_are_sent_again_when_asked_and_then_in_the_next_step(
    shop: Workshop, sandbox: Sandbox
) -> None:
    sandbox.put("users", [{"email": "a@example.com", "user_id": "a"}])
    shop.source(["a@example.com,a", "c@example.com,c"])
    unsubscribing = {"operation": "unsubscribe_user", "fields": {"user_id": "name"}}
    shop.job({"operation": "delete_user", "fields": {"email": "email"}}, {"name": "then", **unsubscribing})
    assert shop.run("--yes", "--set", "destinations.customerly.timeout=5s").returncode == 0
    assert [(line["step"], line["row"], line["status"]) for line in shop.export()] == [
        ("delete_user", 1, "succeeded"),
        ("then", 1, "skipped"),
        ("delete_user", 2, "skipped"),
        ("then", 2, "skipped"),
    ]


def test_a_row_that_failed_is_skipped_by_the_next_step_until_it_succeeds(
    shop: Workshop, sandbox: Sandbox
) -> None:
    """The first step's failure is an unsubscribing of a user without an id; then the user gets one."""
    sandbox.put("users", [{"email": "a@example.com"}, {"email": "b@example.com", "user_id": "b"}])
    shop.source(["a@example.com,Ann", "b@example.com,Bob"])
    shop.job(
        {"operation": "unsubscribe_user", "fields": {"email": "email"}},
        {"operation": "upsert_lead"},
    )
    assert shop.run().returncode == 3
    told = {(line["step"], line["row"]): (line["status"], line["reason"]) for line in shop.export()}
    assert told == {
        ("unsubscribe_user", 1): ("failed", "missing_id"),
        ("upsert_lead", 1): ("skipped", "earlier_step"),
        ("unsubscribe_user", 2): ("succeeded", ""),
        ("upsert_lead", 2): ("succeeded", ""),
    }
    assert set(sandbox.contacts("leads")) == {"b@example.com"}
    sandbox.put("users", [{"email": "a@example.com", "user_id": "a"}])
    assert shop.run().returncode == 3
    assert shop.run("--retry", "failed").returncode == 0
    assert set(sandbox.contacts("leads")) == {"a@example.com", "b@example.com"}
    assert shop.counts("upsert_lead") == {"succeeded": 2}
    assert sandbox.stats()["records_repeated"] == 0


@pytest.mark.parametrize("operation", ["upsert_user", "delete_user"])
def test_the_canary_goes_alone_and_is_sent_once(shop: Workshop, sandbox: Sandbox, operation: str) -> None:
    sandbox.put("users", [{"email": f"person{n}@example.com"} for n in range(1, 31)])
    shop.people(30)
    shop.job({"operation": operation, "batch_size": 3}, guards={"canary": 10})
    if operation == "delete_user":
        shop.job({"operation": operation, "fields": {"email": "email"}}, guards={"canary": 10})
    assert shop.run("--yes").returncode == 0
    assert shop.counts(operation) == {"succeeded": 30}
    assert sandbox.stats()["records_repeated"] == 0
    assert sandbox.stats()["routes"].get("DELETE /users", 30) == 30


def test_a_canary_that_fails_ends_the_run(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["a@example.com,A", f"{BAD},B", *(f"p{n}@example.com,P" for n in range(60))])
    shop.job(guards={"canary": 5})
    refused = shop.run()
    assert (refused.returncode, "canary" in refused.stderr) == (5, True)
    assert shop.counts() == {"succeeded": 4, "failed": 1, "pending": 57}
    assert len(sandbox.contacts()) == 4
    assert shop.run("--override", "canary").returncode == 2
    assert shop.run("--override", "canary", "--reason", "one bad row").returncode == 3
    assert shop.counts() == {"succeeded": 61, "failed": 1}


def test_too_many_failures_stop_a_run(shop: Workshop) -> None:
    shop.source(f"p{';' if n % 4 == 0 else '.'}{n}@example.com,P" for n in range(400))
    shop.job(guards={"max_failure_rate": "5%"}, place={"concurrency": 1, "rate": "100/s"})
    stopped = shop.run()
    assert (stopped.returncode, "max_failure_rate" in stopped.stderr) == (5, True)
    assert shop.counts()["pending"] > 0
    assert shop.run("--override", "max_failure_rate", "--reason", "known").returncode == 3
    assert shop.counts() == {"succeeded": 300, "failed": 100}


@pytest.mark.parametrize(
    ("guards", "name"),
    [
        ({"max_records": 5}, "max_records"),
        ({"min_records": 50}, "min_records"),
        ({"max_age": "0s"}, "max_age"),
    ],
)
def test_a_guard_refuses_before_the_first_request(
    shop: Workshop, sandbox: Sandbox, guards: dict[str, object], name: str
) -> None:
    shop.people(10)
    shop.job(guards=guards)
    refused = shop.run()
    assert (refused.returncode, name in refused.stderr, sandbox.requests) == (5, True, 0)
    assert shop.run("--override", name, "--reason", "a test").returncode == 0


@pytest.mark.parametrize(("tolerate", "code"), [("10%", 0), ("1%", 3)])
def test_a_few_failures_may_be_tolerated(shop: Workshop, tolerate: str, code: int) -> None:
    shop.source([f"{BAD},B", "broken,C", *(f"p{n}@example.com,P" for n in range(18))])
    shop.job(guards={"tolerate": tolerate})
    assert shop.run(CUSTOMERLY_TOKEN=SANDBOX_TOKEN).returncode == code
    assert shop.counts() == {"succeeded": 18, "failed": 1, "rejected": 1}
