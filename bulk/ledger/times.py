"""When the last run of a ledger read its source, and when each of its steps sent."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bulk.ledger.file import connect_reader, translated

_SENT = (
    "SELECT min(coalesce(first_sent_at, finished_at)), max(finished_at)"
    " FROM entries WHERE run = ? AND step = ?"
)
Span = tuple[float, float]
"""When something began and ended, in unix seconds."""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """From the first request of a step to its last outcome in one run."""

    name: str
    destination: str
    operation: str
    sent: Span


@dataclass(frozen=True, slots=True)
class RunTimes:
    """The times of one run.

    Attributes:
        run: Its number.
        began: When it began to send, in unix seconds.
        read: When the source of its pass was read, by this run or one before it.
        steps: The steps of which something settled.
    """

    run: int
    began: float
    read: Span
    steps: Sequence[StepTimes]


def last_run(path: Path) -> RunTimes | None:
    """Return the times of the last run; None if none began to send.

    Raises:
        LedgerError: The file is missing, not a ledger, or damaged.
    """
    # only what is read is looked at, not all values of millions of entries
    with closing(connect_reader(path, values=False)) as connection, translated(path):
        found = connection.execute(
            "SELECT run, pass, runs.started_at, passes.started_at, read_at FROM runs JOIN passes USING (pass)"
            " ORDER BY run DESC LIMIT 1"
        ).fetchone()
        if found is None:
            return None
        run, number, began, *read = found
        named = connection.execute(
            "SELECT step, name, destination, operation FROM steps WHERE pass = ? ORDER BY step", (number,)
        ).fetchall()
        sent = {step: connection.execute(_SENT, (run, step)).fetchone() for step, *_ in named}
    steps = [StepTimes(name, place, what, sent[step]) for step, name, place, what in named if sent[step][1]]
    return RunTimes(run, began, (read[0], read[1]), steps)
