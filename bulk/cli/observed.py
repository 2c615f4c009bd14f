"""What is seen of a run from outside, for those who tell others how it fares."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bulk.api.assembly import Order
from bulk.api.progress import Progress
from bulk.cli.codes import code_of
from bulk.errors import BulkError
from bulk.ledger.file import last_success


class Observed:
    """A run as it is seen from outside.

    Attributes:
        job: The name of the job.
        ledger: Its ledger.
        started: When the run began, in unix seconds.
        ended: When it ended; None while it goes on.
        code: The run's exit code; None while it goes on.
        progress: How far it was at the last look; None before the first.
        looks: Called after each look.
    """

    def __init__(self, order: Order) -> None:
        self.job = order.job.name
        self.ledger = order.ledger_path
        self.started = time.time()
        self.ended: float | None = None
        self.code: int | None = None
        self.progress: Progress | None = None
        self.looks: list[Callable[[], None]] = []

    def look(self, progress: Progress) -> None:
        """Take note of how far the run is."""
        self.progress = progress
        for look in self.looks:
            look()

    def end(self, code: int) -> None:
        """Take note of how it ended."""
        self.code, self.ended = code, time.time()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Take note of what it ended with if that is an error."""
        try:
            yield
        except BaseException as error:
            self.end(code_of(error))
            raise

    @property
    def last_success(self) -> float | None:
        """When the job last went well, as its ledger tells; None if it never did."""
        try:
            return last_success(self.ledger)
        except BulkError:
            return None
