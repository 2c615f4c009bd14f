"""Erasures from request to evidence: nobody is taken for gone who was not seen to be, and nobody is named."""

import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from forked_bulk import Ended
from workshop import REPOSITORY, Sandbox, Workshop, sandbox_with, until

from bulk.sandbox import KustomerBehaviour, SandboxOptions

SECRET = "a secret that was made up for these tests"
HEADER = "ticket,received,id,email,phone"
NOTED = {"reference": "ticket", "received_at": "received"}
SYSTEMS = {
    "customerly": {"email": "email", "user_id": "id"},
    "customerio": {"email": "email", "id": "id", "phone": "phone"},
    "kustomer": {"email": "email", "externalId": "id", "phone": "phone"},
}
USUAL_WAIT = "20s"
Person = dict[str, str]


def person(number: int, name: str = "p") -> Person:
    return {
        "email": f"{name}{number}@example.com",
        "id": f"{name}-id-{number}",
        "phone": f"+3906{ord(name[0]):03d}{number:04d}",
    }


def put_everywhere(sandbox: Sandbox, *people: Person) -> None:
    """Give every system people, some of them as leads as well, some with things of their own."""
    sandbox.put("users", [{"email": one["email"], "user_id": one["id"]} for one in people])
    sandbox.put("leads", [{"email": one["email"]} for one in people[::2]])
    sandbox.put_people(*people)
    customers = (
        {"externalId": one["id"], "emails": [{"email": one["email"]}], "phones": [{"phone": one["phone"]}]}
        for one in people
    )
    for customer in sandbox.put_customers(*customers)[::2]:
        sandbox.ask("kustomer", "POST", f"/customers/{customer}/notes", {"body": "a note"})


def left(sandbox: Sandbox) -> dict[str, set[str]]:
    """Who is still there, by address."""
    return {
        "users": set(sandbox.contacts()),
        "leads": set(sandbox.contacts("leads")),
        "people": {one["email"] for one in sandbox.contents("customerio", "people")},
        "customers": {one["emails"][0]["email"] for one in sandbox.contents("kustomer", "customers")},
    }


class Erasures(Workshop):
    """A workshop with a job that erases people."""

    def __init__(self, shop: Workshop) -> None:
        super().__init__(shop.folder, shop.urls, shop.forker)
        self.environ = shop.environ | {"BULK_LEDGER_SECRET": SECRET}

    def asking(self, *people: Person) -> Path:
        named = [",".join(one.get(name, "") for name in ("id", "email", "phone")) for one in people]
        return self.source([f"T-{n},2026-11-20T09:00:00Z,{text}" for n, text in enumerate(named, 1)], HEADER)

    def erasing(self, *systems: str, wait: str = USUAL_WAIT, rate: str = "1000/s", **keys: Any) -> Path:
        """Write the job; ``step`` holds more keys of every step."""
        chosen, more = systems or tuple(SYSTEMS), keys.pop("step", {})
        steps = [
            {
                "name": system,
                "destination": system,
                "operation": "erase_person",
                "fields": {**SYSTEMS[system], **NOTED},
                "verify": {"wait": wait},
                **more,
            }
            for system in chosen
        ]
        return self.job(*steps, to={system: {"rate": rate} for system in chosen}, **keys)

    def erase(self, *arguments: str) -> Ended:
        return self.ask("run", "contacts.yaml", "--yes", *arguments)

    def returned_job(self, rate: str = "1000/s") -> tuple[str, ...]:
        """Return what runs the shipped job that erases who returned, here."""
        (self.folder / "jobs").mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / "jobs" / "erase-returned.yaml", self.folder / "jobs")
        settings = [
            f"destinations.{system}.{key}={value}"
            for system in SYSTEMS
            for key, value in self.place(system, rate=rate).items()
            if key != "system"
        ]
        settings.append(f"source.path={self.folder / 'returned.csv'}")
        laid = (part for setting in settings for part in ("--set", setting))
        return "run", "jobs/erase-returned.yaml", "--yes", *laid

    def told(self, *arguments: str) -> Counter[tuple[str, ...]]:
        columns = ("step", "status", "reason", "verification")
        return Counter(tuple(line[name] for name in columns) for line in self.export(*arguments))

    def seen(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Read everybody back; return the exit code and what was seen, by destination."""
        done = self.ask("verify", str(self.ledger), "--json", *arguments)
        assert done.code in {0, 3, 4}, done.stderr
        return done.code, json.loads(done.stdout)["destinations"]

    def evidence(self) -> dict[str, Any]:
        done = self.ask("report", str(self.ledger), "-o", "evidence.json", "--evidence")
        assert done.code == 0, done.stderr
        found: dict[str, Any] = json.loads((self.folder / "evidence.json").read_bytes())
        return found

    def audit(self, *arguments: str) -> tuple[int, str]:
        done = self.ask("audit", str(self.ledger), *arguments)
        return done.code, done.stdout

    def naming(self, *people: Person) -> list[str]:
        """The files, but for the source, in which any of these people is named."""
        names = [value.encode() for one in people for value in one.values()]
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != "contacts.csv")
        return [path.name for path in files if any(name in path.read_bytes() for name in names)]


@pytest.fixture
def erasures(shop: Workshop) -> Erasures:
    return Erasures(shop)


def count(**seen: int) -> dict[str, int]:
    return {"absent": 0, "still_present": 0, "unread": 0, **seen}


def test_people_are_gone_everywhere_and_seen_to_be_and_nothing_names_them(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    people, others = [person(n) for n in range(1, 7)], [person(n, "kept") for n in range(1, 4)]
    put_everywhere(sandbox, *people[:5], *others)
    erasures.asking(*people)
    erasures.erasing()
    until(lambda: len(sandbox.contents("customerio", "people")) == 8, "people at Customer.io")
    assert erasures.refused() == 5, "nobody is erased without approval"

    done = erasures.run("--yes", "--log-format", "json")

    assert done.returncode == 0, done.stderr
    kept = {one["email"] for one in others}
    assert left(sandbox) == {
        "users": kept,
        "leads": {"kept2@example.com"},
        "people": kept,
        "customers": kept,
    }
    assert len(sandbox.contents("kustomer", "notes")) == 1
    assert erasures.told() == {
        ("customerly", "succeeded", "by_hand", "absent"): 5,
        ("customerly", "succeeded", "not_present", "absent"): 1,
        ("customerio", "succeeded", "", "absent"): 5,
        ("customerio", "succeeded", "not_present", "absent"): 1,
        ("kustomer", "succeeded", "", "absent"): 5,
        ("kustomer", "succeeded", "not_present", "absent"): 1,
    }
    (erasures.folder / "log.txt").write_text(done.stderr + done.stdout)
    assert len(erasures.evidence()["statement"]["requests"]) == 6
    assert erasures.audit("evidence.json")[0] == 0
    assert erasures.naming(*people) == []
    before = sandbox.requests
    assert erasures.erase().code == 0
    assert sandbox.requests == before, "a finished erasure run again sends nothing"


def test_an_erasure_that_is_killed_again_and_again_erases_whom_it_was_asked_to_and_nobody_else(
    erasures: Erasures,
) -> None:
    people, others = [person(n) for n in range(1, 25)], [person(n, "kept") for n in range(1, 6)]
    with sandbox_with(SandboxOptions()) as sandbox:
        erasures.at(sandbox)
        put_everywhere(sandbox, *people, *others)
        erasures.asking(*people)
        erasures.erasing("customerly", "kustomer", rate="100/s")
        for deletions in (5, 30):
            with erasures.running("--yes") as run:
                until(lambda most=deletions: deleted(sandbox) >= most, "deletions")  # type: ignore[misc]
                run.kill()
                run.wait()
            assert erasures.status()["balanced"]
            assert erasures.naming(*people) == []
        erasures.erasing("customerly", "kustomer")
        assert erasures.erase().code == 0

        kept = {one["email"] for one in others}
        found = left(sandbox)
        assert (found["users"], found["leads"], found["customers"]) == (
            kept,
            kept - {"kept2@example.com", "kept4@example.com"},
            kept,
        )
    assert {line["verification"] for line in erasures.export()} == {"absent"}
    assert erasures.audit()[0] == 0


def deleted(sandbox: Sandbox) -> int:
    return sum(entry["method"] == "DELETE" for entry in sandbox.log())


def test_people_who_are_kept_are_still_present_and_late_ones_are_seen_to_be_gone_on_a_later_day(
    erasures: Erasures,
) -> None:
    keeping = KustomerBehaviour(delete_ignored=frozenset(["p2@example.com"]), delete_seconds=3.0)
    people = [person(n) for n in range(1, 4)]
    with sandbox_with(SandboxOptions(kustomer=keeping)) as sandbox:
        erasures.at(sandbox)
        put_everywhere(sandbox, *people)
        erasures.asking(*people)
        erasures.erasing("kustomer", wait="500ms")

        assert erasures.erase().code == 3
        assert erasures.told() == {("kustomer", "failed", "still_present", "still_present"): 3}
        until(lambda: len(sandbox.ask("kustomer", "GET", "/customers")["data"]) == 1, "customers to vanish")
        assert erasures.seen() == (3, {"kustomer": count(absent=2, still_present=1)})
        assert erasures.told() == {
            ("kustomer", "succeeded", "", "absent"): 2,
            ("kustomer", "failed", "still_present", "still_present"): 1,
        }
        before = deleted(sandbox)
        assert erasures.erase().code == 3
        assert deleted(sandbox) == before, "reading back never removes again"


def test_who_awaits_being_read_back_never_blocks_the_requests_of_the_next_day(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    first, second = person(1), person(2)
    put_everywhere(sandbox, first, second)
    erasures.erasing("customerly", wait="0s")
    erasures.asking(first)
    assert erasures.erase().code == 4
    assert erasures.told() == {("customerly", "pending", "", "pending"): 1}
    shutil.copy(erasures.folder / "contacts.csv", erasures.folder / "yesterday.csv")

    erasures.asking(second)
    assert erasures.erase().code == 4
    status = erasures.status()
    assert (status["pass"], status["state"], status["awaiting_verification"]) == (2, "verifying", 2)

    assert erasures.seen("--source", "yesterday.csv") == (4, {"customerly": count(absent=1, unread=1)})
    assert erasures.seen() == (4, {"customerly": count(absent=1, unread=1)})
    assert erasures.status()["awaiting_verification"] == 0
    gone = {("customerly", "succeeded", "by_hand", "absent"): 1}
    assert (erasures.told("--pass", "1"), erasures.told()) == (gone, gone)
    assert (sandbox.contacts(), sandbox.contacts("leads")) == ({}, {})


def test_whom_an_unfinished_run_is_still_to_erase_nobody_takes_for_gone(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    people = [person(n) for n in range(1, 4)]
    put_everywhere(sandbox, *people)
    erasures.erasing("customerly")
    erasures.asking(*people)
    assert erasures.erase("--limit", "1").code == 0

    done = erasures.ask("verify", str(erasures.ledger), "--json")

    assert (done.code, json.loads(done.stdout)["destinations"]["customerly"]) == (
        4,
        count(absent=1, unread=2),
    )
    assert "run the job again" in done.stderr
    assert erasures.seen("--contacts", "pull") == (4, {"customerly": count(absent=1, unread=2)})
    assert erasures.erase().code == 0
    assert erasures.seen() == (0, {"customerly": count(absent=3)})


def test_nobody_is_taken_for_another_and_whom_it_would_find_is_seen_before(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    ann, bob, cyd = (person(n) for n in (1, 2, 3))
    put_everywhere(sandbox, ann, bob, cyd)
    mixed = {"id": ann["id"], "email": bob["email"], "phone": ""}
    by_phone = {"id": "", "email": "", "phone": cyd["phone"]}
    nobody = person(9)
    erasures.asking(ann, mixed, by_phone, nobody)
    erasures.erasing("kustomer")

    found = erasures.ask("check", "contacts.yaml", "--find", "-o", "found.csv")

    assert found.code == 0, found.stderr
    assert (erasures.folder / "found.csv").read_text().splitlines() == [
        "row,destination,state,records,children",
        "1,kustomer,present,1,1",
        "2,kustomer,conflict,2,",
        "3,kustomer,ambiguous,1,",
        "4,kustomer,absent,0,",
    ]
    assert len(sandbox.contents("kustomer", "customers")) == 3
    assert not erasures.ledger.exists()

    assert erasures.erase().code == 3
    assert [(status, reason) for _, status, reason in erasures.outcomes()] == [
        ("succeeded", ""),
        ("failed", "identity_conflict"),
        ("failed", "ambiguous"),
        ("succeeded", "not_present"),
    ]
    assert left(sandbox)["customers"] == {bob["email"], cyd["email"]}


def test_people_on_hold_are_kept_also_if_only_looking_them_up_tells_who_they_are(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    ann, bob, cyd = (person(n) for n in (1, 2, 3))
    put_everywhere(sandbox, ann, bob, cyd)
    erasures.asking(ann, {"id": bob["id"]}, cyd)
    erasures.write("holds.csv", f"who\n{ann['email']}\n{bob['email'].upper()}\n")
    hold = {"path": "holds.csv", "column": "who", "reason": "a lawsuit", "reference": "case 7"}
    erasures.erasing("customerly", holds=[hold])

    assert erasures.erase().code == 0

    said = "stands in holds.csv: a lawsuit (case 7)"
    assert [(line["reason"], line["error_message"]) for line in erasures.export()][:2] == [
        ("on_hold", said)
    ] * 2
    assert set(sandbox.contacts()) == {ann["email"], bob["email"]}
    made = erasures.evidence()["statement"]
    assert [(one["row"], one["hold"], one["reference"]) for one in made["holds"]] == [
        (1, said.removeprefix("stands in "), "T-1"),
        (2, said.removeprefix("stands in "), "T-2"),
    ]
    # Who was on hold when the requests were read was not asked to be erased, and may be imported.
    erasures.source([f"{one['email']},{one['id']}" for one in (ann, cyd)], "email,id")
    erasures.job(name="import", suppression=[{"ledger": "contacts.ledger"}])
    imported = erasures.ask(
        "run", "contacts.yaml", "--ledger", "import.ledger", "--set", "steps.0.fields.name=id"
    )
    assert imported.code == 0, imported.stderr
    assert cyd["email"] not in sandbox.contacts()


def test_nobody_who_was_erased_is_ever_imported_again_by_whatever_they_are_named(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    """Erased by address alone; the id was found when they were looked up, and an import by id is caught."""
    ann, other = person(1), person(2)
    put_everywhere(sandbox, ann)
    erasures.asking({"email": ann["email"].upper()})
    erasures.erasing("customerly")
    assert erasures.erase().code == 0

    erasures.write("people.csv", f"key\n{ann['id']}\n{other['id']}\n")
    step = {"operation": "upsert_person", "fields": {"id": "key", "attributes": {"plan": {"value": "new"}}}}
    lists = [{"ledger": "contacts.ledger"}]
    erasures.job(step, source={"path": "people.csv"}, to="customerio", name="import", suppression=lists)
    checked = erasures.ask("check", "contacts.yaml", "--offline")
    assert "suppression contacts.ledger: 2 entries" in checked.stdout

    assert erasures.ask("run", "contacts.yaml", "--ledger", "import.ledger").code == 0

    assert [one["id"] for one in sandbox.contents("customerio", "people") if "plan" in one["attributes"]] == [
        other["id"]
    ]
    del erasures.environ["BULK_LEDGER_SECRET"]
    refused = erasures.ask("run", "contacts.yaml", "--ledger", "import.ledger")
    assert (refused.code, "BULK_LEDGER_SECRET is not set" in refused.stderr) == (2, True)
    erasures.environ["BULK_LEDGER_SECRET"] = "another\n" + SECRET
    assert erasures.ask("run", "contacts.yaml", "--ledger", "import.ledger").code == 0


def test_a_changed_byte_in_ledger_or_evidence_is_found(erasures: Erasures, sandbox: Sandbox) -> None:
    put_everywhere(sandbox, person(1))
    erasures.asking(person(1))
    erasures.erasing("customerly")
    assert erasures.erase().code == 0
    key, public = erasures.folder / "key.pem", erasures.folder / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)], check=True)
    subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public)], check=True)
    erasures.environ["BULK_SIGNING_KEY_FILE"] = str(key)
    erasures.evidence()
    good = erasures.audit("evidence.json", "--public-key", "public.pem")
    assert good[0] == 0, good[1]
    assert good[1].count("nothing was changed") == 2

    text = (erasures.folder / "evidence.json").read_text()
    erasures.write("evidence.json", text.replace('"absent"', '"absemt"', 1))
    code, said = erasures.audit("evidence.json", "--public-key", "public.pem")
    assert (code, "outcomes is not what the ledger says" in said) == (3, True)
    assert "the signature is not one over this statement" in said
    erasures.write("evidence.json", text)

    with closing(sqlite3.connect(erasures.ledger)) as connection:
        connection.execute(
            "UPDATE entries SET finished_at = finished_at - 86400 WHERE verification = 'absent'"
        )
        connection.commit()
    code, said = erasures.audit("evidence.json")
    assert (code, "the row is not the one that was recorded" in said) == (3, True)
    refused = erasures.ask("report", str(erasures.ledger), "-o", "again.json", "--evidence")
    assert (refused.code, (erasures.folder / "again.json").exists()) == (3, False)


def test_without_a_secret_nothing_is_erased(erasures: Erasures, sandbox: Sandbox) -> None:
    put_everywhere(sandbox, person(1))
    erasures.asking(person(1))
    erasures.erasing("customerly")
    del erasures.environ["BULK_LEDGER_SECRET"]

    done = erasures.erase()

    assert (done.code, "BULK_LEDGER_SECRET" in done.stderr) == (2, True)
    assert (sandbox.contacts(), erasures.ledger.exists()) != ({}, True)
    assert len(sandbox.contacts()) == 1


def test_after_a_restore_who_came_back_is_found_and_erased_again_although_the_source_is_gone(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    people = [person(n) for n in range(1, 7)]
    put_everywhere(sandbox, *people)
    erasures.asking(*people)
    erasures.erasing("customerly", "kustomer")
    assert erasures.erase().code == 0
    (erasures.folder / "contacts.csv").unlink()
    assert erasures.ask("verify", str(erasures.ledger)).code == 2
    gone = {"customerly": count(absent=6), "kustomer": count(absent=6)}
    assert erasures.seen("--contacts", "pull") == (0, gone)

    bystander = {"email": "new@example.com", "user_id": "new"}
    renamed = {"email": "renamed@example.com", "user_id": people[1]["id"]}
    sandbox.put("users", [{"email": people[0]["email"]}, renamed, bystander])
    sandbox.put("leads", [{"email": people[2]["email"]}])
    address = [{"email": "other@example.com"}, {"email": people[4]["email"]}]
    sandbox.put_customers({"externalId": people[3]["id"]}, {"emails": address}, {"externalId": "new"})

    assert erasures.seen("--contacts", "pull", "-o", "returned.csv") == (
        3,
        {"customerly": count(absent=3, still_present=3), "kustomer": count(absent=4, still_present=2)},
    )
    lines = (erasures.folder / "returned.csv").read_text().splitlines()
    assert lines[0] == "destination,pass,row,reference,kind,hash"
    assert [line.split(",")[:5] for line in lines[1:]] == [
        ["customerly", "1", "1", "T-1", "email"],
        ["customerly", "1", "2", "T-2", "id"],
        ["customerly", "1", "3", "T-3", "email"],
        ["kustomer", "1", "4", "T-4", "id"],
        ["kustomer", "1", "5", "T-5", "email"],
    ]
    assert {line["reason"] for line in erasures.export("--status", "failed")} == {"returned"}

    done = erasures.ask(*erasures.returned_job())

    assert done.code == 0, done.stderr
    assert set(sandbox.contacts()) | set(sandbox.contacts("leads")) == {"new@example.com"}
    assert len(sandbox.contents("kustomer", "customers")) == 1
    assert erasures.seen("--contacts", "pull") == (0, gone)
    assert erasures.naming(*people) == []


def test_whoever_returned_is_erased_also_by_a_run_that_was_killed_when_they_were_gone_already(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    people = [person(n) for n in range(1, 4)]
    put_everywhere(sandbox, *people)
    erasures.asking(*people)
    erasures.erasing("customerly")
    assert erasures.erase().code == 0
    sandbox.put("users", [{"email": one["email"]} for one in people])
    assert erasures.seen("--contacts", "pull", "-o", "returned.csv")[0] == 3

    with erasures.running_command(*erasures.returned_job("10/s")) as run:
        until(lambda: len(sandbox.contacts()) < 3, "somebody is deleted")
        run.kill()
    assert len(sandbox.contacts()) < 3
    done = erasures.ask(*erasures.returned_job())

    assert done.code == 0, done.stderr
    assert sandbox.contacts() == {}
    erasures.ledger = ledger = erasures.folder / "erase-returned.ledger"
    told = {line["status"] for line in erasures.export() if line["step"] == "customerly"}
    assert told == {"succeeded"}
    assert erasures.ask("verify", str(ledger)).code == 4, "once they are gone, nothing names them any more"
    assert erasures.ask("verify", str(ledger), "--contacts", "pull").code == 0


def test_a_request_that_names_nobody_somewhere_is_not_answered_and_stands_in_the_evidence(
    erasures: Erasures, sandbox: Sandbox
) -> None:
    known, by_phone = person(1), person(2)
    put_everywhere(sandbox, known, by_phone)
    erasures.asking(known, {"id": "p-id-2"}, {"phone": "+390612345678"}, {"email": "no address"})
    erasures.erasing("customerly", "kustomer")

    assert erasures.erase().code == 3

    requests = erasures.evidence()["statement"]["requests"]
    told = [(one["reference"], [each["status"] for each in one["outcomes"]]) for one in requests]
    assert told == [
        ("T-1", ["succeeded", "succeeded"]),
        ("T-2", ["succeeded", "succeeded"]),
        ("T-3", ["rejected", "succeeded"]),
        ("T-4", ["rejected", "rejected"]),
    ]
    assert [len(one["subjects"]) for one in requests] == [3, 1, 1, 0]
    assert [one["reference"] for one in erasures.evidence()["statement"]["deadlines"]] == ["T-3", "T-4"]
    assert erasures.audit("evidence.json")[0] == 0


def test_older_ledgers_are_purged_of_people_and_still_tell_what_happened(erasures: Erasures) -> None:
    erasures.source([f"p{n}@example.com,x" for n in range(1, 4)])
    erasures.job()
    assert erasures.ask("run", "contacts.yaml").code == 0
    before = erasures.status()["steps"]
    erasures.write("gone.txt", " P2@Example.com\nnobody@example.com\n")

    done = erasures.ask("purge", str(erasures.ledger), "--people", "gone.txt")

    assert (done.code, "1 keys replaced" in done.stdout) == (0, True), done.stderr
    keys = [line["key"] for line in erasures.export()]
    assert keys[0::2] == ["p1@example.com", "p3@example.com"]
    assert len(keys[1]) == 64
    (erasures.folder / "contacts.csv").unlink()
    (erasures.folder / "gone.txt").unlink()
    (erasures.folder / "export.ndjson").unlink()
    assert b"p2@example.com" not in erasures.ledger.read_bytes()
    assert erasures.status()["steps"] == before
