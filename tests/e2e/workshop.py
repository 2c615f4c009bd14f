"""What the end-to-end tests work with: sources, jobs, the command as a subprocess, the sandbox's memory."""

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import orjson
from at_sandbox import Sandbox, sandbox_with, sha256
from forked_bulk import Ended, ForkedBulk

import bulk
from bulk.sandbox import SANDBOX_TOKEN

__all__ = ["REPOSITORY", "Place", "Row", "Sandbox", "Workshop", "sandbox_with", "sha256", "until"]

REPOSITORY = Path(bulk.__file__).resolve().parents[1]
PATIENCE = 60.0
"""Seconds after which a test gives up waiting; nothing takes nearly as long."""
POLL = 0.002
"""Seconds between two looks at a condition, so that what is waited for gets the processor."""
Row = dict[str, Any]
Place = dict[str, Any]
USUAL_PLACE: Mapping[str, Place] = {
    "customerly": {"rate": "1000/s"},
    "customerio": {"rate": "1000/s", "app_rate": "1000/s", "lag": "0.5s"},
    "kustomer": {"rate": "1000/s", "poll_first": 0.05, "poll_longest": 0.2},
    "http": {"rate": "1000/s"},
}
"""What a destination of each system says of itself, beside where it is: a sandbox answers at once."""


def until(condition: Callable[[], object], what: str) -> None:
    """Poll a real condition until it holds."""
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"never happened: {what}")
        pause.wait(POLL)


class Running(Protocol):
    """A command that goes on by itself."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class Workshop:
    """A folder with a source, a job and a ledger, and the command at work in it.

    Commands are forked, unless there is no ``forker``: then each is started as a user starts it.
    """

    def __init__(self, folder: Path, urls: Mapping[str, str], forker: ForkedBulk | None = None) -> None:
        self.folder = folder
        self.forker = forker
        self.urls = dict(urls)
        self.ledger = folder / "contacts.ledger"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(REPOSITORY),
            "BULK_STATE_DIR": str(folder / "state"),
            "CUSTOMERLY_TOKEN": SANDBOX_TOKEN,
            "CUSTOMERIO_SITE_ID": "sandbox",
            "CUSTOMERIO_API_KEY": SANDBOX_TOKEN,
            "CUSTOMERIO_APP_API_KEY": SANDBOX_TOKEN,
            "KUSTOMER_API_KEY": SANDBOX_TOKEN,
        }

    @property
    def url(self) -> str:
        """Where Customerly is."""
        return self.urls["customerly"]

    @url.setter
    def url(self, url: str) -> None:
        self.urls["customerly"] = url

    def at(self, sandbox: Sandbox) -> None:
        """Send to another sandbox than the shared one, whatever the system."""
        self.urls = dict(sandbox.urls)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def source(self, lines: Iterable[str], header: str = "email,name") -> Path:
        return self.write("contacts.csv", "\n".join([header, *lines]) + "\n")

    def people(self, count: int) -> Path:
        return self.source(f"person{n}@example.com,Person {n}" for n in range(1, count + 1))

    def place(self, system: str, **options: Any) -> Place:
        """A destination of a system, at the sandbox."""
        app = {"app_base_url": self.urls["customerio_app"]} if system == "customerio" else {}
        return {"system": system, "base_url": self.urls[system], **app, **USUAL_PLACE[system], **options}

    def job(
        self,
        *steps: dict[str, Any],
        source: dict[str, Any] | None = None,
        place: Place | None = None,
        to: str | Mapping[str, Place] = "customerly",
        **keys: Any,
    ) -> Path:
        """Write a job file (JSON is YAML): by default upsert_user at Customerly.

        ``to`` is the system of the only destination, named like it, of which ``place`` says more; or
        destinations by name, of whose systems each is the one named like it, unless it says otherwise.
        """
        given = {to: place or {}} if isinstance(to, str) else to
        places = {name: self.place(**{"system": name, **options}) for name, options in given.items()}
        usual = {"destination": next(iter(places)), "fields": {"email": "email", "name": "name"}}
        job = {
            "name": "contacts",
            "source": {"path": "contacts.csv", **(source or {})},
            "destinations": places,
            "steps": [{**usual, **step} for step in steps or ({"operation": "upsert_user"},)],
            **keys,
        }
        return self.write("contacts.yaml", orjson.dumps(job, option=orjson.OPT_INDENT_2).decode())

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-P", "-W", "error", "-m", "bulk", *arguments]

    def bulk(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        if self.forker is None:
            return self._process(self._command(arguments), **environ)
        done = self.forker.run(arguments, self.folder, self.environ | environ)
        return subprocess.CompletedProcess(arguments, done.code, done.stdout, done.stderr)

    def _process(self, command: Sequence[str], **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return self.bulk("run", "contacts.yaml", *arguments, **environ)

    def refused(self, *arguments: str) -> int:
        """Return the exit code of a run that is expected to send nothing."""
        return self.ask("run", "contacts.yaml", *arguments).code

    def run_within(self, kilobytes: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the job where no file may grow beyond so many kilobytes: a disk that is full."""
        command = shlex.join(self._command(("run", "contacts.yaml", *arguments)))
        return self._process(["bash", "-c", f"ulimit -f {kilobytes}; exec {command}"])

    @contextmanager
    def running_command(self, *arguments: str, **environ: str) -> Iterator[Running]:
        """Start a command; whatever happens, it is gone at the end."""
        if self.forker is not None:
            with self.forker.running(arguments, self.folder, self.environ | environ) as started:
                yield started
            return
        with subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def running(self, *arguments: str, **environ: str) -> Iterator[Running]:
        """Start a run of the job."""
        with self.running_command("run", "contacts.yaml", *arguments, **environ) as process:
            yield process

    def ask(self, *arguments: str) -> Ended:
        """Run a command, and return what it left behind."""
        done = self.bulk(*arguments)
        return Ended(done.returncode, done.stdout, done.stderr)

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = orjson.loads(self.ask("status", str(self.ledger), "--json").stdout)
        return told

    def counts(self, step: str = "upsert_user") -> dict[str, int]:
        """The statuses that any row of a step has."""
        counts: dict[str, int] = self.status()["steps"][step]
        return {status: count for status, count in counts.items() if count}

    def export(self, *arguments: str) -> list[Row]:
        """The lines of an export."""
        output = self.folder / "export.ndjson"
        done = self.ask("export", str(self.ledger), "-o", str(output), *arguments)
        if done.code:
            raise AssertionError(done.stderr)
        return [orjson.loads(line) for line in output.read_bytes().splitlines()]

    def outcomes(self, *arguments: str) -> list[tuple[int, str, str]]:
        """Row, status and reason of every line of an export."""
        return [(line["row"], line["status"], line["reason"]) for line in self.export(*arguments)]

    def preview(self, *arguments: str) -> dict[str, Any]:
        shown: dict[str, Any] = orjson.loads(
            self.bulk("preview", "contacts.yaml", "--json", *arguments).stdout
        )
        return shown
