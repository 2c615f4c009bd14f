"""Prometheus is told how a run fares, whatever it ends with."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from workshop import REPOSITORY, Workshop, until

FILE = "contacts.prom"
Samples = dict[tuple[str, str], float]
"""Values by the name of a sample, and the label that tells it from others of its name."""


def samples(text: str) -> Samples:
    """Parse metrics as Prometheus does."""
    return {
        (one.name, one.labels.get("status", one.labels.get("destination", ""))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.labels["job"] == "contacts"
    }


def told(shop: Workshop) -> Samples:
    return samples((shop.folder / FILE).read_text(encoding="utf-8"))


def test_a_run_that_went_well_is_told_in_full(shop: Workshop) -> None:
    shop.source(["ada@example.com,Ada", "bob@example.com,Bob", "bob@example.com,Bobby"])
    shop.job({"operation": "upsert_user", "batch_size": 1})
    assert shop.run("--metrics", FILE).returncode == 0
    found = told(shop)
    records = {status: rows for (name, status), rows in found.items() if name == "bulk_records"}
    assert records == shop.status()["steps"]["upsert_user"]
    assert found["bulk_rows_read", ""] == 3
    traffic = [found[f"bulk_{name}_total", "customerly"] for name in ("requests", "retries", "throttled")]
    assert traffic == [2, 0, 0]
    assert found["bulk_run_exit_code", ""] == 0
    began, ended = found["bulk_run_start_timestamp_seconds", ""], found["bulk_run_end_timestamp_seconds", ""]
    assert began < found["bulk_last_success_timestamp_seconds", ""] <= ended


def test_the_last_success_outlives_a_run_that_is_refused(shop: Workshop) -> None:
    shop.people(2)
    shop.job()
    shop.run("--metrics", FILE)
    before = told(shop)
    refused = ("--fresh", "--set", "guards.max_records=1", "--metrics", FILE)
    assert shop.run(*refused).returncode == 5
    after = told(shop)
    assert after["bulk_run_exit_code", ""] == 5
    success = ("bulk_last_success_timestamp_seconds", "")
    assert after[success] == before[success]


@pytest.mark.parametrize("arguments", [("--limit", "1"), ("--set", "source.path=missing.csv")])
def test_a_test_send_is_no_success_and_a_missing_source_neither(
    shop: Workshop, arguments: tuple[str, ...]
) -> None:
    shop.people(2)
    shop.job({"operation": "upsert_user", "batch_size": 1})
    code = shop.run("--metrics", FILE, *arguments).returncode
    found = told(shop)
    assert found["bulk_run_exit_code", ""] == code
    assert ("bulk_last_success_timestamp_seconds", "") not in found


def test_while_a_run_goes_on_a_port_tells_how_far_it_is_and_the_file_no_exit_code(shop: Workshop) -> None:
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    shop.people(400)
    shop.job({"operation": "upsert_user", "batch_size": 1}, place={"rate": "20/s"})

    def scraped() -> Samples:
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                return samples(answer.read().decode())
        except URLError:
            return {}

    with shop.running("--metrics", FILE, "--metrics-port", str(port)) as process:
        until(lambda: scraped().get(("bulk_records", "succeeded")), "a record is told at the port")
        assert ("bulk_run_exit_code", "") not in told(shop)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    found = told(shop)
    assert found["bulk_run_exit_code", ""] == 143
    assert found["bulk_records", "succeeded"] == shop.counts()["succeeded"]


def test_others_may_read_the_file_and_nothing_is_left_beside_it(shop: Workshop) -> None:
    shop.people(1)
    shop.job()
    shop.run("--metrics", FILE)
    assert stat.S_IMODE((shop.folder / FILE).stat().st_mode) == 0o644
    assert [path.name for path in shop.folder.iterdir() if path.name.startswith(".")] == []


def test_metrics_name_nobody(shop: Workshop) -> None:
    shop.source(["ada@example.com,Ada", "nobody,Nobody"])
    shop.job()
    shop.run("--metrics", FILE)
    text = (shop.folder / FILE).read_text(encoding="utf-8").lower()
    assert not [word for word in ("ada", "nobody", "example.com", "sandbox") if word in text]


def test_a_file_that_cannot_be_written_refuses_the_run(shop: Workshop) -> None:
    shop.people(1)
    shop.job()
    done = shop.run("--metrics", "missing/contacts.prom")
    expected = (2, "bulk: --metrics missing/contacts.prom: cannot be written (No such file or directory)\n")
    assert expected == (done.returncode, done.stderr)
    assert not shop.ledger.exists()


def test_a_port_that_somebody_has_refuses_the_run(shop: Workshop) -> None:
    shop.people(1)
    shop.job()
    with socket.create_server(("", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = shop.run("--metrics-port", port)
    expected = (2, f"bulk: --metrics-port {port}: cannot be had (Address already in use)\n")
    assert expected == (done.returncode, done.stderr)


def test_without_the_extra_a_sentence_says_what_to_install(shop: Workshop, tmp_path: Path) -> None:
    shop.people(1)
    job = shop.job()
    hidden = "import sys; sys.modules['prometheus_client'] = None; from bulk.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "run", str(job), "--metrics", FILE],
        cwd=tmp_path,
        env={**shop.environ, "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    sentence = "bulk: metrics need prometheus-client, which is not installed: pip install 'bulk[metrics]'\n"
    assert (done.returncode, done.stderr) == (2, sentence)
