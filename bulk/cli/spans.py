"""The spans of a run: one for the run, one for reading its source, one for each step that sent."""

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bulk.cli.observed import Observed
from bulk.errors import BulkError
from bulk.ledger.times import RunTimes, StepTimes, last_run

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

_CARRIED = ("traceparent", "tracestate")
"""Headers that name a span above; environment variables carry them in upper case."""
_NANO = 1_000_000_000


def traced(tracer: "Tracer", seen: Observed, environ: Mapping[str, str]) -> Callable[[], None]:
    """Begin the span of a run; return what ends it, with those below it.

    Those below are made at the end, of times that the ledger keeps: nothing is done for them meanwhile.
    """
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carried = {name: environ[name.upper()] for name in _CARRIED if name.upper() in environ}
    root = tracer.start_span(
        "bulk run",
        context=TraceContextTextMapPropagator().extract(carried),
        attributes={
            "bulk.job.name": seen.job,
            "process.executable.name": "bulk",
            "process.pid": os.getpid(),
        },
        start_time=_nano(seen.started),
    )

    def end() -> None:
        _end(tracer, root, seen)

    return end


def _end(tracer: "Tracer", root: "Span", seen: Observed) -> None:
    from opentelemetry.trace import StatusCode, set_span_in_context

    times = _times(seen)
    if times is not None:
        root.set_attribute("bulk.run", times.run)
        _below(tracer, set_span_in_context(root), times, seen)
    if seen.code is not None:
        root.set_attribute("process.exit.code", seen.code)
        if seen.code:
            root.set_attribute("error.type", str(seen.code))
            root.set_status(StatusCode.ERROR)
    root.end(_nano(seen.ended or time.time()))


def _times(seen: Observed) -> RunTimes | None:
    """Return the times of this run, if it began to send."""
    try:
        times = last_run(seen.ledger)
    except BulkError:
        return None
    return times if times is not None and times.began >= seen.started else None


def _below(tracer: "Tracer", parent: "Context", times: RunTimes, seen: Observed) -> None:
    began, ended = times.read
    if began >= seen.started:  # else a run before this one has read it
        tracer.start_span("read source", parent, start_time=_nano(began)).end(_nano(ended))
    for step in times.steps:
        began, ended = step.sent
        span = tracer.start_span(
            f"step {step.name}", parent, attributes=_attributes(step, seen), start_time=_nano(began)
        )
        span.end(_nano(ended))


def _attributes(step: StepTimes, seen: Observed) -> dict[str, str | int]:
    counts = [one.counts for one in (seen.progress.steps if seen.progress else ()) if one.name == step.name]
    return {
        "bulk.step.name": step.name,
        "bulk.destination.name": step.destination,
        "bulk.operation.name": step.operation,
        **{f"bulk.records.{status}": rows for count in counts for status, rows in count.items()},
    }


def _nano(seconds: float) -> int:
    return int(seconds * _NANO)
