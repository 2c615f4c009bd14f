"""Carries out ``bulk run``: let the run go, watch, sum up."""

import asyncio
import os
import shlex
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulk.api.assembly import Assembly, Order, assembled
from bulk.api.notifying import Notifier
from bulk.cli.asking import Asker
from bulk.cli.codes import code_of
from bulk.cli.contacts import listing
from bulk.cli.logs import logger, warn_of_network
from bulk.cli.loop import runner, signals
from bulk.cli.metrics import measured
from bulk.cli.observed import Observed
from bulk.cli.progress import Watcher, display
from bulk.cli.summary import print_summary
from bulk.cli.telemetry import telemetry
from bulk.job import load_job
from bulk.report.advice import Commands


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    job: Path
    ledger: Path | None
    settings: tuple[str, ...]
    limit: int | None
    sandbox: bool
    yes: bool
    confirm: str | None
    retry: tuple[str, ...]
    fresh: bool
    require_ledger: bool
    overrides: tuple[str, ...]
    reason: str | None
    json_log: bool
    metrics: Path | None = None
    metrics_port: int | None = None


def execute(asked: Asked) -> int:
    """Run the job; return the exit code.

    Raises:
        BulkError: The run was refused before its first request, or could not begin.
    """
    order = Order(
        job=load_job(asked.job, os.environ, asked.settings),
        environ=os.environ,
        ledger=asked.ledger,
        limit=asked.limit,
        sandbox=asked.sandbox,
        retry=asked.retry,
        fresh=asked.fresh,
        require_ledger=asked.require_ledger,
        overrides=asked.overrides,
        reason=asked.reason,
    )
    log = logger(json=asked.json_log, job=order.job.name)
    warn_of_network(log, order.ledger_path)
    commands = Commands(shlex.quote(str(order.ledger_path)), _command(asked))
    notifier = Notifier(order, log.info, log.warning, commands)
    seen = Observed(order)
    with (
        telemetry(seen, os.environ, log),
        measured(seen, asked.metrics, asked.metrics_port),
        seen.ending(),
    ):
        try:
            with assembled(order, log.info, listing(log.info)) as assembly:
                code: int = runner()(_go(assembly, asked, log, seen))
                seen.end(code)
                if order.job.notify:
                    _tell(notifier.finished, log, code, assembly.ledger)
        except Exception as error:
            if order.job.notify:
                _tell(notifier.failed, log, code_of(error), error)
            raise
        # The run has ended, and was told as it ended, whatever comes of printing.
        print_summary(order.ledger_path, code, commands, as_json=asked.json_log)
    return code


def _tell(told: Callable[..., Coroutine[Any, Any, None]], log: Any, *facts: Any) -> None:
    """Have a webhook told; a signal ends that at once, and the run ends as it would have ended."""

    async def unless_stopped() -> None:
        task = asyncio.create_task(told(*facts), name="notify")
        with signals(task.cancel):
            await asyncio.wait([task])
        if task.cancelled():
            log.warning("webhook_not_told", why="interrupted")

    runner()(unless_stopped())


def _command(asked: Asked) -> str:
    """Return the command line that goes on with a run; of settings only which: values may be secrets."""
    said = ["bulk run", shlex.quote(str(asked.job))]
    said += [f"--ledger {shlex.quote(str(asked.ledger))}"] if asked.ledger else []
    said += [f"--set {one.partition('=')[0]}=..." for one in asked.settings]
    said += ["--sandbox"] if asked.sandbox else []
    return " ".join(said)


async def _go(assembly: Assembly, asked: Asked, log: Any, seen: Observed) -> int:
    asker = Asker(
        yes=asked.yes,
        digest=asked.confirm,
        limit=asked.limit,
        harmless=asked.sandbox,
        aside=lambda: watcher.aside(),  # noqa: PLW0108 - the watcher of the run that is not made yet
    )
    with assembly.run(asker, log.info) as run:
        shown = None if asked.json_log else display()
        watcher = Watcher(run, log, display=shown, also=seen.look)
        with signals(run.interrupt) as caught:
            async with watcher:
                code = await run.go()
        return 128 + caught[0] if caught and run.unfinished else code
