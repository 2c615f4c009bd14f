"""What a step that is ready to run says of itself."""

from pathlib import Path

import pytest
from jobs_by_hand import load

from bulk.prepare import open_job_source, prepare
from bulk.runner.setup import Options

JOB = """\
name: orders
source: {path: orders.csv%s}
destinations: {api: {system: http, base_url: "https://api.example.com"}}
steps:
  - {destination: api, operation: request, method: POST, path: /orders, body: json, fields: {number: number}}
"""


@pytest.mark.parametrize(
    ("settings", "repeat"),
    [("", False), (", key: number", True), (", key: number, duplicates: keep_last", False)],
)
def test_keys_repeat_only_where_there_are_keys_and_all_rows_of_one_are_kept(
    tmp_path: Path, settings: str, *, repeat: bool
) -> None:
    job = load(tmp_path, JOB % settings)
    (job.folder / "orders.csv").write_text("number\n1\n2\n")

    with open_job_source(job) as source:
        (step,) = prepare(job, source, {}, Options()).steps

    assert step.keys_repeat is repeat
