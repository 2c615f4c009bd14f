"""Offers metrics of a run to Prometheus: in a file for its node exporter, and on a port."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bulk.cli.observed import Observed
from bulk.errors import UsageError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

EVERY = 5.0
"""Seconds between two writings during a run."""
MODE = 0o644
"""Whoever collects metrics is another user, and they hold numbers and the job's own names, never people."""
LAST_SUCCESS = "When a run of the whole job last ended with 0."
TRAFFIC = (
    ("requests", "Requests that the run has sent, those sent again included."),
    ("retries", "Requests that the run has sent again."),
    ("throttled", "Answers that said the run goes too fast."),
)


class Family(Protocol):
    """What ``prometheus_client`` calls a metric family."""

    def add_metric(self, labels: list[str], value: float) -> None:
        """Add a sample."""


class Metrics:
    """The metrics of one run, and the file, if there is one, that is replaced as a whole."""

    def __init__(self, seen: Observed, path: Path | None) -> None:
        self._seen = seen
        self._path = path
        self._written = float("-inf")

    def look(self) -> None:
        """Write the file every few seconds."""
        if time.monotonic() - self._written >= EVERY:
            with suppress(OSError):  # the run matters more; a file that grows old is noticed
                self.write()

    def write(self) -> None:
        """Replace the file.

        Raises:
            OSError: It cannot be written.
        """
        from prometheus_client import generate_latest

        self._written = time.monotonic()
        if self._path is None:
            return
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}")  # no name that a collector reads
        try:
            part.write_bytes(generate_latest(self.registry()))
            part.chmod(MODE)
            part.replace(self._path)
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def served(self, port: int) -> Iterator[None]:
        """Answer whoever asks at a port, on every interface: whoever scrapes is elsewhere.

        Raises:
            OSError: It cannot be had.
        """
        from prometheus_client import start_http_server

        server, thread = start_http_server(port, registry=self.registry())
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def registry(self) -> "CollectorRegistry":
        """Return a registry of these metrics alone."""
        from prometheus_client import CollectorRegistry

        registry = CollectorRegistry()
        registry.register(self)  # type: ignore[arg-type]  # what it collects from is known by its method
        return registry

    def collect(self) -> Iterator[Family]:
        """Yield the metrics, as ``prometheus_client`` asks for them."""
        yield from self._of_steps()
        yield from self._of_destinations()
        for name, told, value in (
            ("bulk_run_start_timestamp_seconds", "When the last run began.", self._seen.started),
            ("bulk_run_end_timestamp_seconds", "When the last run ended.", self._seen.ended),
            ("bulk_run_exit_code", "What the last run ended with.", self._seen.code),
            ("bulk_last_success_timestamp_seconds", LAST_SUCCESS, self._seen.last_success),
        ):
            if value is not None:
                yield self._gauge(name, told, value)

    def _of_steps(self) -> Iterator[Family]:
        from prometheus_client.core import GaugeMetricFamily

        progress = self._seen.progress
        if progress is None:
            return
        yield self._gauge("bulk_rows_read", "Rows of the source that were read.", progress.rows_read)
        labels = ("job", "step", "destination", "status")
        records = GaugeMetricFamily("bulk_records", "Rows of the pass by step and status.", labels=labels)
        for step in progress.steps:
            for status, rows in step.counts.items():
                records.add_metric([self._seen.job, step.name, step.destination, status], rows)
        yield records

    def _of_destinations(self) -> Iterator[Family]:
        from prometheus_client.core import CounterMetricFamily

        progress = self._seen.progress
        for name, told in TRAFFIC:
            counter = CounterMetricFamily(f"bulk_{name}", told, labels=("job", "destination"))
            for one in progress.destinations if progress else ():
                counter.add_metric([self._seen.job, one.name], getattr(one, name))
            yield counter

    def _gauge(self, name: str, told: str, value: float) -> Family:
        from prometheus_client.core import GaugeMetricFamily

        gauge = GaugeMetricFamily(name, told, labels=("job",))
        gauge.add_metric([self._seen.job], value)
        return gauge


@contextmanager
def measured(seen: Observed, path: Path | None, port: int | None) -> Iterator[None]:
    """Offer the metrics of a run until it ends; the file then says how, whatever it ends with.

    Raises:
        UsageError: They cannot be offered.
    """
    if path is None and port is None:
        yield
        return
    metrics = Metrics(seen, path)
    with ExitStack() as stack:
        _begin(metrics, path, port, stack)
        seen.looks.append(metrics.look)
        try:
            yield
        finally:
            with suppress(OSError):
                metrics.write()


def _begin(metrics: Metrics, path: Path | None, port: int | None, stack: ExitStack) -> None:
    option = f"--metrics {path}: cannot be written"
    try:
        metrics.write()
        if port is not None:
            option = f"--metrics-port {port}: cannot be had"
            stack.enter_context(metrics.served(port))
    except ImportError:
        raise UsageError(
            "metrics need prometheus-client, which is not installed: pip install 'bulk[metrics]'"
        ) from None
    except OSError as error:
        raise UsageError(f"{option} ({error.strerror})") from None
