"""Carries out ``bulk run``: put the parts together, watch, sum up."""

import asyncio
import os
import platform
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bulk import __version__
from bulk.cli.asking import Asker
from bulk.cli.contacts import listed_contacts
from bulk.cli.logs import logger, warn_of_network
from bulk.cli.loop import runner, signals
from bulk.cli.progress import Watcher
from bulk.cli.summary import print_summary
from bulk.conversation import Status
from bulk.errors import LedgerError, RefusedError, UsageError
from bulk.job import Job, load_job
from bulk.ledger import Ledger
from bulk.prepare import given_secrets, open_job_source, prepare, refuse_without_secret
from bulk.reaching import account
from bulk.runner.accounts import hold_accounts
from bulk.runner.run import Run
from bulk.runner.setup import Options, Setup
from bulk.runner.way import World
from bulk.source import Source

GUARDS = ("max_records", "min_records", "max_shrink", "max_age", "max_failure_rate", "canary")
T = TypeVar("T")


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


def execute(asked: Asked) -> int:
    """Run the job; return the exit code.

    Raises:
        BulkError: The run was refused before its first request, or could not begin.
    """
    _check_overrides(asked)
    job = load_job(asked.job, os.environ, asked.settings)
    path = asked.ledger or Path(f"{job.name}.ledger")
    if asked.require_ledger and not path.exists():
        raise LedgerError(
            f"{path}: there is no ledger, and --require-ledger asks for one; is the volume mounted?"
        )
    with ExitStack() as stack:
        if asked.sandbox:
            job = _at_sandbox(job, stack)
        accounts = {name: account(place, os.environ) for name, place in job.used_destinations.items()}
        stack.enter_context(nullcontext() if asked.sandbox else hold_accounts(accounts, os.environ))
        source = stack.enter_context(open_job_source(job, path.parent, sys.stdin.buffer))
        _check_age(job, source, asked)
        log = logger(json=asked.json_log, job=job.name)
        warn_of_network(log, path)
        former = _held(path, stack) if path.exists() else None
        setup = _set_up(job, source, asked, former, log.info)
        # a new one only now: a run that cannot begin leaves none behind
        ledger = former or _held(path, stack)
        code: int = runner()(_go(setup, ledger, asked, log))
    print_summary(path, code, as_json=asked.json_log)
    return code


def _at_sandbox(job: Job, stack: ExitStack) -> Job:
    from bulk.sandbox import SANDBOX_TOKEN, running_sandbox

    return job.at_sandbox(stack.enter_context(running_sandbox()), SANDBOX_TOKEN)


def _set_up(
    job: Job, source: Source, asked: Asked, former: Ledger | None, note: Callable[..., None]
) -> Setup:
    """Make the job ready; where its contacts have to be listed, that comes first, and may take a while."""
    if job.match is not None and not given_secrets(os.environ):
        refuse_without_secret(job)
    listed = listed_contacts(job, source, note, former)
    return prepare(job, source, os.environ, _options(job, asked), listed)


def _held(path: Path, stack: ExitStack) -> Ledger:
    ledger = Ledger(path)
    stack.callback(ledger.close)
    return ledger


def _check_overrides(asked: Asked) -> None:
    for name in asked.overrides:
        if name not in GUARDS:
            raise UsageError(f"--override {name}: there is no such guard; there are {', '.join(GUARDS)}")
    if asked.overrides and not asked.reason:
        raise UsageError("--override needs --reason TEXT; the ledger keeps it")


def _options(job: Job, asked: Asked) -> Options:
    guards = job.guards
    facts: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "job": job.settings,
        "sandbox": asked.sandbox,
        "settings": [setting.partition("=")[0] for setting in asked.settings],  # values may be secrets
    }
    if asked.limit is not None:
        facts["limit"] = asked.limit
    if asked.overrides:
        facts |= {"overrides": list(asked.overrides), "reason": asked.reason}
    if os.environ.get("BULK_APPROVED_BY"):
        facts["approved_by"] = os.environ["BULK_APPROVED_BY"]
    return Options(
        limit=asked.limit,
        again=frozenset(Status(status) for status in asked.retry),
        fresh=asked.fresh,
        max_records=guards.max_records,
        min_records=guards.min_records,
        max_shrink=guards.max_shrink,
        max_failure_rate=guards.max_failure_rate,
        canary=guards.canary,
        tolerate=guards.tolerate,
        overrides=frozenset(asked.overrides),
        facts=facts,
    )


async def _go(setup: Setup, ledger: Ledger, asked: Asked, log: Any) -> int:
    ledger.settle_fact("job", setup.name)
    erasing = setup.erasing is not None
    setup = replace(setup, secret=ledger.protect(setup.secrets, hashed=setup.hashed, erasing=erasing))
    with _worker("source") as source_work, _worker("ledger") as ledger_work:
        asker = Asker(
            yes=asked.yes,
            confirm=asked.confirm,
            limit=asked.limit,
            harmless=asked.sandbox,
            aside=lambda: watcher.aside(),  # noqa: PLW0108 - the watcher of the run that is not made yet
        )
        run = Run(
            setup,
            ledger,
            people=asker,
            world=World(unix=time.time, draw=random.random, sleep=asyncio.sleep),
            source_work=source_work,
            ledger_work=ledger_work,
            note=log.info,
        )
        watcher = Watcher(run, log, bars=not asked.json_log and sys.stderr.isatty())
        with signals(run.interrupt) as caught:
            async with watcher:
                code = await run.go()
        return 128 + caught[0] if caught and run.unfinished else code


def _check_age(job: Job, source: Source, asked: Asked) -> None:
    oldest = job.guards.max_age
    if oldest is None or source.modified_at is None or "max_age" in asked.overrides:
        return
    age = time.time() - source.modified_at
    if age > oldest:
        raise RefusedError(
            f"guard max_age: the source was last changed {age / 3600:,.1f} h ago,"
            f" at most {oldest / 3600:,.1f} h are allowed;"
            " if that is right, run with --override max_age --reason TEXT"
        )


@contextmanager
def _worker(name: str) -> Iterator[Callable[[Callable[[], T]], Awaitable[T]]]:
    """Give work a thread of its own."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as executor:
        yield lambda function: asyncio.get_running_loop().run_in_executor(executor, function)
