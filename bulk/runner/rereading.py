"""Reads the erased people of a ledger back once more, pass by pass, destination by destination."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from bulk.conversation import ROW, Batch, Conversation, Verdict, Verification
from bulk.destinations.erasure import ABSENT, STILL_PRESENT
from bulk.destinations.operation import Erasing, Terms
from bulk.ledger import Entry, Ledger
from bulk.plan.packing import Packer
from bulk.runner.erasing import with_found
from bulk.runner.talk import Line
from bulk.runner.verifying import RETURNED, Verifying, verified

AT_ONCE = 50
"""Outcomes that are written together."""
READ = frozenset({Verification.ABSENT, Verification.STILL_PRESENT, Verification.PENDING})
"""What is known of those who are read back: their removal was accepted, or they were never there."""


@dataclass(slots=True)
class Tally:
    """What reading people of a destination back has shown, in numbers."""

    absent: int = 0
    still_present: int = 0
    unread: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.absent + other.absent, self.still_present + other.still_present, self.unread + other.unread
        )


@dataclass(slots=True)
class Writing:
    """Writes the outcomes of a step of a pass to the ledger, some at once."""

    ledger: Ledger
    number: int
    waiting: list[Entry] = field(default_factory=list)
    read: dict[int, str] = field(default_factory=dict)
    """By row, what the reading has shown."""

    def add(self, entry: Entry) -> None:
        """Take an outcome."""
        self.waiting.append(entry)
        self.read[entry.first_row] = entry.verdict.verification
        if len(self.waiting) >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if self.waiting:
            self.ledger.amend(self.number, self.waiting)
            self.waiting = []


@dataclass(frozen=True, slots=True)
class Reread:
    """The people of one step of one pass.

    Attributes:
        number: The pass.
        index: The step.
        erasing: How people are read back.
        terms: What its conversations are told.
        batch_size: People whom one conversation reads.
        rows: All rows whose people it was asked to erase.
    """

    number: int
    index: int
    erasing: Erasing
    terms: Terms
    batch_size: int
    rows: Sequence[int]

    def outcomes(self, ledger: Ledger) -> dict[int, Entry]:
        """Return the outcomes of the rows that are to be read back."""
        held = ledger.erasures.last_outcomes(self.number, self.index, self.rows)
        return {row: entry for row, entry in held.items() if entry.verdict.verification in READ}

    async def by_records(
        self,
        records: pl.DataFrame | None,
        alike: Mapping[int, Sequence[int]],
        *,
        ledger: Ledger,
        line: Line,
        unix: Callable[[], float],
        workers: int,
    ) -> Tally:
        """Read people back by everything that their records give, and that was found of them.

        Args:
            records: One for each person, by one of their rows; None if there are none.
            alike: All rows of a person, by that row.
            ledger: Where what is seen is written.
            line: The way to the destination.
            unix: Seconds since 1970.
            workers: People who are read at the same time.
        """
        outcomes = self.outcomes(ledger)
        writing = Writing(ledger, self.number)
        by_hand = self.erasing.by_hand

        def settle(entry: Entry) -> None:
            for row in alike[entry.first_row]:
                if row in outcomes:
                    writing.add(verified(outcomes[row], row, entry.verdict, entry.finished_at, by_hand))

        verifying = Verifying(
            self._verify,
            line=line,
            settle=settle,
            unix=unix,
            patience=self.erasing.patience(self.terms.options),
            workers=workers,
        )
        found = ledger.erasures.found(self.number, self.index)
        batches = [with_found(batch, found) for batch in self._batches(records, outcomes)]
        await verifying.run(batches, outcomes)
        writing.flush()
        return _tally(outcomes, writing.read)

    def _verify(self, batch: Batch) -> Conversation:
        if self.erasing.verify is None:
            raise RuntimeError("a step that reads nobody back was to read somebody back")
        return self.erasing.verify(batch, self.terms)

    def _batches(self, records: pl.DataFrame | None, outcomes: Mapping[int, Entry]) -> Iterable[Batch]:
        if records is None or self.erasing.verify is None:
            return
        packer = Packer(self.batch_size, keys_repeat=False)
        wanted = records.filter(pl.col(ROW).is_in(list(outcomes)))
        if not wanted.is_empty():
            yield from packer.add(wanted)
            yield from packer.end()

    def by_listing(self, present: Iterable[int], *, ledger: Ledger, complete: bool, now: float) -> Tally:
        """Note who stands among a destination's contacts, and who does no more.

        Only of somebody who had returned can a listing say that he is gone again: it is how he was seen.

        Args:
            present: Rows whose people were met.
            ledger: Where what is seen is written.
            complete: Whether all contacts were looked at.
            now: Unix seconds.
        """
        outcomes = self.outcomes(ledger)
        writing = Writing(ledger, self.number)
        there = set(present)
        for row, entry in outcomes.items():
            said: Verdict | None = STILL_PRESENT if row in there else None
            if said is None and complete and entry.verdict.reason == RETURNED:
                said = ABSENT
            if said is not None:
                writing.add(verified(entry, row, said, now, self.erasing.by_hand))
        writing.flush()
        known = {row: entry.verdict.verification for row, entry in outcomes.items()}
        absent = {row: Verification.ABSENT for row, seen in known.items() if seen == Verification.ABSENT}
        return _tally(outcomes, {**absent, **writing.read})


def _tally(outcomes: Mapping[int, Entry], read: Mapping[int, str]) -> Tally:
    """Count people by what is known of them now: unread is who was not read and not known to be there."""
    tally = Tally()
    for row, before in outcomes.items():
        seen = read.get(row)
        if seen == Verification.ABSENT:
            tally.absent += 1
        elif Verification.STILL_PRESENT in {seen, before.verdict.verification}:
            tally.still_present += 1
        else:
            tally.unread += 1
    return tally
