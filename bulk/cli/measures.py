"""What is measured of a run, whoever is told: names, units, and where the values are seen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bulk.cli.observed import Observed

JOB, STEP, DESTINATION, STATUS = "job", "step", "destination", "status"
"""What values are told apart by: names that the job file gives, and our own words; never people."""
SECONDS = "s"
Values = Iterator[tuple[tuple[str, ...], float]]
"""Values, and before each what tells it apart."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is measured.

    Attributes:
        name: Its name, with dots between words, as OpenTelemetry has it.
        about: What it tells, in a sentence.
        unit: What is counted, in braces, or ``s``; empty for a plain number.
        values: Returns the values there are, if any.
        by: What tells them apart, beside the job.
        grows: Whether it counts what a run did, and so never falls.
    """

    name: str
    about: str
    unit: str
    values: Callable[[Observed], Values]
    by: tuple[str, ...] = ()
    grows: bool = False


def _one(value: Callable[[Observed], float | None]) -> Callable[[Observed], Values]:
    def values(seen: Observed) -> Values:
        found = value(seen)
        if found is not None:
            yield (), found

    return values


def _records(seen: Observed) -> Values:
    for step in seen.progress.steps if seen.progress else ():
        for status, rows in step.counts.items():
            yield (step.name, step.destination, status), rows


def _traffic(name: str) -> Callable[[Observed], Values]:
    def values(seen: Observed) -> Values:
        for one in seen.progress.destinations if seen.progress else ():
            yield (one.name,), getattr(one, name)

    return values


def _sent(name: str, about: str) -> Measure:
    return Measure(name, about, "{request}", _traffic(name), (DESTINATION,), grows=True)


MEASURES = (
    Measure(
        "rows.read",
        "Rows of the source that were read.",
        "{row}",
        _one(lambda seen: seen.progress.rows_read if seen.progress else None),
    ),
    Measure(
        "records", "Rows of the pass by step and status.", "{row}", _records, (STEP, DESTINATION, STATUS)
    ),
    _sent("requests", "Requests that the run has sent, those sent again included."),
    _sent("retries", "Requests that the run has sent again."),
    _sent("throttled", "Answers that said the run goes too fast."),
    Measure("run.start.timestamp", "When the last run began.", SECONDS, _one(lambda seen: seen.started)),
    Measure("run.end.timestamp", "When the last run ended.", SECONDS, _one(lambda seen: seen.ended)),
    Measure("run.exit_code", "What the last run ended with.", "", _one(lambda seen: seen.code)),
    Measure(
        "last_success.timestamp",
        "When a run of the whole job last ended with 0.",
        SECONDS,
        _one(lambda seen: seen.last_success),
    ),
)
