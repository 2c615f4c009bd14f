"""What a run refuses, with which exit code, and what it leaves behind."""

import sqlite3

import pytest
from workshop import Sandbox, Workshop, until

from bulk.sandbox import SANDBOX_TOKEN


@pytest.fixture
def half_done(shop: Workshop, sandbox: Sandbox) -> Workshop:
    """A job of 10 rows of which 4 are sent."""
    shop.people(10)
    shop.job({"operation": "upsert_user", "batch_size": 2})
    assert shop.run("--limit", "4").returncode == 0
    assert (sandbox.requests, shop.counts()) == (2, {"succeeded": 4, "pending": 6})
    return shop


def test_a_changed_source_is_refused_half_way(half_done: Workshop, sandbox: Sandbox) -> None:
    half_done.people(11)
    refused = half_done.run()
    assert (refused.returncode, "--fresh" in refused.stderr, sandbox.requests) == (2, True, 2)
    assert half_done.counts() == {"succeeded": 4, "pending": 6}


def test_a_changed_mapping_is_refused_half_way(half_done: Workshop, sandbox: Sandbox) -> None:
    half_done.job({"operation": "upsert_user", "batch_size": 2, "fields": {"email": "email"}})
    refused = half_done.run()
    assert (refused.returncode, "--fresh" in refused.stderr, sandbox.requests) == (2, True, 2)


def test_a_changed_source_back_as_it_was_goes_on(half_done: Workshop, sandbox: Sandbox) -> None:
    half_done.people(11)
    assert half_done.run().returncode == 2
    half_done.people(10)
    assert (half_done.run().returncode, sandbox.requests) == (0, 5)


def test_fresh_begins_a_new_pass(half_done: Workshop, sandbox: Sandbox) -> None:
    half_done.people(11)
    assert (half_done.run("--fresh").returncode, sandbox.requests) == (0, 2 + 6)
    assert (half_done.status()["pass"], half_done.counts()) == (2, {"succeeded": 11})
    assert len(half_done.export("--pass", "1")) == 10


def test_a_change_after_the_end_begins_a_new_pass(half_done: Workshop) -> None:
    assert half_done.run().returncode == 0
    half_done.people(3)
    assert half_done.run().returncode == 0
    assert (half_done.status()["pass"], half_done.counts()) == (2, {"succeeded": 3})


def test_a_ledger_and_an_account_have_one_run_at_a_time(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(300)
    shop.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": "20/s"})
    with shop.running():
        until(lambda: sandbox.requests >= 2, "requests")
        same_ledger = shop.run(BULK_STATE_DIR=str(shop.folder / "elsewhere"))
        same_account = shop.run("--ledger", "other.ledger")
    assert (same_ledger.returncode, "holds this ledger" in same_ledger.stderr) == (4, True)
    assert (same_account.returncode, "uses this account" in same_account.stderr) == (4, True)
    assert not (shop.folder / "other.ledger").exists()


def test_a_damaged_ledger_is_refused(half_done: Workshop, sandbox: Sandbox) -> None:
    body = half_done.ledger.read_bytes()
    half_done.ledger.write_bytes(body[:4096] + b"\xff" * 8192 + body[12288:])
    refused = half_done.run()
    assert (refused.returncode, "damaged" in refused.stderr, sandbox.requests) == (2, True, 2)


@pytest.mark.parametrize("kind", ["text", "database"])
def test_a_file_that_is_no_ledger_is_left_as_it_is(shop: Workshop, sandbox: Sandbox, kind: str) -> None:
    shop.people(1)
    shop.job()
    if kind == "text":
        shop.ledger.write_text("dear diary\n" * 100)
    else:
        with sqlite3.connect(shop.ledger) as other:
            other.execute("CREATE TABLE diary (day TEXT)")
        other.close()
    before = shop.ledger.read_bytes()
    codes = [
        shop.run().returncode,
        shop.run("--fresh").returncode,
        shop.bulk("status", "contacts.ledger").returncode,
    ]
    assert (codes, sandbox.requests) == ([2, 2, 2], 0)
    assert shop.ledger.read_bytes() == before
    assert [path.name for path in shop.folder.glob("contacts.ledger*")] == ["contacts.ledger"]


def test_a_required_ledger_that_is_missing_is_refused(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(1)
    shop.job()
    assert (shop.run("--require-ledger").returncode, shop.ledger.exists()) == (2, False)
    assert (shop.run().returncode, shop.run("--require-ledger").returncode) == (0, 0)
    assert sandbox.requests == 1


def test_a_missing_token_is_told_by_its_name(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(1)
    shop.job()
    refused = shop.run(CUSTOMERLY_TOKEN="")
    assert (refused.returncode, "CUSTOMERLY_TOKEN" in refused.stderr, sandbox.requests) == (2, True, 0)


def test_a_token_may_stand_in_a_file(shop: Workshop) -> None:
    shop.people(1)
    shop.job()
    secret = shop.write("secret", f"{SANDBOX_TOKEN}\n")
    assert shop.run(CUSTOMERLY_TOKEN="", CUSTOMERLY_TOKEN_FILE=str(secret)).returncode == 0


@pytest.mark.parametrize("operation", ["upsert_user", "delete_user"])
def test_a_wrong_token_stops_at_once_and_the_right_one_goes_on(
    shop: Workshop, sandbox: Sandbox, operation: str
) -> None:
    sandbox.put("users", [{"email": f"person{n}@example.com"} for n in range(1, 51)])
    before = sandbox.requests
    shop.people(50)
    shop.job(
        {"operation": operation, "batch_size": 1, "fields": {"email": "email"}}, place={"concurrency": 4}
    )
    stopped = shop.run("--yes", CUSTOMERLY_TOKEN="expired")
    assert (stopped.returncode, "token" in stopped.stderr, "expired" in stopped.stderr) == (4, True, False)
    assert 1 <= sandbox.requests - before <= 4
    assert shop.counts(operation) == {"pending": 50}
    assert shop.run("--yes").returncode == 0
    assert shop.counts(operation) == {"succeeded": 50}


@pytest.mark.parametrize("address", ["/nowhere", "/v1/deeper"])
def test_a_wrong_base_url_stops_at_once(shop: Workshop, sandbox: Sandbox, address: str) -> None:
    shop.people(50)
    shop.url = sandbox.url.removesuffix("/v1") + address
    shop.job({"operation": "upsert_user", "batch_size": 1}, place={"concurrency": 4})
    stopped = shop.run()
    assert (stopped.returncode, "base_url" in stopped.stderr) == (4, True)
    assert sandbox.requests <= 4
    assert shop.counts() == {"pending": 50}


def test_a_full_disk_stops_the_run_which_then_goes_on(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(1_500)
    shop.job({"operation": "upsert_user", "batch_size": 1})
    stopped = shop.run_within(160, "--limit", "1500")
    assert (stopped.returncode, "disk" in stopped.stderr) == (4, True), stopped.stderr
    assert 0 < sandbox.requests < 1_500
    assert shop.run().returncode == 0
    assert (shop.counts(), len(sandbox.contacts())) == ({"succeeded": 1_500}, 1_500)
