"""Ledgers that are none, and command lines that make no sense."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from bad_input_case import JOB, PEOPLE, RUN, Case

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
    """Flip one byte of the page on which the table of passes begins."""
    connection = sqlite3.connect(folder / LEDGER)
    page = connection.execute("select rootpage from sqlite_schema where name = 'passes'").fetchone()[0]
    size = connection.execute("pragma page_size").fetchone()[0]
    connection.close()
    content = bytearray((folder / LEDGER).read_bytes())
    content[(page - 1) * size] ^= 0xFF
    (folder / LEDGER).write_bytes(content)


def _other_source(folder: Path) -> None:
    (folder / "people.csv").write_text(PEOPLE + "marker.c@example.com,Marker C\n")


LEDGERS = (
    Case("status without a ledger", "bulk: trial.ledger: there is no such ledger", args=STATUS),
    Case(
        "export without a ledger",
        "bulk: trial.ledger: there is no such ledger",
        args=("export", LEDGER, "-o", "out.csv"),
    ),
    Case(
        "ledger required, none there",
        "bulk: trial.ledger: there is no ledger, and --require-ledger asks for one; is the volume mounted?",
        args=(*RUN, "--require-ledger"),
    ),
    Case(
        "run on a text file",
        "bulk: trial.ledger: this file is not a ledger of bulk (or is damaged); it is left as it is",
        damage=_text,
    ),
    Case(
        "status of a text file",
        "bulk: trial.ledger: this file is not a ledger of bulk (or is damaged); it is left as it is",
        args=STATUS,
        damage=_text,
    ),
    Case(
        "run on somebody's database",
        "bulk: trial.ledger: this file is not a ledger of bulk (or is damaged); it is left as it is",
        damage=_foreign,
    ),
    Case(
        "status of somebody's database",
        "bulk: trial.ledger: this file is not a ledger of bulk (or is damaged); it is left as it is",
        args=STATUS,
        damage=_foreign,
    ),
    Case(
        "run on a folder",
        "bulk: trial.ledger: the ledger cannot be opened for writing (Is a directory)",
        damage=_folder,
    ),
    Case(
        "status of a folder",
        "bulk: trial.ledger: the ledger cannot be read (Is a directory)",
        args=STATUS,
        damage=_folder,
    ),
    Case(
        "status of an empty file",
        "bulk: trial.ledger: this ledger is empty: its run ended before anything was recorded",
        args=STATUS,
        damage=_empty,
    ),
    Case(
        "run on a ledger cut short",
        "bulk: trial.ledger: the ledger is damaged (SQLITE_CORRUPT); restore it from a backup",
        first=RUN,
        damage=_cut(8192),
    ),
    Case(
        "status of a ledger cut short",
        "bulk: trial.ledger: the ledger is damaged (SQLITE_CORRUPT); restore it from a backup",
        args=STATUS,
        first=RUN,
        damage=_cut(8192),
    ),
    Case(
        "status of a ledger cut to its header",
        "bulk: trial.ledger: this file is not a ledger of bulk (or is damaged); it is left as it is",
        args=STATUS,
        first=RUN,
        damage=_cut(50),
    ),
    Case(
        "run on a ledger with a flipped byte",
        "bulk: trial.ledger: the ledger is damaged; restore it from a backup",
        first=RUN,
        damage=_flip,
    ),
    Case(
        "status of a ledger with a flipped byte",
        "bulk: trial.ledger: the ledger is damaged (SQLITE_CORRUPT); restore it from a backup",
        args=STATUS,
        first=RUN,
        damage=_flip,
    ),
    Case(
        "export of a pass that is not there",
        "bulk: trial.ledger: this ledger has no pass 7 yet",
        args=("export", LEDGER, "-o", "out.csv", "--pass", "7"),
        first=RUN,
    ),
    Case(
        "export with a source that changed",
        "bulk: the source is not the one this pass was made from; name that with --source FILE, "
        "or leave --with-source out",
        args=("export", LEDGER, "-o", "out.csv", "--with-source"),
        first=RUN,
        damage=_other_source,
    ),
    Case(
        "source that changed under a pass",
        "bulk: trial.ledger: the source has changed since its pass began, with 1 of its rows still "
        "pending; run the former version to its end, or begin again with --fresh or another "
        "--ledger",
        args=RUN,
        first=(*RUN, "--limit", "1"),
        damage=_other_source,
    ),
    Case(
        "ledger in a missing folder",
        "bulk: no/such/trial.ledger: the ledger cannot be opened for writing (No such file or directory)",
        args=(*RUN, "--ledger", "no/such/trial.ledger"),
    ),
)
LINES = (
    Case("unknown command", "…No such command 'rum'…", args=("rum", "job.yaml")),
    Case("unknown option", "…--limt…", args=(*RUN, "--limt", "3")),
    Case("no job", "…JOB…", args=("run",)),
    Case("two jobs", "…unexpected extra argument…(other.yaml)", args=(*RUN, "other.yaml")),
    Case("--limit 0", "…--limit…1", args=(*RUN, "--limit", "0")),
    Case("--limit with a word", "…--limit…integer…", args=(*RUN, "--limit", "ten")),
    Case("--retry of another status", "…--retry…'failed', 'unknown'…", args=(*RUN, "--retry", "all")),
    Case(
        "--set into nowhere",
        'bulk: --set destinations.customerly.rat: unknown key "rat"; did you mean "rate"?',
        args=(*RUN, "--set", "destinations.customerly.rat=50/s"),
    ),
    Case(
        "--set below a value",
        'bulk: --set name.first: "name" holds a single value, there is nothing below it',
        args=(*RUN, "--set", "name.first=x"),
    ),
    Case(
        "--set without a value",
        "bulk: --set wants dotted.path=value, such as destinations.customerly.rate=50/s",
        args=(*RUN, "--set", "name"),
    ),
    Case(
        "--set of a step that is not there",
        'bulk: --set steps[3].batch_size: expected a number from 0 to 0, not "3"',
        args=(*RUN, "--set", "steps[3].batch_size=5"),
    ),
    Case(
        "--override of an unknown guard",
        "bulk: --override max_record: there is no such guard; there are max_records, min_records,"
        " max_shrink, max_age, max_failure_rate, canary",
        args=(*RUN, "--override", "max_record", "--reason", "x"),
    ),
    Case(
        "--override without a reason",
        "bulk: --override needs --reason TEXT; the ledger keeps it",
        args=(*RUN, "--override", "canary"),
    ),
    Case(
        "--confirm of another plan",
        "bulk: the plan is not the one that was confirmed: job, source or plan changed since; "
        "look at bulk preview again",
        code=5,
        args=(*RUN, "--confirm", "0123456789abcdef"),
    ),
    Case("--log-format", "…--log-format…'console', 'json'…", args=(*RUN, "--log-format", "xml")),
    Case(
        "--status of another kind",
        'bulk: --status: there is no status "fail"; there are succeeded, failed, rejected, '
        "skipped, unknown, pending",
        args=("export", LEDGER, "-o", "out.csv", "--status", "fail"),
        first=RUN,
    ),
    Case(
        "export to an unknown suffix",
        "bulk: -o out.xlsx: the suffix must be one of csv, ndjson, parquet",
        args=("export", LEDGER, "-o", "out.xlsx"),
        first=RUN,
    ),
    Case(
        "export into a missing folder",
        "bulk: -o no/such/out.csv: cannot be written (No such file or directory)",
        args=("export", LEDGER, "-o", "no/such/out.csv"),
        first=RUN,
    ),
    Case(
        "unknown system to describe",
        'bulk: unknown system "customerli"; did you mean "customerly"?',
        args=("destinations", "customerli"),
    ),
    Case(
        "unknown operation to describe",
        'bulk: customerly has no operation "upsert"; did you mean "upsert_user"?',
        args=("destinations", "customerly", "upsert"),
    ),
    Case(
        "sandbox with a rate that is none",
        "bulk: …fast…200/s, 300/min, 30/3s or none…",
        args=("sandbox", "--port", "0", "--rate", "fast"),
    ),
    Case("sandbox with a port that is none", "bulk: …port…65535…99999…", args=("sandbox", "--port", "99999")),
)
GUARDS = (
    Case(
        "too few records",
        "bulk: guard min_records: only 2 records would be sent, at least 1,000 are expected; if "
        "that is right, run with --override min_records --reason TEXT",
        code=5,
        job=JOB + "guards: {min_records: 1000}\n",
    ),
    Case(
        "too many records",
        "bulk: guard max_records: 2 records would be sent, at most 1 are allowed; if that is "
        "right, run with --override max_records --reason TEXT",
        code=5,
        job=JOB + "guards: {max_records: 1}\n",
    ),
    Case(
        "source grown old",
        "bulk: guard max_age: the source was last changed 0.0 h ago, at most 0.0 h are allowed; "
        "if that is right, run with --override max_age --reason TEXT",
        code=5,
        job=JOB + "guards: {max_age: 0s}\n",
    ),
    Case(
        "removal that nobody approved",
        "bulk: delete_user can never be undone and nobody approved it: look at bulk preview, then"
        " run with --confirm … or --yes",
        code=5,
        job=JOB.replace("upsert_user", "delete_user").replace("      name: Name\n", ""),
    ),
)
CASES = (*LEDGERS, *LINES, *GUARDS)
