"""Job files with mistakes in them."""

import os
from pathlib import Path

from bad_input_case import JOB, Case, job_with

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
)
FIVE = job_with(
    ("name: trial", "name: Trial Run"),
    ("path: people.csv", "pth: people.csv"),
    ("rate: 1000/s", "rate: fast"),
    ("operation: upsert_user", "operation: upsert_user\n    batch_size: 0"),
    ("source:", "guards: {tolerate: 200%}\nsource:"),
)


def _no_job(folder: Path) -> None:
    (folder / "job.yaml").unlink()


def _folder_job(folder: Path) -> None:
    (folder / "job.yaml").unlink()
    (folder / "job.yaml").mkdir()


def _locked_job(folder: Path) -> None:
    os.chmod(folder / "job.yaml", 0)  # noqa: PTH101 - as a person would


def expr(sql: str) -> str:
    """Return the good job with an expression for the name."""
    return job_with(("name: Name", f"name: {{expr: {sql!r}}}"))


FILES = (
    Case("job file missing", "", args=("run", "jbo.yaml")),
    Case("job file missing, nothing near", "", damage=_no_job),
    Case("job file is a folder", "", damage=_folder_job),
    Case("job file is binary", "", job=b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe"),
    Case("job file is empty", "", job=""),
    Case("job file is a list", "", job="- name: trial\n"),
    Case("job file may not be read", "", damage=_locked_job, needs_user=True),
    Case("broken YAML", "", job=job_with(("operation: upsert_user", "operation: [upsert_user"))),
    Case("YAML with a tab", "", job=job_with(("    rate", "\trate"))),
    Case("YAML tag", "", job=job_with(("path: people.csv", "path: !!python/name:os.system people.csv"))),
    Case("YAML alias bomb", "", job=BOMB + JOB),
    Case("YAML alias to nothing", "", job=job_with(("people.csv", "*people"))),
    Case("key given twice", "", job=job_with(("rate: 1000/s", "rate: 1000/s\n    rate: 5/s"))),
    Case("two YAML documents", "", job=JOB + "---\n" + JOB),
    Case("five mistakes at once", "", job=FIVE),
)
NAMES = (
    Case("unknown key", "", job=job_with(("steps:", "step:"))),
    Case("unknown key in the source", "", job=job_with(("path: people.csv", "path: people.csv\n  encodng: utf-8"))),
    Case("unknown key of a destination", "", job=job_with(("rate: 1000/s", "concurency: 8"))),
    Case("path and database", "", job=job_with(("path: people.csv", "path: people.csv\n  database: {uri: x, query: y}"))),
    Case("unknown system", "", job=job_with(("customerly:", "customerli:"))),
    Case("system of a later version", "", job=job_with(("base_url", "system: kustomer\n    base_url"))),
    Case("unknown operation", "", job=job_with(("upsert_user", "upsert_users"))),
    Case("unknown operation, nothing near", "", job=job_with(("upsert_user", "frobnicate"))),
    Case("unknown destination", "", job=job_with(("destination: customerly", "destination: custmerly"))),
    Case("unknown field", "", job=job_with(("email: Email", "emial: Email"))),
    Case("needed field not mapped", "", job=job_with(("      email: Email\n", ""))),
    Case("unknown column", "", job=job_with(("email: Email", "email: E-mail"))),
    Case("name of the job", "", job=job_with(("name: trial", "name: ../trial"))),
    Case("same step twice", "", job=JOB + JOB[JOB.index("  - destination") :]),
    Case("attribute name with spaces", "", job=JOB + "      attributes: {first name: Name}\n"),
)
VALUES = (
    Case("rate", "", job=job_with(("1000/s", "10/day"))),
    Case("duration", "", job=job_with(("rate: 1000/s", "timeout: soon"))),
    Case("share", "", job=JOB + "guards: {max_failure_rate: 500%}\n"),
    Case("number", "", job=JOB + "guards: {canary: many}\n"),
    Case("URL", "", job=job_with(("${TRIAL_URL}", "api.example.com"))),
    Case("choice", "", job=JOB + "    nulls: keep\n"),
    Case("conversion", "", job=job_with(("name: Name", "name: {column: Name, as: date}"))),
    Case("split and conversion", "", job=job_with(("name: Name", "name: {column: Name, as: int, split: ;}"))),
    Case("unknown time zone", "", job=JOB + "      attributes: {at: {column: Name, as: unix_seconds, timezone: Europe/Rom}}\n"),
    Case("variable that is not set", "", job=job_with(("${TRIAL_URL}", "${CRM_URL}"))),
    Case("credential that is not set", "", job=job_with(("rate: 1000/s", "auth: {token: '${OTHER_TOKEN}'}"))),
    Case("hashed keys without a secret", "", job=JOB + "ledger: {keys: hashed}\n"),
)
EXPRESSIONS = (
    Case("SQL that cannot be read", "", job=expr("concat(Name, ")),
    Case("SQL with a word too many", "", job=expr("lower(Name) Name nonsense")),
    Case("aggregate", "", job=expr("max(Name)")),
    Case("window", "", job=expr("first_value(Name) over (partition by Email)")),
    Case("subquery", "", job=expr("(select Name)")),
    Case("today", "", job=expr("concat(Name, current_date)")),
    Case("unknown column in an expression", "", job=expr("lower(Nam)")),
    Case("unknown function", "", job=expr("lowercase(Name)")),
    Case("where that is no condition", "", job=job_with(("path: people.csv", "path: people.csv\n  where: lower(Name)"))),
    Case("opted_out of an unknown column", "", job=job_with(("path: people.csv", "path: people.csv\n  opted_out: Unsubscribed = 'true'"))),
)
CASES = (*FILES, *NAMES, *VALUES, *EXPRESSIONS)
