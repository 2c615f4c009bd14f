"""The shipped jobs as they are killed: how fast they go, whom the systems know before, what names a row."""

import csv
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop import REPOSITORY, Sandbox

from bulk.sandbox import CustomerioBehaviour, SandboxOptions

OPTIONS = SandboxOptions(customerio=CustomerioBehaviour(lag=0.05))
SECRET = "made up for jobs that are killed"
JOBS = REPOSITORY / "jobs"
_RETURNED = "returned.csv"


@dataclass(frozen=True, slots=True)
class Case:
    """A shipped job.

    Attributes:
        job: Its name.
        rates: Requests per second, by destination: a run takes about a second.
        seed: Puts people into the systems before it begins, and what it needs into its folder.
        file: Its source, where the ledger holds keys as hashes.
        hashed: The column of the source that names a row, if so.
    """

    job: str
    rates: Mapping[str, int]
    seed: Callable[[Sandbox, Path], None] = lambda _sandbox, _data: None
    file: str = ""
    hashed: str = ""

    def settings(self, urls: Mapping[str, str]) -> list[str]:
        """Return the options of a run against a sandbox."""
        told: list[str] = []
        for name, rate in self.rates.items():
            places = {"base_url": urls[name], "rate": f"{rate}/s", **self._of_system(name, urls)}
            told += [f"destinations.{name}.{key}={value}" for key, value in places.items()]
        told.append("guards.max_failure_rate=100%")  # each kill leaves unknown what must not be repeated
        return [word for setting in told for word in ("--set", setting)]

    def _of_system(self, name: str, urls: Mapping[str, str]) -> dict[str, object]:
        if name == "customerio":
            return {"app_base_url": urls["customerio_app"], "app_rate": "200/s", "lag": "0.1s"}
        if name == "kustomer" and self.job != "kustomer-orders":
            return {"reserve": "0%", "poll_first": 0.05, "poll_longest": 0.2}
        return {}

    def name(self, line: Mapping[str, Any], data: Path) -> str:
        """Return what names a line of an export; its key, unless the ledger holds keys as hashes."""
        if not self.hashed:
            return str(line["key"] or "")
        return self._rows(data)[int(line["row"]) - 1].strip().lower()

    def _rows(self, data: Path) -> list[str]:
        with (data / self.file).open(encoding="utf-8", newline="") as file:
            return [row[self.hashed] or "" for row in csv.DictReader(file)]


def _people(data: Path, file: str, count: int) -> list[dict[str, str]]:
    """Return the first people of a list."""
    with (data / file).open(encoding="utf-8", newline="") as source:
        rows = [row for row in csv.DictReader(source) if "@example." in row["E-mail"]]
    return [
        {"email": row["E-mail"].strip().lower(), "id": row.get("Customer ID") or f"known-{n}"}
        for n, row in enumerate(rows[:count])
    ]


def _put(sandbox: Sandbox, people: list[dict[str, str]]) -> None:
    people = list({person["email"]: person for person in people}.values())
    sandbox.put("users", [{"email": person["email"], "user_id": person["id"]} for person in people])
    sandbox.put("leads", [{"email": person["email"]} for person in people[::5]])
    sandbox.put_people(*people)
    customers = ({"externalId": one["id"], "emails": [{"email": one["email"]}]} for one in people)
    for customer in sandbox.put_customers(*customers)[::2]:
        sandbox.ask("kustomer", "POST", f"/customers/{customer}/notes", {"body": "a note"})


def _suppressed(sandbox: Sandbox, data: Path) -> None:
    _put(sandbox, _people(data, "suppressed.csv", 80))


def _asked(sandbox: Sandbox, data: Path) -> None:
    _put(sandbox, _people(data, "erasure-requests.csv", 40))


def _returned(sandbox: Sandbox, data: Path) -> None:
    """Put people into the systems, of whom two thirds were erased before."""
    people = [{"email": f"returned{n}@example.com", "id": f"back-{n}"} for n in range(30)]
    _put(sandbox, people)
    lines = [
        f"{system},1,{n},T-{n},email,{_hash(one['email'])}"
        for n, one in enumerate(people, 1)
        for system in ("customerly", "customerio", "kustomer")
        if n % 3
    ]
    (data / _RETURNED).write_text("\n".join(["destination,pass,row,reference,kind,hash", *lines]) + "\n")


def _hash(name: str) -> str:
    return hmac.new(SECRET.encode(), name.encode(), hashlib.sha256).hexdigest()


CASES = (
    Case("crm-migration", {"customerly": 60}),
    Case("everywhere", {"customerly": 20, "customerio": 20, "kustomer": 400}),
    Case("suppression-sync", {"customerly": 400, "customerio": 20, "kustomer": 300}, _suppressed),
    Case(
        "erasure",
        {"customerly": 200, "customerio": 100, "kustomer": 300},
        _asked,
        "erasure-requests.csv",
        "E-mail",
    ),
    Case(
        "erase-returned",
        {"customerly": 100, "customerio": 100, "kustomer": 200},
        _returned,
        _RETURNED,
        "hash",
    ),
    Case("kustomer-orders", {"kustomer": 250}),
)
