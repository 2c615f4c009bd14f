"""Watches a run: bars on a terminal, a line every ten seconds elsewhere."""

import asyncio
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from bulk.cli.terminal import console
from bulk.conversation import Status
from bulk.ledger import Board
from bulk.runner.run import Run

EVERY, EVERY_LINE = 0.25, 10.0
"""Seconds between looks, and between lines where there is no terminal."""
LOOK_BACK = 40
"""Looks over which the rate is measured: ten seconds."""


class _Facts(ProgressColumn):
    """What the watcher last saw of a step."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("facts", "")))


class Watcher:
    """Shows how far a run is, from its ledger's boards; an async context manager round the run."""

    def __init__(self, run: Run, log: Any, *, bars: bool) -> None:
        self._run = run
        self._log = log
        self._bars = _bars() if bars else None
        self._tasks: dict[int, TaskID] = {}
        self._seen: dict[int, deque[tuple[float, int]]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._bars:
            self._bars.start()
        self._watching = asyncio.create_task(self._watch(), name="progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching:
            self._watching.cancel()
        self._look()
        if self._bars:
            self._bars.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the terminal to a question for a while."""
        if self._bars:
            self._bars.stop()
        try:
            yield
        finally:
            if self._bars:
                self._bars.start()

    async def _watch(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(EVERY)
            looks += 1
            self._look()
            if not self._bars and looks % int(EVERY_LINE / EVERY) == 0:
                self._say()

    def _look(self) -> None:
        """Note where every step stands now."""
        now = asyncio.get_running_loop().time()
        boards = self._run.ledger.boards if self._run.phase != "reading" else []
        if self._bars and self._run.phase == "reading":
            self._show(-1, "reading", None, 0, f"{self._run.rows_read:,} rows")
        for step, board in zip(self._run.setup.steps, boards, strict=False):
            seen = self._seen.setdefault(step.index, deque(maxlen=LOOK_BACK))
            done = board.sendable - board.counts[Status.PENDING]
            seen.append((now, done))
            if self._bars:
                name = step.name if len(self._run.lanes) < 2 else f"{step.name} at {step.destination}"  # noqa: PLR2004 - nothing to tell apart
                self._show(step.index, name, board.sendable, done, self._facts(step.index, board))

    def _show(self, index: int, name: str, total: int | None, done: int, facts: str) -> None:
        if self._bars is None:
            return
        if index not in self._tasks:
            if -1 in self._tasks:
                self._bars.remove_task(self._tasks.pop(-1))
            self._tasks[index] = self._bars.add_task(name, total=total, facts=facts)
        self._bars.update(self._tasks[index], completed=done, facts=facts)

    def _rate(self, step: int) -> float:
        """Return records settled per second of late."""
        seen = self._seen.get(step)
        if not seen or len(seen) < 2:  # noqa: PLR2004 - two looks make a rate
            return 0.0
        (start, before), (end, after) = seen[0], seen[-1]
        return (after - before) / (end - start) if end > start else 0.0

    def _facts(self, step: int, board: Board) -> str:
        counts, rate = board.counts, self._rate(step)
        bad = counts[Status.FAILED] + counts[Status.UNKNOWN]
        left = counts[Status.PENDING] / rate if rate else None
        parts = [f"{board.sendable - counts[Status.PENDING]:,}/{board.sendable:,}", f"{rate:,.0f}/s"]
        parts.append(f"{bad:,} failed" if bad else "none failed")
        if left is not None and counts[Status.PENDING]:
            parts.append(f"{left:,.0f} s left")
        return "  ".join([*parts, *self._waits(step)])

    def _waits(self, step: int) -> list[str]:
        """Say what the step's destination is waiting for, if it is."""
        lane = self._run.lanes.get(self._run.setup.steps[step].destination)
        if lane is None:
            return []
        paused = [f"paused by server {lane.paused_for:,.0f} s"] if lane.paused_for > 0 else []
        return [*paused, f"no usable answer: {lane.illness}"] if lane.illness else paused

    def _say(self) -> None:
        """Write one line about every step."""
        if self._run.phase == "reading":
            self._log.info("reading", rows=self._run.rows_read)
            return
        for step, board in zip(self._run.setup.steps, self._run.ledger.boards, strict=False):
            counts = {status.value: count for status, count in board.counts.items()}
            waits = self._waits(step.index)
            self._log.info(
                "progress",
                step=step.name,
                destination=step.destination,
                **counts,
                per_second=round(self._rate(step.index), 1),
                **({"waiting": ", ".join(waits)} if waits else {}),
            )


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        _Facts(),
        console=console(sys.stderr),
        transient=True,
    )
