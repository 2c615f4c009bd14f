"""The commands beside run: what they print, what they write, and what they never show."""

import csv
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import orjson
import polars as pl
import pytest
from workshop import REPOSITORY, Sandbox, Workshop, sha256, until

COLUMNS = (
    "row,key,step,destination,operation,status,reason,http_status,error_code,error_message,attempts,"
    "request_id,first_sent_at,finished_at,verification,verified_at,object_id"
)
BAD = "b;b@example.com"
MARKER, TOKEN = "marker.person", "marker-token"


@pytest.fixture
def mixed(shop: Workshop) -> Workshop:
    """A finished job: one row succeeded, one failed, one is rejected."""
    shop.source(["a@example.com,Ann", f"{BAD},Bob", "broken,=cmd()"])
    shop.job(source={"key": "name"})
    assert shop.run().returncode == 3
    return shop


def test_status_and_export_work_while_a_run_goes_on(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(300)
    shop.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": "50/s"})
    with shop.running():
        until(lambda: sandbox.requests >= 20, "requests")
        told, lines = shop.status(), shop.export()
    counts = told["steps"]["upsert_user"]
    assert (told["state"], told["rows"], told["balanced"]) == ("sending", 300, True)
    assert 0 < counts["succeeded"] < 300
    assert (sum(counts.values()), len(lines)) == (300, 300)


def test_an_export_has_the_columns_of_the_contract_in_every_format(mixed: Workshop) -> None:
    for suffix in ("csv", "ndjson", "parquet"):
        assert mixed.bulk("export", "contacts.ledger", "-o", f"all.{suffix}").returncode == 0
        assert stat.S_IMODE((mixed.folder / f"all.{suffix}").stat().st_mode) == 0o600
    with (mixed.folder / "all.csv").open() as file:
        header, *rows = csv.reader(file)
    assert (",".join(header), [row[5] for row in rows]) == (COLUMNS, ["succeeded", "failed", "rejected"])
    assert [row[1] for row in rows] == ["Ann", "Bob", "'=cmd()"]
    assert pl.read_parquet(mixed.folder / "all.parquet")["key"].to_list() == ["Ann", "Bob", "=cmd()"]
    assert [line["status"] for line in mixed.export("--status", "failed,rejected")] == ["failed", "rejected"]
    assert stat.S_IMODE(mixed.ledger.stat().st_mode) == 0o600


def test_a_mended_export_can_be_fed_back(mixed: Workshop, sandbox: Sandbox) -> None:
    exported = (
        "export",
        "contacts.ledger",
        "-o",
        "failed.csv",
        "--status",
        "failed,rejected",
        "--with-source",
    )
    assert mixed.bulk(*exported).returncode == 0
    text = (mixed.folder / "failed.csv").read_text()
    mixed.write("failed.csv", text.replace(BAD, "b@example.com").replace("broken", "c@example.com"))
    assert mixed.run("--ledger", "mended.ledger", "--set", "source.path=failed.csv").returncode == 0
    assert set(sandbox.contacts()) == {"a@example.com", "b@example.com", "c@example.com"}


def test_rows_far_down_a_long_source_are_exported_with_their_columns(shop: Workshop) -> None:
    shop.source([*(f"person{n}@example.com,{'x' * 100}" for n in range(30_000)), "broken,Last"])
    shop.job({"operation": "upsert_user", "batch_size": 1000})
    assert shop.run().returncode == 3
    for suffix in ("csv", "parquet"):
        exported = (
            "export",
            "contacts.ledger",
            "-o",
            f"bad.{suffix}",
            "--status",
            "rejected",
            "--with-source",
        )
        assert shop.bulk(*exported).returncode == 0
    with (shop.folder / "bad.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [(line["row"], line["email"], line["name"]) for line in lines] == [("30001", "broken", "Last")]
    assert pl.read_parquet(shop.folder / "bad.parquet")["email"].to_list() == ["broken"]


def test_an_earlier_pass_can_be_exported(shop: Workshop) -> None:
    shop.people(2)
    shop.job()
    assert shop.run().returncode == 0
    shop.people(3)
    assert shop.run().returncode == 0
    assert (len(shop.export("--pass", "1")), len(shop.export())) == (2, 3)
    assert shop.bulk("export", "contacts.ledger", "-o", "x.csv", "--pass", "9").returncode == 2


def test_a_preview_shows_the_bytes_that_are_sent_and_sends_none(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(120)
    shop.job()
    shown = shop.preview("-n", "70")
    assert sandbox.requests == 0
    assert (shown["steps"][0]["records"], shown["steps"][0]["requests"]) == (120, 3)
    assert shown["digest"] == shop.preview("-n", "1")["digest"]
    assert shop.run("--limit", "70").returncode == 0
    previewed = {sha256(request["body"]) for request in shown["requests"]}
    assert {entry["body_sha256"] for entry in sandbox.log()} == previewed


def test_a_masked_preview_shows_nobody(shop: Workshop) -> None:
    shop.source([f"{MARKER}@example.com,Marker"])
    for operation in ("upsert_user", "delete_user", "unsubscribe_user"):
        fields = {"email": "email"} if operation != "upsert_user" else {"email": "email", "name": "name"}
        shop.job({"operation": operation, "fields": fields})
        shown = shop.bulk("preview", "contacts.yaml", "--json", "--mask", CUSTOMERLY_TOKEN=TOKEN)
        assert orjson.loads(shown.stdout)["digest"] == shop.preview()["digest"]
        assert re.search("marker", shown.stdout + shown.stderr, re.IGNORECASE) is None


def test_check_proves_the_credentials_unless_offline(shop: Workshop, sandbox: Sandbox) -> None:
    shop.people(2)
    shop.job()
    assert shop.bulk("check", "contacts.yaml", "--offline").returncode == 0
    assert sandbox.requests == 0
    assert shop.bulk("check", "contacts.yaml").returncode == 0
    wrong = shop.bulk("check", "contacts.yaml", CUSTOMERLY_TOKEN="wrong")
    assert (wrong.returncode, "token" in wrong.stdout) == (2, True)
    assert (shop.ledger.exists(), sandbox.contacts()) == (False, {})


def test_the_schema_is_json_schema(shop: Workshop) -> None:
    schema = orjson.loads(shop.bulk("schema").stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    references = set(re.findall(r'"\$ref":"#/\$defs/([^"]+)"', orjson.dumps(schema).decode()))
    assert references <= set(schema["$defs"])
    assert {"name", "source", "destinations", "steps"} == set(schema["required"])


def test_every_example_in_the_help_works(afresh: Workshop) -> None:
    (afresh.folder / "jobs").symlink_to(REPOSITORY / "jobs")
    commands = re.findall(r"^  ([a-z]+) ", afresh.bulk("--help").stdout, re.MULTILINE)
    assert {"run", "preview", "check", "init", "status", "export", "schema"} <= set(commands)
    ordered = sorted(
        set(commands) & {"run", "preview", "check", "init", "status", "export", "destinations", "schema"},
        key="run".__ne__,
    )
    for command in ordered:
        text = " ".join(afresh.bulk(command, "--help").stdout.split())
        found = re.search(r"Example: bulk (.*?)(?: > \S+)? (?:Arguments|Options):", text)
        assert found, command
        done = afresh.bulk(*found[1].split())
        assert done.returncode == 0, (command, done.stderr)


def test_nothing_warns_when_the_commands_are_loaded(tmp_path: Path) -> None:
    """What carries them out is loaded by nobody but them."""
    program = (
        "import importlib, pkgutil, bulk.cli as cli\n"
        "for module in pkgutil.iter_modules(cli.__path__):\n"
        "    importlib.import_module(f'{cli.__name__}.{module.name}')\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", program],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = (0, "", "")
    assert expected == (loaded.returncode, loaded.stdout, loaded.stderr)


def test_json_log_lines_are_json(shop: Workshop) -> None:
    shop.people(3)
    shop.job()
    lines = shop.run("--log-format", "json").stderr.splitlines()
    events = [orjson.loads(line)["event"] for line in lines]
    assert events[0] == "reading"
    assert events[-1] == "finished"


def test_lists_and_objects_of_a_source_are_json_text_in_a_csv_export(shop: Workshop) -> None:
    shop.write("contacts.ndjson", '{"email":"a@example.com","name":"A","l":[1,null],"o":{"x":"\\"é"}}\n')
    shop.job(source={"path": "contacts.ndjson"})
    assert shop.run().returncode == 0
    done = shop.bulk("export", "contacts.ledger", "-o", "all.csv", "--with-source")
    assert done.returncode == 0, done.stderr
    with (shop.folder / "all.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert (line["l"], line["o"]) == ("[1,null]", '{"x":"\\"é"}')
