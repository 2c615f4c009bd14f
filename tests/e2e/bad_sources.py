"""Sources that cannot be read, or only in part."""

import gzip
import io
import os
import sqlite3
import zipfile
from pathlib import Path

import polars as pl
import zstandard
from bad_input_case import HEADER, PEOPLE, Case, job_with

MANY = HEADER + "".join(f"marker.{n}@example.com,Marker {n * n}\n" for n in range(2000))


def _source(*lines: str) -> str:
    return job_with(("  path: people.csv", "\n".join(f"  {line}" for line in lines)))


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"Email": ["marker@example.com"]}).write_parquet(buffer)
    return buffer.getvalue()


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def _database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table people (Email text, Name text)")
    content = connection.serialize()
    connection.close()
    return content


def _missing(folder: Path) -> None:
    (folder / "people.csv").rename(folder / "peoples.csv")


def _folder(folder: Path) -> None:
    (folder / "people.csv").unlink()
    (folder / "people.csv").mkdir()


def _locked(folder: Path) -> None:
    os.chmod(folder / "people.csv", 0)  # noqa: PTH101 - as a person would


def _case(name: str, content: str | bytes, says: str = "", file: str = "people.csv", **more: object) -> Case:
    job = _source(f"path: {file}")
    return Case(name, says, **{"job": job, "files": {file: content}, **more})  # type: ignore[arg-type]  # by name


def _rejected(name: str, content: str | bytes, says: str = "", *lines: str) -> Case:
    """One row is bad, the others are sent."""
    job = _source("path: people.csv", *lines)
    return _case(name, content, says, job=job, code=3, sends=True)


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


QUERY = "database: {uri: 'sqlite:///crm.db', query: '%s'}"
FILES = (
    Case("source missing", "", damage=_missing),
    Case("source is a folder", "", damage=_folder),
    Case("source may not be read", "", damage=_locked, needs_user=True),
    _case("source empty", ""),
    _case("source of blank lines", "\n\n\n"),
    _case("header only", HEADER, code=0),
    Case("standard input empty", "", job=_source("path: '-'")),
    _case("suffix that says nothing", PEOPLE, file="people.dat"),
    Case("unknown format", "", job=_source("path: people.csv", "format: xml")),
    Case("glob without match", "", job=_source("path: export-*.csv")),
    Case(
        "two files with different headers",
        "",
        job=_source("path: ['a.csv', 'b.csv']"),
        files={"a.csv": PEOPLE, "b.csv": PEOPLE.replace("Name", "Full name", 1)},
    ),
    Case(
        "two files, one with a column more",
        "",
        job=_source("path: ['a.csv', 'b.csv']"),
        files={"a.csv": PEOPLE, "b.csv": "Email,Name,City\n"},
    ),
    Case("two files of different formats", "", job=_source("path: [people.csv, b.ndjson]"), files={"b.ndjson": "{}\n"}),
    Case("remote address of another kind", "", job=_source("path: https://example.com/people.csv")),
)
STORED = (
    _case("Parquet named .csv", _parquet()),
    _case("workbook named .csv", _archive()),
    _case("web page named .csv", "<!DOCTYPE html>\n<html><body>Please log in, Marker</body></html>\n"),
    _case("workbook that is none", "PK\x03\x04 Marker", file="people.xlsx"),
    _case("Parquet cut short", _parquet()[:-20], file="people.parquet"),
    _case("ndjson that is none", PEOPLE, file="people.ndjson"),
    _case("gzip cut short", gzip.compress(MANY.encode())[:-300], file="people.csv.gz"),
    _case("gzip damaged", _flipped(gzip.compress(MANY.encode())), file="people.csv.gz"),
    _case("gzip that is none", PEOPLE, file="people.csv.gz"),
    _case("zstd cut short", zstandard.compress(MANY.encode())[:-300], file="people.csv.zst"),
)
TEXT = (
    _case("wrong separator", PEOPLE.replace(",", ";")),
    Case("separator of two characters", "", job=_source("path: people.csv", "separator: '||'")),
    Case("unknown encoding", "", job=_source("path: people.csv", "encoding: utf-9")),
    _case("UTF-16 without a mark", PEOPLE.encode("utf-16-le")),
    _case("UTF-16 with a mark", PEOPLE.encode("utf-16"), code=0, sends=True),
    _case("CR-only lines", PEOPLE.replace("\n", "\r"), code=0, sends=True),
    _case("duplicate header names", "Email,Name,Email\n"),
    _case("reserved header name", "Email,Name,__row\n"),
    _case("quote in the header never closed", 'Email,"Name\nmarker@example.com,x\n'),
)
ROWS = (
    _rejected("too many fields", f"{PEOPLE}marker.c@example.com,Marker,C\n"),
    _rejected("too few fields", f"{PEOPLE}marker.c@example.com\n"),
    _rejected("NUL in a row", f"{PEOPLE}marker.c@example.com,Marker\0\n"),
    _rejected("unclosed quote", f'{PEOPLE}marker.c@example.com,"Marker\n'),
    _rejected("text after a closing quote", f'{PEOPLE}marker.c@example.com,"Marker" C\n'),
    _rejected("wrong encoding", f"{PEOPLE}marker.c@example.com,Märker\n".encode("cp1252")),
    _rejected("no e-mail address", f"{PEOPLE}marker at example,Marker\n"),
    _rejected("no value where one is needed", f"{PEOPLE},Marker\n"),
)
DATABASES = (
    Case("database that is not there", "", job=_source(QUERY % "select 1 as Email, 2 as Name")),
    Case("database of another kind", "", job=_source("database: {uri: 'mysql://marker:marker@db/crm', query: select 1}")),
    Case("PostgreSQL that does not answer", "", job=_source("database: {uri: 'postgresql://marker:marker@127.0.0.1:1/crm', query: select 1}")),
    Case("query with a mistake", "", job=_source(QUERY % "selekt Email from people"), files={"crm.db": _database()}),
    Case("query of an unknown table", "", job=_source(QUERY % "select Email from persons"), files={"crm.db": _database()}),
    Case("query that is no SELECT", "", job=_source(QUERY % "delete from people"), files={"crm.db": _database()}),
    Case("file that is no database", "", job=_source(QUERY % "select 1"), files={"crm.db": PEOPLE * 100}),
)
CASES = (*FILES, *STORED, *TEXT, *ROWS, *DATABASES)
