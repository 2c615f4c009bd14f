"""People whom a list names only by a hash are found among a system's contacts, and nobody else is touched."""

import hashlib
import hmac
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from forked_bulk import Ended
from workshop import Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import CustomerioBehaviour, KustomerBehaviour, SandboxOptions

SECRET = "the list's secret"
UNSUBSCRIBE = {"operation": "unsubscribe_user", "fields": {"email": "email"}}
SET_UP = {"POST /users", "POST /leads", "DELETE /users", "DELETE /leads"}
USERS: dict[str, Any] = {"pull": "users"}


def address(n: int) -> str:
    return f"person{n}@example.com"


def digest(n: int, name: str = "md5") -> str:
    if name == "none":
        return f" {address(n).title()} "
    if name == "hmac-sha256":
        return hmac.digest(SECRET.encode(), address(n).encode(), "sha256").hex()
    return hashlib.new(name, address(n).encode()).hexdigest()


def listed(shop: Workshop, people: Iterable[str]) -> None:
    """Write a list that names people in its first column."""
    shop.source([f"{one},left" for one in people], "who,why")


def job(shop: Workshop, *steps: dict[str, Any], match: dict[str, Any] | None = None, **keys: Any) -> None:
    given = {"contacts": USERS, "column": "who", "hash": "md5", **(match or {})}
    shop.job(*(steps or (UNSUBSCRIBE,)), match=given, **keys)


def put(sandbox: Sandbox, *numbers: int, kind: str = "users") -> None:
    sandbox.put(kind, [{"email": address(n), "user_id": f"u{n}"} for n in numbers])


def run(shop: Workshop, *arguments: str) -> Ended:
    """Run the job, in a process of its own."""
    return shop.ask("run", "contacts.yaml", *arguments)


def unsubscribed(sandbox: Sandbox) -> list[str]:
    return sorted(email for email, one in sandbox.contacts().items() if one.get("unsubscribe"))


def writes(sandbox: Sandbox) -> int:
    """Requests to Customerly that may change something, but for those that put contacts there."""
    routes = sandbox.stats()["routes"]
    return sum(n for route, n in routes.items() if not route.startswith("GET ") and route not in SET_UP)


def asked(sandbox: Sandbox, route: str) -> int:
    """How often Kustomer was asked for something."""
    count: int = sandbox.stats("kustomer")["routes"].get(route, 0)
    return count


FORMS = {
    "md5": {},
    "sha1": {},
    "sha256": {},
    "hmac-sha256": {"secret": "${LIST_SECRET}"},
    "none": {},
}


@pytest.mark.parametrize("name", FORMS)
def test_a_list_of_hashes_unsubscribes_whom_it_means_and_nobody_else(
    shop: Workshop, sandbox: Sandbox, name: str
) -> None:
    put(sandbox, *range(1, 8))
    asked = [digest(1, name), f" {digest(2, name).upper()}  ", digest(9, name), "", digest(3, name)]
    listed(shop, [*asked, *([] if name == "none" else ["no hash", digest(1, name)[:-1]])])
    job(shop, match={"hash": name, **FORMS[name]})
    (shop.folder / "secret").write_text(SECRET)
    shop.environ["LIST_SECRET_FILE"] = "secret"
    done = run(shop)
    assert done.code == 3, done.stderr
    assert unsubscribed(sandbox) == [address(n) for n in (1, 2, 3)]
    rejected = [(row, "rejected", "bad_value") for row in ([4] if name == "none" else [4, 6, 7])]
    fine = [(row, "succeeded", "") for row in (1, 2, 5)]
    assert shop.outcomes() == sorted([*fine, (3, "skipped", "not_found"), *rejected])
    assert SECRET not in done.stderr + done.stdout


def test_a_file_of_contacts_that_were_pulled_does_as_well_and_nothing_is_listed(
    shop: Workshop, sandbox: Sandbox
) -> None:
    put(sandbox, 1, 2)
    shop.job()
    assert shop.ask("pull", "customerly", "users", "-o", "all.parquet", "--job", "contacts.yaml").code == 0
    before = sandbox.stats()["routes"]["GET /users/list"]
    listed(shop, [digest(2)])
    job(shop, {**UNSUBSCRIBE, "fields": {"user_id": "user_id"}}, match={"contacts": {"path": "all.parquet"}})
    assert run(shop).code == 0
    assert unsubscribed(sandbox) == [address(2)]
    assert sandbox.stats()["routes"]["GET /users/list"] == before


def test_each_of_three_destinations_is_told_about_its_own_contacts(shop: Workshop) -> None:
    options = SandboxOptions(customerio=CustomerioBehaviour(lag=0))
    with sandbox_with(options) as sandbox:
        shop.at(sandbox)
        put(sandbox, 1, 2)
        sandbox.put("leads", [{"email": address(2)}, {"email": address(3)}])
        sandbox.put_people(*({"id": f"c{n}", "email": address(n)} for n in (2, 4)))
        sandbox.put_customers(*({"emails": [{"email": address(n)}]} for n in (1, 4)))
        listed(shop, map(digest, range(1, 6)))
        job(
            shop,
            {"operation": "tag", "destination": "customerly", "fields": {"email": "email", "tag": "why"}},
            {"operation": "unsubscribe_person", "destination": "customerio", "fields": {"id": "id"}},
            {
                "operation": "update_customer",
                "destination": "kustomer",
                "fields": {"id": "id", "tags": {"value": ["left"]}},
            },
            to={"customerly": {}, "customerio": {}, "kustomer": {}},
            match={
                "contacts": {
                    "pull": {
                        "customerly": ["users", "leads"],
                        "customerio": "people",
                        "kustomer": "customers",
                    }
                }
            },
        )
        done = run(shop)
        assert done.code == 0, done.stderr
        told = {
            step: [row for row, status, reason in outcomes if (status, reason) != ("skipped", "not_found")]
            for step in ("tag", "unsubscribe_person", "update_customer")
            for outcomes in [
                [(one["row"], one["status"], one["reason"]) for one in shop.export() if one["step"] == step]
            ]
        }
        assert told == {"tag": [1, 2, 3], "unsubscribe_person": [2, 4], "update_customer": [1, 4]}
        people = {
            one["id"]: one["attributes"]["unsubscribed"] for one in sandbox.contents("customerio", "people")
        }
        assert people == {"c2": True, "c4": True}
        assert [one["tags"] for one in sandbox.contents("kustomer", "customers")] == [["left"]] * 2


@pytest.mark.parametrize("there", [(), (7, 8)], ids=["an empty account", "other people"])
def test_where_nobody_is_found_nothing_is_sent_and_that_is_said(
    shop: Workshop, sandbox: Sandbox, there: tuple[int, ...]
) -> None:
    if there:
        put(sandbox, *there)
    listed(shop, map(digest, range(1, 4)))
    job(shop, {**UNSUBSCRIBE, "fields": {"email": "email", "user_id": "user_id"}})
    done = run(shop, "--log-format", "json")
    assert done.code == 0, done.stderr
    assert (shop.counts("unsubscribe_user"), writes(sandbox)) == ({"skipped": 3}, 0)
    events = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert [one["destination"] for one in events if one["event"] == "match_finds_nobody"] == ["customerly"]
    assert [one["contacts"] for one in events if one["event"] == "listed"] == [len(there)]
    said = shop.ask("check", "contacts.yaml").stdout
    assert (
        f"match: {len(there)} contacts for customerly; warning: nobody in this source is among them" in said
    )


def test_two_people_of_one_address_are_not_chosen_between(shop: Workshop) -> None:
    with sandbox_with(SandboxOptions(customerio=CustomerioBehaviour(lag=0))) as sandbox:
        shop.at(sandbox)
        sandbox.put_people(*({"id": f"c{n}", "mail": address(1 if n == 2 else n)} for n in (1, 2, 3)))
        listed(shop, [digest(1), digest(3)])
        people = {"contacts": {"pull": "people"}, "of": 'lower("attributes.mail")'}
        job(shop, {"operation": "delete_person", "fields": {"id": "id"}}, to="customerio", match=people)
        assert run(shop, "--yes").code == 3
        assert {one["id"] for one in sandbox.contents("customerio", "people")} == {"c1", "c2"}
    assert shop.outcomes() == [(1, "rejected", "ambiguous"), (2, "succeeded", "")]


def test_a_user_and_a_lead_of_one_address_are_one_person(shop: Workshop, sandbox: Sandbox) -> None:
    put(sandbox, 1, 2)
    put(sandbox, 1, kind="leads")
    listed(shop, [digest(1), digest(1).upper()])
    job(
        shop,
        {**UNSUBSCRIBE, "fields": {"email": "email", "user_id": "crmhero_user_id"}},
        match={"contacts": {"pull": ["users", "leads"]}},
    )
    assert run(shop).code == 0
    assert unsubscribed(sandbox) == [address(1)]
    assert shop.outcomes() == [(1, "skipped", "duplicate"), (2, "succeeded", "")]


def test_who_is_gone_when_a_stopped_run_goes_on_is_not_found_and_never_sent_without_a_name(
    shop: Workshop, sandbox: Sandbox
) -> None:
    put(sandbox, *range(1, 61))
    listed(shop, map(digest, range(1, 61)))
    fields = {"user_id": "user_id", "attributes": {"why": "why"}}
    job(shop, {"operation": "add_user_attributes", "fields": fields}, place={"rate": "60/s"})
    with shop.running() as process:
        until(lambda: writes(sandbox) >= 8, "8 requests")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    pending = {row for row, status, _ in shop.outcomes() if status == "pending"}
    gone = {n for n in pending if n % 3 == 0}
    assert gone
    for n in gone:
        sandbox.ask("customerly", "DELETE", f"/users?email={address(n)}")
    done = run(shop, "--set", "destinations.customerly.rate=1000/s")
    assert done.code == 0, done.stderr
    assert {(row, status, reason) for row, status, reason in shop.outcomes() if row in gone} == {
        (row, "skipped", "not_found") for row in gone
    }
    assert shop.counts("add_user_attributes") == {"succeeded": 60 - len(gone), "skipped": len(gone)}
    told = {email for email, one in sandbox.contacts().items() if one["attributes"] == {"why": "left"}}
    assert told == {address(n) for n in range(1, 61) if n not in gone}
    assert writes(sandbox) == 60 - len(gone), "each was sent once, and none without a name"


def test_a_test_send_the_rest_and_what_failed_once_more_find_their_people_anew(
    shop: Workshop, sandbox: Sandbox
) -> None:
    put(sandbox, 1, 2)
    put(sandbox, 3, 4, kind="leads")
    listed(shop, map(digest, range(1, 5)))
    job(shop, match={"contacts": {"pull": ["users", "leads"]}})
    assert (run(shop, "--limit", "1").code, unsubscribed(sandbox)) == (0, [address(1)])
    assert run(shop).code == 3
    assert [reason for *_, reason in shop.outcomes()] == ["", "", "lead_only", "lead_only"]
    sandbox.ask("customerly", "DELETE", f"/leads?email={address(3)}")
    assert run(shop, "--retry", "failed").code == 3
    assert [reason for *_, reason in shop.outcomes()] == ["", "", "not_found", "lead_only"]
    assert unsubscribed(sandbox) == [address(1), address(2)]


def test_a_job_that_a_killed_run_submitted_is_asked_for_whoever_is_gone_since(shop: Workshop) -> None:
    with sandbox_with(SandboxOptions(kustomer=KustomerBehaviour(job_seconds=2.5))) as sandbox:
        shop.at(sandbox)
        ids = sandbox.put_customers(*({"emails": [{"email": address(n)}]} for n in range(1, 31)))
        listed(shop, map(digest, range(1, 31)))
        fields = {"id": "id", "tags": {"value": ["left"]}}
        pull = {"contacts": {"pull": "customers"}}
        job(shop, {"operation": "update_customer", "fields": fields}, to="kustomer", match=pull)
        with shop.running() as process:
            until(lambda: asked(sandbox, "GET /bulk/{id}"), "a question for the job")
            process.kill()
        assert shop.counts("update_customer") == {"pending": 30}, "the kill came too late to show anything"
        sandbox.ask("kustomer", "DELETE", f"/customers/{ids[6]}")
        creates, jobs = asked(sandbox, "POST /customers"), asked(sandbox, "PUT /customers/bulk")
        done = run(shop)
        assert (asked(sandbox, "POST /customers"), asked(sandbox, "PUT /customers/bulk")) == (creates, jobs)
        assert len(sandbox.contents("kustomer", "customers")) == 29
    told = {row: (status, reason) for row, status, reason in shop.outcomes()}
    assert told.pop(7)[0] in {"skipped", "failed", "succeeded"}, done.stderr
    assert set(told.values()) == {("succeeded", "")}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_listing_can_be_interrupted_and_leaves_no_ledger(
    shop: Workshop, sandbox: Sandbox, number: signal.Signals, code: int
) -> None:
    put(sandbox, *range(1, 302))
    listed(shop, [digest(1)])
    job(shop, place={"rate": "2/s"})
    before = sandbox.requests
    with shop.running() as process:
        until(lambda: sandbox.requests > before or process.poll() is not None, "a page")
        process.send_signal(number)
        assert process.wait(20) == code
    assert (shop.ledger.exists(), writes(sandbox)) == (False, 0)


def test_a_listing_that_fails_stops_the_run_before_anything_is_written(shop: Workshop) -> None:
    listed(shop, [digest(1)])
    with sandbox_with(SandboxOptions(down=("customerly",))) as sandbox:
        shop.at(sandbox)
        job(shop, place={"retry": {"max_elapsed": "0.3s"}})
        done = run(shop)
        assert (done.code, shop.ledger.exists()) == (4, False), done.stderr
        assert writes(sandbox) == 0


def test_a_wrong_credential_stops_a_run_and_is_told_by_a_check_before_anything_is_listed(
    shop: Workshop, sandbox: Sandbox
) -> None:
    listed(shop, [digest(1)])
    job(shop)
    shop.environ["CUSTOMERLY_TOKEN"] = "wrong"
    stopped = run(shop)
    assert (stopped.code, shop.ledger.exists()) == (4, False), stopped.stderr
    pages = sandbox.stats()["routes"].get("GET /users/list", 0)
    told = shop.ask("check", "contacts.yaml")
    assert (told.code, sandbox.stats()["routes"].get("GET /users/list", 0)) == (2, pages)
    assert "wrong" not in stopped.stderr + told.stdout + told.stderr
    shop.environ["CUSTOMERLY_TOKEN"] = ""
    missing = run(shop)
    assert (missing.code, "CUSTOMERLY_TOKEN" in missing.stderr) == (2, True)


def test_a_column_that_contacts_do_not_have_is_told_once_they_are_listed(
    shop: Workshop, sandbox: Sandbox
) -> None:
    put(sandbox, 1)
    listed(shop, [digest(1)])
    job(shop, {**UNSUBSCRIBE, "fields": {"email": "emial", "user_id": "usr_id"}})
    told = run(shop)
    said = [line.partition(": ")[2] for line in told.stderr.splitlines() if "unknown column" in line]
    assert (told.code, shop.ledger.exists(), writes(sandbox)) == (2, False, 0)
    assert [line.partition("unknown")[2] for line in said] == [
        ' column "emial"; did you mean "email"?',
        ' column "usr_id"; did you mean "user_id"?',
    ]


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_address_of_a_contact_is_written_anywhere(shop: Workshop, sandbox: Sandbox) -> None:
    put(sandbox, *range(1, 6))
    listed(shop, map(digest, range(1, 8)))
    job(shop, {**UNSUBSCRIBE, "fields": {"email": "email", "user_id": "user_id"}})
    temporary = shop.folder / "temporary"
    temporary.mkdir()
    before = files(shop.folder)
    done = shop.run("--log-format", "json", TMPDIR=str(temporary))
    assert done.returncode == 0, done.stderr
    new = {path: text for path, text in files(shop.folder).items() if path not in before}
    assert not any(path.is_relative_to(temporary) for path in new)
    exported = orjson.dumps(shop.export())
    for text in (exported, done.stdout.encode(), done.stderr.encode(), *new.values()):
        assert b"@example.com" not in text
        assert b"person1" not in text
    assert {one["key"] for one in shop.export()} == set(map(digest, range(1, 8)))


def test_a_preview_lists_and_shows_whom_it_means_unless_that_is_masked(
    shop: Workshop, sandbox: Sandbox
) -> None:
    put(sandbox, 1, 2)
    listed(shop, [digest(2), digest(9), "x"])
    job(shop, {"operation": "upsert_user", "fields": {"email": "email", "attributes": {"why": "why"}}})
    shown = shop.preview()
    assert shown["match"] == [{"destination": "customerly", "contacts": 2, "matches": True}]
    assert shown["steps"][0]["told"] == {"rejected: bad_value": 1, "skipped: not_found": 1}
    assert orjson.loads(shown["requests"][0]["body"]) == {
        "users": [{"email": address(2), "attributes": {"why": "left"}}]
    }
    masked = shop.ask("preview", "contacts.yaml", "--mask")
    assert "@" not in masked.stdout + masked.stderr
    assert {entry["method"] for entry in sandbox.log("customerly")[1:]} == {"GET"}
    offline = shop.ask("check", "contacts.yaml", "--offline")
    assert (offline.code, "contacts are not listed offline" in offline.stdout) == (0, True)
    confirmed = run(shop, "--confirm", shown["digest"])
    assert confirmed.code == 3, confirmed.stderr
    assert sandbox.contacts()[address(2)]["attributes"] == {"why": "left"}


def test_offline_a_file_of_contacts_is_looked_at_all_the_same(shop: Workshop, sandbox: Sandbox) -> None:
    shop.write("all.csv", f"email\n{address(1)}\n")
    listed(shop, [digest(1), digest(2)])
    job(shop, match={"contacts": {"path": "all.csv"}})
    said = shop.ask("check", "contacts.yaml", "--offline").stdout
    assert "step unsubscribe_user: 1 records to send; 1 skipped: not_found" in said
    assert "match: 1 contacts for customerly" in said
    assert sandbox.requests == 0


def test_night_after_night_only_who_is_new_is_told_and_who_came_back_is_told_again(
    shop: Workshop, sandbox: Sandbox
) -> None:
    put(sandbox, 1, 2)
    listed(shop, map(digest, (1, 2, 3)))
    job(shop, sync={"mode": "changes"})
    assert run(shop).code == 0
    assert [reason for *_, reason in shop.outcomes()] == ["", "", "not_found"]
    put(sandbox, 3)
    sandbox.ask("customerly", "DELETE", f"/users?email={address(2)}")
    assert run(shop).code == 0
    assert [reason for *_, reason in shop.outcomes()] == ["unchanged", "not_found", ""]
    put(sandbox, 2)
    assert run(shop).code == 0
    assert [reason for *_, reason in shop.outcomes()] == ["unchanged", "", "unchanged"]
    assert unsubscribed(sandbox) == [address(n) for n in (1, 2, 3)]


def test_a_suppression_list_holds_back_by_the_address_of_the_contact(
    shop: Workshop, sandbox: Sandbox
) -> None:
    put(sandbox, 1, 2)
    listed(shop, [digest(1), digest(2)])
    shop.write("out.txt", f"{address(2).upper()}\n")
    step = {"operation": "tag", "fields": {"email": "email", "tag": "why"}}
    job(shop, step, suppression=[{"path": "out.txt"}])
    assert run(shop).code == 0
    assert shop.outcomes() == [(1, "succeeded", ""), (2, "skipped", "suppressed")]
