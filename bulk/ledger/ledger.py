"""A ledger held for writing by one run."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from bulk.conversation import ROW
from bulk.errors import LedgerError
from bulk.ledger.board import Board, Mask
from bulk.ledger.chain import Chain, Entropy
from bulk.ledger.columns import KEYS, as_told, packed, unpacked
from bulk.ledger.deliveries import Deliveries
from bulk.ledger.entries import INSERT, Entry, coalesce, values
from bulk.ledger.erasures import Erasures, Person
from bulk.ledger.file import Hold, close, connect, transaction, translated
from bulk.ledger.folding import fold, intended, listed
from bulk.ledger.keys import called, key_secret_id, secret_id
from bulk.ledger.lookup import Hash, Hashes, named
from bulk.ledger.notes import Intent, Memory, PassFacts
from bulk.ledger.purging import Purging
from bulk.ledger.sealing import Seal

_INTENT = "INSERT INTO intents (pass, step, run, first_row, last_row, at, withdrawn) VALUES (?,?,?,?,?,?,?)"
_MEMORY = "INSERT OR REPLACE INTO memories (pass, step, first_row, last_row, data) VALUES (?,?,?,?,?)"
_END_READING = "UPDATE passes SET rows = ?, read_at = ?, source = json_set(source, ?, json(?)) WHERE pass = ?"
_OF_A_PASS = ("keys", "told", "contents", "subjects", "requests", "jobs", "steps", "passes")
"""What is dropped with a pass of which nothing was sent."""


class Ledger:
    """The ledger of a job, open for writing; one at a time, held by a kernel lock.

    All methods are synchronous and meant for one thread. ``boards`` holds the current pass, one per step.
    """

    def __init__(self, path: Path, entropy: Entropy = os.urandom) -> None:
        self.path = path
        self._entropy = entropy
        self._hold = Hold(path)
        try:
            self._connection = connect(path, self._hold)
        except BaseException:
            self._hold.release()
            raise
        self.deliveries = Deliveries(self._connection, path)
        self.erasures = Erasures(self._connection, path)
        self.number = 0
        self.run = 0
        self.rows: int | None = None
        self.boards: list[Board] = []
        self.facts = PassFacts("", "", "", {}, ())

    def close(self) -> None:
        """Close the file, then give up the hold on it; unless somebody reads it, no WAL is left beside it.

        Raises:
            StoppedError: Somebody took the file away; what it held is put back.
        """
        try:
            close(self._connection, self.path)
        finally:
            self._hold.release()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with transaction(self._connection, self.path):
            yield self._connection

    def _query(self, sql: str, *values: Any) -> list[Any]:
        with translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    @property
    def seed(self) -> str:
        """Names the current pass by its source and its number: the same again when it is resumed."""
        return f"{self.facts.fingerprint} {self.number}"

    def fact(self, name: str) -> str | None:
        """Return a fact of the whole ledger."""
        found = self._query("SELECT value FROM facts WHERE name = ?", name)
        return str(found[0][0]) if found else None

    def settle_fact(self, name: str, value: str) -> None:
        """Write a fact of the whole ledger once; refuse another value for it.

        Raises:
            LedgerError: The ledger was made with another value.
        """
        found = self.fact(name)
        if found is not None and found != value:
            raise LedgerError(f"{self.path}: this ledger was made with another {name}")
        if found is None:
            with self._transaction() as connection:
                connection.execute("INSERT INTO facts VALUES (?, ?)", (name, value))

    def protect(self, secrets: Sequence[bytes], *, hashed: bool, erasing: bool) -> bytes | None:
        """Settle whether keys are hashed, and whether erasures are recorded, in a chain, from now on.

        Args:
            secrets: Those there are, newest first.
            hashed: Whether the job keeps hashed keys.
            erasing: Whether any of its steps erases people.

        Returns:
            The secret that this ledger was made with; of a new one the newest. None if it needs none.

        Raises:
            LedgerError: It was made otherwise, or with a secret that is not given.
        """
        kept = key_secret_id(self.fact("keys")) or self.fact("subjects")
        secret = (called(kept, secrets) if kept else next(iter(secrets), None)) if hashed or erasing else None
        if kept and secret is None and (hashed or erasing):
            raise LedgerError(
                f"{self.path}: this ledger was made with another secret;"
                " add it to those that are given, one a line"
            )
        self.settle_fact("keys", f"hashed {secret_id(secret)}" if hashed and secret else "plain")
        if secret is not None:
            with translated(self.path):
                self._connection.execute("PRAGMA secure_delete=ON")
            self.erasures.seal = Seal(secret, self._entropy)
        if erasing and secret is not None:
            self._begin_chain()
            self.settle_fact("subjects", secret_id(secret))
        return secret

    def reopen(self, secrets: Sequence[bytes]) -> bytes:
        """Go on with a ledger that records erasures; return the secret that it was made with.

        Raises:
            LedgerError: It records none, or its secret is not given.
        """
        hashed = (self.fact("keys") or "").startswith("hashed")
        if self.fact("subjects") is None:
            raise LedgerError(f"{self.path}: this ledger records no erasures")
        secret = self.protect(secrets, hashed=hashed, erasing=True)
        if secret is None:
            raise LedgerError(f"{self.path}: set the secret that this ledger was made with")
        return secret

    def purging(self) -> Purging:
        """Return what clears people out of this ledger; the chain goes on, if there is one."""
        if self.fact("subjects") is not None:
            self._begin_chain()
        return Purging(self._connection, self.path)

    def _begin_chain(self) -> None:
        """Have every commit sealed from now on."""
        if self._connection.chain is None:
            with translated(self.path):
                self._connection.chain = Chain(self._connection, self._entropy)
            with self._transaction():
                self._connection.chain.begin()

    def last_pass(self) -> PassFacts | None:
        """Return the facts of the last pass and make it the current one; None if there is none."""
        found = self._query(
            "SELECT pass, job, digest, fingerprint, source, rows FROM passes ORDER BY pass DESC LIMIT 1"
        )
        if not found:
            return None
        self.number, job, digest, fingerprint, source, self.rows = found[0]
        steps = self._query(
            "SELECT name, destination, operation FROM steps WHERE pass = ? ORDER BY step", self.number
        )
        self._load(len(steps))
        self.facts = PassFacts(job, digest, fingerprint, orjson.loads(source), steps)
        return self.facts

    @property
    def begun(self) -> bool:
        """Whether a run has begun to send what the current pass asks for: guards and people let it."""
        return bool(self._query("SELECT count(*) FROM runs WHERE pass = ?", self.number)[0][0])

    @property
    def former(self) -> int | None:
        """The pass before the current one, if there is one."""
        found: int | None = self._query("SELECT max(pass) FROM passes WHERE pass < ?", self.number)[0][0]
        return found

    def listed(self, number: int) -> int:
        """Return how many records the largest step of a pass has, those included that are unchanged."""
        return listed(self._connection, self.path, number)

    def named(self, wanted: Hashes, hashed: Hash) -> pl.Series:
        """Return the keys of identities (ascending) from passes before the current one, the newest first."""
        return named(self._connection, self.path, wanted, hashed, before=self.number)

    def keys_to_send(self, step: int) -> list[pl.DataFrame]:
        """Return ROW and KEY of the rows that the plan lets a step send, in parts."""
        told = self.boards[step].told
        chunks = self._query(
            "SELECT first_row, last_row FROM keys WHERE pass = ? ORDER BY first_row", self.number
        )
        wanted = [first for first, last in chunks if not told[first - 1 : last].all()]
        bodies = [
            self._query("SELECT body FROM keys WHERE pass = ? AND first_row = ?", self.number, first)
            for first in wanted
        ]
        return [unpacked(body) for ((body,),) in bodies]

    def begin_pass(self, facts: PassFacts, now: float) -> None:
        """Begin a new pass; ``rows`` is unknown until ``end_reading``."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO passes (job, digest, fingerprint, source, started_at) VALUES (?,?,?,?,?)",
                (facts.job, facts.digest, facts.fingerprint, orjson.dumps(facts.source).decode(), now),
            )
            self.number = int(cursor.lastrowid or 0)
            connection.executemany(
                "INSERT INTO steps VALUES (?,?,?,?,?)",
                [(self.number, index, *step) for index, step in enumerate(facts.steps)],
            )
            if facts.erasing is not None:
                self.erasures.write_job(self.number, facts.erasing, facts.spec)
        self.facts, self.rows, self.boards = facts, None, []

    def drop_pass(self) -> None:
        """Drop the current pass, of which nothing was sent: its reading broke off, or it was refused."""
        with self._transaction() as connection:
            for table in _OF_A_PASS:
                connection.execute(f"DELETE FROM {table} WHERE pass = ?", (self.number,))  # noqa: S608 - fixed names
        self.number, self.rows, self.boards = 0, None, []

    def write_keys(self, frame: pl.DataFrame) -> None:
        """Keep the keys of a chunk of rows (columns ROW, KEY), told or not."""
        if frame.is_empty():
            return
        body = packed(frame.select(KEYS.names()))
        ends = (frame[ROW][0], frame[ROW][-1])
        with self._transaction() as connection:
            connection.execute("INSERT INTO keys VALUES (?,?,?,?)", (self.number, *ends, body))

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        """Keep what the plan told single rows (ROW, ascending, status, reason, message)."""
        if frame.is_empty():
            return
        values = (self.number, step, frame[ROW][0], packed(as_told(frame)))
        with self._transaction() as connection:
            connection.execute("INSERT INTO told VALUES (?,?,?,?)", values)

    def end_reading(self, rows: int, now: float, marks: Sequence[Sequence[int]] = ()) -> None:
        """Fix the number of rows: the pre-pass is complete. ``marks`` say where the source can be read on."""
        with self._transaction() as connection:
            told = orjson.dumps([*map(tuple, marks)]).decode()
            connection.execute(_END_READING, (rows, now, "$.marks", told, self.number))
        self.rows = rows
        self._load(int(self._query("SELECT count(*) FROM steps WHERE pass = ?", self.number)[0][0]))

    def _load(self, steps: int) -> None:
        """Fold the current pass into boards."""
        self.boards = [Board(self.rows or 0) for _ in range(steps)]
        if self.rows is None:
            return
        for step, board in enumerate(self.boards):
            fold(self._connection, self.path, self.number, step, board)

    def begin_run(self, now: float, facts: Mapping[str, Any]) -> None:
        """Note that a run begins."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (pass, started_at, facts) VALUES (?,?,?)",
                (self.number, now, orjson.dumps(facts).decode()),
            )
            self.run = int(cursor.lastrowid or 0)

    def end_run(self, now: float, exit_code: int, learned: Mapping[str, Any]) -> None:
        """Note how the run ended, and what it learned: ``rates`` found, ``pauses``, why it ``stopped``."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE runs SET ended_at = ?, exit_code = ?, facts = json_patch(facts, ?) WHERE run = ?",
                (now, exit_code, orjson.dumps(learned).decode(), self.run),
            )

    def learn(self, facts: Mapping[str, Any]) -> None:
        """Note what came of the run beside its outcomes."""
        learned = (orjson.dumps(facts).decode(), self.run)
        with self._transaction() as connection:
            connection.execute("UPDATE runs SET facts = json_patch(facts, ?) WHERE run = ?", learned)

    def found_rates(self) -> dict[str, float]:
        """Return what rate each destination was last found to allow, where a run found it."""
        found: dict[str, float] = {}
        for (rates,) in self._query(
            "SELECT json_extract(facts, '$.rates') FROM runs WHERE ended_at IS NOT NULL ORDER BY run"
        ):
            found |= orjson.loads(rates or "{}")
        return found

    def commit(
        self,
        entries: Iterable[Entry],
        intents: Iterable[Intent] = (),
        memories: Iterable[Memory] = (),
        people: Iterable[Person] = (),
    ) -> None:
        """Write a group of outcomes, intents, memories, and people who were found, in one transaction."""
        merged = coalesce(entries, self.boards)
        with self._transaction() as connection:
            connection.executemany(INSERT, (values(entry, self.number, self.run) for entry in merged))
            connection.executemany(
                _INTENT,
                (
                    (self.number, item.step, self.run, item.first_row, item.last_row, item.at, item.withdrawn)
                    for item in intents
                ),
            )
            connection.executemany(
                _MEMORY,
                (
                    (self.number, item.step, item.first_row, item.last_row, orjson.dumps(item.data).decode())
                    for item in memories
                ),
            )
            self.erasures.add(self.number, people)
            self.erasures.forget(self.number, merged)
        for entry in merged:
            verdict = entry.verdict
            self.boards[entry.step].settle(
                entry.first_row, entry.last_row, verdict.status, verdict.reason, verdict.verification
            )

    def amend(self, number: int, entries: Sequence[Entry]) -> None:
        """Write what became of rows of any pass since, in one transaction."""
        with self._transaction() as connection:
            connection.executemany(INSERT, (values(entry, number, self.run) for entry in entries))
            self.erasures.forget(number, entries)

    def last_answer(self) -> float | None:
        """Return when the last outcome was known, in unix seconds."""
        found = self._query("SELECT finished_at FROM entries ORDER BY seq DESC LIMIT 1")
        return float(found[0][0]) if found else None

    def intended(self, step: int) -> Mask:
        """Mark the rows whose request may have been processed without an answer; index 0 is row 1."""
        return intended(self._connection, self.path, self.number, step, self.boards[step])

    def remembered(self, step: int) -> dict[tuple[int, int], Mapping[str, Any]]:
        """Return what conversations asked to remember, by first and last row."""
        found = self._query(
            "SELECT first_row, last_row, data FROM memories WHERE pass = ? AND step = ?", self.number, step
        )
        return {(first, last): orjson.loads(data) for first, last, data in found}
