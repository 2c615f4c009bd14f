"""What each operation does to the account, for ordinary and for awkward people."""

import pytest
from workshop import Sandbox, Workshop, sandbox_with

from bulk.sandbox import CustomerlyBehaviour, SandboxOptions

AWKWARD = [
    "a+tag@example.com",
    "a/b@example.com",
    "100%@example.com",
    "grün@example.com",
    "UPPER@Example.com",
]
UNKNOWN = "nobody@example.com"


@pytest.mark.parametrize(("operation", "kind"), [("upsert_user", "users"), ("upsert_lead", "leads")])
def test_awkward_people_arrive_as_written(
    shop: Workshop, sandbox: Sandbox, operation: str, kind: str
) -> None:
    shop.source([f"{email},Zoë" for email in AWKWARD])
    shop.job({"operation": operation})
    assert shop.run().returncode == 0
    assert {email: contact["name"] for email, contact in sandbox.contacts(kind).items()} == dict.fromkeys(
        AWKWARD, "Zoë"
    )


@pytest.mark.parametrize(("operation", "kind"), [("delete_user", "users"), ("delete_lead", "leads")])
def test_exactly_the_named_are_deleted(shop: Workshop, sandbox: Sandbox, operation: str, kind: str) -> None:
    sandbox.put(kind, [{"email": email} for email in [*AWKWARD, "kept@example.com"]])
    shop.source([f"{email},x" for email in [*AWKWARD, UNKNOWN]])
    shop.job({"operation": operation, "fields": {"email": "email"}})
    assert shop.run("--yes").returncode == 0
    assert set(sandbox.contacts(kind)) == {"kept@example.com"}
    assert shop.outcomes() == [*((row, "succeeded", "") for row in range(1, 6)), (6, "skipped", "not_found")]


def test_a_user_is_deleted_by_id_where_there_is_one(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put("users", [{"email": "a@example.com", "user_id": "7/8"}, {"email": "b@example.com"}])
    shop.source(["7/8,other@example.com", ",b@example.com"], header="id,email")
    shop.job({"operation": "delete_user", "fields": {"user_id": "id", "email": "email"}})
    assert shop.run("--yes").returncode == 0
    assert sandbox.contacts() == {}
    wanted = [
        sandbox.path_digest("/users?user_id=7%2F8"),
        sandbox.path_digest("/users?email=b%40example.com"),
    ]
    assert sorted(digest for method, digest in sandbox.targets() if method == "DELETE") == sorted(wanted)


def test_exactly_the_named_are_unsubscribed(shop: Workshop, sandbox: Sandbox) -> None:
    people = [
        {"email": email, "user_id": f"id/{n}+%"} for n, email in enumerate([*AWKWARD, "kept@example.com"])
    ]
    sandbox.put("users", people)
    shop.source(
        [*(f"{email}," for email in AWKWARD), f"{UNKNOWN},", "x@example.com,nobody's id"], header="email,id"
    )
    shop.job({"operation": "unsubscribe_user", "fields": {"email": "email", "user_id": "id"}})
    assert shop.run().returncode == 0
    unsubscribed = {email for email, contact in sandbox.contacts().items() if contact["unsubscribe"]}
    assert unsubscribed == set(AWKWARD)
    assert shop.outcomes() == [
        *((row, "succeeded", "") for row in range(1, 6)),
        (6, "skipped", "not_found"),
        (7, "skipped", "not_found"),
    ]


def test_somebody_who_is_a_lead_only_is_not_passed_over_in_unsubscribing(
    shop: Workshop, sandbox: Sandbox
) -> None:
    sandbox.put("users", [{"email": "user@example.com", "user_id": "1"}])
    sandbox.put("leads", [{"email": "lead@example.com"}])
    shop.source(["user@example.com,U", "lead@example.com,L", "nobody@example.com,N"])
    shop.job({"operation": "unsubscribe_user", "fields": {"email": "email"}})
    assert shop.run().returncode == 3
    assert shop.outcomes() == [(1, "succeeded", ""), (2, "failed", "lead_only"), (3, "skipped", "not_found")]


def test_an_unsubscribing_without_effect_has_failed(shop: Workshop) -> None:
    deaf = CustomerlyBehaviour(unsubscribe_ignored=frozenset(["deaf@example.com"]))
    with sandbox_with(SandboxOptions(customerly=deaf)) as sandbox:
        shop.url = sandbox.url
        sandbox.put("users", [{"email": f"{name}@example.com", "user_id": name} for name in ("deaf", "fine")])
        shop.source(["deaf@example.com,x", "fine@example.com,y"])
        shop.job({"operation": "unsubscribe_user", "fields": {"email": "email"}})
        assert shop.run().returncode == 3
    assert shop.outcomes() == [(1, "failed", "no_effect"), (2, "succeeded", "")]


@pytest.fixture
def deleting(shop: Workshop, sandbox: Sandbox) -> Workshop:
    sandbox.put("users", [{"email": f"person{n}@example.com"} for n in range(1, 6)])
    shop.people(3)
    shop.job({"operation": "delete_user", "fields": {"email": "email"}})
    return shop


def test_nobody_is_deleted_without_approval(deleting: Workshop, sandbox: Sandbox) -> None:
    refused = deleting.run()
    assert (refused.returncode, "--confirm" in refused.stderr) == (5, True)
    assert len(sandbox.contacts()) == 5
    assert deleting.run("--yes").returncode == 0
    assert len(sandbox.contacts()) == 2


def test_the_digest_of_a_preview_approves_that_plan_alone(deleting: Workshop, sandbox: Sandbox) -> None:
    digest = deleting.preview()["digest"]
    assert deleting.run("--confirm", "0" * len(digest)).returncode == 5
    deleting.people(4)
    assert deleting.run("--confirm", digest).returncode == 5
    assert len(sandbox.contacts()) == 5
    deleting.people(3)
    assert deleting.run("--confirm", digest).returncode == 0
    assert len(sandbox.contacts()) == 2


def test_a_digest_still_approves_what_is_left_of_its_plan(deleting: Workshop, sandbox: Sandbox) -> None:
    digest = deleting.preview()["digest"]
    assert deleting.run("--confirm", digest, "--limit", "1").returncode == 0
    assert deleting.run("--confirm", digest).returncode == 0
    assert len(sandbox.contacts()) == 2


def test_a_lost_answer_to_a_deletion_that_was_done_is_a_success(shop: Workshop) -> None:
    with sandbox_with(SandboxOptions(faults=0.3, fault_delay=0.01, seed=5)) as sandbox:
        shop.url = sandbox.url
        shop.people(30)
        shop.job(name="import")
        assert shop.run("--ledger", "import.ledger").returncode == 0
        assert len(sandbox.contacts()) == 30
        shop.job({"operation": "delete_user", "fields": {"email": "email"}}, place={"timeout": "5s"})
        assert shop.run("--yes").returncode == 0
        assert sandbox.contacts() == {}
        after_work = {
            entry["target_sha256"]
            for entry in sandbox.log()
            if entry["method"] == "DELETE" and entry["fault"] in {"closed_after", "truncated", "bad_gateway"}
        }
    told = [(status, reason) for _, status, reason in shop.outcomes()]
    assert after_work
    assert told.count(("succeeded", "gone")) == len(after_work)
    assert told.count(("succeeded", "")) == 30 - len(after_work)
