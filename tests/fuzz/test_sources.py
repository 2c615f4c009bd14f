"""Whatever a source's bytes are, it is read or refused in a sentence: every row is good or malformed."""

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
import zstandard
from commanding import in_time
from effort import effort
from hostile import spoiled
from hypothesis import given
from hypothesis import strategies as st
from polars.exceptions import PanicException
from test_source_formats import workbook

from bulk.errors import SourceError
from bulk.source import Sizes, SourceOptions, open_source
from bulk.source.excel import read_sheet

PEOPLE = [{"Email": f"p{n}@example.com", "Name": f'"{n}",\n', "n": n, "l": [n, None]} for n in range(9)]
CSV = 'Email,Name\np1@example.com,"Person ""1"", and more"\n\np2@example.com,\r\nx,y,z\n"open,\nlast,é'
NDJSON = "\n".join(json.dumps(one) for one in [*PEOPLE, {"n": 1e9, "l": {"x": [1 << 70]}}])
TOKENS = (
    *(bytes([one]) for one in b'",\n\r\x00\xff\xe9{}-'),
    *(b"\r\n", b'""', b"\xef\xbb\xbf", b"\xff\xfe", b"[" * 2000, b"null", b"1e999", b"\xed\xa0\x80"),
)
SHEET_TOKENS = (
    *(bytes([one]) for one in b'"<>9-\xff'),
    *(b'<c r="XFD9"><v>1</v></c>', b'<c r="A0"/>', b"/>", b"&#0;", b"&x;", b"<row>", b' t="s"', b"1e400"),
    b'<!DOCTYPE x [<!ENTITY x "y">]>',
)
ENCODINGS = (
    *(None, "utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-7", "cp1252", "shift_jis", "hz"),
    *("idna", "punycode", "raw_unicode_escape"),
)


def _typed(kind: str) -> bytes:
    buffer, frame = io.BytesIO(), pl.DataFrame(PEOPLE)
    frame.write_parquet(buffer) if kind == "parquet" else frame.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


SOUND = {
    "a.csv": CSV.encode(),
    "b.csv": CSV.encode("utf-16"),
    "a.csv.gz": gzip.compress(CSV.encode(), mtime=0),
    "a.csv.zst": zstandard.compress(CSV.encode()) * 2,
    "a.tsv": CSV.replace(",", "\t").encode(),
    "a.txt": CSV.encode(),
    "a.ndjson": NDJSON.encode(),
}
TYPED = {"a.parquet": _typed("parquet"), "a.arrow": _typed("ipc")}
SOUND_WORKBOOK = workbook(["Email", "Name"], ["p1@example.com", 1], [None, 2.5])


def _check_sentence(refused: SourceError) -> None:
    assert str(refused).isprintable()


def check(path: Path, encoding: str | None = None) -> None:
    """Read a source to its end, in small blocks."""
    options = SourceOptions(paths=(path.name,), base=path.parent, encoding=encoding)
    with in_time():
        try:
            with open_source(options, sizes=Sizes(block=40, rows=3, longest=100)) as source:
                chunks = list(source.chunks())
        except SourceError as refused:
            _check_sentence(refused)
            return
    rows = [row for chunk in chunks for part in (chunk.frame, chunk.malformed) for row in part["__row__"]]
    assert sorted(rows) == list(range(1, len(rows) + 1))


def packed(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def check_workbook(content: bytes) -> None:
    """Read a workbook within this process: there are too many of them for one each."""
    with in_time():
        try:
            read_sheet(content, "a.xlsx")
        except SourceError as refused:
            _check_sentence(refused)
        except PanicException:
            return  # it has a process of its own where it is read


@pytest.mark.parametrize("name", SOUND)
@given(data=st.data())
@effort(100)
def test_a_spoiled_source_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data.draw(spoiled(SOUND[name], tokens=TOKENS)))

    check(path, data.draw(st.sampled_from(ENCODINGS)))


@pytest.mark.parametrize("name", SOUND)
@given(content=st.binary(max_size=200))
@effort(30)
def test_bytes_of_any_kind_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)

    check(path)


@given(data=st.data())
@effort(100)
def test_a_workbook_of_spoiled_parts_is_read_or_refused(data: st.DataObject) -> None:
    with zipfile.ZipFile(io.BytesIO(SOUND_WORKBOOK)) as sound:
        parts = {name: sound.read(name) for name in sound.namelist()}
    name = data.draw(st.sampled_from(sorted(parts)))
    parts[name] = data.draw(spoiled(parts[name], tokens=SHEET_TOKENS))

    check_workbook(packed(parts))


@pytest.mark.parametrize("name", TYPED)
@given(data=st.data())
@effort(5)
def test_a_spoiled_file_that_knows_its_types_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data.draw(spoiled(TYPED[name])))

    check(path)


@given(content=spoiled(SOUND_WORKBOOK))
@effort(60)
def test_a_spoiled_workbook_is_read_or_refused(content: bytes) -> None:
    check_workbook(content)
