"""The README is true: its commands parse, its everyday tasks run, its tables name what exists."""

import ast
import asyncio
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
import typer
from workshop import REPOSITORY, Sandbox

from bulk.cli.main import app
from bulk.conversation import Status
from bulk.job import load_job, match, model
from bulk.ledger.view import EXPORT
from bulk.sandbox import SANDBOX_TOKEN

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
NAMED = re.compile(r"# ([a-z]+\.yaml)\n")
LEAVERS = "Email\nada@example.com\nbob@example.com\n"
PEOPLE = "Email,First name,Surname,Lists,Plan,Created,Unsubscribed\n"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    kind: str
    text: str

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for line in self.text.splitlines()]


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
EVERYDAY = [command for block in BLOCKS if block.kind == "console" for command in block.commands]


def bulk_lines() -> list[list[str]]:
    """Return the arguments of every `bulk …` of the README's blocks, also within a longer line."""
    lines = [line for block in BLOCKS if block.kind in {"sh", "bash", "console"} for line in block.commands]
    # Behind an image's name, which is `bulk` too, stand the arguments of the container's entry point.
    found = [re.search(r"(?:^|\s)bulk ([a-z]+(?: .*)?)$", line) for line in lines]
    return [shlex.split(match[1]) for match in found if match]


def named_files() -> dict[str, str]:
    """Return the job files that the README shows, by their name."""
    jobs = [(NAMED.match(block.text), block.text) for block in BLOCKS if block.kind == "yaml"]
    return {name[1]: text for name, text in jobs if name}


@pytest.mark.parametrize("args", bulk_lines(), ids=" ".join)
def test_every_command_exists_with_its_options(args: list[str]) -> None:
    group = typer.main.get_command(app)
    command = group.commands[args[0]]  # type: ignore[attr-defined]  # a group, whose type typer does not export
    command.make_context(args[0], args[1:])


def test_the_readme_shows_every_command_there_is() -> None:
    shown = {args[0] for args in bulk_lines()}
    assert set(typer.main.get_command(app).commands) == shown  # type: ignore[attr-defined]  # as above


def test_the_first_two_sh_blocks_are_one_line_each() -> None:
    sh = [block.text for block in BLOCKS if block.kind == "sh"]
    lengths = [text.count("\n") for text in sh]
    assert lengths == [1, 1]
    assert "--sandbox" in sh[0]
    assert "pytest" in sh[1]


def test_the_everyday_tasks_run_as_written(tmp_path: Path, sandbox: Sandbox) -> None:
    shutil.copytree(REPOSITORY / "jobs", tmp_path / "jobs")
    job = tmp_path / "jobs" / "crm-migration.yaml"
    text = job.read_text(encoding="utf-8")
    text = text.replace("https://api.customerly.io/v1", sandbox.url).replace("rate: 10/s", "rate: 5000/s")
    job.write_text(text, encoding="utf-8")
    (tmp_path / "leavers.csv").write_text(LEAVERS)
    leavers = named_files()["leavers.yaml"].replace(
        "{rate: 10/s}", f"{{base_url: {sandbox.url}, rate: 100/s}}"
    )
    (tmp_path / "leavers.yaml").write_text(leavers)
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "bulk"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -W error -m bulk "$@"\n')
    shim.chmod(0o700)
    environ = {
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY),
        "CUSTOMERLY_TOKEN": SANDBOX_TOKEN,
    }
    ended = []
    for command in EVERYDAY:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        ended.append((command, done.returncode, done.stderr if done.returncode else ""))
    # Fed back as it was exported, the file still holds the rows that were rejected; so do some requests.
    rejects = re.compile(r"mended\.ledger|run jobs/erasure")
    with_rejected = [command for command in EVERYDAY if rejects.search(command)]
    expected = [(command, 3 if command in with_rejected else 0) for command in EVERYDAY]
    assert expected == [(command, code) for command, code, _ in ended], ended


@pytest.mark.parametrize("name", sorted(named_files()))
def test_the_job_files_it_shows_are_sound(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(named_files()[name])
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "leavers.csv").write_text(LEAVERS)
    (tmp_path / "opt-outs.csv").write_text("email_md5,since\n")
    assert name == f"{load_job(tmp_path / name, {}).name}.yaml"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bulk", "check", name, "--offline"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = (0, "")
    assert expected == (done.returncode, done.stderr)


def documented(pattern: str) -> set[str]:
    return set(re.findall(pattern, README, re.MULTILINE))


def test_the_table_of_keys_is_complete() -> None:
    known = {
        *(f"source.{name}" for name in model.Source.model_fields),
        *(f"steps[].{name}" for name in model.Step.model_fields),
        *(f"….{name}" for name in model.Destination.model_fields if name != "system"),
        *(f"sync.{name}" for name in model.Sync.model_fields),
    }
    shown = {
        key
        for cell in documented(r"^\| (`(?:source|….|steps\[\]|sync)[^|]*) \|")
        for key in re.findall(r"`([^`]+)`", cell)
    }
    assert known == shown


def test_the_table_of_the_match_is_complete() -> None:
    shown = documented(r"^\| `match\.([a-z]+)`")
    assert set(match.Match.model_fields) == shown


def test_the_guards_it_lists_are_those_there_are() -> None:
    section = README[README.index("### Guards") : README.index("## Words")]
    assert set(model.Guards.model_fields) == {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])
    }


def test_the_statuses_and_export_columns_it_lists_are_those_there_are() -> None:
    section = README[README.index("## Statuses") : README.index("### Columns")]
    assert [status.value for status in Status] == re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)
    columns = README[README.index("### Columns") :].split("`")[1]
    assert list(EXPORT) == columns.replace("\n", " ").split(", ")


def test_every_path_it_names_exists() -> None:
    named = documented(r"`((?:bulk|tests|jobs|deploy|benchmarks|\.ci)/[^`\s]*)`") | documented(
        r"\]\(([a-z][^):]*)\)"
    )
    assert named
    missing = {path for path in named if not list(REPOSITORY.glob(path.rstrip("/")))}
    assert not missing


def python_examples() -> list[str]:
    return [block.text for block in BLOCKS if block.kind == "python" and "bulk.run(" in block.text]


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
