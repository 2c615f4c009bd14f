"""Sources that cannot be read, or only in part."""

import gzip
import io
import os
import zipfile
from pathlib import Path

import polars as pl
import zstandard
from bad_input_case import AT_PATH, HEADER, PEOPLE, Case, job_with

MANY = HEADER + "".join(f"marker.{n}@example.com,Marker {n * n}\n" for n in range(2000))


def source_of(*lines: str) -> str:
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


def _missing(folder: Path) -> None:
    (folder / "people.csv").rename(folder / "peoples.csv")


def _folder(folder: Path) -> None:
    (folder / "people.csv").unlink()
    (folder / "people.csv").mkdir()


def _locked(folder: Path) -> None:
    os.chmod(folder / "people.csv", 0)  # noqa: PTH101 - as a person would


def file_of(name: str, says: str, content: str | bytes, file: str = "people.csv") -> Case:
    return Case(name, says, job=source_of(f"path: {file}"), files={file: content})


def sound_file(name: str, says: str, content: str | bytes, *, sends: bool = True) -> Case:
    """The file is not bad after all."""
    return Case(name, says, code=0, files={"people.csv": content}, sends=sends)


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


FILES = (
    Case(
        "source missing",
        f'{AT_PATH}there is no file people.csv; did you mean "peoples.csv"?',
        damage=_missing,
    ),
    Case(
        "source is a folder",
        f'{AT_PATH}people.csv is a folder; name the files in it, such as "people.csv/*.csv"',
        damage=_folder,
    ),
    Case(
        "source may not be read",
        "bulk: people.csv may not be read by this user; change its permissions",
        damage=_locked,
        needs_user=True,
    ),
    file_of(
        "source empty",
        f"{AT_PATH}people.csv is empty; a source holds at least a header",
        "",
    ),
    file_of(
        "source of blank lines",
        f"{AT_PATH}people.csv is nothing but blank lines; a header line is needed",
        "\n\n\n",
    ),
    sound_file("header only", "upsert_user │ 0 │ 0 │ 0 │ 0 │ 0 │ 0 │ 0", HEADER, sends=False),
    Case(
        "standard input empty",
        f"{AT_PATH}standard input is empty; a source holds at least a header",
        job=source_of("path: '-'"),
    ),
    file_of(
        "suffix that says nothing",
        f'{AT_PATH}people.dat could be anything, the suffix ".dat" says nothing about its format; set'
        " source.format",
        PEOPLE,
        file="people.dat",
    ),
    Case(
        "unknown format",
        "bulk: job.yaml:4: source.format: expected one of 'csv', 'tsv', 'ndjson', 'parquet', "
        "'ipc', 'excel' or 'lines'; found \"xml\"",
        job=source_of("path: people.csv", "format: xml"),
    ),
    Case(
        "glob without match",
        f'{AT_PATH}no file matches "export-*.csv"; check the pattern and the folder it starts from (.)',
        job=source_of("path: export-*.csv"),
    ),
    Case(
        "two files with different headers",
        f'{AT_PATH}column 2 is "Name" in a.csv but "Full name" in b.csv; give them the same columns',
        job=source_of("path: ['a.csv', 'b.csv']"),
        files={"a.csv": PEOPLE, "b.csv": PEOPLE.replace("Name", "Full name", 1)},
    ),
    Case(
        "two files, one with a column more",
        f'{AT_PATH}b.csv has a column "City" that a.csv has not; give them the same columns',
        job=source_of("path: ['a.csv', 'b.csv']"),
        files={"a.csv": PEOPLE, "b.csv": "Email,Name,City\n"},
    ),
    Case(
        "two files of different formats",
        f"{AT_PATH}people.csv is csv but b.ndjson is ndjson; all files of a source have one format",
        job=source_of("path: [people.csv, b.ndjson]"),
        files={"b.ndjson": "{}\n"},
    ),
    Case(
        "remote address of another kind",
        f"{AT_PATH}a remote source begins with s3://, gs:// or az://; copy other files here first",
        job=source_of("path: https://example.com/people.csv"),
    ),
)
STORED = (
    file_of(
        "Parquet named .csv",
        f"{AT_PATH}people.csv is a Parquet file; set source.format: parquet",
        _parquet(),
    ),
    file_of(
        "workbook named .csv",
        f"{AT_PATH}people.csv is a workbook or a zip archive; set source.format: excel, or unpack it",
        _archive(),
    ),
    file_of(
        "web page named .csv",
        f"{AT_PATH}people.csv is a web page; was it downloaded without logging in?",
        "<!DOCTYPE html>\n<html><body>Please log in, Marker</body></html>\n",
    ),
    file_of(
        "workbook that is none",
        f"{AT_PATH}people.xlsx is not a readable workbook; open it and save it again",
        "PK\x03\x04 Marker",
        file="people.xlsx",
    ),
    file_of(
        "Parquet cut short",
        f"{AT_PATH}people.parquet is not a whole parquet file; check its format or fetch it again",
        _parquet()[:-20],
        file="people.parquet",
    ),
    file_of(
        "ndjson that is none",
        f"{AT_PATH}no line of the source is a JSON object; is its format: ndjson?",
        PEOPLE,
        file="people.ndjson",
    ),
    file_of(
        "gzip cut short",
        f"{AT_PATH}people.csv.gz is a damaged or incomplete compressed file; fetch it again",
        gzip.compress(MANY.encode())[:-300],
        file="people.csv.gz",
    ),
    file_of(
        "gzip damaged",
        f"{AT_PATH}people.csv.gz is a damaged or incomplete compressed file; fetch it again",
        _flipped(gzip.compress(MANY.encode())),
        file="people.csv.gz",
    ),
    file_of(
        "gzip that is none",
        f"{AT_PATH}people.csv.gz is a damaged or incomplete compressed file; fetch it again",
        PEOPLE,
        file="people.csv.gz",
    ),
    file_of(
        "zstd cut short",
        f"{AT_PATH}people.csv.zst is a damaged or incomplete compressed file; fetch it again",
        zstandard.compress(MANY.encode())[:-300],
        file="people.csv.zst",
    ),
)
CASES = (*FILES, *STORED)
