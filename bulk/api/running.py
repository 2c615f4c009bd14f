"""Previews and runs inside a program: no signals, no standard output, a cancellation is a stop."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulk.api.apart import Apart, to_its_end
from bulk.api.approving import Approval
from bulk.api.assembly import Order, assembled
from bulk.api.notifying import Notifier
from bulk.api.previewing import Preview, made_preview
from bulk.api.progress import Meter, Progress
from bulk.errors import INTERRUPTED, UNEXPECTED, UsageError
from bulk.job import Job
from bulk.ledger.place import network_warning
from bulk.runner.run import Run

AGAIN = ("failed", "unknown")
Telling = Callable[[Progress], Awaitable[None]]
_LOG = logging.getLogger("bulk")
_LOG.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    Attributes:
        exit_code: What ``bulk run`` would have ended with.
        ledger: The ledger.
        rows: How many rows the source has.
        steps: Rows by status, of every step; every status is there.
        stopped: Why it stopped early, a sentence for each destination that did.
    """

    exit_code: int
    ledger: Path
    rows: int
    steps: Mapping[str, Mapping[str, int]]
    stopped: tuple[str, ...] = ()


def preview(
    job: Job,
    *,
    rows: int = 3,
    ledger: str | Path | None = None,
    mask: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Preview:
    """Plan a job and show the first requests of each step; send nothing.

    A job with ``match`` lists the contacts of its destinations first; that only reads.

    Args:
        job: The job.
        rows: Rows shown per step.
        ledger: If only changes are sent, compare with it; default: ``<name>.ledger``, if there is one.
        mask: Whether the values of people are hidden.
        environ: Where credentials are looked up; default: the environment.

    Raises:
        BulkError: Job or source have mistakes, or the ledger is none.
    """
    found = os.environ if environ is None else environ
    return made_preview(job, found, rows, _path(ledger), mask=mask, note=_note, listing=Apart())


async def run(  # noqa: PLR0913 - one parameter per option of the command
    job: Job,
    *,
    ledger: str | Path | None = None,
    approve: bool | str = False,
    progress: Telling | None = None,
    every: float = 1.0,
    limit: int | None = None,
    sandbox: bool = False,
    retry: Collection[str] = (),
    fresh: bool = False,
    require_ledger: bool = False,
    override: Collection[str] = (),
    reason: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Result:
    """Run a job, or go on with it: settled rows are not sent again.

    Cancelling it is a stop: nothing new is sent, requests in flight get the job's ``drain`` to finish and are
    recorded, then ``CancelledError`` is raised. A second cancellation does not wait for them.

    Args:
        job: The job.
        ledger: The ledger; default: ``<name>.ledger`` in the working directory.
        approve: Approves what can never be undone: everything, or the plan of a preview by its ``digest``.
        progress: Awaited every so often, and once at the end; what it raises stops the run.
        every: Seconds between two calls of it.
        limit: Only the first so many sendable rows; the rest stays pending.
        sandbox: Send to local servers instead of the systems.
        retry: ``failed``, ``unknown`` or both: send these once more.
        fresh: Begin a new pass in any case.
        require_ledger: Refuse to begin without a ledger.
        override: Guards that are lifted for this run; needs a reason.
        reason: Why; the ledger keeps it.
        environ: Where credentials are looked up; default: the environment.

    Raises:
        RefusedError: A guard refused, or nobody approved; nothing was sent.
        HeldError: Another run holds the ledger or an account.
        BulkError: It cannot begin, or cannot go on; what was settled is in the ledger.
    """
    order = Order(
        job=job,
        environ=os.environ if environ is None else environ,
        ledger=_path(ledger),
        limit=_positive(limit),
        sandbox=sandbox,
        retry=_again(retry),
        fresh=fresh,
        require_ledger=require_ledger,
        overrides=tuple(override),
        reason=reason,
    )
    if every <= 0:
        raise UsageError("every is a number of seconds above 0")
    digest = approve if isinstance(approve, str) else None
    _warn_of_network(order.ledger_path)
    notifier = Notifier(order, _note, _warn)
    try:
        with ExitStack() as stack:
            listing = Apart()
            opening = asyncio.to_thread(stack.enter_context, assembled(order, _note, listing))
            assembly = await to_its_end(asyncio.ensure_future(opening), listing.interrupt)
            approval = Approval(yes=approve is True, digest=digest, limit=limit)
            begun = stack.enter_context(assembly.run(approval, _note))
            try:
                code = await _watched(begun, progress, every)
            except asyncio.CancelledError:
                await notifier.finished(INTERRUPTED, assembly.ledger)
                raise
            await notifier.finished(code, assembly.ledger)
            return _result(begun, code, order.ledger_path)
    except Exception as error:
        await notifier.failed(getattr(error, "exit_code", UNEXPECTED), error)
        raise


async def _watched(run: Run, progress: Telling | None, every: float) -> int:
    """Let a run go to its end, and tell how far it is; return the exit code."""
    going = asyncio.create_task(run.go(), name="run")
    if progress is None:
        return await to_its_end(going, run.interrupt)
    loop, meter = asyncio.get_running_loop(), Meter(run)

    async def tell() -> None:
        while not going.done():
            await asyncio.wait([going], timeout=every)
            await progress(meter.look(loop.time()))

    telling = asyncio.create_task(tell(), name="progress")
    telling.add_done_callback(lambda _: None if going.done() else run.interrupt())
    try:
        code = await to_its_end(going, run.interrupt)
    except BaseException:
        telling.cancel()
        await asyncio.wait([telling])
        raise
    await telling
    return code


def _result(run: Run, code: int, ledger: Path) -> Result:
    boards = zip(run.setup.steps, run.ledger.boards, strict=True)
    counts = {
        step.name: {status.value: rows for status, rows in board.counts.items()} for step, board in boards
    }
    stops = (lane.stop.reason for lane in run.lanes.values())
    why = tuple(str(reason) for reason in stops if reason is not None)
    return Result(code, ledger, run.ledger.rows or 0, counts, why)


def _note(event: str, **facts: Any) -> None:
    """Log what happened; it names nobody."""
    _LOG.info("%s", _sentence(event, facts))


def _warn(event: str, **facts: Any) -> None:
    """Log what somebody should look at; it names nobody."""
    _LOG.warning("%s", _sentence(event, facts))


def _sentence(event: str, facts: Mapping[str, Any]) -> str:
    return " ".join([event, *(f"{name}={value}" for name, value in facts.items())])


def _warn_of_network(ledger: Path) -> None:
    warning = network_warning(ledger)
    if warning is not None:
        _LOG.warning("%s", warning)


def _path(given: str | Path | None) -> Path | None:
    return Path(given) if given is not None else None


def _positive(limit: int | None) -> int | None:
    if limit is not None and limit < 1:
        raise UsageError("limit is a number of rows, at least 1")
    return limit


def _again(retry: Collection[str]) -> tuple[str, ...]:
    asked = (retry,) if isinstance(retry, str) else tuple(retry)
    for status in asked:
        if status not in AGAIN:
            raise UsageError(f'retry: "{status}" cannot be sent again, but {" and ".join(AGAIN)} can')
    return asked
