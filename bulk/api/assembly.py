"""Puts the parts of a run together: job, source, accounts, ledger, threads."""

import asyncio
import platform
import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bulk import __version__
from bulk.api.contacts import Listing, Note, listed_contacts
from bulk.api.untold import TELLS
from bulk.conversation import Status
from bulk.errors import LedgerError, RefusedError, UsageError
from bulk.job import Job
from bulk.job.notify import Notify
from bulk.ledger import Ledger
from bulk.prepare import given_secrets, open_job_source, prepare, refuse_without_secret
from bulk.reaching import account
from bulk.runner.accounts import hold_accounts
from bulk.runner.committer import Work
from bulk.runner.people import People
from bulk.runner.run import Run
from bulk.runner.setup import Options, Setup
from bulk.runner.way import World
from bulk.source import Source

GUARDS = ("max_records", "min_records", "max_shrink", "max_age", "max_failure_rate", "canary")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, and how.

    Attributes:
        job: The job.
        environ: Where credentials and secrets are looked up.
        ledger: The ledger; None is ``<name>.ledger`` in the working directory.
        limit: Only so many sendable rows of each step are sent.
        sandbox: Whether local servers take the place of the systems.
        retry: Statuses that are sent once more.
        fresh: Whether a new pass begins in any case.
        require_ledger: Whether a run without a ledger is refused.
        overrides: Guards that are lifted.
        reason: Why they are.
    """

    job: Job
    environ: Mapping[str, str]
    ledger: Path | None = None
    limit: int | None = None
    sandbox: bool = False
    retry: tuple[str, ...] = ()
    fresh: bool = False
    require_ledger: bool = False
    overrides: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def ledger_path(self) -> Path:
        """Where the ledger is."""
        return self.ledger or Path(f"{self.job.name}.ledger")

    @property
    def told(self) -> Notify | None:
        """Who is told of it; of what is only tried out nobody but a webhook on this machine."""
        notify = self.job.notify
        return None if notify is None or (self.sandbox and not notify.is_local) else notify


@dataclass(frozen=True, slots=True)
class Assembly:
    """All that a run is made of, opened and held; nothing was sent to anybody whom the job is about."""

    setup: Setup
    ledger: Ledger

    @contextmanager
    def run(self, people: People, note: Note) -> Iterator[Run]:
        """Yield the run, to be let go on the event loop that is running now."""
        self.ledger.settle_fact("job", self.setup.name)
        erasing = self.setup.erasing is not None
        secret = self.ledger.protect(self.setup.secrets, hashed=self.setup.hashed, erasing=erasing)
        with worker("source") as source_work, worker("ledger") as ledger_work:
            yield Run(
                replace(self.setup, secret=secret),
                self.ledger,
                people=people,
                world=World(unix=time.time, draw=random.random, sleep=asyncio.sleep),
                source_work=source_work,
                ledger_work=ledger_work,
                note=note,
            )


@contextmanager
def assembled(order: Order, note: Note, listing: Listing) -> Iterator[Assembly]:
    """Open and hold all that an order needs, until the context ends.

    Args:
        order: What is to be run.
        note: Is told what happens.
        listing: Lists contacts, if the job asks for any; that may take a while.

    Raises:
        BulkError: The run is refused, or cannot begin.
    """
    _check(order)
    path, environ = order.ledger_path, order.environ
    with ExitStack() as stack:
        job = _at_sandbox(order.job, stack) if order.sandbox else order.job
        accounts = {name: account(place, environ) for name, place in job.used_destinations.items()}
        stack.enter_context(nullcontext() if order.sandbox else hold_accounts(accounts, environ))
        source = stack.enter_context(open_job_source(job, path.parent))
        _check_age(job, source, order)
        former = _held(path, stack) if path.exists() else None
        setup = _set_up(job, source, order, former, note, listing)
        # a new one only now: a run that cannot begin leaves none behind
        yield Assembly(setup, former or _held(path, stack))


def _check(order: Order) -> None:
    for name in order.overrides:
        if name not in GUARDS:
            raise UsageError(f"--override {name}: there is no such guard; there are {', '.join(GUARDS)}")
    if order.overrides and not order.reason:
        raise UsageError("--override needs --reason TEXT; the ledger keeps it")
    if order.require_ledger and not order.ledger_path.exists():
        raise LedgerError(
            f"{order.ledger_path}: there is no ledger, and --require-ledger asks for one;"
            " is the volume mounted?"
        )


def _at_sandbox(job: Job, stack: ExitStack) -> Job:
    from bulk.sandbox import SANDBOX_TOKEN, running_sandbox

    return job.at_sandbox(stack.enter_context(running_sandbox()), SANDBOX_TOKEN)


def _set_up(
    job: Job, source: Source, order: Order, former: Ledger | None, note: Note, listing: Listing
) -> Setup:
    """Make the job ready; where its contacts have to be listed, that comes first, and may take a while."""
    environ = order.environ
    if job.match is not None and not given_secrets(environ):
        refuse_without_secret(job)
    listed = listed_contacts(job, source, environ, note, listing, former)
    return prepare(job, source, environ, _options(order, job), listed)


def _held(path: Path, stack: ExitStack) -> Ledger:
    ledger = Ledger(path)
    stack.callback(ledger.close)
    return ledger


def _options(order: Order, job: Job) -> Options:
    guards = job.guards
    return Options(
        limit=order.limit,
        again=frozenset(Status(status) for status in order.retry),
        fresh=order.fresh,
        max_records=guards.max_records,
        min_records=guards.min_records,
        max_shrink=guards.max_shrink,
        max_failure_rate=guards.max_failure_rate,
        canary=guards.canary,
        tolerate=guards.tolerate,
        overrides=frozenset(order.overrides),
        facts=_facts(order, job),
    )


def _facts(order: Order, job: Job) -> dict[str, Any]:
    """Return what the ledger notes of the run."""
    facts: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "job": job.as_run,
        "sandbox": order.sandbox,
        "settings": list(job.settings),
    }
    if order.told is not None and order.told.outcomes:
        facts[TELLS] = True
    if order.limit is not None:
        facts["limit"] = order.limit
    if order.overrides:
        facts |= {"overrides": list(order.overrides), "reason": order.reason}
    if order.environ.get("BULK_APPROVED_BY"):
        facts["approved_by"] = order.environ["BULK_APPROVED_BY"]
    return facts


def _check_age(job: Job, source: Source, order: Order) -> None:
    oldest = job.guards.max_age
    if oldest is None or source.modified_at is None or "max_age" in order.overrides:
        return
    age = time.time() - source.modified_at
    if age > oldest:
        raise RefusedError(
            f"guard max_age: the source was last changed {age / 3600:,.1f} h ago,"
            f" at most {oldest / 3600:,.1f} h are allowed;"
            " if that is right, run with --override max_age --reason TEXT"
        )


@contextmanager
def worker(name: str) -> Iterator[Work]:
    """Give work a thread of its own."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as executor:
        yield lambda function: asyncio.get_running_loop().run_in_executor(executor, function)
