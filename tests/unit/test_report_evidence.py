"""Evidence of erasures: what it says, that it names nobody, and that a change to it is found."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from erasure_ledgers import (
    EMAILS,
    ERASING,
    FACTS,
    GONE,
    SECRET,
    TAKEN,
    add_erasures,
    begin_erasures,
    erase_three,
    open_ledger,
    outcome,
)
from ledgers import told_frame

from bulk.errors import UsageError
from bulk.ledger.chain import Checked
from bulk.ledger.keys import secret_id
from bulk.ledger.record import Record, reading
from bulk.plan.subjects import naming
from bulk.report.evidence import Issued, differences, moment, statement
from bulk.report.page import evidence_page
from bulk.report.signing import private_key, public_key, seal_problems, sealed

DAY = 86400.0
RECEIVED = 1769846400.0  # 2026-01-31T08:00:00Z, as the requests say


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "erasure.ledger"
    ledger = begin_erasures(path)
    erase_three(ledger)
    ledger.close()
    return path


def read(path: Path, upto: int | None = None) -> tuple[Record, Checked]:
    with reading(path) as reader:
        checked = reader.check()
        return reader.record(checked, upto), checked


def made(path: Path, at: float = RECEIVED) -> dict[str, Any]:
    record, checked = read(path)
    return statement(record, Issued(at, "1.0", checked.links, checked.head))


def test_every_request_stands_there_with_what_was_done_accepted_and_seen(path: Path) -> None:
    found = made(path)

    assert [one["reference"] for one in found["requests"]] == ["T-1", "T-2", "T-3"]
    first, _, third = found["requests"]
    _, (digest,) = naming(SECRET).digests(pl.Series(EMAILS[:1]))
    assert first["subjects"] == [{"kind": "email", "hash": digest.hex()}]
    assert (first["received_at"], first["due_at"]) == ("2026-01-31T08:00:00.000Z", "2026-02-28T08:00:00.000Z")
    (done,) = first["outcomes"]
    assert (done["status"], done["verification"], done["destination"]) == ("succeeded", "absent", "here")
    assert done["accepted_at"] == moment(1001.0)
    assert done["verified_at"] == moment(1010.0)
    assert [one["kind"] for one in done["found"]] == ["id"]
    assert third["outcomes"][0]["verification"] == "still_present"
    assert found["passes"][0]["destinations"] == ERASING["destinations"]
    assert found["passes"][0]["runs"][0]["approval"] == "--yes"
    assert found["ledger"]["secret"] == secret_id(SECRET)
    assert "the source file requests.csv, and its copies" in found["elsewhere"]


def test_nobody_stands_in_it(path: Path) -> None:
    text = orjson.dumps(made(path))

    assert not any(name.encode() in text for name in [*EMAILS, "example.com", "user-1111", "user-2222"])


@pytest.mark.parametrize(
    ("days", "state"), [(10, "open"), (21.5, "approaching"), (27, "approaching"), (29, "overdue")]
)
def test_open_requests_are_shown_with_their_deadline(path: Path, days: float, state: str) -> None:
    (deadline,) = made(path, RECEIVED + days * DAY)["deadlines"]

    assert (deadline["row"], deadline["state"], deadline["days_left"]) == (3, state, 28 - days)


def test_people_on_hold_were_not_asked_to_be_erased_and_stand_there_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.ledger"
    ledger = open_ledger(path)
    holds = [{"list": ["h.csv"], "reason": "lawsuit"}]
    add_erasures(ledger, replace(FACTS, erasing={**ERASING, "holds": holds}))
    ledger.begin_pass(FACTS, 2000.0)
    ledger.write_told(0, told_frame({1: ("skipped", "on_hold", "stands in h.csv: lawsuit (case 7)")}))
    ledger.end_reading(1, 2001.0)
    ledger.close()

    found = made(path)

    assert found["holds"] == [
        {
            "pass": 2,
            "row": 1,
            "step": "erase",
            "destination": "here",
            "hold": "h.csv: lawsuit (case 7)",
            "reference": None,
        }
    ]
    assert {one["pass"] for one in found["requests"]} == {1}
    assert found["passes"][0]["holds"] == holds


def test_older_evidence_still_agrees_with_a_ledger_that_went_on(path: Path) -> None:
    older = made(path)
    ledger = open_ledger(path)
    ledger.last_pass()
    ledger.begin_run(3000.0, {"verify": "source"})
    ledger.amend(1, [outcome(3, GONE, 3001.0)])
    add_erasures(ledger)
    ledger.commit([outcome(1, TAKEN)])
    ledger.close()

    record, checked = read(path, older["ledger"]["links"])
    then = statement(record, Issued(RECEIVED, "1.0", older["ledger"]["links"], older["ledger"]["head"]))

    assert checked.heads[older["ledger"]["links"]] == older["ledger"]["head"]
    assert differences(older, then, record.purged) == []
    assert made(path) != older


CHANGES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda one: one["requests"].pop(), "requests: pass 1, row 3 is missing from the evidence"),
    (lambda one: one["requests"][0].update(row=9), "requests: pass 1, row 9 is not in the ledger"),
    (
        lambda one: one["requests"][2]["outcomes"][0].update(verification="absent"),
        "requests: pass 1, row 3: outcomes is not what the ledger says",
    ),
    (
        lambda one: one["requests"][1].update(due_at="2027-01-01T00:00:00.000Z"),
        "requests: pass 1, row 2: due_at is not what the ledger says",
    ),
    (
        lambda one: one["requests"][1]["subjects"][0].update(hash="00"),
        "requests: pass 1, row 2: subjects is not what the ledger says",
    ),
    (lambda one: one["passes"][0].update(source="f2"), "passes: pass 1: source is not what the ledger says"),
    (lambda one: one.update(requests=None), "requests: pass 1, row 1 is missing from the evidence"),
    (lambda one: one.update(by_hand=["x"]), "by_hand is not what the ledger says"),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_a_changed_value_is_found_by_comparing_and_by_the_digest(
    path: Path, change: Callable[[dict[str, Any]], object], expected: str
) -> None:
    good = made(path)
    evidence = sealed(good, None)
    changed = copy.deepcopy(good)
    change(changed)

    assert expected in differences(changed, good, frozenset())
    assert seal_problems({**evidence, "statement": changed}, None) == [
        "the statement is not the one its digest was made of"
    ]


def test_evidence_of_a_pass_that_was_purged_since_is_not_compared(path: Path) -> None:
    good = made(path)

    assert differences(good, {**good, "requests": [], "passes": [], "holds": []}, frozenset({1})) == []


def test_a_signature_tells_who_signed_and_whether_anything_was_changed(path: Path) -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    evidence = orjson.loads(orjson.dumps(sealed(made(path), key)))

    assert seal_problems(evidence, None) == []
    assert seal_problems(evidence, key.public_key()) == []
    assert seal_problems(evidence, other.public_key()) == [
        "it was signed with another key than the one that was given"
    ]
    forged = {
        **evidence,
        **sealed({**evidence["statement"], "version": "2"}, None),
        "signature": evidence["signature"],
    }
    assert seal_problems(forged, key.public_key()) == ["the signature is not one over this statement"]
    unsigned = sealed(evidence["statement"], None)
    assert seal_problems(unsigned, key.public_key()) == ["it is not signed, and a public key was given"]
    for broken in ({}, "x", {"public_key": "??", "value": ""}, {"public_key": "", "value": ""}, 7):
        assert seal_problems({**unsigned, "signature": broken}, None) == [
            "the signature is not one over this statement"
        ]


def test_keys_are_read_from_pem_and_others_refused() -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    assert private_key(pem.decode(), "KEY").private_bytes_raw() == key.private_bytes_raw()
    assert public_key(public, "key.pem").public_bytes_raw() == key.public_key().public_bytes_raw()
    for wrong in ("", "secret", public.decode()):
        with pytest.raises(UsageError, match="KEY is no private key of Ed25519 in PEM"):
            private_key(wrong, "KEY")
    with pytest.raises(UsageError, match=r"key\.pem is no public key"):
        public_key(pem, "key.pem")


def test_the_page_shows_every_request_and_nothing_from_elsewhere(path: Path) -> None:
    page = evidence_page(sealed(made(path), None))

    assert all(reference in page for reference in ("T-1", "T-2", "T-3"))
    assert page.count("✓ absent") == 2
    assert page.count("✗ still present") == 1
    assert "http-equiv" not in page
    assert "<script" not in page
    assert "src=" not in page
    assert "@import" not in page


def test_a_reference_cannot_become_markup(path: Path) -> None:
    found = made(path)
    found["requests"][0]["reference"] = "<script>alert(1)</script>"

    assert "<script>alert" not in evidence_page(sealed(found, None))
