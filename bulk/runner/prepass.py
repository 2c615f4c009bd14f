"""Decides which pass of the ledger a run works on, and reads the source for a new one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Protocol

import polars as pl

from bulk.conversation import KEY, ROW
from bulk.errors import LedgerError, SourceError
from bulk.ledger import Ledger, PassFacts
from bulk.ledger.deliveries import Known
from bulk.ledger.keys import hasher
from bulk.plan.changes import Changes, Delivered, stable_hash
from bulk.plan.reading import Index, Mask, Reading, Sink, StepPlan, Watch
from bulk.plan.subjects import given_subjects, naming, requests
from bulk.plan.suppression import Listed, standing
from bulk.runner.feed import check_unchanged
from bulk.runner.setup import Naming, Setup, StepSetup
from bulk.runner.stop import Stop, StoppingError

LARGEST_ROW = 2**32 - 2


class Progress(Protocol):
    """Who wants to know how far the reading has come."""

    rows_read: int


class LedgerSink:
    """Writes what the pre-pass finds to the ledger, keys as the ledger keeps them."""

    def __init__(self, ledger: Ledger, setup: Setup) -> None:
        self._ledger = ledger
        self._hash = hasher(setup.key_secret)
        self._scopes = [step.scope for step in setup.steps]
        self._steps = setup.steps
        self._naming = naming(setup.secret or b"")

    def write_keys(self, frame: pl.DataFrame) -> None:
        """Keep the keys of consecutive rows."""
        self._ledger.write_keys(frame.select(ROW, self._hash(frame[KEY]).alias(KEY)))

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        """Keep what rows were told in a step."""
        self._ledger.write_told(step, frame)

    def write_contents(self, step: int, frame: pl.DataFrame) -> None:
        """Keep the hashes of records that a step may send."""
        self._ledger.deliveries.write(self._ledger.number, step, self._scopes[step], frame)

    def write_asked(self, step: int, frame: pl.DataFrame, held: Mask) -> None:
        """Keep whom a step was asked to erase, as keyed hashes, and what is noted of the requests."""
        one = self._steps[step]
        if one.operation.erasing is None or frame.is_empty():
            return
        records = one.mapping.encode(frame)
        asked = records.filter(pl.Series(~held))
        people = given_subjects(asked, one.operation.erasing.kinds, self._naming)
        self._ledger.erasures.write(self._ledger.number, step, people, requests(records))


def comparisons(setup: Setup, known: Callable[[str], Known], now: float) -> dict[int, Changes]:
    """Return what compares each step's records with what arrived: none if every pass sends everything.

    ``known`` returns what arrived in a scope.
    """
    if setup.sync is None:
        return {}
    since, hashed = setup.sync.since(now), stable_hash(setup.key_secret)

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
            heeds=step.heeds,
            erases=step.operation.erasing is not None,
        )
        for step in setup.steps
    ]
    reading = Reading(plans, sink, list(_watches(setup)))
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


def _watches(setup: Setup) -> Iterator[Watch]:
    """Yield the lists that any step heeds, and what tells who stands in them."""
    for reason, given in setup.lists.items():
        names = next((step.naming for step in setup.steps if step.heeds == reason), None)
        if names is not None:
            yield Watch(reason, [one.said for one in given.lists], partial(_standing, given.lists, names))


def _standing(lists: Sequence[Listed], names: Naming, frame: pl.DataFrame) -> tuple[Index, Mask]:
    return standing(lists, names.identified(frame))


def met_lists(reading: Reading, setup: Setup, reason: str) -> list[bool]:
    """Tell of each list with a reason whether any row stands in it; of one that no step heeds, none does."""
    return reading.met(reason) or [False] * len(setup.lists[reason].lists)


def unmet(reading: Reading, setup: Setup) -> list[str]:
    """Name the lists in which no row stands."""
    return [
        one.name
        for reason, given in setup.lists.items()
        for one, met in zip(given.lists, met_lists(reading, setup, reason), strict=True)
        if not met
    ]


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
    pending = any(board.unsent for board in ledger.boards)
    same_source, same_job = last.fingerprint == facts.fingerprint, last.digest == facts.digest
    if setup.sync is None and same_source and same_job:
        return True
    if pending and not (same_job and (same_source or setup.sync is not None)):
        raise LedgerError(_changed(ledger, last, facts))
    return pending and same_source


def _changed(ledger: Ledger, last: PassFacts, facts: PassFacts) -> str:
    pending = max(board.unsent for board in ledger.boards)
    what = "the source has" if last.digest == facts.digest else "the job has"
    if last.digest != facts.digest and last.fingerprint != facts.fingerprint:
        what = "the source and the job have"
    return (
        f"{ledger.path}: {what} changed since its pass began, with {pending:,} of its rows still pending;"
        " run the former version to its end, or begin again with --fresh or another --ledger"
    )
