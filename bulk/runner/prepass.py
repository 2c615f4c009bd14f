"""Decides which pass of the ledger a run works on, and reads the source for a new one."""

from collections.abc import Callable
from typing import Protocol

import polars as pl

from bulk.conversation import KEY, ROW, Status
from bulk.errors import LedgerError, SourceError
from bulk.ledger import Ledger, PassFacts
from bulk.ledger.keys import hasher
from bulk.plan.reading import Reading, Sink, Standing, StepPlan
from bulk.plan.suppression import standing
from bulk.runner.feed import check_unchanged
from bulk.runner.setup import Setup
from bulk.runner.stop import Stop, StoppingError

LARGEST_ROW = 2**32 - 2


class Progress(Protocol):
    """Who wants to know how far the reading has come."""

    rows_read: int


class LedgerSink:
    """Writes what the pre-pass finds to the ledger, keys as the ledger keeps them."""

    def __init__(self, ledger: Ledger, secret: bytes | None) -> None:
        self._ledger = ledger
        self._hash = hasher(secret)

    def write_keys(self, frame: pl.DataFrame) -> None:
        """Keep the keys of consecutive rows."""
        self._ledger.write_keys(frame.select(ROW, self._hash(frame[KEY]).alias(KEY)))

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        """Keep what rows were told in a step."""
        self._ledger.write_told(step, frame)


def read_source(setup: Setup, sink: Sink, stop: Stop | None, progress: Progress) -> Reading:
    """Read the whole source once and tell every step which rows it will not send.

    Raises:
        StoppingError: The stop was requested on the way.
        SourceError: The source cannot be read, or holds too many rows.
    """
    plans = [
        StepPlan(step.destination, step.mapping, step.duplicates, step.opted_out, step.naming is not None)
        for step in setup.steps
    ]
    reading = Reading(plans, sink, [one.name for one in setup.suppression.lists], _standing(setup))
    for chunk in setup.source.chunks():
        if stop is not None and stop.requested:
            raise StoppingError
        reading.take(chunk.frame, chunk.malformed)
        progress.rows_read = reading.rows
        if reading.rows > LARGEST_ROW:
            raise SourceError("the source has more than 4,294,967,294 rows; cut it in parts")
    check_unchanged(setup.source)
    reading.finish()
    return reading


def _standing(setup: Setup) -> Standing | None:
    """Return what tells who stands in a suppression list, if any step holds anybody back."""
    naming = next((step.naming for step in setup.steps if step.naming is not None), None)
    if naming is None:
        return None
    return lambda frame: standing(setup.suppression.lists, naming.identified(frame))


def unmet(reading: Reading, setup: Setup) -> list[str]:
    """Name the suppression lists in which no row stands."""
    return [one.name for one, met in zip(setup.suppression.lists, reading.met, strict=True) if not met]


def choose_pass(setup: Setup, ledger: Ledger, fingerprint: str, now: Callable[[], float]) -> bool:
    """Make the right pass the ledger's current one; return whether its source must be read.

    Raises:
        LedgerError: An unfinished pass belongs to another source or job.
    """
    facts = setup.facts(fingerprint)
    last = ledger.last_pass()
    if last is not None and ledger.rows is None:
        ledger.drop_pass()
    elif last is not None and not setup.options.fresh:
        if (last.digest, last.fingerprint) == (facts.digest, facts.fingerprint):
            return False
        if any(board.counts[Status.PENDING] for board in ledger.boards):
            raise LedgerError(_changed(ledger, last, facts))
    ledger.begin_pass(facts, now())
    return True


def _changed(ledger: Ledger, last: PassFacts, facts: PassFacts) -> str:
    pending = max(board.counts[Status.PENDING] for board in ledger.boards)
    what = "the source has" if last.digest == facts.digest else "the job has"
    if last.digest != facts.digest and last.fingerprint != facts.fingerprint:
        what = "the source and the job have"
    return (
        f"{ledger.path}: {what} changed since its pass began, with {pending:,} of its rows still pending;"
        " run the former version to its end, or begin again with --fresh or another --ledger"
    )
