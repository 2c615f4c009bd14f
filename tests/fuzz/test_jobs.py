"""Whatever a job file holds, it is refused in sentences that show no secret, or it is a job."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commanding import command
from effort import effort
from hostile import bent, spoiled
from hypothesis import given
from hypothesis import strategies as st

from bulk.job.document import parse_document

REPOSITORY = Path(__file__).resolve().parents[2]
SECRET = "marker-secret"
ENVIRON = {
    "CUSTOMERLY_TOKEN": SECRET,
    "CUSTOMERIO_SITE_ID": SECRET,
    "CUSTOMERIO_API_KEY": SECRET,
    "CUSTOMERIO_APP_API_KEY": SECRET,
    "KUSTOMER_API_KEY": SECRET,
    "BULK_LEDGER_SECRET": SECRET,
    "LIST_SECRET": SECRET,
}
HTTP: dict[str, Any] = {
    "name": "lists",
    "source": {
        "path": "people.csv",
        "where": "Email is not null",
        "opted_out": "Name = 'x'",
        "key": {"expr": "lower(Email)"},
    },
    "destinations": {
        "there": {
            "system": "http",
            "base_url": "https://api.example.com/v1",
            "headers": {"X-A": "b"},
            "auth": {"bearer": SECRET},
            "rate": "10/s",
            "retry": {"attempts": 3},
            "check": "/me",
        }
    },
    "steps": [
        {
            "name": "one",
            "destination": "there",
            "operation": "request",
            "method": "PUT",
            "path": "/lists/{list}/members/{id}",
            "query": {"source": "{list}"},
            "headers": {"X-Reason": "{list}"},
            "envelope": "members",
            "batch_size": 3,
            "group_by": "list",
            "exclude": ["list"],
            "success": [200],
            "errors": {"path": "a.b", "index": "i", "message": "m"},
            "idempotency_key": "Idempotency-Key",
            "fields": {
                "list": {"value": "x"},
                "id": "Email",
                "when": {"column": "Since", "as": "iso8601", "format": "%Y-%m-%d", "timezone": "Europe/Rome"},
                "tags": {"column": "Name", "split": ";"},
                "more": {"deep": {"expr": "concat(Name, Email)"}},
            },
        }
    ],
    "sync": {"mode": "changes", "resend_after": "30d"},
    "suppression": [
        {
            "path": "out.csv",
            "column": "who",
            "hash": "hmac-sha256",
            "secret": "${LIST_SECRET}",
            "field": "id",
            "of": "lower(value)",
            "except": {"path": "back.csv", "column": "who"},
        }
    ],
    "guards": {
        "max_records": 9,
        "min_records": 0,
        "max_shrink": "20%",
        "max_age": "26h",
        "max_failure_rate": 0.5,
        "canary": 2,
        "tolerate": "1%",
    },
    "ledger": {"keys": "hashed"},
}
MATCHING: dict[str, Any] = {
    "name": "matching",
    "source": {
        "path": "people.csv",
        "separator": ",",
        "encoding": "utf-8",
        "null_values": ["", "x"],
        "duplicates": "keep_first",
    },
    "destinations": {"customerly": {"timeout": "30s", "drain": "1s", "concurrency": 4, "reserve": "30%"}},
    "steps": [
        {
            "destination": "customerly",
            "operation": "unsubscribe_user",
            "fields": {"email": "email"},
            "where": "Name <> 'y'",
            "nulls": "send",
            "opted_out": "include",
        }
    ],
    "match": {"contacts": {"path": "all.csv"}, "column": "Email", "hash": "md5", "of": "lower(email)"},
}


def _shipped() -> Iterator[Any]:
    for path in sorted((REPOSITORY / "jobs").glob("*.yaml")):
        job = parse_document(path.read_text(), path.name).value
        job["source"]["path"] = Path(job["source"]["path"]).name
        for hold in job.get("holds", ()):
            hold["path"] = Path(hold["path"]).name
        yield job


JOBS = [*_shipped(), HTTP, MATCHING]
NAMES = tuple(sorted({name for job in JOBS for name in json.dumps(job).split('"')[1::2]} - {SECRET}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("jobs")
    for path in (REPOSITORY / "jobs" / "data").iterdir():
        lines = path.read_bytes().splitlines(keepends=True)
        (made / path.name).write_bytes(b"".join(lines[:5]))
    rows = "a@example.com,Ada,2026-01-02\nb@example.com,Bob,2026-01-03\n"
    (made / "people.csv").write_text(f"Email,Name,Since\n{rows}")
    (made / "all.csv").write_text(f"email,plan,x\n{rows}")
    (made / "out.csv").write_text(f"who\n{'0' * 64}\n")
    (made / "back.csv").write_text(f"who\n{'1' * 64}\n")
    return made


def check(folder: Path, job: bytes) -> None:
    (folder / "job.yaml").write_bytes(job)
    reading = ("check", "job.yaml", "--offline")
    sends_nothing = reading if b"pull" in job else ("preview", "job.yaml", "--json")
    said = command(*sends_nothing, folder=folder, environ=ENVIRON)

    assert said.code in {0, 2, 4, 5}, said.text
    assert "Traceback" not in said.text
    assert SECRET not in said.text
    assert said.text.endswith("\n")


@given(data=st.data())
@effort(60)
def test_a_job_with_hostile_values_anywhere_is_refused_in_sentences(
    folder: Path, data: st.DataObject
) -> None:
    job = data.draw(bent(data.draw(st.sampled_from(JOBS)), names=NAMES))

    check(folder, json.dumps(job).encode())


TOKENS = (
    b"!!python/object:os.system ",
    b"!x ",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"- ",
    b": ",
    b"{expr: (,",
    b"---\n",
    b"...\n",
    b"%YAML 1.1\n",
    b"? ",
    b"${HOME}",
    b"\xef\xbb\xbf",
    *(bytes([one]) for one in b"{[}]|>\t\x00\x85\r#'\""),
)


@given(data=st.data())
@effort(60)
def test_a_job_of_spoiled_text_is_refused_in_sentences(folder: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted((REPOSITORY / "jobs").glob("*.yaml"))))

    check(folder, data.draw(spoiled(path.read_bytes(), tokens=TOKENS)))
