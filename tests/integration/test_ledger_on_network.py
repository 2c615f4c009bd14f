"""Whatever opens a ledger for writing warns once of a network file system under it."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bulk.cli import logs
from bulk.cli.purging import purge_all
from bulk.cli.running import Asked, execute
from bulk.cli.verifying import Wanted, verify_again
from bulk.ledger.place import network_warning

JOB = {
    "name": "erasure",
    "source": {"path": "requests.csv"},
    "destinations": {"customerly": {"base_url": "http://127.0.0.1:9/v1", "rate": "1/s"}},
    "steps": [{"destination": "customerly", "operation": "erase_person", "fields": {"email": "email"}}],
}
LEDGER = Path("erasure.ledger")


def run() -> int:
    return execute(
        Asked(
            job=Path("erasure.yaml"),
            ledger=None,
            settings=(),
            limit=None,
            sandbox=False,
            yes=True,
            confirm=None,
            retry=(),
            fresh=False,
            require_ledger=False,
            overrides=(),
            reason=None,
            json_log=True,
        )
    )


def verify() -> int:
    return verify_again(
        Wanted(ledger=LEDGER, source=None, contacts=None, output=None, as_json=False, json_log=True)
    )


def purge() -> int:
    return purge_all([LEDGER], None, "2026-01-31")


@pytest.fixture
def at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a job that asks to erase nobody: it sends nothing, but writes a ledger."""
    (tmp_path / "erasure.yaml").write_text(json.dumps(JOB))
    (tmp_path / "requests.csv").write_text("email\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUSTOMERLY_TOKEN", "made up")
    monkeypatch.setenv("BULK_LEDGER_SECRET", "made up for this test")
    monkeypatch.setenv("BULK_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


@pytest.mark.parametrize("command", [run, verify, purge])
@pytest.mark.parametrize(("kind", "warnings"), [("nfs4", 1), ("ext4", 0)])
def test_a_network_file_system_is_warned_of_once(
    at_work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: Callable[[], int],
    kind: str,
    warnings: int,
) -> None:
    assert run() == 0
    capsys.readouterr()
    mounts = at_work / "mountinfo"
    mounts.write_text(f"24 1 254:0 / / rw - ext4 /dev/vda rw\n52 24 0:45 / {at_work} rw - {kind} there rw\n")
    monkeypatch.setattr(logs, "network_warning", partial(network_warning, mounts=mounts))
    assert command() == 0
    said = capsys.readouterr().err
    assert said.count(f"{LEDGER} stands on a network file system ({kind})") == warnings
