"""Watches a run: bars on a terminal, a line every ten seconds elsewhere."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from bulk.api.progress import Meter, Progress, StepProgress
from bulk.cli.terminal import console
from bulk.conversation import Status
from bulk.runner.run import Run

EVERY, EVERY_LINE = 0.25, 10.0
"""Seconds between looks, and between lines where there is no terminal."""
READING = "reading"


class _Facts(ProgressColumn):
    """What the watcher last saw of a step."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("facts", "")))


class Watcher:
    """Shows how far a run is, and tells ``also``; an async context manager round the run."""

    def __init__(self, run: Run, log: Any, *, bars: bool, also: Callable[[Progress], None]) -> None:
        self._also = also
        self._meter = Meter(run)
        self._log = log
        self._bars = _bars() if bars else None
        self._tasks: dict[int, TaskID] = {}
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
        self._show(self._look())
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
            progress = self._look()
            self._show(progress)
            if not self._bars and looks % int(EVERY_LINE / EVERY) == 0:
                self._say(progress)

    def _look(self) -> Progress:
        progress = self._meter.look(asyncio.get_running_loop().time())
        self._also(progress)
        return progress

    def _show(self, progress: Progress) -> None:
        """Draw the bars, if there are any."""
        if self._bars is None:
            return
        if progress.phase == READING:
            self._draw(self._bars, -1, READING, f"{progress.rows_read:,} rows")
        elif -1 in self._tasks:
            self._bars.remove_task(self._tasks.pop(-1))
        several = len(progress.destinations) > 1
        for index, step in enumerate(progress.steps):
            name = f"{step.name} at {step.destination}" if several else step.name
            self._draw(self._bars, index, name, _facts(step), step.settled, step.sendable)

    def _draw(
        self, bars: Bars, index: int, name: str, facts: str, done: int = 0, total: int | None = None
    ) -> None:
        if index not in self._tasks:
            self._tasks[index] = bars.add_task(name, total=total, facts=facts)
        bars.update(self._tasks[index], completed=done, facts=facts)

    def _say(self, progress: Progress) -> None:
        """Write one line about every step."""
        if progress.phase == READING:
            self._log.info(READING, rows=progress.rows_read)
        for step in progress.steps:
            self._log.info(
                "progress",
                step=step.name,
                destination=step.destination,
                **step.counts,
                per_second=round(step.per_second, 1),
                **({"waiting": ", ".join(step.waiting)} if step.waiting else {}),
            )


def _facts(step: StepProgress) -> str:
    bad = step.counts[Status.FAILED] + step.counts[Status.UNKNOWN]
    parts = [f"{step.settled:,}/{step.sendable:,}", f"{step.per_second:,.0f}/s"]
    parts.append(f"{bad:,} failed" if bad else "none failed")
    if step.seconds_left is not None:
        parts.append(f"{step.seconds_left:,.0f} s left")
    return "  ".join([*parts, *step.waiting])


def _bars() -> Bars:
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        _Facts(),
        console=console(sys.stderr),
        transient=True,
    )
