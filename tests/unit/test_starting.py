"""A job to begin with: dates, flags and consent are told by values, and every text survives into the job."""

import csv
import datetime as dt
import io
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulk.cli.starting import Wanted, start
from bulk.conversation import ROW
from bulk.destinations import SYSTEMS
from bulk.errors import BulkError
from bulk.job import load_job
from bulk.job.document import parse_document
from bulk.job.model import Step, field_spec
from bulk.mapping.spec import Column, Expression, FieldSpec, Shaping
from bulk.prepare import open_job_source, prepare
from bulk.runner.setup import Options
from bulk.source import SourceOptions
from bulk.source.sniffing import sniffed
from bulk.starting import Draft, Seen, draft, job_text, yaml
from bulk.starting.dates import Written, written
from bulk.starting.meanings import Form, folded, words
from bulk.starting.recognise import recognised

FORMS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%y",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%b %d, %Y",
    "%d %B %Y",
    "%Y-%m-%d %H:%M:%S UTC",
)
ISO = frozenset(FORMS[:3])
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


def seen(stem: str = "people", /, **columns: Sequence[str | None]) -> Seen:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    numbered = frame.insert_column(0, pl.Series(ROW, range(1, frame.height + 1), pl.UInt32))
    return Seen(f"{stem}.csv", stem, numbered, tuple(columns), complete=True)


def drafted(given_: Seen, system: str = "customerly", **answers: str) -> Draft:
    return draft(given_, SYSTEMS[system], None, answers)


def mapped(made: Draft) -> dict[str, FieldSpec]:
    return {".".join(line.path): line.spec for line in made.lines if line.active}


@settings(deadline=None, max_examples=60)
@given(
    form=st.sampled_from(FORMS),
    days=st.lists(st.dates(dt.date(1970, 1, 1), dt.date(2037, 12, 31)), min_size=3),
)
@example(form=next(form for form in FORMS if "%B" in form), days=[dt.date(2026, 5, 1)] * 3)
def test_dates_are_read_as_they_were_written(form: str, days: list[dt.date]) -> None:
    values = [dt.datetime.combine(day, dt.time(9, 5)).strftime(form) for day in days]
    found = written(seen(Joined=list(values)), "Joined", Form.ANY)
    assert found is not None
    meant = None if form in ISO else form
    if all(day.month == 5 for day in days):  # May is its own abbreviation
        found = replace(found, format=found.format and found.format.replace("%B", "%b"))
        meant = meant and meant.replace("%B", "%b")
    assert meant in {found.format, found.other}
    if meant != found.format:  # only where another reading takes them all as well
        assert all(day.day <= 12 for day in days)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["31/01/2026", "01/02/2026"], Written("%d/%m/%Y")),
        (["01/31/2026", "02/01/2026"], Written("%m/%d/%Y")),
        (["01/02/2026", "03/04/2026"], Written("%d/%m/%Y", other="%m/%d/%Y")),
        (["01.02.2026", "03.04.2026"], Written("%d.%m.%Y")),
        (["2026-01-31T10:00:00Z"], Written(local=False)),
        (["2026-01-31", "soon"], None),
        (["31/01/2026", "01/31/2026"], None),
        (["0184", "1999"], None),
    ],
)
def test_values_show_how_dates_are_written(values: list[str | None], expected: Written | None) -> None:
    assert expected == written(seen(Joined=values), "Joined", Form.ANY)


def test_another_column_of_the_file_shows_which_of_day_and_month_stands_first() -> None:
    given_ = seen(email=["ada@example.com"] * 2, born=["01/02/1980"] * 2, joined=["28/02/2024", "01/02/2024"])
    assert mapped(drafted(given_))["attributes.born"] == Column(
        "born", Shaping("unix_seconds", None, "%d/%m/%Y", "UTC")
    )


@pytest.mark.parametrize(
    ("name", "values", "condition"),
    [
        (
            "Unsubscribed",
            ["true", "", "false"],
            "lower(trim(\"Unsubscribed\")) not in ('', '0', 'false', 'no')",
        ),
        ("Abgemeldet", ["nein", "ja"], "lower(trim(\"Abgemeldet\")) not in ('', '0', 'false', 'nein', 'no')"),
        ("Unsubscribed at", ["2024-01-31", None], '"Unsubscribed at" is not null'),
        ("Bounce reason", ["mailbox full", None], '"Bounce reason" is not null'),
        ("Newsletter", ["Ja", "nein"], "coalesce(lower(trim(\"Newsletter\")), '') not in ('ja')"),
        (
            "Marketing consent",
            ["granted", "denied"],
            "coalesce(lower(trim(\"Marketing consent\")), '') not in ('granted')",
        ),
        ("Status", ["active", "unsubscribed"], "coalesce(lower(trim(\"Status\")), '') not in ('active')"),
        ("Abmeldung", ["05.06.2024", None], '"Abmeldung" is not null'),
        ("status", ["active", "bounced", "odd"], "coalesce(lower(trim(\"status\")), '') not in ('active')"),
        ("Stand", ["subscribed", "cleaned"], "coalesce(lower(trim(\"Stand\")), '') not in ('subscribed')"),
        ("Newsletter", ["weekly", "monthly"], None),
        ("Status", ["active", "inactive"], None),
        ("SMS opt-out", ["true", "false"], None),
    ],
)
def test_who_must_not_be_written_to_is_told_by_name_and_values(
    name: str, values: list[str | None], condition: str | None
) -> None:
    emails: list[str | None] = [f"person{n}@example.com" for n in range(len(values))]
    made = drafted(seen(email=emails, **{name: values}))
    assert [condition] * (condition is not None) == [one.sql for one in made.opted_out]


def test_no_yes_is_no_no() -> None:
    """Nobody who only never said yes makes a list one of people who have left."""
    made = drafted(seen(email=["ada@example.com"], Newsletter=["yes"], consent=["no"]))
    assert (bool(made.removed), made.held) == (True, 0)
    made = drafted(
        seen(**{"Klaviyo ID": ["1"], "email": ["ada@example.com"], "Email Marketing Consent": ["Sure"]})
    )
    assert (made.removed, made.held) == ("", 1)


@pytest.mark.parametrize(
    "stem",
    [
        "unsubscribed_members",
        "cleaned-2024",
        "Bounced",
        "do-not-contact",
        "suppression list",
        "erasure-requests",
    ],
)
def test_a_list_may_say_by_its_name_that_people_left(stem: str) -> None:
    made = drafted(seen(stem, email=["ada@example.com"], city=["Torino"]))
    assert (made.place.operation.name, mapped(made)) == ("unsubscribe_user", {"email": Column("email")})


def test_an_id_that_names_two_people_names_nobody() -> None:
    given_ = seen(email=["ada@example.com", "bob@example.com"], customer_id=["7", "7"])
    assert "user_id" not in mapped(drafted(given_))


def test_texts_that_are_too_long_are_cut() -> None:
    made = drafted(seen(email=["ada@example.com"], job_title=["x" * 129]))
    assert mapped(made)["attributes.job_title"] == Expression('left("job_title", 128)')


@pytest.mark.parametrize(
    ("mistakes", "spec"),
    [(1, Column("joined", Shaping("unix_seconds", None, None, "UTC"))), (9, Column("joined"))],
)
def test_a_few_mistakes_reject_their_rows_and_many_make_a_text(mistakes: int, spec: Column) -> None:
    values = ["2024-01-31"] * (40 - mistakes) + ["soon"] * mistakes
    emails = [f"person{n}@example.com" for n in range(40)]
    made = drafted(seen(email=emails, joined=values))
    (line,) = (line for line in made.lines if line.columns == ("joined",))
    assert (line.spec, line.active, "1" in line.about) == (spec, True, mistakes == 1)


def test_a_phone_number_of_one_country_is_an_attribute_at_kustomer() -> None:
    for number, path in (("+39 02 555", "phone"), ("02 555", "custom.phoneStr")):
        made = drafted(seen(email=["ada@example.com"], phone=[f"{number} 0000"]), "kustomer")
        assert mapped(made)[path] == Column("phone")


def test_where_no_column_is_known_an_api_that_takes_anything_gets_them_all() -> None:
    made = drafted(seen(foo=["x", "y"], bar=["z", "z"]), "http")
    assert mapped(made) == {"foo": Column("foo"), "bar": Column("bar")}


def test_two_columns_of_one_name_are_two_attributes() -> None:
    made = drafted(seen(**{"email": ["ada@example.com"], "Postal Code": ["1"], "Zip Code": ["2"]}))
    assert {"attributes.zip_code", "attributes.postal_code"} <= mapped(made).keys()


def test_questions_are_asked_of_what_nobody_can_see() -> None:
    plain = seen(email=["ada@example.com"], contact_id=["7"], joined=["01/02/2024"])
    assert [one.key for one in drafted(plain).questions] == ["id", "first", "zone", "agreed"]
    clear = seen(email=["ada@example.com"], joined=["2024-01-31T00:00:00Z"], unsubscribed=["no"])
    assert drafted(clear).questions == ()


@settings(deadline=None)
@given(texts)
def test_any_text_survives_between_quotes_and_plain(text: str) -> None:
    for shown in (yaml.quoted(text), yaml.scalar(text)):
        assert shown.isprintable()
        assert text == parse_document(f"key: {shown}", "job").value["key"]
        assert (
            text
            == parse_document(f"key: {{column: {yaml.scalar(text)}, as: int}}", "job").value["key"]["column"]
        )


@settings(deadline=None, max_examples=60)
@given(
    column=texts,
    convert=st.sampled_from(["int", "bool", None]),
    split=st.sampled_from([";", ",", None]),
    sql=st.sampled_from(['lower("a")', 'concat_ws(\' \', "First {n}", "b: c")', "replace(\"T\", '\"', '')"]),
)
def test_fields_are_read_back_as_they_were_meant(
    column: str, convert: str | None, split: str | None, sql: str
) -> None:
    shaping = Shaping(convert, None if convert else split)  # type: ignore[arg-type]  # one of the conversions
    for spec in (Column(column, shaping), Expression(sql, Shaping(split=split))):
        text = (
            f"destination: a\noperation: b\nfields:\n  x: {yaml.field(spec)}   # a comment, {{with}} marks\n"
        )
        step = Step.model_validate(parse_document(text, "job").value)
        assert spec == field_spec(step.fields["x"])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encoding_and_separator_are_found_out(separator: str, encoding: str, tmp_path: Path) -> None:
    rows = [["Name", "E-mail", "Città"], ["Jörg, der Große; ja", "person1@example.com", "Köln"]] * 1
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    (tmp_path / "people.csv").write_bytes(text.getvalue().encode(encoding))
    found = sniffed(SourceOptions(paths=("people.csv",), base=tmp_path))
    assert (found.separator, found.encoding) == (separator, encoding.replace("utf-8-sig", "utf-8"))


def test_a_few_bad_bytes_do_not_make_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes("Name\nJörg\nInès\n".encode() + b"\xff\n")
    assert sniffed(SourceOptions(paths=("people.csv",), base=tmp_path)).encoding == "utf-8"


def test_names_are_compared_without_accents_marks_and_case() -> None:
    assert (folded("E-Mail Adresse"), folded("Città")) == ("emailadresse", "citta")
    assert [words(name) for name in ("CreatedDate", "State/Region", "Età (anni)", "名前")] == [
        "created_date",
        "state_region",
        "eta_anni",
        "",
    ]


def test_an_ordinary_list_is_no_known_export() -> None:
    assert recognised(["Email", "First Name", "Last Name", "Company", "Phone"]) is None


names = st.one_of(
    texts.filter(lambda name: bool(name.strip()) and "@" not in name),
    st.sampled_from(
        ["Status", "Unsubscribed", "Consent", "Tags", "ID", "Joined", "Phone", "Name", "^x$", "${HOME}"]
    ),
)
values = st.one_of(
    texts,
    st.sampled_from(
        ["", "", "yes", "no", "true", "1", "0", "12", "1.5", "2024-01-31", "31/01/2024", "01/02/2024"]
    ),
)


def begun(source: Path, system: str) -> str:
    """Write a job; return why that was refused, if it was."""
    try:
        start(Wanted(str(source), system, None, None))
    except BulkError as error:
        return str(error)
    return ""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), system=st.sampled_from(sorted(SYSTEMS)))
def test_whatever_a_file_holds_its_job_is_accepted(data: st.DataObject, system: str) -> None:
    header = ["Email", *data.draw(st.lists(names, max_size=6, unique=True))]
    rows = data.draw(st.lists(st.tuples(*[values] * (len(header) - 1)), max_size=8))
    with tempfile.TemporaryDirectory() as name:
        source, job = Path(name, "people.csv"), Path(name, "people.yaml")
        with source.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [header, *([f"person{n}@example.com", *row] for n, row in enumerate(rows))]
            )
        refused = begun(source, system)
        if refused:
            assert re.search("no expression can name it|a file needs a header|more than once", refused)
            return
        loaded = load_job(job, os.environ)
        with open_job_source(loaded) as opened:
            prepare(loaded, opened, os.environ, Options(), planning=True)


def test_a_job_is_named_like_its_file_but_never_like_a_person() -> None:
    for stem, name in (
        ("Kunden 2024 (neu)", "kunden-2024-neu"),
        ("ada@example.com", "contacts"),
        ("名前", "contacts"),
    ):
        assert f"\nname: {name}\n" in job_text(drafted(seen(stem, email=["ada@example.com"])))
