"""What a ledger keeps of erasures: who was to be erased, as keyed hashes, and who was found, until gone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from bulk.conversation import ROW, Name, Status, Verdict, Verification
from bulk.errors import LedgerError
from bulk.ledger.columns import packed
from bulk.ledger.entries import Entry
from bulk.ledger.file import Writing, transaction, translated
from bulk.ledger.sealing import Seal

KIND, HASH, FOUND = "kind", "hash", "found"
REFERENCE, RECEIVED_AT, DUE_AT = "reference", "received_at", "due_at"
SUBJECTS = pl.Schema({ROW: pl.UInt32, KIND: pl.String, HASH: pl.Binary, FOUND: pl.Boolean})
REQUESTS = pl.Schema({ROW: pl.UInt32, REFERENCE: pl.String, RECEIVED_AT: pl.Float64, DUE_AT: pl.Float64})
_VERDICT = "status, reason, http_status, error_code, error_message, request_id, object_id, verification"


@dataclass(frozen=True, slots=True)
class Person:
    """Who was found at the destination for a row, beside what the row gives.

    Attributes:
        names: Identifiers, which are sealed.
        subjects: Their keyed hashes (columns of ``SUBJECTS``).
    """

    step: int
    row: int
    names: Sequence[Name]
    subjects: pl.DataFrame


class Erasures:
    """The part of a ledger that records erasures. Needs the right to write it, and its secret."""

    def __init__(self, connection: Writing, path: Path) -> None:
        self._connection = connection
        self._path = path
        self.seal: Seal | None = None

    def _sealed(self) -> Seal:
        if self.seal is None:
            raise LedgerError(f"{self._path}: its secret is needed, and was not given")
        return self.seal

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with translated(self._path):
            return self._connection.execute(sql, values).fetchall()

    def write_job(self, number: int, facts: Mapping[str, Any], job: bytes) -> None:
        """Keep how the people of a pass can be read back; inside the transaction that begins it."""
        given = (number, orjson.dumps(facts).decode(), self._sealed().sealed(job))
        self._connection.execute("INSERT INTO jobs VALUES (?,?,?)", given)

    def write(self, number: int, step: int, subjects: pl.DataFrame, requests: pl.DataFrame) -> None:
        """Keep who is to be erased by a step, and what is noted of it (``SUBJECTS``, ``REQUESTS``)."""
        with transaction(self._connection, self._path):
            self._add_subjects(number, step, subjects)
            if not requests.is_empty():
                body = packed(requests.select(REQUESTS.names()))
                self._connection.execute(
                    "INSERT INTO requests (pass, step, body) VALUES (?,?,?)", (number, step, body)
                )

    def _add_subjects(self, number: int, step: int, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        body = packed(frame.select(SUBJECTS.names()))
        self._connection.execute(
            "INSERT INTO subjects (pass, step, body) VALUES (?,?,?)", (number, step, body)
        )

    def add(self, number: int, people: Iterable[Person]) -> None:
        """Keep who was found; inside a transaction."""
        for step, group in groupby(sorted(people, key=attrgetter("step")), key=attrgetter("step")):
            found = list(group)
            self._add_subjects(
                number, step, pl.concat([SUBJECTS.to_frame(), *(one.subjects for one in found)])
            )
            self._connection.executemany(
                "INSERT INTO found (pass, step, row, body) VALUES (?,?,?,?)",
                [
                    (number, step, one.row, self._sealed().sealed(orjson.dumps(one.names)))
                    for one in found
                    if one.names
                ],
            )

    def forget(self, number: int, entries: Iterable[Entry]) -> None:
        """Delete what is kept of those who were seen to be gone; inside a transaction."""
        gone = [
            (number, entry.step, entry.first_row, entry.last_row)
            for entry in entries
            if entry.verdict.verification == Verification.ABSENT
        ]
        if gone:
            self._connection.executemany(
                "DELETE FROM found WHERE pass = ? AND step = ? AND row BETWEEN ? AND ?", gone
            )

    def job(self, number: int) -> bytes:
        """Return the job of a pass, as far as people are read back by it."""
        ((body,),) = self._query("SELECT body FROM jobs WHERE pass = ?", number)
        return self._sealed().opened(body)

    def found(self, number: int, step: int) -> dict[int, tuple[Name, ...]]:
        """Return the identifiers that were found of each row's person and not seen to be gone."""
        names: dict[int, tuple[Name, ...]] = {}
        for row, body in self._query(
            "SELECT row, body FROM found WHERE pass = ? AND step = ? ORDER BY seq", number, step
        ):
            opened = [(kind, value) for kind, value in orjson.loads(self._sealed().opened(body))]
            names[row] = tuple(dict.fromkeys((*names.get(row, ()), *opened)))
        return names

    def last_outcomes(self, number: int, step: int, rows: Sequence[int]) -> dict[int, Entry]:
        """Return the entry that holds for each of some rows of a step."""
        wanted = dict.fromkeys(rows)
        held: dict[int, Entry] = {}
        for first, last, attempts, sent, finished, *verdict in self._query(
            f"SELECT first_row, last_row, attempts, first_sent_at, finished_at, {_VERDICT} FROM entries"  # noqa: S608 - fixed names
            " WHERE pass = ? AND step = ? ORDER BY seq",
            number,
            step,
        ):
            entry = Entry(
                step, first, last, Verdict(Status(verdict[0]), *verdict[1:]), attempts, sent, finished
            )
            for row in (first,) if first == last else [row for row in wanted if first <= row <= last]:
                if row in wanted:
                    held[row] = entry
        return held
