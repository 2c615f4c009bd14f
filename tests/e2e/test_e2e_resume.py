"""A run may die at any moment; the same command goes on, and nothing is lost or done twice without need."""

import os
import random
import signal
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from workshop import Sandbox, Workshop, sandbox_with, sha256, until

from bulk.ledger.view import View
from bulk.sandbox import SandboxOptions

ROWS = 4_000


def settled_rows(ledger: Path) -> set[int]:
    """Rows with an outcome, of a ledger nobody writes."""
    try:
        with View(ledger) as view:
            winner = view.steps[0].winner
    except Exception:  # noqa: BLE001 - killed before there was a pass
        return set()
    return {row for row, entry in enumerate(winner.tolist(), start=1) if entry >= 0}


def open_for_writing(pipe: Path, descriptors: list[int]) -> bool:
    """Open a named pipe if somebody reads it by now."""
    with suppress(OSError):
        descriptors.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    return bool(descriptors)


def expected_contacts(lines: list[str]) -> dict[str, str]:
    return {line.partition(",")[0]: line.partition(",")[2] for line in lines}


def test_killed_at_any_moment_a_job_ends_complete_and_sends_again_only_what_was_unsettled(
    shop: Workshop,
) -> None:
    moments = random.Random(20).sample(range(12), 12)
    lines = [f"person{n}@example.com,Person {n}" for n in range(ROWS)]
    shop.source(lines)
    with sandbox_with(SandboxOptions(faults=0.04, fault_delay=0.05, seed=3)) as sandbox:
        shop.url = sandbox.url
        shop.job(place={"rate": "150/s", "concurrency": 6})
        rows_of = {
            sha256(shown["body"]): set(shown["rows"]) for shown in shop.preview("-n", str(ROWS))["requests"]
        }
        kills: list[tuple[int, set[int]]] = []
        for moment in moments:
            before = sandbox.requests
            with shop.running() as run:
                if moment:
                    until(lambda: sandbox.requests >= before + moment or run.poll() is not None, "requests")  # noqa: B023 - called at once
                else:
                    until(shop.ledger.exists, "a ledger")
                assert run.poll() is None, "the run was over before it could be killed"
                run.kill()
            kills.append((sandbox.requests, settled_rows(shop.ledger)))
        last = shop.run()
        log, contacts = sandbox.log(), sandbox.contacts()
    assert last.returncode == 0, last.stderr
    assert expected_contacts(lines) == {email: contact["name"] for email, contact in contacts.items()}
    assert [(row, "succeeded", "") for row in range(1, ROWS + 1)] == shop.outcomes()
    assert shop.status()["balanced"]
    needless = [
        (arrived, rows_of[entry["body_sha256"]])
        for arrived, settled in kills
        for entry in log[arrived:]
        if entry["method"] == "POST" and rows_of[entry["body_sha256"]] <= settled
    ]
    assert needless == []
    assert kills[-1][1], "no kill came after anything was settled"


def test_killed_while_reading_a_run_begins_reading_again(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(100_000)
    shop.job({"operation": "upsert_user", "batch_size": 1000})

    def reading() -> bool:
        if not shop.ledger.exists():
            return False
        with sqlite3.connect(f"{shop.ledger.as_uri()}?mode=ro", uri=True) as ledger:
            try:
                found = ledger.execute("SELECT rows FROM passes").fetchall()
            except sqlite3.OperationalError:
                found = []
        ledger.close()
        return found == [(None,)]

    with shop.running() as run:
        until(reading, "a pass that reads")
        run.kill()
    told, export = shop.status(), shop.bulk("export", "contacts.ledger", "-o", "export.csv")
    assert (told["state"], sandbox.requests) == ("reading", 0)
    assert (export.returncode, "still being read" in export.stderr) == (2, True)
    assert shop.run().returncode == 0
    assert shop.counts() == {"succeeded": 100_000}
    assert len(sandbox.contacts()) == 100_000


@pytest.mark.parametrize(
    ("lines", "code"), [(["a@example.com,Ann"], 0), (["a@example.com,Ann", "broken,B"], 3)]
)
def test_a_finished_job_run_again_sends_nothing_and_ends_as_before(
    shop: Workshop, sandbox: Sandbox, lines: list[str], code: int
) -> None:
    shop.source(lines)
    shop.job()
    assert shop.run().returncode == code
    sent = sandbox.requests
    assert (shop.run().returncode, sandbox.requests) == (code, sent)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_in_good_order(
    shop: Workshop, sandbox: Sandbox, number: signal.Signals, code: int
) -> None:
    shop.people(400)
    shop.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": "100/s"})
    with shop.running() as run:
        until(lambda: sandbox.requests >= 20, "20 requests")
        run.send_signal(number)
        assert run.wait(20) == code
    sent = sandbox.requests
    assert shop.counts() == {"succeeded": sent, "pending": 400 - sent}
    assert shop.run("--set", "destinations.customerly.rate=2000/s").returncode == 0
    assert (sandbox.requests, len(sandbox.contacts())) == (400, 400)


def test_a_signal_before_anything_is_read_ends_it_by_its_own_exit_code(
    afresh: Workshop, sandbox: Sandbox
) -> None:
    # By its own: the first process of a container is not ended by a signal that it does not handle.
    pipe = afresh.folder / "contacts.csv"
    os.mkfifo(pipe)
    afresh.job()
    with afresh.running() as run:
        held: list[int] = []
        until(lambda: open_for_writing(pipe, held), "it waits for rows")
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 143
    os.close(held[0])
    assert (afresh.ledger.exists(), sandbox.requests) == (False, 0)
