import re
from pathlib import Path

import pytest
from jobs_by_hand import GOOD, changed, load, mistakes

from bulk.destinations import SYSTEMS
from bulk.errors import JobError
from bulk.job import load_job

TOKEN = "m4rker-t0ken"
RATE = "expected a rate such as 10/s, 300/min, 30/3s or 5000/h"
DURATION = "expected a duration such as 30s, 15m, 26h or 30d"


def test_a_job_has_every_default_filled_in(tmp_path: Path) -> None:
    job = load(tmp_path)

    place, step = job.destinations["customerly"], job.steps[0]
    assert (place.base_url, place.concurrency, place.timeout, place.reserve, place.drain) == (
        "https://api.customerly.io/v1",
        16,
        30.0,
        0.0,
        10.0,
    )
    assert (place.retry.attempts, place.retry.max_elapsed) == (8, 900.0)
    assert (step.name, step.batch_size, step.nulls, step.duplicates, step.opted_out) == (
        "upsert_user",
        50,
        "omit",
        "keep_last",
        "exclude",
    )
    assert (job.hashed_keys, job.source.null_values, job.guards.canary) == (False, [""], 0)


def test_a_batch_size_above_the_vendors_limit_is_cut_to_it(tmp_path: Path) -> None:
    big = changed("upsert_user\n", "upsert_user\n    batch_size: 5000\n")

    assert load(tmp_path, big).steps[0].batch_size == 1000


def test_an_operation_that_sends_one_record_at_a_time_has_no_other_batch_size(tmp_path: Path) -> None:
    text = changed("operation: upsert_user\n", "operation: delete_user\n    batch_size: 50\n")

    assert load(tmp_path, changed("      name: Name\n", "", text)).steps[0].batch_size == 1


def test_unsubscribing_and_deleting_steps_include_people_who_opted_out(tmp_path: Path) -> None:
    for operation in ("unsubscribe_user", "delete_user"):
        text = changed("      name: Name\n", "", changed("upsert_user", operation))

        assert load(tmp_path, text).steps[0].opted_out == "include"


@pytest.mark.parametrize(
    ("in_source", "in_step", "expected"),
    [
        ("keep_first", None, "keep_first"),
        ("keep_first", "keep_all", "keep_all"),
        (None, "keep_first", "keep_first"),
    ],
)
def test_a_step_may_decide_about_duplicates_itself(
    tmp_path: Path, in_source: str | None, in_step: str | None, expected: str
) -> None:
    text = GOOD
    if in_source:
        text = changed("  path: people.csv\n", f"  path: people.csv\n  duplicates: {in_source}\n", text)
    if in_step:
        text = changed("upsert_user\n", f"upsert_user\n    duplicates: {in_step}\n", text)

    assert load(tmp_path, text).steps[0].duplicates == expected


EVERY_MISTAKE = """\
name: Sync
source:
  path: people.csv
  encodng: utf-8
destinations:
  customerly:
    auth: {tokn: m4rker-t0ken}
    rat: 10/s
    rate: fast
    timeout: soon
    auth_header: basic
  other: {system: custmerly}
steps:
  - destination: customerly
    operation: upsert_user
    batch_size: none
    fields:
      emial: E-mail
      name: {column: Name, as: integer}
      email: {colum: E-mail}
  - destination: customrly
    operation: upsert_user
    fields: {email: E-mail}
  - destination: customerly
    operation: upsert_usr
    fields: {email: E-mail}
guards: {canary: -1, min_record: 5}
"""


def test_every_mistake_is_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = EVERY_MISTAKE.replace("name: Sync", "name: sync")

    found = mistakes(tmp_path, text)

    expected = [
        'job.yaml:4: source: unknown key "encodng"; did you mean "encoding"?',
        'job.yaml:7: destinations.customerly.auth: unknown key "tokn"; did you mean "token"?',
        'job.yaml:8: destinations.customerly: unknown key "rat"; did you mean "rate"?',
        f"job.yaml:9: destinations.customerly.rate: {RATE}; found text",
        f"job.yaml:10: destinations.customerly.timeout: {DURATION}; found text",
        "job.yaml:11: destinations.customerly.auth_header: expected 'bearer' or 'legacy'; found text",
        f'job.yaml:12: destinations.other: unknown system "custmerly"; known are {", ".join(SYSTEMS)}',
        'job.yaml:16: steps[0].batch_size: expected a whole number; found "none"',
        'job.yaml:18: steps[0].fields: unknown field "emial"; did you mean "email"?',
        'job.yaml:21: steps[1].destination: unknown destination "customrly"; did you mean "customerly"?',
        'job.yaml:25: steps[2].operation: unknown operation "upsert_usr"; did you mean "upsert_user"?',
        'job.yaml:27: guards: unknown key "min_record"; did you mean "min_records"?',
    ]
    assert [line for line in found if line in expected] == expected
    assert len(found) == 15, found


def test_no_mistake_echoes_a_secret(tmp_path: Path) -> None:
    assert TOKEN not in "\n".join(mistakes(tmp_path, EVERY_MISTAKE))


@pytest.mark.parametrize(
    "line",
    [
        "    auth: m4rker-t0ken",
        "    auth: {token: [m4rker-t0ken]}",
        "    auth: {token: {x: m4rker-t0ken}}",
        "    base_url: m4rker-t0ken",
        "    base_url: https://user:m4rker-t0ken@api.example.com",
        "    rate: m4rker-t0ken",
        "    concurrency: m4rker-t0ken",
        "    auth_header: m4rker-t0ken",
        "    unsubscribe_path: m4rker-t0ken",
    ],
)
def test_no_value_stands_in_a_message(tmp_path: Path, line: str) -> None:
    text = changed('    auth: {token: "${CUSTOMERLY_TOKEN}"}\n    rate: 10/s\n', f"{line}\n")

    found = mistakes(tmp_path, text)

    assert re.match("job.yaml:[67]: destinations.customerly", found[0])
    assert TOKEN not in "\n".join(found)


def test_a_job_shows_no_secret(tmp_path: Path) -> None:
    text = changed('"${CUSTOMERLY_TOKEN}"', TOKEN)
    text = changed(
        "path: people.csv", 'database: {uri: "postgres://u:m4rker-t0ken@db/x", query: select 1}', text
    )

    assert TOKEN not in repr(load(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: sync", "name: Sync list", "job.yaml:1: name: expected lower-case letters"),
        ("name: sync\n", "", 'job.yaml:1: "name" is missing'),
        ("    operation: upsert_user\n", "", 'job.yaml:10: steps[0]: "operation" is missing'),
        ("      email: E-mail\n", "", 'job.yaml:12: steps[0].fields: upsert_user needs the field "email"'),
        ("  path: people.csv\n", "", "job.yaml:2: source: give either path or database"),
        ("rate: 10/s", "rate: 0/s", "job.yaml:8: destinations.customerly.rate: expected a rate"),
        ("rate: 10/s", "reserve: 200%", "job.yaml:8: destinations.customerly.reserve: expected a share"),
        ("name: Name", "name: [Name]", "job.yaml:14: steps[0].fields.name: "),
        ("name: Name", "name: {column: Name, splt: x}", "job.yaml:14: steps[0].fields.name: unknown key"),
        ("where: country", "where: [country", "job.yaml:5: not valid YAML"),
        (
            "path: people.csv",
            "path: [people.csv, 1]",
            "job.yaml:3: source.path: expected a path, or a list of",
        ),
        ("path: people.csv", "path: []", "job.yaml:3: source.path: expected a path, or a list of paths"),
        ("rate: 10/s", "rate: [none]", "job.yaml:8: destinations.customerly.rate: expected a rate"),
        (
            "name: Name",
            'name: "a\\0"',
            "job.yaml:14: steps[0].fields.name: holds a NUL, or half of a character",
        ),
        ("name: Name", 'name: "\\ud800"', "job.yaml:14: steps[0].fields.name: holds a NUL, or half of a"),
        (
            "name: Name",
            '"a\\0": Name',
            "job.yaml:14: steps[0].fields: a key holds a NUL, or half of a character",
        ),
        (
            "name: Name",
            f"name: {{value: {1 << 63}}}",
            "job.yaml:14: steps[0].fields.name.value: a number of more",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert mistakes(tmp_path, changed(old, new))[0].startswith(expected)


def test_two_steps_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = GOOD + GOOD[GOOD.index("  - destination") :]

    assert mistakes(tmp_path, twice) == [
        'job.yaml:15: steps[1]: two steps are called "upsert_user"; give this one a name of its own'
    ]


def test_a_delete_needs_something_that_names_somebody(tmp_path: Path) -> None:
    text = changed("      email: E-mail\n", "", changed("upsert_user", "delete_user"))

    assert "job.yaml:12: steps[0].fields: delete_user needs one of user_id, email" in mistakes(tmp_path, text)


def test_a_missing_file_names_the_one_that_may_be_meant(tmp_path: Path) -> None:
    (tmp_path / "sync.yaml").write_text(GOOD)

    with pytest.raises(JobError, match=r'there is no such job file; did you mean "sync.yaml"\?'):
        load_job(tmp_path / "snyc.yaml", {})


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_bytes("name: zoë".encode("utf-16"))

    with pytest.raises(JobError, match="text in UTF-8"):
        load_job(tmp_path / "job.yaml", {})
    with pytest.raises(JobError, match="this is a folder"):
        load_job(tmp_path, {})


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())

    assert load_job(tmp_path / "job.yaml", {}).name == "sync"


def test_the_settings_that_a_run_notes_hold_no_credential_value_or_path(tmp_path: Path) -> None:
    url = "https://eu.example.com/m4rker/v1"
    text = changed('"${CUSTOMERLY_TOKEN}"', TOKEN, changed("    rate: 10/s\n", f"    base_url: {url}\n"))
    text = changed("name: Name", "name: {value: m4rker}", changed("'IT'", "'m4rker'", text))

    settings = load(tmp_path, text).as_run

    assert "m4rker" not in str(settings)
    assert settings["destinations"]["customerly"]["host"] == "eu.example.com"
    assert settings["steps"]["upsert_user"]["fields"] == ["email", "name"]


# The digest.


DIGEST_CHANGES = [
    ("country = 'IT'", "country = 'FR'"),
    ("  where: country = 'IT'\n", "  opted_out: country = 'IT'\n"),
    ("  path: people.csv\n", "  path: people.csv\n  key: E-mail\n"),
    ("  path: people.csv\n", "  path: people.csv\n  duplicates: keep_first\n"),
    ("  path: people.csv\n", "  path: people.csv\n  encoding: latin-1\n"),
    ("  path: people.csv\n", "  path: people.csv\n  separator: ;\n"),
    ("  path: people.csv\n", "  path: people.csv\n  format: tsv\n"),
    ("  path: people.csv\n", "  path: people.csv\n  null_values: [NA]\n"),
    ("    rate: 10/s\n", "    base_url: https://eu.example.com/v1\n"),
    ("upsert_user\n", "upsert_lead\n"),
    ("upsert_user\n", "upsert_user\n    batch_size: 49\n"),
    ("upsert_user\n", "upsert_user\n    nulls: send\n"),
    ("upsert_user\n", "upsert_user\n    where: country = 'IT'\n"),
    ("upsert_user\n", "upsert_user\n    duplicates: keep_all\n"),
    ("upsert_user\n", "upsert_user\n    opted_out: include\n"),
    ("name: Name", "name: Nome"),
    ("name: Name", "name: {value: Name}"),
    ("name: Name", "name: {expr: Name}"),
    ("name: Name", "name: {column: Name, as: int}"),
    ("name: Name", "user_id: Name"),
    ("      name: Name\n", ""),
    ("name: Name", "attributes: {a: {b: Name}}"),
]


@pytest.mark.parametrize(("old", "new"), DIGEST_CHANGES)
def test_the_digest_changes_with_everything_that_decides_what_is_sent(
    tmp_path: Path, old: str, new: str
) -> None:
    assert load(tmp_path, changed(old, new)).digest != load(tmp_path).digest


def test_all_those_digests_differ_from_each_other(tmp_path: Path) -> None:
    digests = [load(tmp_path, changed(old, new)).digest for old, new in DIGEST_CHANGES]

    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: sync", "name: nightly"),
        ("path: people.csv", "path: elsewhere/people-2.csv"),
        ("rate: 10/s", "rate: 50/s"),
        ("    rate: 10/s\n", "    concurrency: 3\n"),
        ("    rate: 10/s\n", "    timeout: 5s\n    drain: 1s\n    reserve: 30%\n"),
        ("    rate: 10/s\n", "    retry: {attempts: 2, max_elapsed: 1m}\n"),
        ("    rate: 10/s\n", "    base_url: https://api.customerly.io/v1/\n"),
        ("    rate: 10/s\n", "    system: customerly\n"),
        ('"${CUSTOMERLY_TOKEN}"', "another"),
        ("steps:\n", "guards: {max_records: 5, canary: 2, tolerate: 1%}\nsteps:\n"),
        ("steps:\n", "ledger: {keys: hashed}\nsteps:\n"),
        ("upsert_user\n", "upsert_user\n    batch_size: 50\n"),
        ("upsert_user\n", "upsert_user\n    name: upsert_user\n"),
        ("steps:\n", "# a comment\n\nsteps:\n"),
        ("email: E-mail", '"email": "E-mail"'),
    ],
)
def test_the_digest_does_not_change_with_anything_else(tmp_path: Path, old: str, new: str) -> None:
    assert load(tmp_path, changed(old, new)).digest == load(tmp_path).digest


def test_the_digest_changes_with_the_query_of_a_database_but_not_with_its_address(tmp_path: Path) -> None:
    def digest(uri: str, query: str) -> str:
        text = changed("path: people.csv", f'database: {{uri: "{uri}", query: "{query}"}}')
        return load(tmp_path, text).digest

    assert digest("sqlite:///a", "select 1") == digest("sqlite:///b", "select 1")
    assert digest("sqlite:///a", "select 1") != digest("sqlite:///a", "select 2")


def test_at_the_sandbox_the_token_and_the_address_are_its_own(tmp_path: Path) -> None:
    job = load(tmp_path, changed('"${CUSTOMERLY_TOKEN}"', TOKEN))

    moved = job.at_sandbox({"customerly": "http://127.0.0.1:1/v1"}, "sandbox-token")
    again = job.at_sandbox({"customerly": "http://127.0.0.1:2/v1"}, "other-token")

    assert moved.destinations["customerly"].auth == {"token": "sandbox-token"}
    assert moved.destinations["customerly"].base_url == "http://127.0.0.1:1/v1"
    assert moved.digest == again.digest != job.digest


def test_a_job_knows_its_folder(tmp_path: Path) -> None:
    assert load(tmp_path).folder == tmp_path


SYNC = GOOD + "sync: {mode: changes}\n"


def test_by_default_every_pass_sends_everything(tmp_path: Path) -> None:
    sync = load(tmp_path).sync
    assert (sync.mode, sync.removed, sync.resend_after) == ("all", "ignore", None)


def test_a_sync_says_what_is_sent_and_when_again(tmp_path: Path) -> None:
    job = load(tmp_path, GOOD + "sync: {mode: changes, removed: ignore, resend_after: 30d}\n")
    assert (job.sync.mode, job.sync.resend_after) == ("changes", 30 * 86400)


@pytest.mark.parametrize(
    ("sync", "said"),
    [
        ("{mod: changes}", 'job.yaml:15: sync: unknown key "mod"; did you mean "mode"?'),
        (
            "{mode: chang}",
            (
                "job.yaml:15: sync.mode: expected one of 'all' or 'changes'; found \"chang\""
                '; did you mean "changes"?'
            ),
        ),
        (
            "{resend_after: 30d}",
            "job.yaml:15: sync: resend_after needs mode: changes; mode: all sends everything in every pass",
        ),
        (
            "{mode: changes, resend_after: soon}",
            'job.yaml:15: sync.resend_after: expected a duration such as 30s, 15m, 26h or 30d; found "soon"',
        ),
    ],
)
def test_mistakes_in_a_sync_are_told(tmp_path: Path, sync: str, said: str) -> None:
    assert mistakes(tmp_path, f"{GOOD}sync: {sync}\n") == [said]


def test_a_sync_refuses_a_step_of_which_nobody_could_say_what_arrived_last(tmp_path: Path) -> None:
    text = changed(
        "    operation: upsert_user\n", "    operation: upsert_user\n    duplicates: keep_all\n", SYNC
    )

    (said,) = mistakes(tmp_path, text)

    assert said.startswith(
        "job.yaml:10: steps[0]: upsert_user sets what is there: with sync: {mode: changes}"
    )
    assert said.endswith("so duplicates are keep_last or keep_first")


ANY = """\
name: sync
source: {path: people.csv}
destinations: {http: {base_url: "https://api.example.com"}}
steps:
  - {destination: http, operation: request, method: PUT, path: "/people/{id}", fields: {id: ID}}
sync: {mode: changes}
"""


def test_a_sync_asks_a_step_that_may_be_anything_whether_it_sets_or_adds(tmp_path: Path) -> None:
    (said,) = mistakes(tmp_path, ANY)

    assert said.startswith('job.yaml:5: steps[0]: with sync: {mode: changes} this step needs "duplicates": ')
    for said in ("keep_last", "keep_first", "keep_all"):
        assert load(tmp_path, ANY.replace("method", f"duplicates: {said}, method")).sync.mode == "changes"


@pytest.mark.parametrize(
    ("change", "another"),
    [
        (("email: E-mail", "email: Mail"), False),
        (("path: people.csv", "path: others.csv"), False),
        (("rate: 10/s", "rate: 20/s"), False),
        (("    operation: upsert_user", "    name: people\n    operation: upsert_user"), True),
        (("rate: 10/s", "base_url: https://eu.example.com/v1"), True),
        (("upsert_user", "upsert_lead"), True),
    ],
)
def test_what_arrived_counts_for_one_operation_at_one_place(
    tmp_path: Path, change: tuple[str, str], *, another: bool
) -> None:
    one, other = load(tmp_path, SYNC), load(tmp_path, changed(*change, SYNC))
    assert (one.scope(one.steps[0]) != other.scope(other.steps[0])) is another
