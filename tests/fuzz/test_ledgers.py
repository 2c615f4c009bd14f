"""Whatever a ledger holds, it is read, or refused in a sentence; what is no ledger is never changed."""

import json
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from commanding import Said, command
from effort import effort
from erasure_ledgers import SECRET, begin_erasures, erase_three
from hostile import LINES, LONG, NUMBERS, TEXTS, bent, spoiled
from hypothesis import given
from hypothesis import strategies as st
from ledgers import BAD, begin, entry

from bulk.conversation import KEY, ROW
from bulk.ledger.columns import packed

ENVIRON = {"BULK_LEDGER_SECRET": SECRET.decode(), "CUSTOMERLY_TOKEN": "x", "COLUMNS": "300"}
JOB = """
name: sync
source: {path: people.csv}
destinations: {customerly: {base_url: "http://127.0.0.1:9/v1", retry: {attempts: 1, max_elapsed: 0s}}}
steps: [{name: users, destination: customerly, operation: upsert_user, fields: {email: Email}}]
sync: {mode: changes}
"""
COMMANDS = (
    ("status", "a.ledger"),
    ("status", "a.ledger", "--json"),
    ("export", "a.ledger", "-o", "a.csv"),
    ("export", "a.ledger", "-o", "a.ndjson", "--pass", "1"),
    ("report", "a.ledger", "-o", "a.html"),
    ("report", "a.ledger", "-o", "a.json", "--evidence"),
    ("audit", "a.ledger"),
    ("purge", "a.ledger", "--people", "people.csv"),
    ("purge", "a.ledger", "--before", "2030-01-01"),
    ("verify", "a.ledger"),
    ("preview", "job.yaml", "--ledger", "a.ledger"),
    ("run", "job.yaml", "--ledger", "a.ledger", "--fresh"),
)
KINDS = ("plain", "erasing")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ledgers")
    (made / "people.csv").write_text("Email\np1@example.com\np2@example.com\n")
    (made / "job.yaml").write_text(JOB)
    plain = begin(made / "plain", 10, {2: ("rejected", "bad_value", "no"), 3: ("skipped", "filtered", "")})
    plain.commit([entry(1, 5), entry(4, 8, BAD)])
    plain.end_run(1002.0, 3, {})
    plain.close()
    erasing = begin_erasures(made / "erasing")
    erase_three(erasing)
    erasing.close()
    return made


def check(folder: Path, arguments: tuple[str, ...]) -> Said:
    said = command(*arguments, folder=folder, environ=ENVIRON)

    assert "Traceback" not in said.text
    assert "unexpected error" not in said.text, (arguments, said.text)
    assert said.code in {0, 2, 3, 4, 5}, (arguments, said.text)
    return said


def lay_out(folder: Path, kind: str) -> Path:
    for path in folder.glob("a.ledger*"):
        path.unlink()
    return Path(shutil.copy(folder / kind, folder / "a.ledger"))


FRAMES = (
    pl.DataFrame(),
    pl.DataFrame({ROW: pl.Series([4_000_000_000], dtype=pl.UInt32), KEY: ["x"]}),
    pl.DataFrame({ROW: ["one"], KEY: [1]}),
    pl.DataFrame({ROW: [None], "last": [None], "status": [None], "reason": [None], "message": [None]}),
    pl.DataFrame(
        {ROW: [1], "last": [4_000_000_000], "status": ["x"], "reason": ["y"], "message": ["z"]},
        schema_overrides={ROW: pl.UInt32, "last": pl.UInt32},
    ),
    pl.DataFrame({ROW: [1.5], "kind": [[1]], "hash": [{"a": 1}], "found": ["x"]}),
)
STORED: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.sampled_from(
        [number for number in NUMBERS if not isinstance(number, int) or -(1 << 63) <= number < 1 << 63]
    ),
    st.sampled_from((*TEXTS, *LINES[:-2], LONG, "[]", "{}", "null", "1", '{"paths":1}', "[[1]]")),
    st.binary(max_size=20),
    st.sampled_from([packed(frame) for frame in FRAMES]),
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@effort(50)
def test_a_ledger_that_holds_hostile_values_is_read_or_refused(
    folder: Path, kind: str, data: st.DataObject
) -> None:
    path = lay_out(folder, kind)
    with sqlite3.connect(path) as ledger:
        tables = [name for (name,) in ledger.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        held = [table for table in tables if ledger.execute(f"SELECT count(*) FROM {table}").fetchone()[0]]
        for _ in range(data.draw(st.integers(1, 2))):
            table = data.draw(st.sampled_from(sorted(held)))
            columns = [column[1] for column in ledger.execute(f"PRAGMA table_info({table})")]
            column = data.draw(st.sampled_from(columns))
            before = ledger.execute(f"SELECT {column} FROM {table}").fetchone()[0]
            value = data.draw(STORED | st.just(before).flatmap(_bent_text))
            with suppress(sqlite3.IntegrityError):  # of another type than a primary key
                ledger.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
    ledger.close()

    check(folder, data.draw(st.sampled_from(COMMANDS)))


def _bent_text(value: Any) -> st.SearchStrategy[Any]:
    """Return JSON that is bent, if it is JSON."""
    try:
        told = json.loads(value)
    except (ValueError, TypeError):
        return st.just(value)
    return bent(told).map(json.dumps)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@effort(30)
def test_a_ledger_of_spoiled_bytes_is_read_or_refused(folder: Path, kind: str, data: st.DataObject) -> None:
    path = lay_out(folder, kind)
    content = path.read_bytes()
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(data.draw(spoiled(content)))

    check(folder, data.draw(st.sampled_from(COMMANDS)))


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i name, i value FROM n"
SCHEMAS = (
    "DROP TABLE entries",
    "DROP TABLE passes",
    "DROP TABLE facts",
    "DROP TABLE keys",
    "DROP TABLE chain",
    "DROP TABLE salts",
    "ALTER TABLE entries DROP COLUMN attempts",
    "ALTER TABLE passes RENAME COLUMN job TO name",
    "DROP TABLE told; CREATE VIEW told AS SELECT 1 pass, 0 step, 1 first_row, x'00' body",
    f"DROP TABLE facts; CREATE VIEW facts AS {ENDLESS}",
    "CREATE TRIGGER more AFTER INSERT ON runs BEGIN DELETE FROM entries; END",
    "CREATE TRIGGER more AFTER INSERT ON passes BEGIN SELECT load_extension('x'); END",
    "CREATE TABLE more (x)",
    "PRAGMA user_version = 7",
    "DELETE FROM passes",
    "DELETE FROM steps",
    "DELETE FROM keys",
    "DELETE FROM facts",
    "DELETE FROM runs",
    "UPDATE passes SET rows = 4294967294",
    "UPDATE passes SET rows = 9223372036854775807",
    "UPDATE passes SET rows = NULL",
)


@pytest.mark.parametrize("kind", KINDS)
@given(schema=st.sampled_from(SCHEMAS), arguments=st.sampled_from(COMMANDS))
@effort(50)
def test_a_ledger_of_another_shape_is_read_or_refused(
    folder: Path, kind: str, schema: str, arguments: tuple[str, ...]
) -> None:
    path = lay_out(folder, kind)
    ledger = sqlite3.connect(path)
    ledger.executescript(schema)
    ledger.close()

    check(folder, arguments)


@pytest.mark.parametrize("arguments", COMMANDS)
def test_what_is_no_ledger_is_never_changed(folder: Path, arguments: tuple[str, ...]) -> None:
    foreign = folder / "a.ledger"
    for path in folder.glob("a.ledger*"):
        path.unlink()
    with sqlite3.connect(foreign) as other:
        other.execute("CREATE TABLE passes (pass, job, digest)")
    other.close()
    before = foreign.read_bytes()

    said = check(folder, arguments)

    assert said.code == 2
    assert "not a ledger of bulk" in said.text
    assert foreign.read_bytes() == before
