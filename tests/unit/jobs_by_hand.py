"""Job files for tests: a small good one, changed in one place, and loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bulk.errors import JobError
from bulk.job import Job, load_job

GOOD = """\
name: sync
source:
  path: people.csv
  where: country = 'IT'
destinations:
  customerly:
    auth: {token: "${CUSTOMERLY_TOKEN}"}
    rate: 10/s
steps:
  - destination: customerly
    operation: upsert_user
    fields:
      email: E-mail
      name: Name
"""


def load(
    folder: Path, text: str = GOOD, environ: Mapping[str, str] | None = None, settings: Sequence[str] = ()
) -> Job:
    path = folder / "job.yaml"
    path.write_text(text, encoding="utf-8")
    return load_job(path, environ or {}, settings)


def changed(old: str, new: str, text: str = GOOD) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def mistakes(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, settings: Sequence[str] = ()
) -> list[str]:
    with pytest.raises(JobError) as caught:
        load(folder, text, environ, settings)
    return list(caught.value.problems)
