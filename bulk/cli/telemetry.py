"""Tells an OpenTelemetry collector of a run, if the standard environment variables name one."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from bulk import __version__
from bulk.cli.measures import DESTINATION, JOB, MEASURES, SECONDS, STATUS, STEP, Measure
from bulk.cli.observed import Observed
from bulk.cli.spans import traced

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation
    from opentelemetry.sdk.resources import Resource

PATIENCE = 5.0
"""Seconds a collector has at the end to take what is left."""
PROTOCOL = "http/protobuf"
ATTRIBUTES = {
    JOB: "bulk.job.name",
    STEP: "bulk.step.name",
    DESTINATION: "bulk.destination.name",
    STATUS: "bulk.status",
}
_TRACES, _METRICS = "TRACES", "METRICS"
Act = Callable[[], object]


class _Begun(NamedTuple):
    """A way of telling that has begun: ``finish`` looks at the run's end, ``flush`` may take for ever."""

    finish: Act
    flush: Act


@contextmanager
def telemetry(seen: Observed, environ: Mapping[str, str], log: Any) -> Iterator[None]:
    """Tell a collector of a run until it ends; one that is not there neither slows nor fails it."""
    with _kept_quiet() as failures:
        begun = _begun(seen, environ, log)
        try:
            yield
        finally:
            failures.clear()  # what came to grief meanwhile is told once more at the end
            if not _told_the_end(begun) or failures:
                log.warning("telemetry_not_taken", why="the collector did not take it in time")


def _told_the_end(begun: Sequence[_Begun]) -> bool:
    """Tell how the run ended; whatever comes of that, signals among it, the run ends as it ended."""
    try:
        return _ended(begun)
    except (Exception, KeyboardInterrupt, SystemExit):  # noqa: BLE001 - SIGTERM raises SystemExit
        return False


def _begun(seen: Observed, environ: Mapping[str, str], log: Any) -> list[_Begun]:
    """Begin what is wanted and can be had; warn of the rest, once of each reason."""
    begun, reasons = [], dict[str, None]()
    for way in (way for way in _BEGIN if is_wanted(way, environ)):
        try:
            begun.append(_BEGIN[way](seen, environ))
        except Exception as error:  # noqa: BLE001 - the run matters more than what the SDK makes of its settings
            reasons[_why_not(error)] = None
    for why in reasons:
        log.warning("telemetry_off", why=why)
    return begun


def is_wanted(way: str, environ: Mapping[str, str]) -> bool:
    """Tell whether the environment asks for traces, or for metrics, over OTLP."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = environ.get(f"OTEL_{way}_EXPORTER", "").strip() or "otlp"
    endpoint = environ.get(f"OTEL_EXPORTER_OTLP_{way}_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return bool(endpoint) and "otlp" in [name.strip() for name in exporters.split(",")]


def _check_protocol(way: str, environ: Mapping[str, str]) -> None:
    general = "OTEL_EXPORTER_OTLP_PROTOCOL"
    special = f"OTEL_EXPORTER_OTLP_{way}_PROTOCOL"
    name = special if environ.get(special) else general
    if environ.get(name, PROTOCOL) not in {"", PROTOCOL}:
        raise UnspokenError(f"{name}: bulk speaks {PROTOCOL} alone")


class UnspokenError(Exception):
    """The environment asks for a protocol that is not spoken here."""


def _why_not(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "it needs OpenTelemetry's SDK, which is not installed: pip install 'bulk[otel]'"
    if isinstance(error, UnspokenError):
        return str(error)
    return f"OpenTelemetry's SDK cannot use its settings ({type(error).__name__})"


def _begin_traces(seen: Observed, environ: Mapping[str, str]) -> _Begun:
    _check_protocol(_TRACES, environ)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return _Begun(traced(provider.get_tracer("bulk", __version__), seen, environ), provider.shutdown)


def _begin_metrics(seen: Observed, environ: Mapping[str, str]) -> _Begun:
    _check_protocol(_METRICS, environ)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    provider = MeterProvider([reader], resource=_resource(), shutdown_on_exit=False)
    meter = provider.get_meter("bulk", __version__)
    for measure in MEASURES:
        _observe(meter, measure, seen)
    return _Begun(lambda: None, provider.shutdown)


_BEGIN = {_TRACES: _begin_traces, _METRICS: _begin_metrics}


def _observe(meter: "Meter", measure: Measure, seen: Observed) -> None:
    """Have a meter look at a measure whenever metrics are collected."""
    from opentelemetry.metrics import Observation

    names = [ATTRIBUTES[name] for name in (JOB, *measure.by)]

    def look(_: "CallbackOptions") -> "Iterator[Observation]":
        for apart, value in measure.values(seen):
            yield Observation(value, dict(zip(names, (seen.job, *apart), strict=True)))

    kind: Any
    if measure.grows:
        kind = meter.create_observable_counter
    elif measure.unit in {SECONDS, ""}:
        kind = meter.create_observable_gauge
    else:
        kind = meter.create_observable_up_down_counter  # adds up over steps and statuses
    kind(f"bulk.{measure.name}", [look], measure.unit, measure.about)


def _resource() -> "Resource":
    """Say who tells it; what the environment says of that wins."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = {"service.name": "bulk", "service.version": __version__}
    return Resource.create(ours).merge(OTELResourceDetector().detect())


def _ended(begun: Sequence[_Begun]) -> bool:
    """Tell what is left, side by side; return whether that was done in time."""
    for one in begun:
        one.finish()
    threads = [threading.Thread(target=one.flush, name="telemetry", daemon=True) for one in begun]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


@contextmanager
def _kept_quiet() -> Iterator[list[str]]:
    """Keep the SDK from writing to the terminal, where it may show addresses; yield its errors' places."""
    failures: list[str] = []

    class Failures(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                failures.append(record.name)

    logger, handler = logging.getLogger("opentelemetry"), Failures()
    propagated = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield failures
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
