"""Offers metrics of a run to Prometheus: in a file for its node exporter, and on a port."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bulk.cli.measures import JOB, MEASURES, SECONDS, Measure
from bulk.cli.observed import Observed
from bulk.errors import UsageError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

EVERY = 5.0
"""Seconds between two writings during a run."""
MODE = 0o644
"""Whoever collects metrics is another user, and they hold numbers and the job's own names, never people."""


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
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for measure in MEASURES:
            kind = CounterMetricFamily if measure.grows else GaugeMetricFamily
            family: Family = kind(_name(measure), measure.about, labels=(JOB, *measure.by))
            for apart, value in measure.values(self._seen):
                family.add_metric([self._seen.job, *apart], value)
            yield family


def _name(measure: Measure) -> str:
    """Name a measure as Prometheus does, which puts the unit last."""
    name = f"bulk_{measure.name.replace('.', '_')}"
    return f"{name}_seconds" if measure.unit == SECONDS else name


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
