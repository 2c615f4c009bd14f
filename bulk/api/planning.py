"""Plans a job without a ledger: what every step would send."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from bulk.conversation import ROW
from bulk.job import Job
from bulk.job.model import IGNORE
from bulk.ledger import Board
from bulk.ledger.columns import status_codes
from bulk.ledger.deliveries import as_known
from bulk.ledger.file import read_fact
from bulk.ledger.keys import called, key_secret_id
from bulk.ledger.known import Known, newest
from bulk.ledger.lookup import named_in
from bulk.plan.guards import plan_digest
from bulk.plan.reading import Reading
from bulk.prepare import LEDGER_SECRET, NO_CONTACTS, prepare
from bulk.runner.listing import Pulled
from bulk.runner.prepass import comparisons, finding_nobody, met_lists, read_source
from bulk.runner.setup import Options, Setup
from bulk.source import Source

NOTHING = newest(())


class Told:
    """Keeps in memory what rows were told, instead of a ledger."""

    def __init__(self, steps: int) -> None:
        self.frames: list[list[pl.DataFrame]] = [[] for _ in range(steps)]
        self.rows_read = 0

    def write_keys(self, frame: pl.DataFrame) -> None:
        """Keys are of no use here."""

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        """Keep what rows were told in a step."""
        self.frames[step].append(frame)

    def write_contents(self, step: int, frame: pl.DataFrame) -> None:
        """Nothing is sent, so nothing will have arrived."""

    def write_asked(self, step: int, frame: pl.DataFrame, asked: Any) -> None:
        """Nobody is erased, so nobody need be remembered."""

    def boards(self, rows: int) -> list[Board]:
        """Return the boards of all steps."""
        boards = [Board(rows) for _ in self.frames]
        for board, frames in zip(boards, self.frames, strict=True):
            for frame in frames:
                board.tell(frame[ROW].to_numpy(), status_codes(frame["status"]))
        return boards


@dataclass(frozen=True, slots=True)
class Plan:
    """A job's plan, made without a ledger."""

    setup: Setup
    rows: int
    boards: list[Board]
    reasons: list[dict[tuple[str, str], int]]
    met: dict[str, list[bool]]
    """By the reason of lists, whether any row stands in each of them."""
    compared: str = ""
    """With what the source was compared, if only changes are sent."""
    left: Sequence[pl.DataFrame] = ()
    """Those who left the list (ROW, KEY), behind the rows of the source."""
    warnings: tuple[str, ...] = ()
    nobody: tuple[str, ...] = ()
    """Destinations that have contacts for no row."""

    def lists(self, reason: str) -> list[dict[str, Any]]:
        """Return what is told of each suppression list, or each hold."""
        given = self.setup.lists.get(reason)
        return [
            {"list": one.name, "entries": int(one.members.size), "matches": met}
            for one, met in zip(given.lists if given else (), self.met.get(reason, ()), strict=True)
        ]

    @property
    def match(self) -> list[dict[str, Any]]:
        """What is told of the contacts of each destination."""
        return [
            {"destination": name, "contacts": found.listed, "matches": name not in self.nobody}
            for name, found in self.setup.contacts.items()
        ]

    @property
    def digest(self) -> str:
        """What ``--confirm`` names."""
        sendable = [board.sendable for board in self.boards]
        return plan_digest(self.setup.digest, self.setup.source.fingerprint(), self.rows, sendable)


def make_plan(
    job: Job,
    source: Source,
    environ: Mapping[str, str],
    ledger: Path | None,
    listed: Mapping[str, Pulled] = NO_CONTACTS,
) -> Plan:
    """Read the whole source and plan every step; where only changes are sent, compare with the ledger.

    ``listed`` holds the contacts that the job asks for.

    Raises:
        BulkError: Job or source have mistakes, or the ledger is none.
    """
    setup = prepare(job, source, environ, Options(), listed, planning=True)
    told = Told(len(setup.steps))
    path = ledger or Path(f"{job.name}.ledger")
    setup, known, compared = _known(setup, path)
    with_what = comparisons(
        setup, lambda scope: known.get(scope, NOTHING), partial(named_in, path), time.time()
    )
    reading = read_source(setup, told, None, told, with_what)
    return Plan(
        setup,
        reading.rows,
        told.boards(reading.rows),
        reading.told,
        {reason: met_lists(reading, setup, reason) for reason in setup.lists},
        compared,
        reading.left,
        tuple(_warnings(job, reading)),
        tuple(finding_nobody(reading, setup)),
    )


def _warnings(job: Job, reading: Reading) -> Iterator[str]:
    """Say what may do harm, and what keeps people from being removed."""
    removed = job.sync.removed
    if removed != IGNORE and job.guards.max_shrink is None:
        yield f"without guards.max_shrink a list that was cut short means {removed} for everybody it lacks"
    if reading.spared:
        why = f"{reading.malformed:,} rows are malformed" if reading.malformed else "the list is empty"
        yield f"{why}, so it is not certain who left it: {reading.spared:,} people are left alone"


def _known(setup: Setup, ledger: Path) -> tuple[Setup, dict[str, Known], str]:
    """Return what arrived, as a run would find it, and say in words where that stands.

    The setup comes back with the secret that the ledger was made with.
    """
    if setup.sync is None:
        return setup, {}, ""
    if not ledger.exists():
        return (
            setup,
            {},
            f"there is no ledger {ledger}: everything counts as new (another one: --ledger PATH)",
        )
    if setup.hashed:
        secret = called(key_secret_id(read_fact(ledger, "keys")), setup.secrets)
        if secret is None:
            why = "is another one" if setup.secrets else "is not set"
            told = f"{LEDGER_SECRET} {why}, so {ledger} cannot be compared with: everything counts as new"
            return setup, {}, told
        setup = replace(setup, secret=secret)
    scopes = [step.scope for step in setup.steps if step.removes is None]
    known = as_known(ledger, setup.digest, setup.source.fingerprint(), scopes)
    return setup, known, f"compared with what {ledger} says was delivered"
