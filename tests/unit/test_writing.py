"""What commands write: for their owner alone, and nothing that a spreadsheet would run."""

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.cli.looking import Met, write_met
from bulk.cli.output import private, spreadsheet_safe, writer


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
    with writer(file, "csv", ",", encoding) as write:
        for word in ("é", "日"):
            write(pl.DataFrame({"a": [word]}))

    lines = file.getvalue().decode(encoding).split()
    assert lines == ["a", "é", "?" if encoding == "cp1252" else "日"]


def test_what_stands_in_the_way_is_neither_followed_nor_left_readable(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (tmp_path / ".out.csv.part").symlink_to(elsewhere)

    with private(tmp_path / "out.csv") as file:
        file.write(b"mine")

    assert elsewhere.read_text() == "kept"
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600
