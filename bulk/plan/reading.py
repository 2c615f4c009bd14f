"""What rows are told before the first request: the pre-pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from bulk.conversation import CONTENT, IDENTITY, KEY, ROW, Status, Verdict
from bulk.plan.changes import UNCHANGED, Comparison
from bulk.plan.keys import Hashed, key_hashes, shared
from bulk.plan.masks import Mask, Masks
from bulk.plan.removal import Leaving, not_concerned
from bulk.plan.watching import Watch, Watching

OPTED_OUT, REASON, MESSAGE, STATUS = "opted_out", "reason", "message", "status"
SUPPRESSED, ON_HOLD = "suppressed", "on_hold"
TOLD_AT_ONCE = 100_000
NOT_FOUND = "not_found"
SKIPPED = ("filtered", NOT_FOUND)
"""What a mapping says of rows that are well, but not to be sent; whatever else it says rejects them."""
Index = npt.NDArray[np.int64]


class Judge(Protocol):
    """The part of a step's mapping that the plan needs."""

    def judge(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ROW, KEY, opted_out, reason, message for every row of a source chunk."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What the plan needs to know of a step.

    Attributes:
        destination: Its destination's name: steps of one destination run one after another.
        judge: Tells which rows are filtered or rejected.
        duplicates: ``keep_last``, ``keep_first`` or ``keep_all``.
        opted_out: ``exclude``, ``include`` or ``only``.
        changes: Tells which records are as they were delivered before; None if all are sent.
        heeds: The reason of the lists whose people it is held back from; empty if there are none.
        erases: Whether it is written down who it was asked to erase.
        removes: Whether its rows are those who left the source; to all others those are told as filtered.
    """

    destination: str
    judge: Judge
    duplicates: str
    opted_out: str
    changes: Comparison | None = None
    heeds: str = ""
    erases: bool = False
    removes: bool = False


class Sink(Protocol):
    """Where the pre-pass writes what it finds: the ledger, or nowhere."""

    def write_keys(self, frame: pl.DataFrame) -> None:
        """Take the keys of consecutive rows."""

    def write_told(self, step: int, frame: pl.DataFrame) -> None:
        """Take what rows were told in a step."""

    def write_contents(self, step: int, frame: pl.DataFrame) -> None:
        """Take the hashes of records that a step may send (ROW, IDENTITY, CONTENT)."""

    def write_asked(self, step: int, frame: pl.DataFrame, asked: Mask) -> None:
        """Take the source rows of requests for erasure, and which of their people are asked to be erased."""


class Reading:
    """The pre-pass: reads every row once and tells each step which rows it will not send.

    Keeps, per row, eight bytes of key hash (only if duplicates or opted-out people matter) and two or three
    bits a step, and in the end two or three bytes a step.

    Attributes:
        rows: Rows read so far; in the end those who left are rows behind those of the source.
        malformed: How many of them are malformed.
        left: Those who left (ROW, KEY).
        spared: How many left whom nobody removes, because it is not certain that the list does not name them.
        told: By step, how many rows were told what.
    """

    def __init__(
        self,
        steps: Sequence[StepPlan],
        sink: Sink,
        watches: Sequence[Watch] = (),
        leaving: Leaving | None = None,
    ) -> None:
        self._steps = steps
        self._sink = sink
        self._needs_keys = any(step.duplicates != "keep_all" or step.opted_out != "include" for step in steps)
        self._hashes = Hashed()
        self._opted_out: list[npt.NDArray[np.uint64]] = []
        self._alive = [Masks() for _ in steps]
        self._rejected = [Masks() for _ in steps]
        self._unchanged = [Masks() for _ in steps]
        self._watching = [Watching(one, np.zeros(len(one.said), dtype=np.bool_)) for one in watches]
        self._leaving = leaving
        self.rows = 0
        self.malformed = 0
        self.left: list[pl.DataFrame] = []
        self.spared = 0
        self.told: list[dict[tuple[str, str], int]] = [{} for _ in steps]

    def take(self, frame: pl.DataFrame, malformed: pl.DataFrame) -> None:
        """Judge one chunk: its good rows, and its malformed ones (ROW, line, reason, message)."""
        if frame.is_empty() and malformed.is_empty():
            return
        keys = self._take(frame, malformed, left=False)
        self.malformed += malformed.height
        if self._leaving is not None:
            self._leaving.see(keys)

    def _take_left(self, leaving: Leaving) -> None:
        """Put those who left behind the source's rows, unless some of these do not say whom they name."""
        if self.malformed or not self.rows:
            self.spared = leaving.left.size
            return
        for frame in leaving.rows(self.rows):
            self.left.append(frame)
            self._take(frame, pl.DataFrame(), left=True)

    def _take(self, frame: pl.DataFrame, malformed: pl.DataFrame, *, left: bool) -> pl.Series:
        """Judge rows of the source, or those who left; return their keys."""
        self.rows += frame.height + malformed.height
        looking = self._watching if frame.height and not left else ()
        held = {one.watch.reason: one.look(frame) for one in looking}
        keys = pl.Series()
        for index, step in enumerate(self._steps):
            own = step.judge.judge(frame) if step.removes is left else not_concerned(frame, left=left)
            judged = _with_malformed(own, malformed)
            if index == 0:
                keys = judged[KEY]
                self._take_keys(judged)
            alive = self._take_step(index, judged)
            good = own[REASON].is_null()
            if step.changes is not None:
                self._compare(index, step.changes, frame.filter(good), alive)
                self._forget(index, step.changes, own.filter(pl.col(REASON) == NOT_FOUND))
            if step.erases and frame.height and not left:
                self._write_asked(index, frame, own[REASON], held.get(step.heeds))
        return keys

    def _write_asked(self, index: int, frame: pl.DataFrame, reasons: pl.Series, held: Mask | None) -> None:
        """Keep the requests of rows; those that are held, or rejected, ask for nobody to be erased."""
        concerned = ~reasons.is_in(SKIPPED).fill_null(value=False)
        asked = reasons.is_null().to_numpy()
        if held is not None:
            asked = asked & ~held
        self._sink.write_asked(index, frame.filter(concerned), asked[concerned.to_numpy()])

    def _take_keys(self, judged: pl.DataFrame) -> None:
        self._sink.write_keys(judged.select(ROW, KEY))
        if self._needs_keys:
            hashes = key_hashes(judged)
            self._hashes.add(hashes)
            self._opted_out.append(np.unique(hashes[judged[OPTED_OUT].to_numpy()]))

    def _take_step(self, index: int, judged: pl.DataFrame) -> Mask:
        """Tell what rows say themselves; return which of them say nothing against being sent."""
        told = judged.filter(pl.col(REASON).is_not_null())
        skipped = pl.col(REASON).is_in(SKIPPED)
        status = pl.when(skipped).then(pl.lit(Status.SKIPPED.value)).otherwise(pl.lit(Status.REJECTED.value))
        self._tell(index, told.select(ROW, status.alias(STATUS), REASON, pl.col(MESSAGE).fill_null("")))
        alive: Mask = judged[REASON].is_null().to_numpy()
        self._alive[index].add(alive)
        self._rejected[index].add(judged.select((~skipped).fill_null(value=False)).to_series().to_numpy())
        return alive

    def _compare(self, index: int, changes: Comparison, frame: pl.DataFrame, alive: Mask) -> None:
        """Mark what is as it was delivered before, and keep the hashes of the rest."""
        unchanged = np.zeros_like(alive)
        if not frame.is_empty():
            compared = changes.compare(frame)
            unchanged[alive] = compared[UNCHANGED].to_numpy()
            changed = compared.filter(~pl.col(UNCHANGED))
            self._sink.write_contents(index, changed.select(ROW, IDENTITY, CONTENT))
        self._unchanged[index].add(unchanged)

    def _forget(self, index: int, changes: Comparison, lost: pl.DataFrame) -> None:
        """Keep who is not there any more: what was delivered to them does not count, should they be back."""
        if not lost.is_empty():
            self._sink.write_contents(index, changes.gone(lost.select(ROW, KEY)))

    def met(self, reason: str) -> list[bool]:
        """Tell of each list with this reason whether any row stands in it."""
        return [met for one in self._watching if one.watch.reason == reason for met in one.met.tolist()]

    def _tell(self, step: int, frame: pl.DataFrame) -> None:
        for part in frame.iter_slices(TOLD_AT_ONCE):
            self._sink.write_told(step, part)
        for status, reason, count in frame.group_by(STATUS, REASON).len().iter_rows():
            self.told[step][status, reason] = self.told[step].get((status, reason), 0) + count

    def finish(self) -> None:
        """Tell what comes after what a row says itself: suppressed, duplicate, unchanged, an earlier step."""
        if self._leaving is not None:
            self._take_left(self._leaving)
        alive = [masks.joined(self.rows) for masks in self._alive]
        rejected = [masks.joined(self.rows) for masks in self._rejected]
        hashes, self._hashes = self._hashes.all, Hashed()
        if self._needs_keys and self.rows:
            self._tell_opted_out(alive, hashes)
        held = {one.watch.reason: self._tell_held(one, alive) for one in self._watching}
        if self._needs_keys and self.rows:
            self._tell_duplicates(alive, rejected, held, hashes)
        for index, step in enumerate(self._steps):
            if step.changes is not None:
                unchanged = self._unchanged[index].joined(self.rows)
                self._skip(index, alive[index], unchanged, "unchanged", "the same was delivered before")
        self._tell_earlier_steps(alive, rejected)

    def _tell_opted_out(self, alive: list[Mask], hashes: npt.NDArray[np.uint64]) -> None:
        opted = np.isin(hashes, np.unique(np.concatenate(self._opted_out)))
        for index, step in enumerate(self._steps):
            if step.opted_out == "exclude":
                message = "this person has opted out"
                self._skip(index, alive[index], opted, "suppressed", message)
            elif step.opted_out == "only":
                self._skip(index, alive[index], ~opted, "filtered", "this person has not opted out")

    def _tell_held(self, watching: Watching, alive: list[Mask]) -> Mask:
        """Tell who stands in a list, where steps heed it; return whom that concerns."""
        lists, reason = watching.lists(self.rows), watching.watch.reason
        for number in np.flatnonzero(watching.met).tolist():
            concerned = lists == number
            for index, step in enumerate(self._steps):
                if step.heeds == reason:
                    self._skip(index, alive[index], concerned, reason, watching.watch.said[number])
        return lists >= 0

    def _tell_duplicates(
        self,
        alive: list[Mask],
        rejected: list[Mask],
        held: Mapping[str, Mask],
        hashes: npt.NDArray[np.uint64],
    ) -> None:
        """Decide once per destination, among the rows of its first step; then among rows only others have.

        Whoever stands in a list that a step heeds is no candidate there.
        """
        several = shared(hashes)
        for destination in dict.fromkeys(step.destination for step in self._steps):
            members = [index for index, step in enumerate(self._steps) if step.destination == destination]
            first = alive[members[0]].copy()
            bad = np.zeros_like(first)
            for index in members:
                if self._steps[index].duplicates != "keep_all":
                    heeded = held.get(self._steps[index].heeds)
                    among = first if heeded is None else first & ~heeded
                    self._tell_dropped(index, alive[index], among & several, hashes)
                    rest = alive[index] & ~bad
                    if (rest & ~first).any():
                        self._tell_dropped(index, alive[index], rest & several, hashes)
                bad |= rejected[index]

    def _tell_dropped(self, step: int, alive: Mask, among: Mask, hashes: npt.NDArray[np.uint64]) -> None:
        dropped, kept = duplicates(among, hashes, self._steps[step].duplicates)
        concerned = alive[dropped]
        dropped, kept = dropped[concerned], kept[concerned]
        message = pl.format("row {} is sent instead", pl.Series(kept + 1))
        frame = pl.select(
            pl.Series(ROW, dropped + 1, dtype=pl.UInt32),
            pl.lit(Status.SKIPPED.value).alias(STATUS),
            pl.lit("duplicate").alias(REASON),
            message.alias(MESSAGE),
        )
        self._tell(step, frame)
        alive[dropped] = False

    def _tell_earlier_steps(self, alive: list[Mask], rejected: list[Mask]) -> None:
        bad: dict[str, Mask] = {}
        for index, step in enumerate(self._steps):
            earlier = bad.get(step.destination)
            if earlier is not None:
                message = "an earlier step of this destination rejected this row"
                self._skip(index, alive[index], earlier, "earlier_step", message)
                bad[step.destination] = earlier | rejected[index]
            else:
                bad[step.destination] = rejected[index]

    def _skip(self, step: int, alive: Mask, chosen: Mask, reason: str, message: str) -> None:
        rows = np.flatnonzero(alive & chosen)
        for start in range(0, rows.size, TOLD_AT_ONCE):
            frame = pl.select(
                pl.Series(ROW, rows[start : start + TOLD_AT_ONCE] + 1, dtype=pl.UInt32),
                pl.lit(Status.SKIPPED.value).alias(STATUS),
                pl.lit(reason).alias(REASON),
                pl.lit(message).alias(MESSAGE),
            )
            self._tell(step, frame)
        alive[rows] = False

    def sendable(self, step: int) -> int:
        """How many rows the step sends; only after ``finish``."""
        return self.rows - sum(self.told[step].values())


def withheld(reason: str, message: str | None) -> Verdict:
    """Return the verdict of a row that was to be sent, until its contact was looked for again."""
    status = Status.SKIPPED if reason in SKIPPED else Status.REJECTED
    return Verdict(status, reason, error_message=message or "")


def _with_malformed(judged: pl.DataFrame, malformed: pl.DataFrame) -> pl.DataFrame:
    """Put the malformed rows of a chunk between its judged ones, in row order."""
    if malformed.is_empty():
        return judged
    extra = malformed.select(
        pl.col(ROW),
        pl.lit(None, pl.String).alias(KEY),
        pl.lit(value=False).alias(OPTED_OUT),
        pl.col(REASON),
        pl.when(pl.col("line").is_null())
        .then(pl.col(MESSAGE))
        .otherwise(pl.format("line {}: {}", "line", MESSAGE))
        .alias(MESSAGE),
    )
    return pl.concat([judged.select(extra.columns), extra]).sort(ROW)


def duplicates(among: Mask, hashes: npt.NDArray[np.uint64], policy: str) -> tuple[Index, Index]:
    """Return the rows, from 0, that yield to another of their key, and beside each the one that is kept."""
    rows = np.flatnonzero(shared(hashes, among))
    order = np.argsort(hashes[rows], kind="stable")
    grouped = hashes[rows[order]]
    if grouped.size == 0:
        return rows, rows
    starts = np.flatnonzero(np.concatenate(([True], grouped[1:] != grouped[:-1])))
    sizes = np.diff(np.concatenate((starts, [grouped.size])))
    kept_at = starts + sizes - 1 if policy == "keep_last" else starts
    kept = np.repeat(rows[order[kept_at]], sizes)
    members = rows[order]
    dropped = members != kept
    in_row_order = np.argsort(members[dropped])
    return members[dropped][in_row_order], kept[dropped][in_row_order]
