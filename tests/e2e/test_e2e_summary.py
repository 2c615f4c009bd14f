"""At its end a run says why rows did not go well, with one of them, and the command that deals with it."""

import asyncio
import shlex

import orjson
import pytest
from workshop import Sandbox, Workshop

import bulk

REFUSED = "b;b{}@example.com"
"""An address that we take and Customerly refuses."""
EACH = {"operation": "upsert_user", "batch_size": 1}


@pytest.fixture
def mixed(shop: Workshop) -> Workshop:
    """A job of which two rows are refused, and one is rejected."""
    shop.source(["a@example.com,A", f"{REFUSED.format(1)},B", f"{REFUSED.format(2)},C", "nobody,Marker"])
    shop.job(EACH)
    return shop


def test_the_summary_names_the_commonest_causes_and_what_deals_with_them(mixed: Workshop) -> None:
    lines = mixed.run("--set", "destinations.customerly.rate=900/s").stderr.splitlines()

    export = "    bulk export contacts.ledger -o failed.csv --status failed,rejected --with-source"
    at = lines.index("  upsert_user: 2 failed: not_added, such as row 2")
    assert lines[at : at + 6] == [
        "  upsert_user: 2 failed: not_added, such as row 2",
        "    See in an export what the destination said of them; mend them and feed them back.",
        export,
        '  upsert_user: 1 rejected: bad_value, such as row 4: field "email": is not an e-mail address',
        "    Mend them in an export with the columns of the source, and feed that back.",
        export,
    ]
    assert "Marker" not in "".join(lines)


def test_the_command_that_it_names_does_it(mixed: Workshop) -> None:
    said = mixed.run().stderr
    command = next(line.strip() for line in said.splitlines() if line.strip().startswith("bulk export "))

    assert mixed.bulk(*shlex.split(command)[1:]).returncode == 0
    assert (mixed.folder / "failed.csv").read_text().count("\n") == 4


def test_the_command_that_goes_on_names_the_job_the_ledger_and_which_settings(mixed: Workshop) -> None:
    given = ("--limit", "1", "--ledger", "my own.ledger", "--set", "destinations.customerly.rate=900/s")
    lines = mixed.run(*given).stderr.splitlines()

    expected = "bulk run contacts.yaml --ledger 'my own.ledger' --set destinations.customerly.rate=..."
    assert lines[-1].strip() == expected


def test_in_json_the_last_line_names_them_too(mixed: Workshop) -> None:
    last = orjson.loads(mixed.run("--log-format", "json").stderr.splitlines()[-1])

    refused, rejected = last["causes"]
    assert (last["event"], last["exit_code"]) == ("finished", 3)
    assert refused == {
        "status": "failed",
        "reason": "not_added",
        "rows": 2,
        "steps": {"upsert_user": 2},
        "row": 2,
        "message": "",
        "why": refused["why"],
        "command": "bulk export contacts.ledger -o failed.csv --status failed,rejected --with-source",
    }
    assert (rejected["status"], rejected["row"]) == ("rejected", 4)


def test_who_stopped_says_so_at_the_end_and_what_to_mend(shop: Workshop) -> None:
    shop.people(3)
    shop.job()
    done = shop.run(CUSTOMERLY_TOKEN="wrong")
    (stopped,) = (line for line in done.stderr.splitlines() if line.startswith("Stopped: "))

    assert done.returncode == 4
    assert "; mend that; run the same command again" in stopped
    assert "wrong" not in done.stderr
    assert shop.run().returncode == 0
    assert "Stopped: " not in shop.run().stderr


def test_progress_of_a_retry_counts_what_is_sent_again(
    mixed: Workshop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mixed.folder)
    mixed.run()
    before = sandbox.requests
    told: list[bulk.StepProgress] = []

    async def tell(progress: bulk.Progress) -> None:
        told.extend(progress.steps)

    job = bulk.load_job(
        "contacts.yaml", settings=["destinations.customerly.rate=10/s"], environ=mixed.environ
    )
    asyncio.run(bulk.run(job, retry=["failed"], progress=tell, every=0.02, environ=mixed.environ))

    assert sandbox.requests == before + 2
    assert (told[0].remaining, told[-1].remaining) == (2, 0)
    assert {step.settled for step in told} == {3}
    assert told[-1].reasons == {"failed": {"not_added": 2}, "rejected": {"bad_value": 1}}


def test_progress_of_a_test_send_counts_what_it_sends(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.folder)
    shop.people(50)
    shop.job(EACH, place={"rate": "20/s"})
    told: list[bulk.StepProgress] = []

    async def tell(progress: bulk.Progress) -> None:
        told.extend(progress.steps)

    job = bulk.load_job("contacts.yaml", environ=shop.environ)
    asyncio.run(bulk.run(job, limit=8, progress=tell, every=0.02, environ=shop.environ))

    assert (told[0].remaining, told[-1].remaining) == (8, 0)
    assert {step.limit for step in told if step.state == "sending"} == {20.0}
    assert any(0 < step.requests_per_second <= 25 for step in told)
    assert all(step.seconds_left < 2 for step in told if step.seconds_left is not None)
