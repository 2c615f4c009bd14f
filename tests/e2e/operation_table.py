"""Prints what every operation sends and is told: `PYTHONPATH=. python tests/e2e/operation_table.py`."""

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from forked_bulk import ForkedBulk, forked_bulk
from operation_cases import CASES, OPTIONS, Case, seed
from recorder import Asked, Recorder, recording
from workshop import Sandbox, Workshop, sandbox_with

LONGEST_BODY = 160
_PREFIX = re.compile(r"^/(?:customerio-app|customerio|kustomer/v1|http|v1)(?=/)")
_OBJECT_ID = re.compile(r"\b[0-9a-f]{24}\b")


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a record: its outcome, and the requests it took."""

    outcome: str
    requests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a table is made with."""

    bulk: ForkedBulk
    sandbox: Sandbox
    recorder: Recorder


@contextmanager
def bench() -> Iterator[Bench]:
    """Run a sandbox, a recorder before it, and the helper that forks commands."""
    with (
        forked_bulk() as bulk,
        sandbox_with(OPTIONS) as sandbox,
        recording(sandbox.urls["control"]) as recorder,
    ):
        yield Bench(bulk, sandbox, recorder)


def meet(case: Case, at: Bench) -> dict[str, Told]:
    """Run an operation over each of its records, one after the other, in an account of its own."""
    at.sandbox.reset()
    seed(at.sandbox)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        through = {system: at.recorder.through(url) for system, url in at.sandbox.urls.items()}
        shop = Workshop(Path(name), through, at.bulk)
        shop.environ["BULK_LEDGER_SECRET"] = "made up for this table"
        for which, row in case.rows.items():
            found[which] = _told(shop, case, at.recorder, which, row)
    return found


def _told(shop: Workshop, case: Case, recorder: Recorder, which: str, row: Mapping[str, Any]) -> Told:
    shop.write(f"{which}.ndjson", orjson.dumps(row).decode())
    step = {
        "operation": case.operation,
        "fields": {name: _field(name, value) for name, value in row.items()},
        **case.options,
    }
    source = {"path": f"{which}.ndjson", "key": {"expr": "'key'"}}
    shop.job(step, to=case.system, source=source, name=which)
    shop.ledger = shop.folder / f"{which}.ledger"
    before = len(recorder.asked)
    ended = shop.ask("run", "contacts.yaml", "--yes")
    if not shop.ledger.exists():
        raise AssertionError(f"{case.operation}, {which}: {ended.stderr}")
    (line,) = shop.export()
    said = f": {line['error_message']}" if line["status"] == "failed" else ""
    outcome = " ".join(filter(None, (line["status"], line["reason"]))) + said
    return Told(outcome, tuple(_request(asked) for asked in recorder.asked[before:]))


def _field(name: str, value: Any) -> Any:
    """Map an object member by member, anything else as the column it stands in."""
    if isinstance(value, dict):
        return {member: {"value": inner} for member, inner in value.items()}
    return name


def _request(asked: Asked) -> str:
    target = _OBJECT_ID.sub("ID", _PREFIX.sub("", asked.target))
    body = _OBJECT_ID.sub("ID", asked.body.decode())
    shown = f"{body[:LONGEST_BODY]}…" if len(body) > LONGEST_BODY else body
    return f"`{' '.join(filter(None, (asked.method, target, shown)))}` → {asked.status}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def table_row(case: Case, told: Mapping[str, Told]) -> str:
    """Return a row of the table."""
    outcomes = [told[which].outcome if which in told else "—" for which in ("good", "refused", "unknown")]
    requests = "<br>".join(_cell(request) for request in told["good"].requests)
    cells = (f"{case.system} `{case.operation}`", requests, *map(_cell, outcomes))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    sys.stdout.write("| operation | requests | goes well | refused | gone, or never there |\n")
    sys.stdout.write("|---|---|---|---|---|\n")
    with bench() as at:
        for case in CASES:
            sys.stdout.write(table_row(case, meet(case, at)) + "\n")


if __name__ == "__main__":
    main()
