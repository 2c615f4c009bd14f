"""A sandbox as a process of its own, and what it remembers."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import orjson

from bulk.sandbox import SANDBOX_TOKEN, SandboxOptions, running_sandbox

_BASIC = b64encode(f"sandbox:{SANDBOX_TOKEN}".encode()).decode()
AUTHORIZATION = {"customerio": f"Basic {_BASIC}"}
"""How each system lets us in; all others take the token as a bearer."""


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
