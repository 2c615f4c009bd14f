"""Files of a few kilobytes that stand for gigabytes, or for endless work, cost neither memory nor time."""

import gzip
import io
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import zstandard
from bad_input_case import job_with
from commanding import SECONDS, in_time
from forked_bulk import ROOT
from test_source_formats import workbook

from bulk.source import SourceOptions, open_source

MEMORY = 3 << 29
"""Address space of the command; it starts with 1.2 GB, most of which it never touches."""
ZEROS = bytes(64 << 20)


def dense() -> bytes:
    """Return a workbook whose second cell is the last of a sheet."""
    end = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(["Email"], ["p@example.com"]))) as sound,
        zipfile.ZipFile(made, "w") as archive,
    ):
        for name in sound.namelist():
            archive.writestr(name, sound.read(name).replace(b"</sheetData>", end))
    return made.getvalue()


def one_piece() -> bytes:
    """Return 512 MB in 16 KB, which a reader would take at once."""
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join(packer.compress(ZEROS) for _ in range(8)) + packer.flush()


def gzipped() -> bytes:
    return gzip.compress(ZEROS, 1) * 9


def greedy() -> bytes:
    """Return an Arrow file that says a column takes 8 EB when it is unpacked; its reader believes that."""
    made = io.BytesIO()
    pl.DataFrame({"Email": ["p@example.com"]}).write_ipc(made, compression="zstd")
    before, packed, after = made.getvalue().partition(zstandard.MAGIC_NUMBER.to_bytes(4, "little"))
    return before[:-8] + ((1 << 63) - 1).to_bytes(8, "little") + packed + after


BOMBS = {
    "people.txt.zst": ("longer than 64 MB", one_piece),
    "people.xlsx.gz": ("larger than 512 MB", gzipped),
    "dense.xlsx": ("with 4 GB of memory; save it as csv", dense),
    "broken.arrow": ("not a whole ipc file", greedy),
}


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_bounded_memory(tmp_path: Path, name: str) -> None:
    says, made = BOMBS[name]
    (tmp_path / name).write_bytes(made())
    (tmp_path / "job.yaml").write_text(job_with(("people.csv", name)))
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": "2"}
    environ |= {"CUSTOMERLY_TOKEN": "x", "TRIAL_URL": "https://api.example.com/v1"}

    done = subprocess.run(
        [sys.executable, "-m", "bulk", "check", "job.yaml", "--offline"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=3 * SECONDS,
        preexec_fn=_bounded,
        check=False,
    )

    assert says in done.stderr, done.stderr[-2000:]
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


ENDLESS: dict[str, Callable[[], bytes]] = {
    "quotes": lambda: b'a,b\n"' + b'"' * 3_000_001,
    "open quotes": lambda: b'a,b\n"' + b'x,"\n"y' * 100_000,
    "open quotes a line": lambda: b"a,b\n" + b'"\n' * 200_000,
    "separators": lambda: b"a,b\n" + b"," * 3_000_000,
    "carriage returns": lambda: b"a,b\n" + b"\r" * 3_000_000 + b"x,y",
    "nothing but NUL": lambda: b"a,b\n" + b"\x00\n" * 200_000,
    "no UTF-8": lambda: b"a,b\n" + b"\xff\xfe,\xed\xa0\x80\n" * 100_000,
    "half rows": lambda: b"a,b\n" + b'"x\n",y,"\n' * 100_000,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_text_that_is_all_exceptions_is_read_in_time(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_bytes(ENDLESS[name]())

    with in_time(), open_source(SourceOptions(paths=("a.csv",), base=tmp_path)) as source:
        rows = sum(chunk.frame.height + chunk.malformed.height for chunk in source.chunks())

    assert rows
