from collections.abc import Mapping
from pathlib import Path

import pytest
from jobs_by_hand import load, mistakes

from bulk.reaching import missing_surfaces

JOB = """\
name: erasure
source: {path: people.csv}
destinations:
  customerio: {}
steps:
  - destination: customerio
    operation: erase_person
    fields: {email: Email}
"""
KEY = {"CUSTOMERIO_APP_API_KEY": "made up"}
NEEDS = (
    "job.yaml:4: destinations.customerio.auth: set CUSTOMERIO_APP_API_KEY (or CUSTOMERIO_APP_API_KEY_FILE), "
    "which erase_person needs; or let the step say verify: none, and nobody is looked up first or read back"
)


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        (JOB, {}, [NEEDS]),
        (JOB, KEY, []),
        (f"{JOB}    verify: none\n", {}, []),
        (JOB.replace("erase_person", "suppress_person"), {}, []),
    ],
)
def test_a_credential_that_a_step_needs_is_asked_for_and_it_is_said_what_else_it_may_say(
    tmp_path: Path, text: str, environ: Mapping[str, str], expected: list[str]
) -> None:
    job = load(tmp_path, text)

    assert list(missing_surfaces(job, job.destinations["customerio"], environ)) == expected


@pytest.mark.parametrize(
    ("verify", "says"),
    [
        ("soon", "steps[0].verify: expected 'none' or keys with values; found \"soon\""),
        ("{wait: soon}", "steps[0].verify: wait is a time such as 60s, 15m or 2h"),
        ("{wiat: 1s}", 'steps[0].verify.wiat: unknown key; did you mean "wait"?'),
    ],
)
def test_an_option_that_may_be_a_word_or_an_object_is_told_what_is_wrong_with_it(
    tmp_path: Path, verify: str, says: str
) -> None:
    assert mistakes(tmp_path, f"{JOB}    verify: {verify}\n") == [f"job.yaml:9: {says}"]
