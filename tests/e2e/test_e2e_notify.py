"""A webhook is told how every run ended and, if the job says so, what became of every row."""

import asyncio
import base64
import hashlib
import hmac
import os
import re
import signal
import sqlite3
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import orjson
import pytest
from receiver import Receiver, receiving
from workshop import REPOSITORY, Sandbox, Workshop, until

import bulk
from bulk.api.assembly import Order
from bulk.api.notifying import OUTCOME, Notifier
from bulk.api.webhook import UntoldError, Webhook
from bulk.job import load_job
from bulk.job.notify import Notify
from bulk.retry import RetryPolicy

KEY = b"a made-up key to sign with"
SEALED = {"secret": f"whsec_{b64encode(KEY).decode()}"}
EVERYTHING = {"outcomes": True}
CHANGES = {"mode": "changes"}
EACH = {"operation": "upsert_user", "batch_size": 1}
SECRET_PATH = "/s3cret?token=s3cret"


@pytest.fixture
def hook(shop: Workshop) -> Iterator[Receiver]:
    with receiving() as receiver:
        shop.environ["RUN_WEBHOOK"] = receiver.url + SECRET_PATH
        yield receiver


def job(shop: Workshop, *steps: dict[str, Any], notify: dict[str, Any] | None = None, **keys: Any) -> None:
    shop.job(*steps, notify={"webhook": "${RUN_WEBHOOK}", **(notify or {})}, **keys)


def settled(shop: Workshop) -> list[tuple[int, str, str]]:
    return [one for one in shop.outcomes() if one[1] != "pending"]


def told(hook: Receiver, number: int | None = None) -> list[tuple[int, str, str]]:
    posts = [one for one in hook.taken if one["event"] == "outcomes" and number in {None, one["pass"]}]
    lines = [line for one in posts for line in one["outcomes"]]
    return [(one["row"], one["status"], one["reason"]) for one in lines]


def test_the_summary_is_what_scripts_read_of_the_run(shop: Workshop, hook: Receiver) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    job(shop)
    done = shop.run("--log-format", "json")
    (posted,) = hook.posted
    lines = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert [posted.json] == [line for line in lines if line["event"] == "finished"]
    assert (posted.path, posted.json["exit_code"], posted.json["run"]) == (SECRET_PATH, 3, 1)
    assert posted.json["steps"] == shop.status()["steps"]
    assert [line["event"] for line in lines[-3:]] == ["telling_webhook", "webhook_told", "finished"]


def test_the_summary_names_the_commands_that_were_printed(shop: Workshop, hook: Receiver) -> None:
    shop.people(1)
    with receiving() as ill:
        ill.always = 500
        shop.url = f"{ill.url}/v1"
        job(shop, place={"retry": {"attempts": 1}})
        done = shop.run("--log-format", "json")
    (cause,) = hook.taken[0]["causes"]
    assert cause["command"] == "bulk run contacts.yaml --retry failed"
    assert hook.taken[0] == orjson.loads(done.stderr.splitlines()[-1])


def test_every_outcome_is_told_once_in_batches_and_the_summary_last(shop: Workshop, hook: Receiver) -> None:
    shop.source([*(f"person{n}@example.com,{n}" for n in range(2100)), "nobody,Nobody"])
    job(shop, {"operation": "upsert_user", "batch_size": 1000}, notify=EVERYTHING)
    shop.run()
    heads = [(one["event"], one.get("sequence"), one["run"], one["pass"]) for one in hook.taken]
    assert heads == [*(("outcomes", number, 1, 1) for number in (1, 2, 3)), ("finished", None, 1, 1)]
    assert told(hook) == shop.outcomes()
    kept = ("key", "error_message")
    assert hook.outcomes == [{k: v for k, v in line.items() if k not in kept} for line in shop.export()]


def test_the_page_lists_what_is_told_of_an_outcome() -> None:
    page = (REPOSITORY / "docs" / "notify.md").read_text(encoding="utf-8")
    listed = page.partition("may name somebody: `")[2].partition("`")[0]
    assert tuple(listed.replace("\n", " ").split(", ")) == OUTCOME


def test_a_run_that_settles_nothing_tells_no_outcome_again(shop: Workshop, hook: Receiver) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    job(shop, notify=EVERYTHING)
    shop.run()
    hook.posted.clear()
    shop.run()
    assert [(one["event"], one["run"]) for one in hook.taken] == [("finished", 2)]


def test_what_a_test_send_left_pending_is_told_when_it_is_settled(shop: Workshop, hook: Receiver) -> None:
    shop.people(4)
    job(shop, EACH, notify=EVERYTHING)
    shop.run("--limit", "1")
    assert told(hook) == [(1, "succeeded", "")]
    shop.run()
    assert told(hook) == shop.outcomes()


def test_outcomes_that_were_not_taken_are_told_by_the_next_run(shop: Workshop, hook: Receiver) -> None:
    shop.people(3)
    job(shop, notify=EVERYTHING)
    hook.answers = [404]
    first = shop.run()
    assert (first.returncode, hook.outcomes) == (0, [])
    assert "webhook_not_told" in first.stderr
    assert "why='of outcomes: it answered 404; the next run tells them'" in first.stderr
    assert [one["event"] for one in hook.taken] == ["finished"]
    shop.run()
    assert told(hook) == shop.outcomes()


def test_what_a_killed_run_settled_is_told_by_the_next(shop: Workshop, hook: Receiver) -> None:
    shop.people(30)
    job(shop, EACH, notify=EVERYTHING, place={"rate": "40/s"})
    with shop.running() as process:
        until(lambda: shop.ledger.exists() and shop.ask("status", str(shop.ledger)).code == 0, "a pass")
        until(lambda: shop.counts().get("succeeded", 0) > 3, "some rows are settled")
        process.kill()
        process.wait(30)
    assert hook.posted == []
    shop.run()
    assert told(hook) == shop.outcomes()


def test_a_night_that_was_not_taken_is_told_by_the_next_though_that_has_another_list(
    shop: Workshop, hook: Receiver
) -> None:
    job(shop, notify=EVERYTHING, sync=CHANGES)
    shop.people(3)
    hook.answers = [404]
    shop.run()
    assert hook.outcomes == []
    shop.people(5)
    shop.run()
    assert told(hook, 1) == [(row, "succeeded", "") for row in (1, 2, 3)] == shop.outcomes("--pass", "1")
    assert told(hook, 2) == shop.outcomes()
    heads = [(one["event"], one.get("sequence"), one["run"], one["pass"]) for one in hook.taken[1:]]
    assert heads == [("outcomes", 1, 2, 1), ("outcomes", 2, 2, 2), ("finished", None, 2, 2)]
    shop.run()
    assert told(hook, 1) == shop.outcomes("--pass", "1")


def test_what_a_killed_run_settled_is_told_by_the_next_though_that_has_another_list(
    shop: Workshop, hook: Receiver
) -> None:
    shop.people(30)
    job(shop, EACH, notify=EVERYTHING, sync=CHANGES, place={"rate": "40/s"})
    with shop.running() as process:
        until(lambda: shop.ledger.exists() and shop.ask("status", str(shop.ledger)).code == 0, "a pass")
        until(lambda: shop.counts().get("succeeded", 0) > 3, "some rows are settled")
        process.kill()
        process.wait(30)
    assert hook.posted == []
    shop.people(4)
    shop.run()
    assert {reason for _, _, reason in told(hook, 1)} >= {"", "superseded"}
    assert told(hook, 1) == shop.outcomes("--pass", "1")
    assert told(hook, 2) == shop.outcomes()


def test_of_a_pass_that_was_told_the_next_tells_only_what_was_superseded(
    shop: Workshop, hook: Receiver
) -> None:
    shop.people(3)
    job(shop, EACH, notify=EVERYTHING, sync=CHANGES)
    shop.run("--limit", "1")
    hook.posted.clear()
    shop.people(1)
    shop.run()
    assert told(hook, 1) == [(row, "skipped", "superseded") for row in (2, 3)]


def test_the_summary_is_told_though_a_former_pass_cannot_be_read(shop: Workshop, hook: Receiver) -> None:
    shop.people(2)
    job(shop, notify=EVERYTHING)
    hook.answers = [404]
    shop.run()
    with closing(sqlite3.connect(shop.ledger)) as ledger, ledger:
        ledger.execute("UPDATE keys SET body = x'00' WHERE pass = 1")
    hook.posted.clear()
    done = shop.run("--fresh")
    assert [(one["event"], one["pass"]) for one in hook.taken] == [("finished", 2)]
    assert "webhook_not_told" in done.stderr


def test_passes_from_before_the_webhook_are_not_told(shop: Workshop, hook: Receiver) -> None:
    shop.people(2)
    shop.job(sync=CHANGES)
    shop.run()
    job(shop, sync=CHANGES)
    shop.run()
    job(shop, notify=EVERYTHING, sync=CHANGES)
    shop.run()
    assert {one["pass"] for one in hook.taken if one["event"] == "outcomes"} == {3}
    assert told(hook) == shop.outcomes()


@pytest.mark.parametrize("answers", [[500], [503, 429], [408]])
def test_a_webhook_that_is_ill_for_a_moment_is_told_again_under_the_same_name(
    shop: Workshop, hook: Receiver, answers: list[int]
) -> None:
    shop.people(1)
    job(shop)
    hook.answers = list(answers)
    assert shop.run().returncode == 0
    assert [one.answered for one in hook.posted] == [*answers, 204]
    assert len({one.headers["webhook-id"] for one in hook.posted}) == 1
    assert len({one.body for one in hook.posted}) == 1


def test_a_secret_seals_name_time_and_body(shop: Workshop, hook: Receiver) -> None:
    shop.people(1)
    job(shop, notify=SEALED | {"headers": {"Authorization": "Bearer s3cret"}})
    shop.run()
    (posted,) = hook.posted
    name, at = posted.headers["webhook-id"], posted.headers["webhook-timestamp"]
    seal = hmac.new(KEY, f"{name}.{at}.".encode() + posted.body, hashlib.sha256).digest()
    assert posted.headers["webhook-signature"] == f"v1,{b64encode(seal).decode()}"
    assert posted.headers["authorization"] == "Bearer s3cret"


def test_the_documented_check_knows_a_genuine_post(shop: Workshop, hook: Receiver) -> None:
    shop.people(1)
    job(shop, notify=SEALED)
    shop.run()
    (posted,) = hook.posted
    page = (REPOSITORY / "docs" / "notify.md").read_text(encoding="utf-8")
    receiver: dict[str, Any] = {"base64": base64, "hmac": hmac}
    exec(page.split("```python\n")[1].split("```")[0], receiver)
    assert receiver["is_genuine"](KEY, posted.headers, posted.body)
    assert not receiver["is_genuine"](KEY, posted.headers, posted.body + b" ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--set", "guards.max_records=1"), 5, "guard max_records: "),
        (("--set", "source.path=missing.csv"), 2, "there is no file missing.csv"),
        (("--require-ledger",), 2, "contacts.ledger: there is no ledger"),
    ],
)
def test_a_run_that_was_refused_is_told_as_well(
    shop: Workshop, hook: Receiver, arguments: tuple[str, ...], code: int, said: str
) -> None:
    shop.people(2)
    job(shop, notify=EVERYTHING)
    done = shop.run(*arguments)
    (event,) = hook.taken
    assert (done.returncode, event["exit_code"]) == (code, code)
    assert (event["event"], event["job"], event["ledger"]) == ("failed", "contacts", "contacts.ledger")
    assert said in event["error"]
    assert done.stderr.endswith(f"bulk: {event['error']}\n")


def test_a_run_that_is_interrupted_tells_what_it_settled(shop: Workshop, hook: Receiver) -> None:
    shop.people(200)
    job(shop, EACH, notify=EVERYTHING, place={"rate": "20/s"})
    with shop.running() as process:
        until(lambda: shop.ledger.exists() and shop.ask("status", str(shop.ledger)).code == 0, "a pass")
        until(lambda: shop.counts().get("succeeded"), "a row is settled")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert hook.taken[-1]["exit_code"] == 143
    assert told(hook) == settled(shop)


def test_a_signal_ends_the_telling_and_the_run_ends_as_it_ended(shop: Workshop, hook: Receiver) -> None:
    shop.people(1)
    job(shop)
    hook.always = 500
    with shop.running() as process:
        until(lambda: hook.posted, "the webhook is tried")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_run_whose_words_nobody_reads_is_told_as_it_ended(
    shop: Workshop, hook: Receiver, log_format: str
) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    job(shop)
    heard, said = os.pipe()
    os.close(heard)
    command = shop._command(("run", "contacts.yaml", "--log-format", log_format))
    done = subprocess.run(command, cwd=shop.folder, env=shop.environ, stderr=said, timeout=60, check=False)
    os.close(said)
    assert [(one["event"], one["exit_code"]) for one in hook.taken] == [("finished", 3)]
    assert done.returncode == 3


def test_of_what_is_tried_at_the_sandbox_nobody_elsewhere_is_told(shop: Workshop) -> None:
    shop.people(1)
    job(shop)
    done = shop.run("--sandbox", RUN_WEBHOOK="https://hooks.example.com/s3cret")
    assert done.returncode == 0
    assert "webhook_spared" in done.stderr
    assert "webhook_not_told" not in done.stderr


def test_a_webhook_on_this_machine_is_told_of_the_sandbox_too(shop: Workshop, hook: Receiver) -> None:
    shop.people(1)
    job(shop)
    shop.run("--sandbox")
    assert [one["event"] for one in hook.taken] == ["finished"]


def test_who_only_looks_tells_nobody_and_sees_that_somebody_will_be_told(
    shop: Workshop, hook: Receiver
) -> None:
    shop.people(1)
    job(shop, notify=EVERYTHING)
    sentence = "notify: a webhook is told the run's summary and every outcome"
    for looking in (("check", "--offline"), ("preview",)):
        done = shop.bulk(looking[0], "contacts.yaml", *looking[1:])
        assert sentence in done.stdout.splitlines()
    assert shop.preview()["notify"] == sentence.removeprefix("notify: ")
    assert hook.posted == []


@pytest.mark.parametrize("answer", [204, 403])
def test_the_address_is_written_nowhere(shop: Workshop, hook: Receiver, answer: int) -> None:
    shop.people(1)
    job(shop, notify={**EVERYTHING, "headers": {"Authorization": "${HOOK_TOKEN}"}})
    hook.always = answer
    done = [shop.run(*more, HOOK_TOKEN="s3cret") for more in ((), ("--log-format", "json"), ("--fresh",))]
    files = [path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()]
    port = hook.url.rpartition(":")[2].encode()
    said = [one.stderr.encode() + one.stdout.encode() for one in done]
    assert [text for text in (*said, *files) if b"s3cret" in text or b":" + port in text] == []


def test_outcomes_of_erasures_name_nobody_and_the_chain_holds(
    shop: Workshop, sandbox: Sandbox, hook: Receiver
) -> None:
    sandbox.put("users", [{"email": "ada@example.com", "user_id": "ada-7"}])
    shop.source(["ada@example.com,ada-7", "bob@example.com,bob-8"], header="email,id")
    fields = {"email": "email", "user_id": "id"}
    job(shop, {"operation": "erase_person", "fields": fields, "verify": {"wait": "2s"}}, notify=EVERYTHING)
    secret = {"BULK_LEDGER_SECRET": "a secret that was made up for these tests"}
    assert shop.run("--yes", **secret).returncode == 0
    assert [(one["row"], one["verification"]) for one in hook.outcomes] == [(1, "absent"), (2, "absent")]
    text = b"".join(one.body for one in hook.posted).lower()
    assert not [word for word in (b"ada", b"bob", b"example.com") if word in text]
    assert shop.bulk("audit", str(shop.ledger), **secret).returncode == 0


def test_nobody_is_named_though_an_export_names_everybody(shop: Workshop, hook: Receiver) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    job(shop, notify=EVERYTHING)
    shop.run()
    text = b"".join(one.body for one in hook.posted).lower()
    assert not [word for word in (b"ada", b"nobody", b"example.com") if word in text]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.invalid/s3cret", "the host name cannot be resolved"),
        ("http://127.0.0.1:1/s3cret", "the connection was refused: nothing listens there"),
    ],
)
async def test_a_webhook_that_is_not_there_is_given_up_in_time(url: str, why: str) -> None:
    quick = RetryPolicy(attempts=4, max_elapsed=0.2, base=0.05)
    async with Webhook(Notify(webhook=url), quick) as webhook:
        with pytest.raises(UntoldError) as untold:
            await webhook.post(b"{}")
    assert re.fullmatch(rf"{why} \(tried \d times\)", str(untold.value))


async def test_the_words_of_an_error_that_is_not_ours_are_told_nobody(shop: Workshop, hook: Receiver) -> None:
    job(shop)
    loaded = load_job(shop.folder / "contacts.yaml", shop.environ)
    warnings: list[object] = []
    notifier = Notifier(Order(loaded, shop.environ), _ignore, lambda *told, **_: warnings.append(told))
    await notifier.failed(1, ValueError("ada@example.com"))
    assert hook.taken[0]["error"] == "unexpected error"
    assert not warnings


def _ignore(*_: object, **__: object) -> None:
    """Take no note."""


def test_a_program_tells_it_too_also_when_it_cancels_the_run(
    shop: Workshop, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.folder)
    shop.people(100)
    job(shop, EACH, notify=EVERYTHING, place={"rate": "20/s"})
    loaded = bulk.load_job("contacts.yaml", environ=shop.environ)

    async def cancelled() -> None:
        task = asyncio.create_task(bulk.run(loaded, environ=shop.environ, progress=seen, every=0.05))
        await started.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    async def seen(progress: bulk.Progress) -> None:
        if any(step.counts["succeeded"] for step in progress.steps):
            started.set()

    started = asyncio.Event()
    asyncio.run(cancelled())
    assert hook.taken[-1]["exit_code"] == 130
    assert told(hook) == settled(shop)
    with pytest.raises(bulk.RefusedError):
        asyncio.run(bulk.run(loaded, environ=shop.environ, approve="sha256:another"))
    assert (hook.taken[-1]["event"], hook.taken[-1]["exit_code"]) == ("failed", 5)
