"""What a ledger says of erasures, over all passes: as it stands, or as it stood at a link of its chain."""

import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from bulk.conversation import ROW
from bulk.errors import LedgerError
from bulk.ledger.chain import Checked, check
from bulk.ledger.columns import LAST, TOLD, told_rows, unpacked, unpacked_told
from bulk.ledger.erasures import REQUESTS, SUBJECTS
from bulk.ledger.file import connect_reader, translated
from bulk.ledger.shape import LAST_ROW

OUTCOMES = pl.Schema(
    {
        "first_row": pl.UInt32,
        "last_row": pl.UInt32,
        "status": pl.String,
        "reason": pl.String,
        "error_message": pl.String,
        "verification": pl.String,
        "attempts": pl.Int64,
        "first_sent_at": pl.Float64,
        "finished_at": pl.Float64,
    }
)
Known = Callable[[str, tuple[Any, ...]], bool]
"""Tells whether a row of a table, by its key, had been written."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """An erasing step of a pass.

    Attributes:
        subjects: Who was to be erased (``SUBJECTS``).
        requests: What is noted of the requests (``REQUESTS``).
        told: What single rows were told that were not sent (ROW, status, reason, message).
        outcomes: What became of the others, oldest first (``OUTCOMES``).
    """

    index: int
    name: str
    destination: str
    operation: str
    subjects: pl.DataFrame
    requests: pl.DataFrame
    told: pl.DataFrame
    outcomes: pl.DataFrame


@dataclass(frozen=True, slots=True)
class PassRecord:
    """A pass with erasing steps.

    Attributes:
        facts: Destinations, options of the erasing steps, holds.
        runs: Number, start and facts of each run.
    """

    number: int
    job: str
    digest: str
    fingerprint: str
    rows: int | None
    started_at: float
    source: dict[str, Any]
    facts: dict[str, Any]
    steps: tuple[StepRecord, ...]
    runs: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What a ledger says of erasures.

    Attributes:
        secret: What it calls the secret with which its subjects are hashed.
        purged: Passes of which rows were dropped.
    """

    secret: str
    passes: tuple[PassRecord, ...]
    purged: frozenset[int]


class Reader:
    """Reads a ledger that records erasures, as it stands now: all in one transaction."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def secret(self) -> str:
        """Return what the ledger calls the secret with which its subjects are hashed.

        Raises:
            LedgerError: It records no erasures.
        """
        found = self._query("SELECT value FROM facts WHERE name = 'subjects'")
        if not found:
            raise LedgerError(f"{self.path}: this ledger records no erasures")
        return str(found[0][0])

    def check(self) -> Checked:
        """Recompute the chain, and compare with it every row there is."""
        try:
            return check(self._connection)
        except (sqlite3.DatabaseError, ValueError, TypeError, struct.error) as error:
            code = getattr(error, "sqlite_errorname", type(error).__name__)
            return Checked(problems=[f"the file is damaged ({code})"])

    def record(self, checked: Checked | None = None, upto: int | None = None) -> Record:
        """Return what is said of erasures, of all that is there or of what had been written up to a link."""

        def known(table: str, key: tuple[Any, ...]) -> bool:
            if checked is None or upto is None:
                return True
            return checked.since.get((table, orjson.dumps(key).decode()), upto + 1) <= upto

        secret = self.secret()
        numbers = [number for (number,) in self._query("SELECT pass FROM jobs ORDER BY pass")]
        with translated(self.path):
            passes = [self._pass(number, known) for number in numbers if known("jobs", (number,))]
            facts = [orjson.loads(told) for (told,) in self._query("SELECT facts FROM purges ORDER BY seq")]
        purged = frozenset(number for told in facts for number in told.get("passes", ()))
        return Record(secret, tuple(passes), purged)

    def _pass(self, number: int, known: Known) -> PassRecord:
        ((job, digest, fingerprint, rows, started_at, source),) = self._query(
            "SELECT job, digest, fingerprint, rows, started_at, source FROM passes WHERE pass = ?", number
        )
        ((facts,),) = self._query("SELECT facts FROM jobs WHERE pass = ?", number)
        told: dict[str, Any] = orjson.loads(facts)
        named = self._query(
            "SELECT step, name, destination, operation FROM steps WHERE pass = ? ORDER BY step", number
        )
        runs = self._query("SELECT run, started_at, facts FROM runs WHERE pass = ? ORDER BY run", number)
        return PassRecord(
            number=number,
            job=job,
            digest=digest,
            fingerprint=fingerprint,
            rows=rows,
            started_at=started_at,
            source=orjson.loads(source),
            facts=told,
            steps=tuple(self._step(number, step, known) for step in named if step[1] in told["steps"]),
            runs=tuple(
                {"run": run, "started_at": began, **orjson.loads(given)}
                for run, began, given in runs
                if known("runs", (run,))
            ),
        )

    def _step(self, number: int, named: tuple[int, str, str, str], known: Known) -> StepRecord:
        index, name, destination, operation = named
        lines = self._query(
            f"SELECT seq, {', '.join(OUTCOMES)} FROM entries WHERE pass = ? AND step = ? ORDER BY seq",  # noqa: S608 - fixed names
            number,
            index,
        )
        outcomes = [line for seq, *line in lines if known("entries", (seq,))]
        return StepRecord(
            index,
            name,
            destination,
            operation,
            self._frames("subjects", SUBJECTS, (number, index), known),
            self._frames("requests", REQUESTS, (number, index), known),
            _by_row(self._frames("told", TOLD, (number, index), known)),
            pl.DataFrame(outcomes, schema=OUTCOMES, orient="row"),
        )

    def _frames(self, table: str, schema: pl.Schema, step: tuple[int, int], known: Known) -> pl.DataFrame:
        bodies = self._query(
            f"SELECT rowid, body FROM {table} WHERE pass = ? AND step = ? ORDER BY rowid",  # noqa: S608 - fixed names
            *step,
        )
        with translated(self.path):
            ((rows,),) = self._query("SELECT rows FROM passes WHERE pass = ?", step[0])
            read = partial(unpacked_told, rows=rows or LAST_ROW) if table == "told" else unpacked
            frames = [read(body) for seq, body in bodies if known(table, (seq,))]
        return pl.concat([schema.to_frame(), *frames]).sort(ROW, maintain_order=True)


def _by_row(told: pl.DataFrame) -> pl.DataFrame:
    """Return what ranges of rows were told, row by row."""
    rows, places = told_rows(told)
    return told[places].drop(LAST).with_columns(pl.Series(ROW, rows, dtype=pl.UInt32))


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Open a ledger for reading what it says of erasures, also while a run writes it.

    Raises:
        LedgerError: It is missing, not ours, or damaged.
    """
    connection = connect_reader(path, values=False)  # what was changed is to be told one by one
    try:
        yield Reader(connection, path)
    finally:
        connection.close()
