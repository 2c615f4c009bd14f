"""Nobody on a suppression list is written to, whatever names them there, and whenever they came onto it."""

import hashlib
import hmac
import signal
from typing import Any

import pytest
from workshop import Sandbox, Workshop, until

HEADER = "id,email,phone"
PEOPLE = [f"u{n},Person{n}@Example.com,+39 02 123456{n}" for n in range(1, 6)]
PERSON = {"operation": "upsert_person", "fields": {"id": "id", "email": "email", "phone": "phone"}}
SECRET = "the list's secret"
HELD = "person2@example.com"
REST = {"u1", "u3", "u4", "u5"}


def digest(text: str, name: str = "sha256") -> str:
    return hashlib.new(name, text.encode()).hexdigest()


def keyed(text: str) -> str:
    return hmac.digest(SECRET.encode(), text.encode(), "sha256").hex()


LISTS: dict[str, tuple[str, dict[str, Any]]] = {
    "an address, in another case": (" PERSON2@example.com ", {}),
    "an id": ("u2", {}),
    "a phone number, with other separators": ("+39 (02) 123-4562", {}),
    "an md5": (digest(HELD, "md5"), {"hash": "md5"}),
    "a sha1 in upper case": (digest(HELD, "sha1").upper(), {"hash": "sha1"}),
    "a sha256 of a phone number": (digest("+39021234562"), {"hash": "sha256"}),
    "a keyed hash": (keyed(HELD), {"hash": "hmac-sha256", "secret": "${LIST_SECRET}"}),
    "a hash of something made of it": (
        digest(HELD.upper() + "!"),
        {"hash": "sha256", "of": "upper(value) || '!'"},
    ),
    "one field, which is named": (HELD, {"field": "email"}),
}


@pytest.mark.parametrize("named_by", LISTS)
def test_nobody_on_a_list_arrives_whatever_names_them(
    shop: Workshop, sandbox: Sandbox, named_by: str
) -> None:
    text, how = LISTS[named_by]
    shop.source(PEOPLE, HEADER)
    shop.write("out.csv", f"who,since\n{text},2024\nnobody@example.com,2023\n")
    shop.job(PERSON, to="customerio", suppression=[{"path": "out.csv", "column": "who", **how}])
    done = shop.run(LIST_SECRET=SECRET)
    assert done.returncode == 0, done.stderr
    assert {person["id"] for person in sandbox.contents("customerio", "people")} == REST
    held = shop.export("--status", "skipped")
    assert [(line["row"], line["reason"], line["error_message"]) for line in held] == [
        (2, "suppressed", "stands in out.csv")
    ]
    assert "person2" not in done.stderr.lower()


def test_a_list_of_addresses_holds_back_customers_whose_addresses_stand_in_a_list(
    shop: Workshop, sandbox: Sandbox
) -> None:
    lines = [f'{{"id": "c{n}", "mails": [{{"email": "Old{n}@example.com"}}]}}' for n in range(1, 4)]
    shop.write("people.ndjson", "\n".join(lines))
    shop.write("out.txt", "old2@example.com\n")
    fields = {"externalId": "id", "emails": "mails"}
    shop.job(
        {"operation": "upsert_customer", "fields": fields},
        to="kustomer",
        source={"path": "people.ndjson"},
        suppression=[{"path": "out.txt"}],
    )
    assert shop.run().returncode == 0
    assert {one["externalId"] for one in sandbox.contents("kustomer", "customers")} == {"c1", "c3"}


def test_a_step_that_unsubscribes_still_reaches_them_and_a_key_is_enough_to_be_found(
    shop: Workshop, sandbox: Sandbox
) -> None:
    sandbox.put_people(*({"id": f"{n}", "email": f"p{n}@example.com"} for n in (1, 2)))
    shop.source(["1,p1@example.com", "2, P2@example.com"], "id,email")
    shop.write("out.csv", "email\np2@example.com\n")
    shop.job(
        {"operation": "upsert_person", "fields": {"id": "id", "attributes": {"plan": {"value": "new"}}}},
        {"operation": "unsubscribe_person", "fields": {"id": "id"}},
        to="customerio",
        source={"key": "email"},
        suppression=[{"path": "out.csv", "column": "email"}],
    )
    assert shop.run().returncode == 0
    assert shop.counts("upsert_person") == {"succeeded": 1, "skipped": 1}
    assert shop.counts("unsubscribe_person") == {"succeeded": 2}
    found = {one["id"]: one["attributes"] for one in sandbox.contents("customerio", "people")}
    assert {name: (one.get("plan"), one["unsubscribed"]) for name, one in found.items()} == {
        "1": ("new", True),
        "2": (None, True),
    }


def test_an_address_that_only_another_step_sends_holds_back_as_well(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["1,p1@example.com", "2,p2@example.com"], "id,email")
    shop.write("out.csv", "email\nP2@example.com\n")
    shop.job(
        {"operation": "upsert_person", "fields": {"id": "id", "email": "email"}},
        {"operation": "track_event", "fields": {"id": "id", "name": {"value": "imported"}}},
        to="customerio",
        source={"key": "id"},
        suppression=[{"path": "out.csv", "column": "email"}],
    )
    assert shop.run().returncode == 0
    assert shop.counts("track_event") == {"succeeded": 1, "skipped": 1}
    assert [one["id"] for one in sandbox.contents("customerio", "people")] == ["1"]


def test_who_came_back_with_fresh_consent_is_written_to(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(4)
    shop.write("out.csv", "h\n" + "".join(f"{digest(f'person{n}@example.com')}\n" for n in (1, 2, 3)))
    shop.write("back.csv", f"who\nPerson1@example.com\n{digest('person2@example.com').upper()}\n")
    returned = {"path": "back.csv", "column": "who"}
    shop.job(suppression=[{"path": "out.csv", "column": "h", "hash": "sha256", "except": returned}])
    assert shop.run().returncode == 0
    assert set(sandbox.contacts()) == {f"person{n}@example.com" for n in (1, 2, 4)}


def test_a_list_changed_between_a_signal_and_the_resume_holds_back(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(300)
    late = [f"person{n}@example.com" for n in range(200, 301)]
    shop.write("out.csv", "email\nperson1@example.com\n")
    one_by_one = {"operation": "upsert_user", "batch_size": 1}
    shop.job(one_by_one, place={"rate": "100/s"}, suppression=[{"path": "out.csv", "column": "email"}])
    with shop.running() as run:
        until(lambda: sandbox.requests >= 20, "20 requests")
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 143
    shop.write("out.csv", "\n".join(["email", *late]) + "\n")
    assert shop.run("--set", "destinations.customerly.rate=2000/s").returncode == 0
    assert set(sandbox.contacts()) == {f"person{n}@example.com" for n in range(2, 200)}
    assert shop.counts() == {"succeeded": 198, "skipped": 102}
    assert shop.status()["balanced"]
    assert {line["reason"] for line in shop.export("--status", "skipped")} == {"suppressed"}


def test_a_list_changed_during_a_run_holds_back(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(700)
    late = [f"person{n}@example.com" for n in range(501, 701, 2)]
    shop.write("out.csv", "email\nperson1@example.com\n")
    step = {"operation": "upsert_user", "batch_size": 7}
    shop.job(step, place={"rate": "60/s"}, suppression=[{"path": "out.csv", "column": "email"}])
    with shop.running() as run:
        until(lambda: sandbox.requests >= 5, "5 requests")
        shop.write("out.csv", "\n".join(["email", *late]) + "\n")
        assert run.wait(30) == 0
    sent = {n for n in range(2, 701) if n <= 500 or n % 2 == 0}
    assert set(sandbox.contacts()) == {f"person{n}@example.com" for n in sent}
    assert shop.counts() == {"succeeded": 599, "skipped": 101}


def test_who_waits_for_the_rate_when_a_list_changes_is_held_back(shop: Workshop, sandbox: Sandbox) -> None:
    """Sixteen wait at once; of those, five are sent until the files are looked at again."""
    shop.people(40)
    shop.write("out.csv", "email\n")
    one_by_one = {"operation": "upsert_user", "batch_size": 1}
    shop.job(one_by_one, place={"rate": "10/s"}, suppression=[{"path": "out.csv", "column": "email"}])
    with shop.running() as run:
        until(lambda: sandbox.requests >= 2, "2 requests")
        shop.write("out.csv", "\n".join(["email", *(f"person{n}@example.com" for n in range(14, 41))]))
        assert run.wait(20) == 0
    assert set(sandbox.contacts()) == {f"person{n}@example.com" for n in range(1, 14)}


def test_check_and_preview_count_them_and_warn_of_a_list_that_matches_nothing(
    shop: Workshop, sandbox: Sandbox
) -> None:
    shop.people(3)
    shop.write("out.csv", "email\nperson2@example.com\nperson3@example.com\n")
    shop.write("none.csv", "email\n")
    lists = [{"path": path, "column": "email"} for path in ("out.csv", "none.csv")]
    shop.job(suppression=lists)
    said = shop.ask("check", "contacts.yaml", "--offline").stdout.splitlines()
    assert [line for line in said if line.startswith(("step", "suppression"))] == [
        "step upsert_user: 1 records to send; 2 skipped: suppressed",
        "suppression out.csv: 2 entries",
        "suppression none.csv: 0 entries; warning: nobody in this source stands in it",
    ]
    shown = shop.preview()
    assert [step["records"] for step in shown["steps"]] == [1]
    assert shown["suppression"] == [
        {"list": "out.csv", "entries": 2, "matches": True},
        {"list": "none.csv", "entries": 0, "matches": False},
    ]
    assert [request["rows"] for request in shown["requests"]] == [[1]]
    log = shop.run("--log-format", "json").stderr.splitlines()
    warned = [line for line in log if "list_matches_nothing" in line]
    assert (len(warned), "none.csv" in warned[0]) == (1, True)
    assert set(sandbox.contacts()) == {"person1@example.com"}
