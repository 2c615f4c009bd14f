"""Prints what `bulk` says to every kind of bad input: `python tests/e2e/bad_input_table.py`."""

import os
import sys
import tempfile
from pathlib import Path

import bad_commands
import bad_jobs
import bad_sources
from bad_input_case import Case
from forked_bulk import ROOT, Ended, ForkedBulk, forked_bulk

CASES = (*bad_jobs.CASES, *bad_sources.CASES, *bad_commands.CASES)


def meet(case: Case, bulk: ForkedBulk, folder: Path, url: str, token: str) -> Ended:
    """Lay a case out in an empty folder, run the command, and return what it left behind."""
    case.lay_out(folder)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "COLUMNS": "200",
        "BULK_STATE_DIR": str(folder / ".state"),
        "CUSTOMERLY_TOKEN": token,
        "TRIAL_URL": url,
    }
    if case.first:
        bulk.run(case.first, folder, environ)
    if case.damage:
        case.damage(folder)
    return bulk.run(case.args, folder, environ, case.stdin)


def main() -> None:
    """Print the table."""
    sys.path.insert(0, str(ROOT))
    from workshop import SANDBOX_TOKEN, SandboxOptions, sandbox_with

    with forked_bulk() as bulk, sandbox_with(SandboxOptions()) as sandbox:
        for case in CASES:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name).resolve()
                ended = meet(case, bulk, folder, sandbox.url, SANDBOX_TOKEN)
                said = (ended.stderr + ended.stdout).replace(str(folder), "FOLDER").rstrip()
            indented = said.replace("\n", "\n    ")
            sys.stdout.write(f"{case.name} (exit {ended.code})\n    {indented}\n")


if __name__ == "__main__":
    main()
