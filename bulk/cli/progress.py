"""Watches a run: lines that are kept up to date on a terminal, a line every ten seconds elsewhere."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.text import Text

from bulk.api.progress import SENDING, Meter, Progress, StepProgress
from bulk.cli.lines import ASCII, SIGNS, lines_of
from bulk.cli.terminal import console
from bulk.runner.run import Run

EVERY, EVERY_LINE = 0.25, 10.0
"""Seconds between looks, and between lines where there is no terminal."""
READING = "reading"


class _Frame:
    """What a terminal shows of the last look, laid out anew for the size that it has when it is drawn."""

    def __init__(self) -> None:
        self.progress: Progress | None = None

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> Iterator[Text]:
        if self.progress is not None:
            signs = ASCII if options.ascii_only else SIGNS
            yield from lines_of(self.progress, options.max_width, max(1, screen.height - 1), signs)


class Display:
    """Lines on a terminal that are kept up to date; whatever else is printed stands above them."""

    def __init__(self) -> None:
        self._frame = _Frame()
        self._live: Live | None = None

    def show(self, progress: Progress) -> None:
        """Draw how far the run is."""
        self._frame.progress = progress
        if self._live:
            self._live.refresh()

    def start(self) -> None:
        """Begin to draw."""
        screen = console(sys.stderr)
        self._live = Live(
            self._frame, console=screen, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self._live.start(refresh=True)

    def stop(self) -> None:
        """Leave the terminal as if nothing had been drawn."""
        if self._live:
            self._live.stop()
            self._live = None


class Teller:
    """Writes lines, for logs of a container or a file."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._told: dict[str, StepProgress] = {}

    def say(self, progress: Progress) -> None:
        """Write a line about every step that is under way, or that is not what it was."""
        if progress.phase == READING:
            self._log.info(READING, rows=progress.rows_read, per_second=round(progress.rows_per_second, 1))
        for step in progress.steps:
            before = self._told.get(step.name)
            if step.state == SENDING or before is None or before.counts != step.counts:
                self._log.info("progress", **facts_of(step))
            self._told[step.name] = step


class Watcher:
    """Shows how far a run is, and tells ``also``; an async context manager round the run."""

    def __init__(
        self, run: Run, log: Any, *, display: Display | None, also: Callable[[Progress], None]
    ) -> None:
        self._also = also
        self._meter = Meter(run)
        self._display = display
        self._teller = Teller(log)
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._display:
            self._display.start()
        self._watching = asyncio.create_task(self._watch(), name="progress")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching:
            self._watching.cancel()
        progress = self._look()
        if self._display:
            self._display.show(progress)
            self._display.stop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the terminal to a question for a while."""
        if self._display is None:
            yield
            return
        self._display.stop()
        try:
            yield
        finally:
            self._display.start()

    async def _watch(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(EVERY)
            looks += 1
            progress = self._look()
            if self._display:
                self._display.show(progress)
            elif looks % int(EVERY_LINE / EVERY) == 0:
                self._teller.say(progress)

    def _look(self) -> Progress:
        progress = self._meter.look(asyncio.get_running_loop().time())
        self._also(progress)
        return progress


def facts_of(step: StepProgress) -> dict[str, Any]:
    """Return what a line says of a step; what is not known, or nothing, is left out."""
    facts: dict[str, Any] = {
        "step": step.name,
        "destination": step.destination,
        "state": step.state,
        **step.counts,
        "remaining": step.remaining,
        "per_second": round(step.per_second, 1),
    }
    if step.state == SENDING:
        facts["requests_per_second"] = round(step.requests_per_second, 2)
    if step.limit is not None:
        facts |= {"limit": round(step.limit, 2), "limit_learned": step.limit_learned}
    if step.seconds_left is not None:
        facts["seconds_left"] = round(step.seconds_left, 1)
    if step.waiting:
        facts["waiting"] = ", ".join(step.waiting)
    if step.reasons:
        facts["reasons"] = step.reasons
    return facts


def display() -> Display | None:
    """Return what draws on the terminal; None if there is none, or one on which nothing can be redrawn."""
    dumb = os.environ.get("TERM", "").lower() in {"dumb", "unknown"}
    return Display() if sys.stderr.isatty() and not dumb else None
