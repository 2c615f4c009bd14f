"""The pages are true: what they show a reader to type runs as it is written."""

import ast
import asyncio
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import orjson
import pytest
from pages import PAGES, README, REPOSITORY, Page, ends_with, page, words
from workshop import Sandbox, Workshop, sandbox_with

from bulk.job import load_job
from bulk.job.document import parse_document
from bulk.ledger.view import EXPORT
from bulk.sandbox import SANDBOX_TOKEN, SandboxOptions

SOURCES = {
    "leavers.csv": "Email\nada@example.com\nbob@example.com\n",
    "people.csv": "Email,First name,Surname,Lists,Plan,Created,Unsubscribed\n",
    "opt-outs.csv": "email_md5,since\n3e3417d7ef77d5932a6734b916515ed5,2026-01-31\n",
    "suppressed.csv": "email\nblocked@example.com\n",
}
"""The files that jobs of the pages read, beside those of jobs/."""
NEW_ACCOUNT = page("new-account")
WITH_ONE_ACCOUNT = [page for page in PAGES if page.console and page != NEW_ACCOUNT]


def folder_of(shown: Page, folder: Path) -> None:
    """Put into a folder what a reader of a page has: jobs/, and the job files that it shows."""
    shutil.copytree(REPOSITORY / "jobs", folder / "jobs")
    for name, text in (SOURCES | shown.files).items():
        (folder / name).write_text(text, encoding="utf-8")


def point_at_sandbox(shop: Workshop, accounts: Mapping[str, Sandbox] = {}) -> None:
    """Let every job of the folder send to the sandbox, or to that of a destination, as fast as it answers."""
    here = Sandbox(shop.urls)
    for path in [*shop.folder.glob("*.yaml"), *shop.folder.glob("jobs/*.yaml")]:
        job = parse_document(path.read_text(encoding="utf-8"), path.name).value
        for name, place in job["destinations"].items():
            shop.at(accounts.get(name, here))
            place.update(shop.place(place.get("system", name)))
        path.write_bytes(orjson.dumps(job))  # JSON is YAML


def typed(shop: Workshop, commands: list[str]) -> list[tuple[str, int, str]]:
    """Carry out commands one after the other; return each with its exit code, and what it said of a mistake.

    A shell is asked for what needs one; all others are forked, which is quicker.
    """
    shim = shop.folder / "bin" / "bulk"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -P -W error -m bulk "$@"\n')
    shim.chmod(0o700)
    ended = []
    for command in commands:
        if command.startswith("export "):
            name, _, value = words(command)[1].partition("=")
            shop.environ[name] = value
            continue
        plain = command.startswith("bulk ") and not set(command) & set("$|&;<>`")
        done = shop.bulk(*words(command)[1:]) if plain else in_shell(shop, command, shim.parent)
        ended.append((command, done.returncode, done.stderr if done.returncode else ""))
    return ended


def in_shell(shop: Workshop, command: str, bin_folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", command],
        cwd=shop.folder,
        env=shop.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("shown", WITH_ONE_ACCOUNT, ids=lambda shown: shown.name)
def test_what_a_page_shows_to_type_runs_as_written(shown: Page, shop: Workshop) -> None:
    folder_of(shown, shop.folder)
    point_at_sandbox(shop)
    ended = typed(shop, shown.console)
    assert ended
    expected = [(command, ends_with(command)) for command, _, _ in ended]
    assert expected == [(command, code) for command, code, _ in ended], ended


def test_the_first_command_ends_as_the_readme_shows(shop: Workshop) -> None:
    folder_of(README, shop.folder)
    point_at_sandbox(shop)
    (shown,) = (block.text for block in README.blocks if block.kind == "text")
    printed = shop.bulk("run", "jobs/crm-migration.yaml").stderr
    assert shown in printed


def test_who_said_no_is_never_subscribed_in_the_new_account(shop: Workshop, sandbox: Sandbox) -> None:
    folder_of(NEW_ACCOUNT, shop.folder)
    for account in ("OLD", "NEW"):
        shop.environ |= {
            f"{account}_{name}": shop.environ[f"CUSTOMERIO_{name}"]
            for name in ("SITE_ID", "API_KEY", "APP_API_KEY")
        }
    with sandbox_with(SandboxOptions()) as old:
        old.put_people(
            {"id": "u1", "email": "ada@example.com", "plan": "pro", "city": "Rome"},
            {"id": "u2", "email": "bob@example.com", "unsubscribed": True},
            {"id": "u3", "email": "blocked@example.com"},
        )
        point_at_sandbox(shop, {"old": old, "new": sandbox})
        assert not [command for command in typed(shop, NEW_ACCOUNT.console) if command[1]]
        assert len(old.contents("customerio", "people")) == 3
    people = sandbox.contents("customerio", "people")
    assert {person["email"]: person["attributes"] for person in people} == {
        "ada@example.com": {"plan": "pro", "city": "Rome"},
        "bob@example.com": {"unsubscribed": True},
    }
    assert sandbox.contents("customerio", "suppressed") == [{"type": "email", "value": "blocked@example.com"}]


@pytest.mark.parametrize(
    ("shown", "name"),
    [(page, name) for page in PAGES for name in page.files if f"check {name}" not in " ".join(page.console)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_job_files_it_shows_are_sound(shown: Page, name: str, shop: Workshop) -> None:
    folder_of(shown, shop.folder)
    assert name == f"{load_job(shop.folder / name, {}).name}.yaml"
    done = shop.bulk("check", name, "--offline")
    expected = (0, "")
    assert expected == (done.returncode, done.stderr)


def python_examples() -> list[str]:
    return [block.text for block in page("library").blocks if block.kind == "python"]


def test_the_notebook_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(REPOSITORY / "jobs", tmp_path / "jobs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUSTOMERLY_TOKEN", SANDBOX_TOKEN)
    cells: dict[str, Any] = {}
    code = compile(python_examples()[0], "notebook", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    asyncio.run(FunctionType(code, cells)())
    said = capfd.readouterr().out
    assert f"approved by {cells['plan'].digest}" in said
    assert cells["result"].steps["users"]["succeeded"] == 100
    assert cells["outcomes"].columns == list(EXPORT)


def test_the_task_of_an_orchestrator_runs_as_written(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(REPOSITORY / "jobs", tmp_path / "jobs")
    job = tmp_path / "jobs" / "crm-migration.yaml"
    text = job.read_text(encoding="utf-8").replace("https://api.customerly.io/v1", sandbox.url)
    job.write_text(text.replace("rate: 10/s", "rate: 5000/s"), encoding="utf-8")
    monkeypatch.setenv("CUSTOMERLY_TOKEN", SANDBOX_TOKEN)
    monkeypatch.setenv("BULK_STATE_DIR", str(tmp_path))
    module: dict[str, Any] = {"__name__": "nightly"}
    exec(python_examples()[1], module)
    ledger = str(tmp_path / "nightly.ledger")
    with caplog.at_level(logging.INFO, logger="nightly"):
        first = module["nightly_sync"](str(job), ledger)
    sent = sandbox.requests
    assert first["users"]["succeeded"] > 0
    assert [record for record in caplog.records if record.name == "nightly"]
    assert module["nightly_sync"](str(job), ledger) == first
    assert sandbox.requests == sent
