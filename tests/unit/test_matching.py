"""A job's match made ready: whom its rows are about, what the contacts' columns are called, what is wrong."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from bulk.conversation import KEY, RECORD
from bulk.errors import JobError
from bulk.job import load_job
from bulk.plan.matching import LISTING
from bulk.prepare import open_job_source, prepare, to_list
from bulk.runner.listing import Pulled
from bulk.runner.setup import Options, Setup

SOURCE = "email_md5,email,note\n"
WHOLE = "it looks at more than one row, and the result would depend on how the source is read"
SECRET = "the list's secret"
USERS = [
    {"email": "Ann@Example.com", "user_id": "u1", "attributes": {"plan": "gold"}},
    {"email": "bob@example.com", "user_id": "u2", "attributes": {"plan": None}},
]
CONTACTS: Mapping[str, Any] = {"pull": "users"}


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def flat(records: list[dict[str, Any]]) -> pl.DataFrame:
    lines = [
        {**{k: v for k, v in one.items() if k != "attributes"}, "attributes.plan": one["attributes"]["plan"]}
        for one in records
    ]
    return pl.DataFrame(lines, infer_schema_length=None)


class Shop:
    """A folder with a source and a job."""

    def __init__(self, folder: Path, rows: str = "", header: str = SOURCE) -> None:
        self.folder = folder
        (folder / "people.csv").write_text(header + rows)

    def job(self, fields: Mapping[str, Any], match: Mapping[str, Any] | None = None, **keys: Any) -> None:
        given = {
            "name": "matched",
            "source": {"path": "people.csv", **keys.pop("source", {})},
            "destinations": {"customerly": {}},
            "steps": [
                {
                    "destination": "customerly",
                    "operation": "upsert_user",
                    "fields": fields,
                    **keys.pop("step", {}),
                }
            ],
            "match": {"contacts": CONTACTS, "column": "email_md5", "hash": "md5", **(match or {})},
            **keys,
        }
        (self.folder / "job.yaml").write_bytes(orjson.dumps(given))

    def ready(
        self, users: list[dict[str, Any]] | None = None, environ: Mapping[str, str] | None = None
    ) -> Setup:
        job = load_job(self.folder / "job.yaml", environ or {})
        with open_job_source(job) as source:
            listed = {}
            for wanted in to_list(job, source):
                frame = flat(USERS if users is None else users) if users != [] else pl.DataFrame()
                kept = frame.select(name for name in frame.columns if name in wanted.columns)
                numbers = pl.Series(LISTING, [0] * frame.height, dtype=pl.UInt8)
                listed["customerly"] = Pulled(frame.schema, kept.insert_column(0, numbers), 0.0, None)
            return prepare(job, source, environ or {}, Options(), listed)

    def mistakes(self, users: list[dict[str, Any]] | None = None) -> list[str]:
        with pytest.raises(JobError) as caught:
            self.ready(users)
        return [problem.replace("job.yaml:1: ", "") for problem in caught.value.problems]


def sent(setup: Setup) -> list[dict[str, Any]]:
    """The records of all rows that may be sent."""
    step = setup.steps[0]
    found = []
    for chunk in setup.source.chunks():
        fine = step.mapping.judge(chunk.frame)["reason"].is_null()
        found += [orjson.loads(text) for text in step.encode(chunk.frame.filter(fine))[RECORD]]
    return found


def told(setup: Setup) -> list[str | None]:
    (chunk,) = setup.source.chunks()
    reasons: list[str | None] = setup.steps[0].mapping.judge(chunk.frame)["reason"].to_list()
    return reasons


def test_rows_are_about_the_contact_whose_address_was_hashed(tmp_path: Path) -> None:
    shop = Shop(
        tmp_path, f"{md5('bob@example.com').upper()},,x\n{md5('ann@example.com')},,y\n{md5('q')},,z\n"
    )
    shop.job({"email": "contact_email", "user_id": "user_id", "attributes": {"plan": "attributes.plan"}})
    setup = shop.ready()
    assert told(setup) == [None, None, "not_found"]
    assert sent(setup) == [
        {"email": "bob@example.com", "user_id": "u2"},
        {"email": "Ann@Example.com", "user_id": "u1", "attributes": {"plan": "gold"}},
    ]
    assert setup.contacts["customerly"].listed == 2


def test_a_name_that_both_have_is_the_sources_own(tmp_path: Path) -> None:
    shop = Shop(tmp_path, f"{md5('bob@example.com')},own@example.com,x\n")
    shop.job({"email": "email", "attributes": {"was": {"expr": "lower(contact_email)"}}})
    assert sent(shop.ready()) == [{"email": "own@example.com", "attributes": {"was": "bob@example.com"}}]


def test_only_what_is_used_is_kept_of_contacts(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.job(
        {"email": "contact_email"},
        step={"where": "user_id <> 'u9'"},
        match={"of": 'lower("attributes.plan")'},
    )
    job = load_job(tmp_path / "job.yaml", {})
    with open_job_source(job) as source:
        (wanted,) = to_list(job, source)
    assert wanted.columns == {"email", "user_id", "attributes.plan"}
    assert shop.ready().contacts["customerly"].frame.columns == ["contact_email", "user_id"]


def test_by_default_the_source_names_the_record_not_the_contact(tmp_path: Path) -> None:
    shop = Shop(tmp_path, f"{md5('bob@example.com').upper()},,x\n,,\n")
    shop.job({"email": "contact_email"})
    (chunk,) = shop.ready().source.chunks()
    keys = shop.ready().steps[0].mapping.judge(chunk.frame)[KEY].to_list()
    assert keys == [md5("bob@example.com"), None]


@pytest.mark.parametrize(("key", "expected"), [("email_md5", "ab"), ("note", "Note")])
def test_a_key_of_the_jobs_own_is_kept_and_hashes_are_alike_in_either_case(
    tmp_path: Path, key: str, expected: str
) -> None:
    shop = Shop(tmp_path, "AB,,Note\n")
    shop.job({"email": "contact_email"}, source={"key": key})
    setup = shop.ready()
    (chunk,) = setup.source.chunks()
    assert setup.steps[0].mapping.judge(chunk.frame)[KEY].to_list() == [expected]


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
def test_contacts_may_stand_in_a_file(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame(
        {"mail": ["bob@example.com", "ann@example.com"], "id": ["2", "1"], "more": ["x", "y"]}
    )
    writer = {"csv": "write_csv", "ndjson": "write_ndjson", "parquet": "write_parquet"}[suffix]
    getattr(frame, writer)(tmp_path / f"all.{suffix}")
    shop = Shop(tmp_path, f"{md5('ann@example.com')},,y\n{md5('q')},,z\n")
    shop.job({"email": "mail", "user_id": "id"}, {"contacts": {"path": f"all.{suffix}"}, "of": "mail"})
    setup = shop.ready()
    assert sent(setup) == [{"email": "ann@example.com", "user_id": "1"}]
    assert setup.contacts["customerly"].faults[2][1] == f'no contact of all.{suffix} has this "email_md5"'
    assert setup.contacts["customerly"].frame.columns == ["mail", "id"]


def test_where_nobody_is_listed_no_column_is_missing(tmp_path: Path) -> None:
    shop = Shop(tmp_path, f"{md5('bob@example.com')},,x\n")
    shop.job(
        {"email": "contact_email", "name": {"expr": "upper(first_name)"}}, step={"where": "plan = 'gold'"}
    )
    assert told(shop.ready([])) == ["not_found"]


def test_all_that_shows_before_is_told_at_once_and_nothing_need_be_listed(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.job(
        {"email": "contact_email"},
        {"column": "emial_md5", "of": "max(email)"},
        source={"where": "country = 'IT'"},
    )
    job = load_job(tmp_path / "job.yaml", {})
    with open_job_source(job) as source, pytest.raises(JobError) as caught:
        to_list(job, source)
    assert [problem.replace("job.yaml:1: ", "") for problem in caught.value.problems] == [
        'source.where: unknown column "country"',
        'match.column: unknown column "emial_md5"; did you mean "email_md5"?',
        f"match.of: max() is not row-wise: {WHOLE}",
    ]


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ({"of": "lower(emial)"}, 'match.of: unknown column "emial"; did you mean "email"?'),
        ({"of": "user_id = 'u1'"}, "match.of: must give text, but the expression gives Boolean"),
        (
            {"of": "'everybody'"},
            "match.of: does not use a column of the contacts, so that all would be alike",
        ),
    ],
)
def test_a_form_that_contacts_do_not_have_is_told_when_they_are_listed(
    tmp_path: Path, match: dict[str, str], said: str
) -> None:
    shop = Shop(tmp_path)
    shop.job({"email": "contact_email"}, match)
    assert shop.mistakes() == [said]


def test_columns_that_neither_has_are_told_with_the_nearest_of_both(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    fields = {"email": "contact_emial", "user_id": "user_idd", "attributes": {"plan": "attributes.plam"}}
    shop.job(fields, {"of": "mail"}, step={"where": "noet = 'x'"})
    assert shop.mistakes() == [
        'steps[0].fields.email: unknown column "contact_emial"; did you mean "contact_email"?',
        'steps[0].fields.user_id: unknown column "user_idd"; did you mean "user_id"?',
        'steps[0].fields.attributes.plan: unknown column "attributes.plam"; did you mean "attributes.plan"?',
        'steps[0].where: unknown column "noet"; did you mean "note"?',
        'match.of: unknown column "mail"; did you mean "email"?',
    ]


def test_contacts_without_an_address_want_to_be_told_what_was_hashed(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("mail,id\n")
    shop = Shop(tmp_path)
    shop.job({"email": "mail"}, {"contacts": {"path": "all.csv"}})
    hint = 'of all.csv, say with "of" what is hashed or compared'
    assert shop.mistakes() == [f'match.of: unknown column "email"; did you mean "mail"?; {hint}']


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("alll.csv", 'match.contacts.path: there is no file alll.csv; did you mean "all.csv"?'),
        ("-", "match.contacts.path: contacts cannot be read from standard input; name a file"),
        (
            "bad.csv",
            "match.contacts.path: line 2 cannot be read, the row has 3 fields where the header has 2",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_told_beside_the_other_mistakes(
    tmp_path: Path, path: str, said: str
) -> None:
    (tmp_path / "all.csv").write_text("email,id\n")
    (tmp_path / "bad.csv").write_text("email,id\nmarker,1,2\n")
    shop = Shop(tmp_path)
    shop.job(
        {"email": "contact_email"}, {"contacts": {"path": path}, "column": "who"}, source={"where": "xyz = 1"}
    )
    found = shop.mistakes()
    assert found[:2] == ['source.where: unknown column "xyz"', 'match.column: unknown column "who"']
    assert (len(found), found[2].startswith(said)) == (3, True), found
    assert "marker" not in "".join(found)


def test_a_name_that_would_mean_two_columns_is_refused_where_it_is_used(tmp_path: Path) -> None:
    shop = Shop(tmp_path, header="email_md5,email,contact_email\n")
    shop.job({"email": "contact_email"})
    said = '"contact_email" would mean two columns, one of them "email" of the contacts; rename one'
    assert shop.mistakes() == [f"match.contacts: {said}"]
    shop.job({"email": "email"})
    assert shop.ready().contacts["customerly"].frame.columns == []


def test_a_column_that_holds_no_texts_names_nobody(tmp_path: Path) -> None:
    pl.DataFrame({"who": [1.5]}).write_parquet(tmp_path / "people.parquet")
    shop = Shop(tmp_path)
    shop.job({"email": "email"}, {"column": "who"}, source={"path": "people.parquet"})
    assert shop.mistakes() == ['match.column: column "who" holds no texts and no whole numbers']


def test_the_secret_shows_nowhere(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.job({"email": "contact_email"}, {"hash": "hmac-sha256", "secret": "${LIST_SECRET}"})
    setup = shop.ready(environ={"LIST_SECRET": SECRET})
    assert SECRET not in repr(setup)
    assert SECRET not in repr(setup.contacts["customerly"].form)
