"""Pressing Tab: what a real bash offers, asked through the script that `--install-completion` writes."""

import subprocess
import sys
from pathlib import Path

import pytest
from workshop import Workshop

from bulk.cli.completing import STATUSES
from bulk.conversation import Status
from bulk.destinations import SYSTEMS
from bulk.job.model import Guards

ASK = """
eval "$(_BULK_COMPLETE=source_bash bulk)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_bulk_completion bulk
printf '%s\\n' "${COMPREPLY[@]}"
"""
JOB = """\
name: move
source: {path: people.csv}
destinations:
  old: {system: kustomer}
  new: {system: customerly}
steps:
  - {destination: new, operation: upsert_user, fields: {email: email}}
"""


@pytest.fixture
def folder(shop: Workshop) -> Path:
    """A folder with a job, two ledgers, a folder of jobs, and `bulk` on the path."""
    shop.write("move.yaml", JOB)
    (shop.folder / "jobs").mkdir()
    for name in ("first.ledger", "second.ledger", "jobs/one.yaml", "jobs/two.yml", "jobs/a.csv"):
        (shop.folder / name).touch()
    program = shop.folder / "bin" / "bulk"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom bulk.cli import main\nmain()\n")
    program.chmod(0o700)
    return shop.folder


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("st", ["status"]),
        ("run ", ["jobs/one.yaml", "jobs/two.yml", "move.yaml"]),
        ("run jobs/t", ["jobs/two.yml"]),
        ("run no/such/folder/", []),
        ("preview move.yaml --ledger s", ["second.ledger"]),
        ("status ", ["first.ledger", "second.ledger"]),
        ("purge first.ledger sec", ["second.ledger"]),
        ("run move.yaml --retry ", ["failed", "unknown"]),
        ("run move.yaml --override max_", [name for name in Guards.model_fields if name.startswith("max_")]),
        ("export first.ledger --status ", list(STATUSES)),
        ("export first.ledger --status failed,", [f"failed,{one}" for one in STATUSES if one != "failed"]),
        ("init people.csv --to ", list(SYSTEMS)),
        ("init people.csv --to kustomer --operation del", ["delete_customer"]),
        ("destinations customerio merge", ["merge_people"]),
        ("pull customerly t", ["tags"]),
        ("pull --job move.yaml ", ["old", "new"]),
        ("pull --job move.yaml old ", ["customers"]),
        ("sandbox --down customerio", ["customerio", "customerio_app"]),
    ],
)
def test_a_shell_offers_what_fits(folder: Path, shop: Workshop, typed: str, offered: list[str]) -> None:
    done = subprocess.run(
        ["bash", "-c", ASK, "bash", "bulk", *typed.split(" ")],
        cwd=folder,
        env=shop.environ | {"PATH": f"{folder / 'bin'}:{shop.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_the_statuses_that_are_offered_are_those_there_are() -> None:
    assert list(STATUSES) == [status.value for status in Status]
