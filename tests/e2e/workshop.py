"""What the end-to-end tests work with: sources, jobs, the command as a subprocess, the sandbox's memory."""

import hashlib
import os
import shlex
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import orjson

import bulk
from forked_bulk import Ended, ForkedBulk
from bulk.sandbox import SANDBOX_TOKEN, SandboxOptions, running_sandbox

REPOSITORY = Path(bulk.__file__).resolve().parents[1]
PATIENCE = 60.0
"""Seconds after which a test gives up waiting; nothing takes nearly as long."""
POLL = 0.002
"""Seconds between two looks at a condition, so that what is waited for gets the processor."""
Row = dict[str, Any]
Place = dict[str, Any]
_BASIC = b64encode(f"sandbox:{SANDBOX_TOKEN}".encode()).decode()
AUTHORIZATION = {"customerio": f"Basic {_BASIC}"}
"""How each system lets us in; all others take the token as a bearer."""
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


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox and what it remembers."""

    urls: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.urls["customerly"]

    def _read(self, path: str) -> bytes:
        with urlopen(f"{self.urls['control']}/{path}") as answer:
            body: bytes = answer.read()
        return body

    def reset(self) -> None:
        with urlopen(Request(f"{self.urls['control']}/reset", method="POST")) as answer:
            answer.read()

    def stats(self, system: str = "customerly") -> dict[str, Any]:
        stats: dict[str, Any] = orjson.loads(self._read("stats"))[system]
        return stats

    @property
    def requests(self) -> int:
        count: int = self.stats()["requests"]
        return count

    def log(self, system: str = "") -> list[dict[str, Any]]:
        """Every request, oldest first of each system; or those of one."""
        entries = [orjson.loads(line) for line in self._read("requests").splitlines()]
        return [entry for entry in entries if not system or entry["system"] == system]

    def contents(self, system: str, kind: str) -> list[Any]:
        """All that a system holds of a kind, as it arrived."""
        return [orjson.loads(line) for line in self._read(f"{system}/{kind}").splitlines()]

    def ask(self, system: str, method: str, path: str, body: Any = None) -> Any:
        """Ask a system for something, as an account's owner would beside us; return its answer."""
        headers = {
            "Authorization": AUTHORIZATION.get(system, f"Bearer {SANDBOX_TOKEN}"),
            "Content-Type": "application/json",
        }
        data = None if body is None else orjson.dumps(body)
        with urlopen(Request(f"{self.urls[system]}{path}", data, headers, method=method)) as answer:
            text = answer.read()
        return orjson.loads(text) if text else None

    def put_people(self, *people: dict[str, Any]) -> None:
        """Give the Customer.io workspace people: identifiers and attributes of each, in one object."""
        items = [
            {
                "type": "person",
                "action": "identify",
                "identifiers": {kind: person[kind]},
                "attributes": person,
            }
            for person in people
            for kind in [next(name for name in ("id", "email", "phone") if name in person)]
        ]
        self.ask("customerio", "POST", "/api/v2/batch", {"batch": items})

    def put_customers(self, *customers: dict[str, Any]) -> list[str]:
        """Give the Kustomer account customers; return their ids."""
        return [self.ask("kustomer", "POST", "/customers", customer)["data"]["id"] for customer in customers]

    def targets(self) -> list[tuple[str, str]]:
        """Method and digest of path and query of every request."""
        return [(entry["method"], entry["target_sha256"]) for entry in self.log()]

    def path_digest(self, path: str) -> str:
        return sha256(urlsplit(self.url).path + path)

    def contacts(self, kind: str = "users") -> dict[str, dict[str, Any]]:
        """Contacts by address, as they arrived."""
        lines = self._read(f"customerly/{kind}").splitlines()
        return {contact["email"]: contact for contact in map(orjson.loads, lines)}

    def put(self, kind: str, records: list[dict[str, Any]]) -> None:
        """Give the account contacts before the test begins."""
        self.ask("customerly", "POST", f"/{kind}", {kind: records})


@contextmanager
def sandbox_with(options: SandboxOptions) -> Iterator[Sandbox]:
    """Run a sandbox of its own for a test that needs another than the shared one."""
    with running_sandbox(options) as urls:
        yield Sandbox(urls)


class Workshop:
    """A folder with a source, a job and a ledger, and the command at work in it."""

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

    def bulk(self, *arguments: str, stdin: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        return subprocess.run(
            self._command(arguments),
            cwd=self.folder,
            env=self.environ | environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return self.bulk("run", "contacts.yaml", *arguments, **environ)

    def run_within(self, kilobytes: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the job where no file may grow beyond so many kilobytes: a disk that is full."""
        command = shlex.join(self._command(("run", "contacts.yaml", *arguments)))
        return subprocess.run(
            ["bash", "-c", f"ulimit -f {kilobytes}; exec {command}"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextmanager
    def running_command(self, *arguments: str, **environ: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Start a command; whatever happens, it is gone at the end."""
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
    def running(self, *arguments: str, **environ: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Start a run of the job."""
        with self.running_command("run", "contacts.yaml", *arguments, **environ) as process:
            yield process

    def ask(self, *arguments: str) -> Ended:
        """Run a command that is only means to an end, without waiting for its imports if possible."""
        if self.forker is not None:
            return self.forker.run(arguments, self.folder, self.environ)
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
