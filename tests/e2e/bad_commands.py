"""Ledgers that are none, and command lines that make no sense."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from bad_input_case import HEADER, JOB, PEOPLE, RUN, Case

LEDGER = "trial.ledger"
STATUS = ("status", LEDGER)


def _foreign(folder: Path) -> None:
    connection = sqlite3.connect(folder / LEDGER)
    connection.execute("create table mine (a)")
    connection.close()


def _text(folder: Path) -> None:
    (folder / LEDGER).write_text("Marker: my shopping list\n")


def _folder(folder: Path) -> None:
    (folder / LEDGER).mkdir()


def _empty(folder: Path) -> None:
    (folder / LEDGER).touch()


def _cut(size: int) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        content = (folder / LEDGER).read_bytes()
        (folder / LEDGER).write_bytes(content[:size])

    return cut


def _flip(folder: Path) -> None:
    """Change the kind of the database's second page."""
    content = bytearray((folder / LEDGER).read_bytes())
    content[4096] ^= 0xFF
    (folder / LEDGER).write_bytes(content)


def _other_source(folder: Path) -> None:
    (folder / "people.csv").write_text(PEOPLE + "marker.c@example.com,Marker C\n")


LEDGERS = (
    Case("status without a ledger", "", args=STATUS),
    Case("export without a ledger", "", args=("export", LEDGER, "-o", "out.csv")),
    Case("ledger required, none there", "", args=(*RUN, "--require-ledger")),
    Case("run on a text file", "", damage=_text),
    Case("status of a text file", "", args=STATUS, damage=_text),
    Case("run on somebody's database", "", damage=_foreign),
    Case("status of somebody's database", "", args=STATUS, damage=_foreign),
    Case("run on a folder", "", damage=_folder),
    Case("status of a folder", "", args=STATUS, damage=_folder),
    Case("status of an empty file", "", args=STATUS, damage=_empty),
    Case("run on a ledger cut short", "", first=RUN, damage=_cut(8192)),
    Case("status of a ledger cut short", "", args=STATUS, first=RUN, damage=_cut(8192)),
    Case("status of a ledger cut to its header", "", args=STATUS, first=RUN, damage=_cut(50)),
    Case("run on a ledger with a flipped byte", "", first=RUN, damage=_flip),
    Case("status of a ledger with a flipped byte", "", args=STATUS, first=RUN, damage=_flip),
    Case("export of a pass that is not there", "", args=("export", LEDGER, "-o", "out.csv", "--pass", "7"), first=RUN),
    Case("export with a source that changed", "", args=("export", LEDGER, "-o", "out.csv", "--with-source"), first=RUN, damage=_other_source),
    Case("source that changed under a pass", "", args=RUN, first=(*RUN, "--limit", "1"), damage=_other_source),
    Case("ledger in a missing folder", "", args=(*RUN, "--ledger", "no/such/trial.ledger")),
)
LINES = (
    Case("unknown command", "", args=("rum", "job.yaml")),
    Case("unknown option", "", args=(*RUN, "--limt", "3")),
    Case("no job", "", args=("run",)),
    Case("two jobs", "", args=(*RUN, "other.yaml")),
    Case("--limit 0", "", args=(*RUN, "--limit", "0")),
    Case("--limit with a word", "", args=(*RUN, "--limit", "ten")),
    Case("--retry of another status", "", args=(*RUN, "--retry", "all")),
    Case("--set into nowhere", "", args=(*RUN, "--set", "destinations.customerly.rat=50/s")),
    Case("--set below a value", "", args=(*RUN, "--set", "name.first=x")),
    Case("--set without a value", "", args=(*RUN, "--set", "name")),
    Case("--set of a step that is not there", "", args=(*RUN, "--set", "steps[3].batch_size=5")),
    Case("--override of an unknown guard", "", args=(*RUN, "--override", "max_record", "--reason", "x")),
    Case("--override without a reason", "", args=(*RUN, "--override", "canary")),
    Case("--confirm of another plan", "", code=5, args=(*RUN, "--confirm", "0123456789abcdef")),
    Case("--log-format", "", args=(*RUN, "--log-format", "xml")),
    Case("--status of another kind", "", args=("export", LEDGER, "-o", "out.csv", "--status", "fail"), first=RUN),
    Case("export to an unknown suffix", "", args=("export", LEDGER, "-o", "out.xlsx"), first=RUN),
    Case("export into a missing folder", "", args=("export", LEDGER, "-o", "no/such/out.csv"), first=RUN),
    Case("unknown system to describe", "", args=("destinations", "customerli")),
    Case("unknown operation to describe", "", args=("destinations", "customerly", "upsert")),
    Case("sandbox with a rate that is none", "", args=("sandbox", "--port", "0", "--rate", "fast")),
    Case("sandbox with a port that is none", "", args=("sandbox", "--port", "99999")),
)
GUARDS = (
    Case("too few records", "", code=5, job=JOB + "guards: {min_records: 1000}\n"),
    Case("too many records", "", code=5, job=JOB + "guards: {max_records: 1}\n"),
    Case("source grown old", "", code=5, job=JOB + "guards: {max_age: 0s}\n"),
    Case("removal that nobody approved", "", code=5, job=JOB.replace("upsert_user", "delete_user").replace("      name: Name\n", "")),
)
CASES = (*LEDGERS, *LINES, *GUARDS)
