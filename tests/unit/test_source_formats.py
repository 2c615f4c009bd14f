"""Formats other than delimited text: lines, ndjson, parquet, Arrow IPC, workbooks, databases."""

import gc
import gzip
import io
import json
import sqlite3
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.conversation import ROW
from bulk.errors import SourceError
from bulk.source import Sizes, Source, SourceOptions, open_source

NS = "http://schemas.openxmlformats.org"


def opened(base: Path, path: str, **options: object) -> Source:
    return open_source(SourceOptions(paths=(path,), base=base, **options))  # type: ignore[arg-type] # by name


def rows(source: Source) -> list[tuple[Any, ...]]:
    return [row for chunk in source.chunks() for row in chunk.frame.rows()]


def malformed(source: Source) -> list[tuple[Any, ...]]:
    return [row for chunk in source.chunks() for row in chunk.malformed.rows()]


def test_lines_are_rows_without_a_header_and_without_quoting(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b'a@example.com\r\n\r\n"b\nc\0\n,\n\xff\rd')
    source = opened(tmp_path, "a.txt")
    assert source.columns == ("line",)
    assert rows(source) == [(1, "a@example.com"), (2, '"b'), (4, ","), (6, "d")]
    assert [row[:2] for row in malformed(source)] == [(3, 4), (5, 6)]


def ndjson(base: Path, *lines: str, block: int = 1 << 20) -> Source:
    (base / "a.ndjson").write_text("\n".join(lines) + "\n")
    return open_source(SourceOptions(paths=("a.ndjson",), base=base), sizes=Sizes(block=block))


@pytest.mark.parametrize("block", [1, 40, 1 << 20])
def test_json_values_keep_their_types_and_texts_stay_texts(tmp_path: Path, block: int) -> None:
    source = ndjson(
        tmp_path,
        '{"id": "007", "n": 1, "f": 1, "ok": true, "s": ["a"], "o": {"x": 1}}',
        "",
        '{"f": 2.5, "late": "x", "id": "", "n": null, "o": {"y": "z"}}',
        block=block,
    )
    types = [pl.String, pl.Int64, pl.Float64, pl.Boolean, pl.List(pl.String)]
    struct = pl.Struct({"x": pl.Int64, "y": pl.String})
    assert source.schema == dict(
        zip(["id", "n", "f", "ok", "s", "o", "late"], [*types, struct, pl.String], strict=True)
    )
    assert rows(source) == [
        (1, "007", 1, 1.0, True, ["a"], {"x": 1, "y": None}, None),
        (2, None, None, 2.5, None, None, {"x": None, "y": "z"}, "x"),
    ]


def test_json_values_of_mixed_types_become_their_text_as_written(tmp_path: Path) -> None:
    source = ndjson(
        tmp_path,
        '{"a": 1.50, "b": 12345678901234567890123, "c": {"k": [1.10]}, "d": 9007199254740993, "n": 7}',
        '{"a": "x", "b": null, "c": "text", "d": 0.5, "n": -7}',
        '{"a": true, "b": 1, "c": [1, {"k": "\\u00e9"}], "d": 1e5, "n": 0}',
    )
    assert rows(source) == [
        (1, "1.50", "12345678901234567890123", '{"k":[1.10]}', "9007199254740993", 7),
        (2, "x", None, "text", "0.5", -7),
        (3, "true", "1", '[1,{"k":"é"}]', "1e5", 0),
    ]


def test_lines_that_are_no_json_objects_are_malformed_and_a_repeated_key_keeps_its_last_value(
    tmp_path: Path,
) -> None:
    source = ndjson(
        tmp_path,
        '{"a": 1, "a": 2}',
        "[1]",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": 1',
        "7",
        '{"a": 3} x',
        "{}",
    )
    assert rows(source) == [(1, 2), (8, None)]
    assert [row[0] for row in malformed(source)] == [2, 3, 4, 5, 6, 7]
    assert {row[3] for row in malformed(source)} == {
        "the line is not a JSON object",
        "the line is not valid JSON",
    }


def test_ndjson_without_any_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no line"):
        ndjson(tmp_path, "id,email", "1,a@example.com")


scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=3)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner)
)


def told(value: Any, dtype: pl.DataType) -> Any:
    """Return what a value is expected to be in a column of a type."""
    if value == "" and dtype == pl.String:
        return None
    if value is None or isinstance(value, str) or dtype != pl.String:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@settings(max_examples=150, deadline=None)
@given(column=st.lists(values, min_size=1, max_size=5))
def test_any_json_column_is_typed_or_written_without_loss(
    column: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.getbasetemp()
    source = ndjson(base, *(json.dumps({"v": value}) for value in column))
    dtype = source.schema["v"]
    found = [row[1] for row in rows(source)]
    if dtype.is_nested():
        assert [value is None for value in found] == [value is None for value in column]
        return
    assert found == [told(value, dtype) for value in column]


def test_parquet_and_arrow_keep_their_types_and_become_text_only_where_they_must(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "id": ["007", ""],
            "n": pl.Series([1, None], dtype=pl.Int32),
            "day": [date(2024, 1, 2), None],
            "price": pl.Series(["1.50", "2.00"]).cast(pl.Decimal(10, 2)),
            "plan": pl.Series(["pro", None], dtype=pl.Categorical),
            "tags": [["a"], []],
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ipc(tmp_path / "a.arrow")
    (tmp_path / "b.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    for name in ("a.parquet", "a.arrow", "b.parquet.gz"):
        with opened(tmp_path, name, spool_dir=tmp_path) as source:
            assert source.schema["n"] == pl.Int32
            first = (1, "007", 1, date(2024, 1, 2), "1.50", "pro", ["a"])
            assert rows(source) == rows(source) == [first, (2, None, None, None, "2.00", None, [])]
            assert malformed(source) == []


def test_typed_files_come_in_batches_numbered_on(tmp_path: Path) -> None:
    for name, start in (("a", 0), ("b", 50)):
        pl.DataFrame({"n": range(start, start + 50)}).write_parquet(tmp_path / f"{name}.parquet")
    source = open_source(SourceOptions(paths=("*.parquet",), base=tmp_path), sizes=Sizes(rows=20))
    chunks = [chunk.frame for chunk in source.chunks()]
    assert len(chunks) > 2
    assert pl.concat(chunks).rows() == [(number + 1, number) for number in range(100)]


def test_typed_files_that_cannot_be_read_or_sent_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"photo": [b"x"]}).write_parquet(tmp_path / "binary.parquet")
    pl.DataFrame({ROW: [1]}).write_parquet(tmp_path / "reserved.parquet")
    whole = (tmp_path / "binary.parquet").read_bytes()
    (tmp_path / "broken.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match='column "photo"'):
        opened(tmp_path, "binary.parquet")
    with pytest.raises(SourceError, match=ROW):
        opened(tmp_path, "reserved.parquet")
    with pytest.raises(SourceError, match="not a whole parquet file"):
        opened(tmp_path, "broken.parquet")


def cell(reference: str, value: Any) -> str:
    """Write one cell; a pair is a number and the style that makes it a date."""
    if isinstance(value, bool):
        return f'<c r="{reference}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, tuple):
        return f'<c r="{reference}" s="{value[1]}"><v>{value[0]}</v></c>'
    if isinstance(value, str):
        return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return "" if value is None else f'<c r="{reference}"><v>{value}</v></c>'


def workbook(*table: list[Any]) -> bytes:
    """Write the least of a workbook that programs open."""
    sheet = "".join(
        f'<row r="{at}">'
        + "".join(cell(f"{chr(65 + column)}{at}", value) for column, value in enumerate(row))
        + "</row>"
        for at, row in enumerate(table, 1)
    )
    main, rel = f"{NS}/spreadsheetml/2006/main", f"{NS}/officeDocument/2006/relationships"
    rels = f'<Relationships xmlns="{NS}/package/2006/relationships">'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{NS}/package/2006/content-types">'
        f'<Default Extension="xml" ContentType="{kind}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'{rels}<Relationship Id="r1" Type="{rel}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{rels}<Relationship Id="r1" Type="{rel}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{rel}/styles" '
        'Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="3">'
        '<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return buffer.getvalue()


def test_a_workbook_gives_texts_as_they_are_whole_numbers_without_a_point_and_dates_in_iso(
    tmp_path: Path,
) -> None:
    content = workbook(
        [],
        ["id", "n", "born", "seen", "note"],
        ["007", 3, (45292, 1), (45292.5, 2), "2024-01-01 00:00:00"],
        [],
        [" x", 2.5, None, (45293, 2), ""],
        [True, 1e15, (45294, 1), "never", 0.1],
    )
    (tmp_path / "a.xlsx").write_bytes(content)
    with opened(tmp_path, "a.xlsx") as source:
        assert source.columns == ("id", "n", "born", "seen", "note")
        assert rows(source) == [
            (1, "007", "3", "2024-01-01", "2024-01-01T12:00:00", "2024-01-01 00:00:00"),
            (2, " x", "2.5", None, "2024-01-02T00:00:00", None),
            (3, "true", "1000000000000000", "2024-01-03", "never", "0.1"),
        ]


def test_workbooks_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "protected.xlsx").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    (tmp_path / "broken.xlsx").write_bytes(workbook(["id"], [1])[:-60])
    (tmp_path / "blank.xlsx").write_bytes(workbook([], [""]))
    (tmp_path / "twice.xlsx").write_bytes(workbook(["id", "id"], [1, 2]))
    for name, sentence in {
        "protected": "protected by a password",
        "broken": "not a readable workbook",
        "blank": "is empty",
        "twice": 'column "id" more than once',
    }.items():
        with pytest.raises(SourceError, match=sentence):
            opened(tmp_path, f"{name}.xlsx")


def database(base: Path) -> Path:
    path = base / "crm.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("create table people (id integer, email text, score, photo blob)")
    people = [(1, "a@example.com", 1, b"x"), (2, None, 2.5, None), (3, "", "high", None)]
    connection.executemany("insert into people values (?, ?, ?, ?)", people)
    connection.commit()
    connection.close()
    return path


def queried(base: Path, query: str, uri: str = "sqlite:///crm.sqlite") -> Source:
    options = SourceOptions(base=base, database_uri=uri, query=query, spool_dir=base)
    return open_source(options, sizes=Sizes(rows=1))


def test_a_query_is_read_once_and_its_batches_share_one_schema(tmp_path: Path) -> None:
    path = database(tmp_path)
    source = queried(tmp_path, "select id, email, score from people order by id")
    path.unlink()
    with source:
        check_people(source)
    assert list(tmp_path.iterdir()) == []


def check_people(source: Source) -> None:
    assert source.schema == {"id": pl.Int64, "email": pl.String, "score": pl.String}
    assert (
        rows(source)
        == rows(source)
        == [(1, 1, "a@example.com", "1"), (2, 2, None, "2.5"), (3, 3, None, "high")]
    )
    assert source.fingerprint().startswith("sha256:")


def test_a_query_of_numbers_gives_numbers_and_one_of_nothing_its_columns(tmp_path: Path) -> None:
    database(tmp_path)
    with queried(tmp_path, "select id, score from people where id < 3") as numbers:
        assert numbers.schema == {"id": pl.Int64, "score": pl.Float64}
    with queried(tmp_path, "select id, email from people where id > 3") as nothing:
        assert nothing.columns == ("id", "email")
        assert rows(nothing) == []


@pytest.mark.parametrize(
    ("query", "uri", "sentence"),
    [
        ("select * fro people", "sqlite:///crm.sqlite", "refused the query"),
        ("delete from people", "sqlite:///crm.sqlite", "refused the query"),
        ("select photo from people", "sqlite:///crm.sqlite", '"photo" of the query is binary'),
        ("select id, id from people", "sqlite:///crm.sqlite", '"id" more than once'),
        ("", "sqlite:///crm.sqlite", "no query"),
        ("select 1", "sqlite:///other.sqlite", "no such SQLite file"),
        ("select 1", "mysql://user:s3cret@host/db", "sqlite:/// or postgresql://"),
    ],
)
def test_a_database_that_gives_no_rows_is_refused_without_its_password(
    tmp_path: Path, query: str, uri: str, sentence: str
) -> None:
    database(tmp_path)
    with pytest.raises(SourceError) as caught:
        queried(tmp_path, query, uri)
    assert sentence in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("query", ["select photo from people", "select email, id as email from people"])
def test_a_refused_query_can_be_forgotten_by_another_thread_than_the_one_that_made_it(
    tmp_path: Path, query: str
) -> None:
    database(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        refused = pool.submit(queried, tmp_path, query)
        assert isinstance(refused.exception(), SourceError)
    del refused
    gc.collect()  # a connection still open would now be closed here, which SQLite refuses
