"""The published schema: editors complete and check job files by it."""

import json
from pathlib import Path
from typing import Any

import pytest
from jobs_by_hand import GOOD, changed
from json_schema import faults
from pages import PAGES, REPOSITORY
from ruamel.yaml import YAML

from bulk.cli.describing_jobs import job_schema
from bulk.cli.starting import Wanted, start
from bulk.destinations import SYSTEMS

SCHEMA = job_schema()
PUBLISHED = REPOSITORY / "docs" / "job.schema.json"
MODELINE = "# yaml-language-server: $schema=../docs/job.schema.json\n"
JOBS = sorted((REPOSITORY / "jobs").glob("*.yaml"))
SHOWN = {name: text for page in PAGES for name, text in page.files.items()}


def told(job: Any) -> list[str]:
    return list(faults(job, SCHEMA, SCHEMA))


def as_editors_read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_published_one_is_current() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == SCHEMA, "bulk schema > docs/job.schema.json"


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_an_editor_finds_nothing_wrong_with_the_jobs_that_are_shipped(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(MODELINE)
    assert told(as_editors_read(text)) == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_editor_finds_nothing_wrong_with_what_init_writes(system: str, tmp_path: Path) -> None:
    export = REPOSITORY / "jobs" / "data" / "hubspot-contacts.csv"
    written = tmp_path / "job.yaml"
    start(Wanted(source=str(export), system=system, operation=None, output=written))
    assert told(as_editors_read(written.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("name", SHOWN)
def test_an_editor_finds_nothing_wrong_with_the_jobs_of_the_pages(name: str) -> None:
    assert told(as_editors_read(SHOWN[name])) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  path:", "  paht:", "job.source: paht is not known"),
        ("    rate: 10/s", "    concurrency: 0", "job.destinations.customerly.concurrency: not within 1"),
        ("upsert_user", "upsert_usr", "job.steps[0].operation: not within"),
        ("name: Name", "nmae: Name", "job.steps[0].fields: nmae is not known"),
        ("name: Name", "externalId: Name", "job.steps[0].fields: externalId is not known"),
        ("name: Name", "name: [Name]", "job.steps[0].fields.name: not one of"),
        ("name: Name", "name: {column: Name, as: date}", "job.steps[0].fields.name: not one of"),
        ("name: sync\n", "", "job: name is missing"),
        ("name: Name\n", "name: Name\nguards: {canary: many}\n", "job.guards.canary: no integer"),
    ],
)
def test_an_editor_finds_what_is_wrong_with_a_job(old: str, new: str, said: str) -> None:
    found = told(as_editors_read(changed(old, new, GOOD)))
    assert [fault for fault in found if fault.startswith(said)], found


def test_every_key_says_what_it_means() -> None:
    parts = {"the job": SCHEMA, **SCHEMA["$defs"]}
    silent = [
        f"{name}: {key}"
        for name, part in parts.items()
        for key, shown in part.get("properties", {}).items()
        if "description" not in shown and "$ref" not in json.dumps(shown)
    ]
    assert not silent, "tell them in bulk/cli/meanings.py"


def test_every_operation_offers_its_fields() -> None:
    offered = {
        rule["if"]["properties"]["operation"]["const"]: set(
            rule["then"]["properties"]["fields"]["properties"]
        )
        for rule in SCHEMA["$defs"]["Step"]["allOf"]
    }
    for system in SYSTEMS.values():
        for operation in system.operations.values():
            assert {field.name for field in operation.fields} <= offered[operation.name]
