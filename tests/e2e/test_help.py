"""The help of every command shows an example, which runs as it is written."""

import re
import shutil
import signal
import subprocess
import sys

import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pages import words
from test_readme import point_at_sandbox
from workshop import REPOSITORY, Workshop

from bulk.cli.main import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group, whose type typer does not export
EXAMPLES = {
    name: re.findall(r"^Example: bulk (.+)$", command.help or "", re.MULTILINE)
    for name, command in COMMANDS.items()
}
ORDER = (
    *("init", "check", "preview", "run", "status", "export", "pull", "report", "audit", "verify", "purge"),
    *("destinations", "schema"),
)
"""What a command needs is made by one before it."""
RUN_OTHERWISE = frozenset({"sandbox", "listen"})


def example(name: str) -> list[str]:
    (line,) = EXAMPLES[name]
    return words(line)


@pytest.mark.parametrize("name", COMMANDS)
def test_its_help_shows_one_example_of_the_command_itself(name: str) -> None:
    assert example(name)[0] == name


def test_every_example_is_run() -> None:
    assert {*ORDER, *RUN_OTHERWISE} == set(COMMANDS)


def prepare(shop: Workshop) -> None:
    """Make what the examples begin with: the repository's jobs, ledgers of other jobs, keys, and a list."""
    shutil.copytree(REPOSITORY / "jobs", shop.folder / "jobs")
    point_at_sandbox(shop)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    shop.write("signing.pem", private.decode())
    shop.write("audit.pem", public.decode())
    shop.write("erased.txt", "ada@example.com\n")
    shop.environ |= {
        "BULK_SIGNING_KEY_FILE": str(shop.folder / "signing.pem"),
        "BULK_LEDGER_SECRET": "0" * 64,
    }
    assert shop.bulk("run", "jobs/suppression-sync.yaml").returncode == 0
    assert shop.bulk("run", "jobs/erasure.yaml", "--yes").returncode == 3, "some of the requests name nobody"
    shutil.copy(shop.folder / "jobs" / "data" / "erasure-requests.csv", shop.folder / "requests.csv")


def test_every_example_runs_as_it_is_written(shop: Workshop) -> None:
    prepare(shop)
    # Without a job, a system is looked for where its vendor has it.
    here = {"pull": ("--set", f"destinations.customerly.base_url={shop.url}")}
    for name in ORDER:
        done = shop.bulk(*example(name), *here.get(name, ()))
        assert (name, done.returncode) == (name, 0), done.stderr


@pytest.mark.parametrize(("name", "said"), [("sandbox", b"customerly"), ("listen", b"listening")])
def test_a_server_of_the_example_serves_until_it_is_stopped(shop: Workshop, name: str, said: bytes) -> None:
    args = [word for word in example(name) if word != "8000"]
    args = [*(word for word in args if word != "--port"), "--port", "0"]  # any port that is free
    secrets = {"CUSTOMERLY_WEBHOOK_SECRET": "0" * 64, "CUSTOMERIO_WEBHOOK_SIGNING_KEY": "0" * 64}
    command = [sys.executable, "-P", "-W", "error", "-m", "bulk", *args]
    with subprocess.Popen(
        command,
        cwd=shop.folder,
        env=shop.environ | secrets,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:
        try:
            assert running.stdout is not None
            shown = running.stdout.readline()
            while said not in shown:
                line = running.stdout.readline()
                assert line, shown
                shown += line
            running.send_signal(signal.SIGTERM)
            assert running.wait(20) == 0
        finally:
            running.kill()
