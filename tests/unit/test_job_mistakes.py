"""A mistake is told with its line, what was expected, what was found, and the nearest right name."""

from pathlib import Path

import pytest
from jobs_by_hand import changed, load, mistakes

RATE = "expected a rate such as 10/s, 300/min, 30/3s or 5000/h"
CONVERSIONS = "expected one of 'int', 'float', 'bool', 'unix_seconds', 'iso8601' or 'json'"
NAMES = "expected lower-case letters, digits, dots, dashes and underscores, at most 64"
FIELDS = "upsert_user has email, user_id, name, attributes, tags"
OPERATION = "operation: upsert_user"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: sync\n", "name: My sync\n", f'1: name: {NAMES}; found "My sync"'),
        ("name: sync\n", "nam: sync\n", '1: "name" is missing\n1: unknown key "nam"; did you mean "name"?'),
        (
            "  path: people.csv\n",
            "  paht: people.csv\n",
            '3: source: unknown key "paht"; did you mean "path"?',
        ),
        (
            "source:\n  path: people.csv\n  where: country = 'IT'\n",
            "source: people.csv\n",
            "2: source: expected keys with values; found text",
        ),
        (
            "source:\n  path: people.csv\n  where: country = 'IT'\n",
            "source: postgres://me:s3cr3t@db/crm\n",
            "2: source: expected keys with values; found text",
        ),
        ("country = 'IT'", "5", "4: source.where: expected text; found a number"),
        (
            "where: country = 'IT'",
            "duplicates: last",
            (
                "4: source.duplicates: expected one of 'keep_last', 'keep_first' or 'keep_all'"
                '; found "last"; '
                'did you mean "keep_last"?'
            ),
        ),
        (
            "where: country = 'IT'",
            "format: cvs",
            (
                "4: source.format: expected one of 'csv', 'tsv', 'ndjson', 'parquet', 'ipc',"
                " 'excel' or 'lines'; "
                'found "cvs"; did you mean "csv"?'
            ),
        ),
        ("rate: 10/s", "rate: fast", f"8: destinations.customerly.rate: {RATE}; found text"),
        ("rate: 10/s", "rate: 10", f"8: destinations.customerly.rate: {RATE}; found a number"),
        (
            "rate: 10/s",
            "concurrency: 5000",
            "8: destinations.customerly.concurrency: expected at most 1000; found a number",
        ),
        (
            "rate: 10/s",
            "auth_header: barer",
            (
                "8: destinations.customerly.auth_header: expected 'bearer' or 'legacy'; found text; "
                'did you mean "bearer"?'
            ),
        ),
        (
            'auth: {token: "${CUSTOMERLY_TOKEN}"}',
            "auth: none",
            "7: destinations.customerly.auth: expected keys with values; found text",
        ),
        (
            "steps:\n  - destination",
            "steps:\n    destination",
            "9: steps: expected a list; found keys with values",
        ),
        (OPERATION, "operation:", "11: steps[0].operation: expected text; found nothing"),
        (
            OPERATION,
            "operation: upsert_person",
            (
                '11: steps[0].operation: unknown operation "upsert_person" at customerly, it is'
                " one of customerio"
                '; did you mean "upsert_user"?'
            ),
        ),
        (
            OPERATION,
            f"{OPERATION}\n    batch_size: many",
            '12: steps[0].batch_size: expected a whole number; found "many"',
        ),
        (
            OPERATION,
            f"{OPERATION}\n    batch_size: 0",
            "12: steps[0].batch_size: expected at least 1; found 0",
        ),
        (
            OPERATION,
            f"{OPERATION}\n    resubscribe: maybe",
            '12: steps[0].resubscribe: expected true or false; found "maybe"',
        ),
        (
            OPERATION,
            f"{OPERATION}\n    batchsize: 5",
            '12: steps[0]: unknown key "batchsize"; did you mean "batch_size"?',
        ),
        (
            "name: Name",
            "externalId: Name",
            f'14: steps[0].fields: unknown field "externalId", which is one of kustomer; {FIELDS}',
        ),
        ("name: Name", "name: [Name]", "14: steps[0].fields.name: expected text; found a list"),
        (
            "name: Name",
            "attributes: {plan: 5}",
            "14: steps[0].fields.attributes.plan: expected text; found a number",
        ),
        (
            "name: Name",
            "attributes: {since: {column: Since, as: unixseconds}}",
            (
                f'14: steps[0].fields.attributes.since.as: {CONVERSIONS}; found "unixseconds"; '
                'did you mean "unix_seconds"?'
            ),
        ),
        (
            "name: Name",
            "name: {column: Name, splt: x}",
            '14: steps[0].fields.name: unknown key "splt"; did you mean "split"?',
        ),
        (
            "name: Name",
            "attributes: {since: {colum: Since, as: int}}",
            (
                '14: steps[0].fields.attributes.since: "column" is missing\n'
                '14: steps[0].fields.attributes.since: unknown key "colum"; did you mean "column"?'
            ),
        ),
        (
            "name: Name",
            "attributes: {plan: {column: Plan, expr: lower(Plan)}}",
            '14: steps[0].fields.attributes.plan: unknown key "expr" here',
        ),
        (
            "where: country = 'IT'",
            "key: {exp: lower(ID)}",
            "4: source.key: expected the name of a column, {column: …} or {expr: …}; found keys with values",
        ),
        (
            "name: Name",
            "name: {column: Name, split: ''}",
            "14: steps[0].fields.name.split: expected text that is not empty; found nothing",
        ),
        (
            "${CUSTOMERLY_TOKEN}",
            "$CUSTOMERLY_TOKEN",
            '7: destinations.customerly.auth.token: write "${CUSTOMERLY_TOKEN}" for the environment variable',
        ),
        (
            "name: Name",
            "name: Name\nguards: {canary: ten}",
            '15: guards.canary: expected a whole number; found "ten"',
        ),
        (
            "name: Name",
            "name: Name\nguards: {max_shrink: 500%}",
            '15: guards.max_shrink: expected a share such as 5% or 0.05; found "500%"',
        ),
        (
            "name: Name",
            "name: Name\nledger: {keys: hash}",
            "15: ledger.keys: expected one of 'plain' or 'hashed'; found \"hash\"; did you mean \"hashed\"?",
        ),
        (
            "name: Name",
            "name: Name\nsuppression: out.csv",
            "15: suppression: expected a list; found text",
        ),
        (
            "name: Name",
            "name: Name\nsuppression: [{path: a.csv, column: who, hash: hmac-sha256, secret: [x]}]",
            "15: suppression[0].secret: expected text; found a list",
        ),
    ],
)
def test_a_mistake_is_told_with_what_is_needed_to_mend_it(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    told = mistakes(tmp_path, changed(old, new))
    assert told == [f"job.yaml:{line}" for line in said.splitlines()]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    rate", "\trate", "8: … lines are indented with spaces, never with tabs"),
        (
            "destinations:\n",
            "destinations: [\n",
            "7: … begins in line 5, … is a bracket, a comma or a quote missing",
        ),
        ('TOKEN}"', "TOKEN}", "15: … begins in line 7, … a quote is not closed"),
        (OPERATION, "operation upsert_user", "12: … a key ends with a colon and a space"),
        (
            "    operation",
            "      operation",
            "11: … is a line indented too far, or a text with a colon not quoted?",
        ),
        ("    operation", "   operation", "12: … is a line indented too far"),
        ("name: Name\n", "name: Name\n---\n", "15: … a job file is one document, without ---"),
    ],
)
def test_what_is_no_yaml_is_told_with_what_was_most_likely_done(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    (told,) = mistakes(tmp_path, changed(old, new))
    line, *parts = said.split("…")
    assert told.startswith(f"job.yaml:{line.strip()} not valid YAML: ")
    assert all(part.strip() in told for part in parts), told


@pytest.mark.parametrize(
    "members",
    [
        "{format: Name}",
        "{format: Name, split: Name}",
        "{column: {column: Name}, value: {column: Name}}",
        "{timezone: Name, expiry: Name}",
        "{timezone: Name, total_value: Name, volume: Name}",
    ],
)
def test_members_may_be_called_like_what_is_done_with_a_field(tmp_path: Path, members: str) -> None:
    load(tmp_path, changed("name: Name", f"attributes: {members}"))
