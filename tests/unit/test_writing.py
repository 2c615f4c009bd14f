"""What commands write: for their owner alone, and nothing that a spreadsheet would run."""

import csv
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.cli.looking import Met, write_met
from bulk.cli.output import private, spreadsheet_safe, write
from bulk.errors import LedgerError, UsageError


@given(st.sampled_from(["=", "+", "-", "@", "\t", "\r", "", " ", "'"]), st.text(max_size=5))
def test_no_cell_begins_as_a_formula_does_and_others_stay_as_they_are(start: str, rest: str) -> None:
    cell = start + rest
    (safe,) = spreadsheet_safe(pl.DataFrame({"a": [cell], "n": [-1]}), ["a", "n"])["a"]

    runs = cell[:1] in {"=", "+", "-", "@", "\t", "\r"} and bool(cell)
    assert safe == (f"'{cell}" if runs else cell)


def test_who_returned_is_written_without_formulas(tmp_path: Path) -> None:
    met: Met = ("here", 1, 2, "=cmd()", "email", "00ff")
    write_met(tmp_path / "returned.csv", [met])

    with (tmp_path / "returned.csv").open() as file:
        (line,) = csv.DictReader(file)
    assert line["reference"] == "'=cmd()"


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_a_file_in_the_sources_encoding_takes_words_that_do_not_fit_it(encoding: str) -> None:
    file = io.BytesIO()
    write(file, "csv", (pl.DataFrame({"a": [word]}) for word in ("é", "日")), ",", encoding)

    lines = file.getvalue().decode(encoding).split()
    assert lines == ["a", "é", "?" if encoding == "cp1252" else "日"]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_full_disk_is_told_as_the_system_tells_it(kind: str) -> None:
    long = pl.DataFrame({"a": ["x" * 1000] * 1000})

    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space") as told:
        write(file, kind, [long, long])

    assert told.value.errno == errno.ENOSPC


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_a_reader_that_has_seen_enough_is_told_as_such(kind: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "wb", buffering=0) as file, pytest.raises(BrokenPipeError):
        write(file, kind, [pl.DataFrame({"a": ["x"]})])


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_what_goes_wrong_with_the_frames_is_told_as_it_is(kind: str) -> None:
    def frames() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": ["x"]})
        raise LedgerError("damaged")

    with pytest.raises(LedgerError, match=r"^damaged$"):
        write(io.BytesIO(), kind, frames())


def test_a_file_that_cannot_be_written_to_its_end_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"out\.csv: cannot be written \(No space left on device\)"),
        private(tmp_path / "out.csv"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert not list(tmp_path.iterdir())


def test_what_stands_in_the_way_is_neither_followed_nor_left_readable(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (tmp_path / ".out.csv.part").symlink_to(elsewhere)

    with private(tmp_path / "out.csv") as file:
        file.write(b"mine")

    assert elsewhere.read_text() == "kept"
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600
