"""A job that `bulk init` writes is accepted, rejects nobody of a sound export, holds back who opted out."""

import datetime as dt
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from init_exports import CASES, FIRST, LAST, MAILCHIMP_UNSUBSCRIBED, PEOPLE, Case
from init_table import places
from workshop import REPOSITORY, Sandbox, Workshop

from bulk.cli.starting import Wanted, start
from bulk.errors import UsageError

OTHERS = ("customerio", "kustomer", "http")
each_export = pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)


def begin(folder: Path, case: Case, system: str = "customerly") -> Path:
    """Write an export into a folder, and beside it a job for it."""
    (folder / case.file).write_bytes(case.content)
    job = folder / "job.yaml"
    assert start(Wanted(str(folder / case.file), system, None, job)) == 0
    return job


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Path]:
    """What a job is for Customerly, for each export made once."""
    made: dict[str, Path] = {}

    def job(case: Case) -> Path:
        if case.file not in made:
            made[case.file] = begin(tmp_path_factory.mktemp("export"), case)
        return made[case.file]

    return job


def settings(shop: Workshop, system: str) -> Iterator[str]:
    """Lay the sandbox's place over the destination of a job."""
    for name, value in shop.place(system).items():
        if name != "system":
            yield from ("--set", f"destinations.{system}.{name}={value}")


def run(shop: Workshop, job: Path, system: str) -> tuple[int, dict[str, int]]:
    """Run a job; return the exit code and the statuses of its step."""
    done = shop.bulk("run", str(job), "--ledger", str(shop.ledger), *settings(shop, system))
    assert shop.ledger.exists(), done.stderr
    (counts,) = shop.status()["steps"].values()
    return done.returncode, {status: count for status, count in counts.items() if count}


@each_export
def test_every_column_of_an_export_goes_where_it_should(case: Case, begun: Callable[[Case], Path]) -> None:
    job = begun(case)
    assert case.expected == places(job, list(case.columns))
    text = job.read_text()
    assert (f"{case.known}, known by its columns" if case.known else "no known export") in " ".join(
        text.split("\n# ")
    )


@each_export
def test_a_job_holds_nothing_of_anybody(case: Case, begun: Callable[[Case], Path]) -> None:
    text = begun(case).read_text()
    people = {*FIRST, *LAST, *(f"person{n}@" for n in range(1, PEOPLE + 1))}
    assert [value for value in people if value in text] == []


@each_export
def test_nobody_of_a_sound_export_is_rejected(
    case: Case, begun: Callable[[Case], Path], shop: Workshop
) -> None:
    code, counts = run(shop, begun(case), "customerly")
    carried = 0 if case.removed else PEOPLE - case.held - case.gone
    expected = {"succeeded": carried, "skipped": PEOPLE - carried}
    assert (code, {status: count for status, count in expected.items() if count}) == (0, counts)


@pytest.mark.parametrize(("case", "system"), [(case, OTHERS[at % 3]) for at, case in enumerate(CASES[::2])])
def test_other_systems_take_it_as_well(case: Case, system: str, shop: Workshop) -> None:
    code, counts = run(shop, begin(shop.folder, case, system), system)
    assert (code, counts.keys() <= {"succeeded", "skipped"}) == (0, True), counts
    assert sum(counts.values()) == PEOPLE


def test_people_who_left_are_unsubscribed_where_they_are_known(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.put("users", [{"email": "person3@example.com", "user_id": "u-3"}])
    job = begin(shop.folder, MAILCHIMP_UNSUBSCRIBED)
    assert run(shop, job, "customerly") == (0, {"succeeded": 1, "skipped": PEOPLE - 1})
    assert list(sandbox.contacts()) == ["person3@example.com"]


PLAIN = "Email,Contact ID,Joined,Notes\nada@example.com,7,03/04/2023,x\nbob@example.com,8,05/06/2023,\n"


def test_a_file_that_is_there_is_never_written_over(shop: Workshop) -> None:
    shop.write("people.csv", PLAIN)
    init = ("init", "people.csv", "--to", "customerly")
    assert shop.ask(*init).code == 0
    shop.write("people.yaml", "mine")
    assert (shop.ask(*init).code, (shop.folder / "people.yaml").read_text()) == (2, "mine")


def test_a_job_elsewhere_finds_its_source(shop: Workshop) -> None:
    (shop.folder / "jobs").mkdir()
    (shop.folder / "data").mkdir()
    shop.write("data/people.csv", PLAIN)
    assert shop.ask("init", "data/people.csv", "--to", "kustomer", "-o", "jobs/mine.yaml").code == 0
    assert "path: ../data/people.csv" in (shop.folder / "jobs" / "mine.yaml").read_text()
    assert shop.ask("check", "jobs/mine.yaml", "--offline").code == 0
    shown = shop.ask("init", "data/people.csv", "--to", "kustomer", "-o", "-")
    shop.write("shown.yaml", shown.stdout)
    assert shop.ask("check", "shown.yaml", "--offline").code == 0
    assert shop.ask("init", "data/people.csv", "--to", "kustomer").code == 0
    assert (shop.folder / "data" / "people.yaml").exists()


REFUSED = {
    "the source is missing": ("nobody.csv", "customerly", None, "no file"),
    "the system is misspelt": ("people.csv", "customery", None, 'did you mean "customerly"?'),
    "the operation is misspelt": ("people.csv", "customerly", "upsert_usr", 'did you mean "upsert_user"?'),
    "the operation needs what no column gives": (
        "people.csv",
        "customerly",
        "send_message",
        "send_message needs",
    ),
    "nobody is named": ("nameless.csv", "customerly", None, "upsert_user needs email"),
    "there is no header": ("headless.csv", "customerly", None, "a file needs a header"),
    "people who left would be imported": (
        "unsubscribed.csv",
        "customerly",
        "upsert_user",
        "would import them",
    ),
    "standard input cannot be looked at": ("-", "customerly", None, "save standard input to one"),
}


@pytest.mark.parametrize(("source", "system", "operation", "says"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_and_nothing_is_written_if(
    source: str, system: str, operation: str | None, says: str, shop: Workshop
) -> None:
    shop.write("people.csv", PLAIN)
    shop.write("unsubscribed.csv", PLAIN)
    shop.write("nameless.csv", "Colour,Size\ngreen,M\n")
    shop.write("headless.csv", "marker@example.com,Marker\n")
    option = ("--operation", operation) if operation else ()
    done = shop.ask("init", source, "--to", system, *option)
    assert (done.code, says in done.stderr, "marker" in done.stderr.lower()) == (2, True, False), done.stderr
    assert list(shop.folder.glob("*.yaml")) == []


def test_on_a_terminal_it_asks_what_it_cannot_know(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PLAIN)
    ours, theirs = pty.openpty()
    os.write(ours, b"Contact ID\nnonsense\nday\nEurope/Rom\nEurope/Rome\nno\n")
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-m", "bulk", "init", "people.csv", "--to", "customerly"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    expected = {
        "Email": "email",
        "Contact ID": "user_id",
        "Joined": "attributes.created_at unix_seconds %d/%m/%Y Europe/Rome",
        "Notes": "-",
    }
    assert expected == places(tmp_path / "people.yaml", list(expected))
    assert "opted_out: 1 = 1" in (tmp_path / "people.yaml").read_text()


def test_without_a_terminal_it_takes_the_careful_way_and_says_so(shop: Workshop) -> None:
    shop.write("people.csv", PLAIN)
    assert shop.ask("init", "people.csv", "--to", "customerly").code == 0
    text = (shop.folder / "people.yaml").read_text()
    assert '# created_at: {column: Joined, as: unix_seconds, timezone: UTC, format: "%d/%m/%Y"}' in text
    assert "# user_id: Contact ID" in text
    assert "No column says who agreed to be written to." in text


def test_typed_columns_need_no_words(tmp_path: Path) -> None:
    frame = pl.select(
        email=pl.Series(["ada@example.com", "bob@example.com"]),
        created_at=pl.Series([dt.datetime(2023, 4, 1), dt.datetime(2023, 5, 1)]),  # noqa: DTZ001 - as exports are
        unsubscribed=pl.Series([True, False]),
        vip=pl.Series([True, None]),
    )
    frame.write_parquet(tmp_path / "people.parquet")
    assert start(Wanted(str(tmp_path / "people.parquet"), "customerly", None, None)) == 0
    expected = {
        "email": "email",
        "created_at": "attributes.created_at unix_seconds UTC",
        "unsubscribed": "opted_out",
        "vip": "attributes.vip",
    }
    assert expected == places(tmp_path / "people.yaml", list(expected))


def test_a_list_is_never_imported_only_because_one_operation_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "bounced.csv").write_text(PLAIN)
    with pytest.raises(UsageError, match="must not be written to"):
        start(Wanted(str(tmp_path / "bounced.csv"), "kustomer", "create_customer", None))
