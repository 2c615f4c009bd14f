"""Decides which pass of the ledger a run works on, and reads the source for a new one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Protocol

import numpy as np
import polars as pl

from bulk.conversation import KEY, NAMELESS, ROW, Status
from bulk.errors import LedgerError, SourceError
from bulk.ledger import Ledger, PassFacts
from bulk.ledger.keys import hasher
from bulk.ledger.known import Known
from bulk.plan.changes import Changes, Comparison, Delivered, Hash, Hashes, stable_hash
from bulk.plan.masks import Mask
from bulk.plan.reading import SKIPPED, Index, Reading, Sink, StepPlan
from bulk.plan.removal import Leaving, Removal
from bulk.plan.subjects import NOTED, given_subjects, naming, requests
from bulk.plan.suppression import Listed, standing
from bulk.plan.watching import Watch
from bulk.runner.feed import check_unchanged
from bulk.runner.gathering import Gathering
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
        self._keys = Gathering(ledger.write_keys)
        self._told = [Gathering(partial(ledger.write_told, step)) for step in range(len(setup.steps))]
        self._hash = hasher(setup.key_secret)
        self._scopes = [(step.scope,) if step.removes is None else step.removes.told for step in setup.steps]
        self._steps = setup.steps
        self._naming = naming(setup.secret or b"")

    def write_keys(self, frame: pl.DataFrame) -> None:
        """Keep the keys of consecutive rows."""
        self._keys.add(frame.select(ROW, self._hash(frame[KEY]).alias(KEY)))

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        """Keep what rows were told in a step."""
        self._told[step].add(frame)

    def end(self) -> None:
        """Write what was not written yet: everything has been read."""
        for gathering in (self._keys, *self._told):
            gathering.flush()

    def write_contents(self, step: int, frame: pl.DataFrame) -> None:
        """Keep the hashes of records that a step may send; a removal takes back what all steps there told."""
        for scope in self._scopes[step]:
            self._ledger.deliveries.write(self._ledger.number, step, scope, frame)

    def write_asked(self, step: int, frame: pl.DataFrame, asked: Mask) -> None:
        """Keep whom a step was asked to erase, as keyed hashes, and what is noted of the requests."""
        one = self._steps[step]
        if one.operation.erasing is None or frame.is_empty():
            return
        records = one.mapping.encode(frame.filter(pl.Series(asked)))
        people = given_subjects(records, one.operation.erasing.kinds, self._naming)
        noted = requests(one.mapping.noted(frame, NOTED))
        self._ledger.erasures.write(self._ledger.number, step, people, noted)


@dataclass(frozen=True, slots=True)
class Comparisons:
    """What the source is compared with: nothing if every pass sends everything.

    Attributes:
        changes: What compares a step's records with what arrived, by the number of the step.
        leaving: Finds who has left, if that matters.
    """

    changes: Mapping[int, Comparison] = field(default_factory=dict)
    leaving: Leaving | None = None

    def plan(self, step: StepSetup) -> StepPlan:
        """Return what the plan needs to know of a step."""
        removal = None if self.leaving is None else self.leaving.removals.get(step.index)
        return StepPlan(
            step.destination,
            removal or step.mapping,
            step.duplicates,
            step.opted_out,
            removal or self.changes.get(step.index),
            heeds=step.heeds,
            erases=step.operation.erasing is not None,
            removes=removal is not None,
        )

    @property
    def removals(self) -> dict[int, int]:
        """How many people may be at the place of each step that removes, by its number."""
        removals = {} if self.leaving is None else self.leaving.removals
        return {index: removal.people.size for index, removal in removals.items()}


def comparisons(
    setup: Setup, known: Callable[[str], Known], named: Callable[[Hashes, Hash], pl.Series], now: float
) -> Comparisons:
    """Return what the source is compared with.

    Args:
        setup: The job.
        known: Returns what arrived in a scope.
        named: Returns the keys of identities, as they are hashed.
        now: In unix seconds.
    """
    if setup.sync is None:
        return Comparisons()
    since, hashed = setup.sync.since(now), stable_hash(setup.key_secret)
    steps = [step for step in setup.steps if step.removes is None]
    found = {step.scope: known(step.scope) for step in steps}

    def compared(step: StepSetup) -> Changes:
        arrived = found[step.scope]
        delivered = Delivered(arrived.identities, arrived.contents, arrived.at)
        return Changes(step.mapping.contents, hashed, delivered, since=since, adds=step.adds)

    removals = {
        step.index: Removal(step.mapping, hashed, _people(found[scope] for scope in step.removes.brought))
        for step in setup.steps
        if step.removes is not None
    }
    leaving = Leaving(removals, hashed, lambda wanted: named(wanted, hashed)) if removals else None
    return Comparisons({step.index: compared(step) for step in steps}, leaving)


def _people(arrived: Iterable[Known]) -> Hashes:
    """Return the identities of all who may be there, ascending; records without a key are nobody."""

    def named(known: Known) -> Hashes:
        somebody = known.contents != NAMELESS
        return known.identities if somebody.all() else known.identities[somebody]

    return reduce(np.union1d, map(named, arrived))


def read_into(ledger: Ledger, setup: Setup, stop: Stop, progress: Progress, compared: Comparisons) -> Reading:
    """Read the whole source once, and write what is told to the ledger's current pass: ``read_source``."""
    sink = LedgerSink(ledger, setup)
    reading = read_source(setup, sink, stop, progress, compared)
    sink.end()
    return reading


def read_source(
    setup: Setup,
    sink: Sink,
    stop: Stop | None,
    progress: Progress,
    compared: Comparisons | None = None,
) -> Reading:
    """Read the whole source once and tell every step which rows it will not send.

    Args:
        setup: The job.
        sink: Takes what is found.
        stop: Ends the reading early.
        progress: Is told how far it has come.
        compared: What it is compared with; by default nothing.

    Raises:
        StoppingError: The stop was requested on the way.
        SourceError: The source cannot be read, or holds too many rows.
    """
    compared = compared or Comparisons()
    plans = [compared.plan(step) for step in setup.steps]
    reading = Reading(plans, sink, list(_watches(setup)), compared.leaving)
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
        setup.source.recall(last.source.get("marks"))
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
