"""Decides which pass of the ledger a run works on, and reads the source for a new one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import polars as pl

from bulk.conversation import KEY, ROW, Status
from bulk.errors import LedgerError, SourceError
from bulk.ledger import Ledger, PassFacts
from bulk.ledger.deliveries import Known
from bulk.ledger.keys import hasher
from bulk.plan.changes import Changes, Delivered, stable_hash
from bulk.plan.reading import SKIPPED, Reading, Sink, Standing, StepPlan
from bulk.plan.suppression import standing
from bulk.runner.feed import check_unchanged
from bulk.runner.setup import Setup, StepSetup
from bulk.runner.stop import Stop, StoppingError

LARGEST_ROW = 2**32 - 2


class Progress(Protocol):
    """Who wants to know how far the reading has come."""

    rows_read: int


class LedgerSink:
    """Writes what the pre-pass finds to the ledger, keys as the ledger keeps them."""

    def __init__(self, ledger: Ledger, setup: Setup) -> None:
        self._ledger = ledger
        self._hash = hasher(setup.secret)
        self._scopes = [step.scope for step in setup.steps]

    def write_keys(self, frame: pl.DataFrame) -> None:
        """Keep the keys of consecutive rows."""
        self._ledger.write_keys(frame.select(ROW, self._hash(frame[KEY]).alias(KEY)))

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        """Keep what rows were told in a step."""
        self._ledger.write_told(step, frame)

    def write_contents(self, step: int, frame: pl.DataFrame) -> None:
        """Keep the hashes of records that a step may send."""
        self._ledger.deliveries.write(self._ledger.number, step, self._scopes[step], frame)


def comparisons(setup: Setup, known: Callable[[str], Known], now: float) -> dict[int, Changes]:
    """Return what compares each step's records with what arrived: none if every pass sends everything.

    ``known`` returns what arrived in a scope.
    """
    if setup.sync is None:
        return {}
    since, hashed = setup.sync.since(now), stable_hash(setup.secret)

    def compared(step: StepSetup) -> Changes:
        found = known(step.scope)
        delivered = Delivered(found.identities, found.contents, found.at)
        return Changes(step.mapping.contents, hashed, delivered, since=since, adds=step.adds)

    return {step.index: compared(step) for step in setup.steps}


def read_source(
    setup: Setup,
    sink: Sink,
    stop: Stop | None,
    progress: Progress,
    changes: Mapping[int, Changes] = MappingProxyType({}),
) -> Reading:
    """Read the whole source once and tell every step which rows it will not send.

    Args:
        setup: The job.
        sink: Takes what is found.
        stop: Ends the reading early.
        progress: Is told how far it has come.
        changes: What compares the records of a step, by its number, with what arrived.

    Raises:
        StoppingError: The stop was requested on the way.
        SourceError: The source cannot be read, or holds too many rows.
    """
    plans = [
        StepPlan(
            step.destination,
            step.mapping,
            step.duplicates,
            step.opted_out,
            changes.get(step.index),
            holds_back=step.naming is not None,
        )
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


def finding_nobody(reading: Reading, setup: Setup) -> list[str]:
    """Name the destinations that have contacts for no row of the source, where any row asked for one."""

    def found(step: StepSetup) -> bool:
        told = reading.told[step.index]
        judged = sum(rows for (status, reason), rows in told.items() if _is_judged(status, reason))
        return not told.get((Status.SKIPPED, "not_found")) or reading.rows > judged

    return [
        name
        for name in setup.contacts
        if not any(found(step) for step in setup.steps if step.destination == name)
    ]


def _is_judged(status: str, reason: str) -> bool:
    """Tell whether rows were told this by a mapping, which sends nothing of them whatever others say."""
    return status == Status.REJECTED or reason in SKIPPED


def choose_pass(setup: Setup, ledger: Ledger, fingerprint: str, now: Callable[[], float]) -> bool:
    """Make the right pass the ledger's current one; return whether its source must be read.

    Raises:
        LedgerError: An unfinished pass belongs to another source or job.
    """
    facts = setup.facts(fingerprint)
    last = _last_begun(ledger)
    if last is not None and not setup.options.fresh and _goes_on(setup, ledger, last, facts):
        return False
    ledger.begin_pass(facts, now())
    return True


def _last_begun(ledger: Ledger) -> PassFacts | None:
    """Make the last pass current for which anything may have been sent; those after it are no passes."""
    while (last := ledger.last_pass()) is not None and not ledger.begun:
        ledger.drop_pass()
    return last


def _goes_on(setup: Setup, ledger: Ledger, last: PassFacts, facts: PassFacts) -> bool:
    """Tell whether a run goes on with the last pass; else a new one begins."""
    pending = any(board.counts[Status.PENDING] for board in ledger.boards)
    same_source, same_job = last.fingerprint == facts.fingerprint, last.digest == facts.digest
    if setup.sync is None and same_source and same_job:
        return True
    if pending and not (same_job and (same_source or setup.sync is not None)):
        raise LedgerError(_changed(ledger, last, facts))
    return pending and same_source


def _changed(ledger: Ledger, last: PassFacts, facts: PassFacts) -> str:
    pending = max(board.counts[Status.PENDING] for board in ledger.boards)
    what = "the source has" if last.digest == facts.digest else "the job has"
    if last.digest != facts.digest and last.fingerprint != facts.fingerprint:
        what = "the source and the job have"
    return (
        f"{ledger.path}: {what} changed since its pass began, with {pending:,} of its rows still pending;"
        " run the former version to its end, or begin again with --fresh or another --ledger"
    )
