"""Prints what `bulk` says to every kind of bad input: `PYTHONPATH=. python tests/e2e/bad_input_table.py`."""

import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import bad_commands
import bad_jobs
import bad_rows
import bad_sources
import bad_systems
import bad_values
from bad_input_case import Case
from forked_bulk import Ended, ForkedBulk, forked_bulk
from workshop import Sandbox, sandbox_with

from bulk.sandbox import SANDBOX_TOKEN, SandboxOptions

CASES = (
    *bad_jobs.CASES,
    *bad_systems.CASES,
    *bad_values.CASES,
    *bad_sources.CASES,
    *bad_rows.CASES,
    *bad_commands.CASES,
)
_NO_SENTENCE = re.compile(r"\d{4}-\d\d-\d\dT.*\[info|[┏┃┡└]|Ledger: |Usage: |Try '|$")


@dataclass(frozen=True, slots=True)
class Met:
    """What became of a case."""

    ended: Ended
    says: str
    requests: int


def meet(case: Case, bulk: ForkedBulk, folder: Path, sandbox: Sandbox) -> Met:
    """Lay a case out in an empty folder, run the command, and return what came of it."""
    case.lay_out(folder)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "COLUMNS": "300",
        "BULK_STATE_DIR": str(folder / ".state"),
        "CUSTOMERLY_TOKEN": SANDBOX_TOKEN,
        "TRIAL_URL": sandbox.url,
    }
    if case.first and bulk.run(case.first, folder, environ).code:
        raise AssertionError(f"{case.name}: what had to go well before did not")
    if case.damage:
        case.damage(folder)
    before = sandbox.requests
    ended = bulk.run(case.args, folder, environ, case.stdin)
    return Met(ended, _sentences(ended, folder), sandbox.requests - before)


def _sentences(ended: Ended, folder: Path) -> str:
    """Return what was said, of the table at the end only the counts, without log lines and usage."""
    said = (ended.stderr + ended.stdout).replace(str(folder), "FOLDER").splitlines()
    kept = [line.strip() for line in said if not _NO_SENTENCE.match(line)]
    return "\n".join(" ".join(line.strip("│ ").split()) if "│" in line else line for line in kept)


def main() -> None:
    """Print the table."""
    with forked_bulk() as bulk, sandbox_with(SandboxOptions()) as sandbox:
        for case in CASES:
            if case.needs_user and not os.geteuid():
                continue
            with tempfile.TemporaryDirectory() as name:
                met = meet(case, bulk, Path(name).resolve(), sandbox)
            says = met.says.replace("\n", "\n    ")
            sent = f", {met.requests} requests" if met.requests else ""
            sys.stdout.write(f"{case.name} (exit {met.ended.code}{sent})\n    {says}\n")


if __name__ == "__main__":
    main()
