"""What a step that erases people does beside its conversations: keeps whom it finds, and reads them back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bulk.conversation import Batch, Conversation, Found, Name, Verdict
from bulk.destinations.erasure import given, together
from bulk.destinations.operation import Erasing
from bulk.ledger import Ledger, Person
from bulk.ledger.board import AWAITING, Mask
from bulk.plan.packing import Packer
from bulk.plan.subjects import found_subjects
from bulk.plan.suppression import Recipe
from bulk.runner.committer import Committer
from bulk.runner.setup import StepSetup
from bulk.runner.suppressing import Suppressing
from bulk.runner.talk import Line
from bulk.runner.verifying import Verifying


@dataclass(frozen=True, slots=True)
class Erasure:
    """One step that erases people.

    Attributes:
        holds: Who must not be removed; None if the job has no holds.
        recipe: How identifiers are hashed in the ledger.
        workers: People who are read back at the same time.
    """

    step: StepSetup
    erasing: Erasing
    ledger: Ledger
    committer: Committer
    holds: Suppressing | None
    recipe: Recipe
    line: Line
    unix: Callable[[], float]
    workers: int

    def found(self) -> dict[int, tuple[Name, ...]]:
        """Return whom former runs found and nobody saw to be gone, by row."""
        return self.ledger.erasures.found(self.ledger.number, self.step.index)

    async def keep(self, batch: Batch, found: Found) -> Mapping[int, Verdict]:
        """Keep durably who was found; return the verdicts on those who must not be removed."""
        held: dict[int, Verdict] = {}
        people: list[Person] = []
        for position, beyond in found.names.items():
            names = together(self._given(batch, position), beyond)
            verdict = await self._held(names)
            if verdict is not None:
                held[position] = verdict
            else:
                people.append(self._person(int(batch.rows[position]), names))
        await self.committer.recognise(people)
        return held

    def _given(self, batch: Batch, position: int) -> tuple[Name, ...]:
        """Return what a record gives if only a contact gave it: once the contact is gone, nobody tells it."""
        if self.step.mapping.contacts is None:
            return ()
        return given(batch, position, self.erasing.kinds)

    async def _held(self, names: Sequence[Name]) -> Verdict | None:
        """Tell whether somebody stands in a list of holds by what was only found."""
        if self.holds is None or not names:
            return None
        return await self.holds.naming([value for _, value in names])

    def _person(self, row: int, names: Sequence[Name]) -> Person:
        hashed = found_subjects(row, names, self.erasing.kinds, self.recipe)
        return Person(self.step.index, row, tuple(names), hashed)

    @property
    def awaiting(self) -> Mask:
        """Mark the rows that were accepted and not read back yet; index 0 is row 1."""
        awaiting: Mask = self.ledger.boards[self.step.index].codes == AWAITING
        return awaiting

    @property
    def is_due(self) -> bool:
        """Whether anybody is to be read back by a run, and not left to ``bulk verify``."""
        return self.erasing.verify is not None and self._patience > 0 and bool(self.awaiting.any())

    @property
    def _patience(self) -> float:
        return self.erasing.patience(self.step.terms.options)

    def packer(self) -> Packer:
        """Return what cuts those who are read back into batches."""
        return Packer(self.step.batch_size, keys_repeat=False)

    async def verify(self, batches: Sequence[Batch]) -> None:
        """Read people back until each is seen to be gone, the patience is over, or the destination stops."""
        found = self.found()
        verifying = Verifying(
            self._read,
            line=self.line,
            settle=self.committer.settle,
            unix=self.unix,
            patience=self._patience,
            workers=self.workers,
            by_hand=self.erasing.by_hand,
        )
        rows = [int(row) for batch in batches for row in batch.rows]
        outcomes = self.ledger.erasures.last_outcomes(self.ledger.number, self.step.index, rows)
        await verifying.run([with_found(batch, found) for batch in batches], outcomes)
        await self.committer.flush()

    def _read(self, batch: Batch) -> Conversation:
        if self.erasing.verify is None:
            raise RuntimeError("a step that reads nobody back was to read somebody back")
        return self.erasing.verify(batch, self.step.terms)


def with_found(batch: Batch, found: Mapping[int, Sequence[Name]]) -> Batch:
    """Return a batch with whom was found of its rows' people."""
    return replace(batch, found={row: found[row] for row in batch.rows.tolist() if row in found})
