"""OpenTelemetry is told how a run fares, over OTLP, if its environment variables name a collector."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.parser import text_string_to_metric_families
from receiver import Receiver, receiving
from workshop import REPOSITORY, Workshop

import bulk
from bulk.cli import telemetry
from bulk.cli.measures import MEASURES
from bulk.cli.telemetry import is_wanted

FILE = "contacts.prom"
TRACES, METRICS = "/v1/traces", "/v1/metrics"
EACH = {"operation": "upsert_user", "batch_size": 1}
Samples = dict[tuple[str, tuple[str, ...]], float]
"""Values by the name of a metric and what tells them apart."""


@pytest.fixture
def collector(shop: Workshop) -> Iterator[Receiver]:
    with receiving() as receiver:
        receiver.always = 200
        shop.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.url
        yield receiver


def attributes(given: Sequence[KeyValue]) -> dict[str, Any]:
    values = {one.key: one.value for one in given}
    return {name: getattr(value, value.WhichOneof("value") or "") for name, value in values.items()}


def resource(collector: Receiver, path: str) -> dict[str, Any]:
    body = next(one.body for one in collector.posted if one.path == path)
    told = ExportTraceServiceRequest if path == TRACES else ExportMetricsServiceRequest
    parsed = told.FromString(body)
    (found,) = parsed.resource_spans if path == TRACES else parsed.resource_metrics
    return attributes(found.resource.attributes)


def spans(collector: Receiver) -> dict[str, Span]:
    bodies = [one.body for one in collector.posted if one.path == TRACES]
    return {
        span.name: span
        for body in bodies
        for told in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in told.scope_spans
        for span in scope.spans
    }


def samples(collector: Receiver) -> Samples:
    """What was told last, under the names that Prometheus gives it."""
    body = [one.body for one in collector.posted if one.path == METRICS][-1]
    found = {}
    for told in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for metric in (metric for scope in told.scope_metrics for metric in scope.metrics):
            suffix = "_seconds" if metric.unit == "s" else "_total" if metric.sum.is_monotonic else ""
            points = getattr(metric, metric.WhichOneof("data") or "").data_points
            for point in points:
                value = point.as_double if point.HasField("as_double") else point.as_int
                apart = tuple(sorted(map(str, attributes(point.attributes).values())))
                found[metric.name.replace(".", "_") + suffix, apart] = value
    return found


def prometheus(shop: Workshop) -> Samples:
    families = text_string_to_metric_families((shop.folder / FILE).read_text(encoding="utf-8"))
    return {
        (one.name, tuple(sorted(one.labels.values()))): one.value
        for family in families
        for one in family.samples
    }


def test_it_is_told_what_prometheus_is_told(shop: Workshop, collector: Receiver) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody", "bob@example.com,Bob"])
    shop.job(EACH)
    assert shop.run("--metrics", FILE).returncode == 3
    told = samples(collector)
    assert told == prometheus(shop)
    assert told["bulk_records", ("contacts", "customerly", "succeeded", "upsert_user")] == 2
    assert told["bulk_requests_total", ("contacts", "customerly")] == 2
    assert told["bulk_run_exit_code", ("contacts",)] == 3


def test_counts_name_what_they_count(shop: Workshop, collector: Receiver) -> None:
    shop.people(1)
    shop.job()
    shop.run()
    (told,) = ExportMetricsServiceRequest.FromString(
        next(one.body for one in collector.posted if one.path == METRICS)
    ).resource_metrics
    units = {metric.name: metric.unit for scope in told.scope_metrics for metric in scope.metrics}
    assert units == {
        "bulk.rows.read": "{row}",
        "bulk.records": "{row}",
        "bulk.requests": "{request}",
        "bulk.retries": "{request}",
        "bulk.throttled": "{request}",
        "bulk.run.start.timestamp": "s",
        "bulk.run.end.timestamp": "s",
        "bulk.run.exit_code": "",
        "bulk.last_success.timestamp": "s",
    }


def test_the_page_lists_every_metric_with_its_unit() -> None:
    page = (
        (REPOSITORY / "docs" / "telemetry.md").read_text(encoding="utf-8").partition("## Names of metrics")[2]
    )
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `bulk.")]
    listed = {(name, row[3].strip(" `")) for row in rows for name in re.findall(r"`([^`]+)`", row[1])}
    assert listed == {(f"bulk.{measure.name}", measure.unit) for measure in MEASURES}


def test_there_is_a_span_for_the_run_its_reading_and_each_step(shop: Workshop, collector: Receiver) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    shop.job({"name": "users", **EACH}, {"name": "again", **EACH})
    shop.run()
    found = spans(collector)
    run = found.pop("bulk run")
    assert set(found) == {"read source", "step users", "step again"}
    assert {span.parent_span_id for span in found.values()} == {run.span_id}
    assert {span.trace_id for span in found.values()} == {run.trace_id}
    order = [found[name] for name in ("read source", "step users", "step again")]
    moments = [moment for span in order for moment in (span.start_time_unix_nano, span.end_time_unix_nano)]
    assert moments == sorted(moments)
    assert run.start_time_unix_nano <= moments[0] < moments[-1] <= run.end_time_unix_nano
    told = attributes(run.attributes)
    assert (told["bulk.job.name"], told["process.exit.code"], told["bulk.run"]) == ("contacts", 3, 1)
    assert run.status.code == Status.STATUS_CODE_ERROR
    step = attributes(found["step users"].attributes)
    assert step.pop("bulk.destination.name") == "customerly"
    assert step.pop("bulk.operation.name") == "upsert_user"
    assert step.pop("bulk.step.name") == "users"
    counts = shop.status()["steps"]["users"]
    assert step == {f"bulk.records.{status}": rows for status, rows in counts.items()}


def test_a_run_that_goes_on_has_no_span_of_what_runs_before_it_did(
    shop: Workshop, collector: Receiver
) -> None:
    shop.people(2)
    shop.job(EACH)
    shop.run()
    collector.posted.clear()
    assert shop.run().returncode == 0
    found = spans(collector)
    assert set(found) == {"bulk run"}
    assert found["bulk run"].status.code == Status.STATUS_CODE_UNSET
    assert attributes(found["bulk run"].attributes)["bulk.run"] == 2


def test_a_run_that_is_refused_is_a_span_that_says_so(shop: Workshop, collector: Receiver) -> None:
    shop.people(2)
    shop.job(guards={"max_records": 1})
    assert shop.run().returncode == 5
    (run,) = spans(collector).values()
    told = attributes(run.attributes)
    assert (told["process.exit.code"], told["error.type"]) == (5, "5")
    assert samples(collector)["bulk_run_exit_code", ("contacts",)] == 5


def test_a_run_belongs_to_the_span_that_started_it(shop: Workshop, collector: Receiver) -> None:
    shop.people(1)
    shop.job()
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    shop.run(TRACEPARENT=f"00-{trace}-{parent}-01")
    run = spans(collector)["bulk run"]
    assert (run.trace_id.hex(), run.parent_span_id.hex()) == (trace, parent)


def test_it_is_told_by_bulk_of_this_version(shop: Workshop, collector: Receiver) -> None:
    shop.people(1)
    shop.job()
    shop.run(OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=trial")
    for path in (TRACES, METRICS):
        told = resource(collector, path)
        assert (told["service.name"], told["service.version"]) == ("bulk", bulk.__version__)
        assert told["deployment.environment.name"] == "trial"


def test_the_name_that_the_environment_gives_wins(shop: Workshop, collector: Receiver) -> None:
    shop.people(1)
    shop.job()
    shop.run(OTEL_SERVICE_NAME="nightly-sync")
    assert resource(collector, TRACES)["service.name"] == "nightly-sync"


def test_nobody_and_no_address_is_told(shop: Workshop, collector: Receiver) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    shop.job(EACH)
    shop.run()
    text = b"".join(one.body for one in collector.posted).lower()
    words = (b"ada", b"nobody", b"example.com", b"127.0.0.1", b"http", b"sandbox")
    assert not [word for word in words if word in text]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "u"}, ["TRACES", "METRICS"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, []),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "u"}, ["TRACES"]),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "u"}, ["METRICS"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "u", "OTEL_SDK_DISABLED": "True"}, []),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "u", "OTEL_SDK_DISABLED": "false"}, ["TRACES", "METRICS"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "u", "OTEL_TRACES_EXPORTER": "none"}, ["METRICS"]),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "u", "OTEL_METRICS_EXPORTER": "console, otlp"},
            ["TRACES", "METRICS"],
        ),
    ],
)
def test_the_standard_variables_say_what_is_told(environ: Mapping[str, str], told: list[str]) -> None:
    assert [way for way in ("TRACES", "METRICS") if is_wanted(way, environ)] == told


def test_an_endpoint_for_metrics_alone_is_told_metrics_alone(shop: Workshop, collector: Receiver) -> None:
    shop.people(1)
    shop.job()
    url = shop.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT")
    shop.run(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{url}/its/own/path")
    assert {one.path for one in collector.posted} == {"/its/own/path"}


def test_a_collector_that_is_not_there_fails_nothing_and_is_not_named(shop: Workshop) -> None:
    shop.people(1)
    shop.job()
    there = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1/s3cret", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2"}
    done = shop.run("--log-format", "json", **there)
    warnings = [
        line for line in map(orjson.loads, done.stderr.splitlines()) if line.get("level") == "warning"
    ]
    assert done.returncode == 0
    assert [line["event"] for line in warnings] == ["telemetry_not_taken"]
    assert not [word for word in ("s3cret", "127.0.0.1:1", "v1/traces") if word in done.stderr]


def test_another_protocol_is_told_of_in_one_warning(shop: Workshop, collector: Receiver) -> None:
    shop.people(1)
    shop.job()
    done = shop.run(OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert done.returncode == 0
    assert done.stderr.count("OTEL_EXPORTER_OTLP_PROTOCOL: bulk speaks http/protobuf alone") == 1
    assert collector.posted == []


@pytest.mark.parametrize(
    ("endpoint", "warnings"), [({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u"}, 1), ({}, 0)]
)
def test_without_the_extra_a_warning_says_what_to_install_where_it_is_wanted(
    shop: Workshop, endpoint: dict[str, str], warnings: int
) -> None:
    shop.people(1)
    job = shop.job()
    hidden = "import sys; sys.modules['opentelemetry'] = None; from bulk.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "run", str(job)],
        cwd=shop.folder,
        env={**shop.environ, **endpoint, "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.count("pip install 'bulk[otel]'") == warnings


def test_a_collector_that_never_answers_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "PATIENCE", 0.05)
    answered, looked = threading.Event(), threading.Event()
    try:
        never = telemetry._Begun(looked.set, lambda: answered.wait(60))
        assert not telemetry._ended([never])
        assert looked.is_set()
    finally:
        answered.set()
