"""What is missing from a WAL is told before SQLite drops it in silence."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.ledger.wal import index_of, lost_frames, wal_of

PAGE = 4096
FRAME = 24 + PAGE
ROWS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wal")


@pytest.fixture(scope="module")
def writing(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "written", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE rows (number, text)")
        for number in range(ROWS):
            connection.execute("INSERT INTO rows VALUES (?, ?)", (number, "x" * 200))
        yield connection


@pytest.fixture(scope="module")
def written(folder: Path, writing: sqlite3.Connection) -> Path:
    """A database as a process leaves it that was killed."""
    assert writing.in_transaction is False
    return copied(folder / "written", folder / "killed")


def copied(path: Path, to: Path) -> Path:
    for part in (Path, wal_of, index_of):
        shutil.copy(part(path), part(to))
    return to


def rows(path: Path) -> int:
    """How many rows SQLite finds, of a copy."""
    other = copied(path, path.with_name("looked at")) if wal_of(path).exists() else path
    with closing(sqlite3.connect(other)) as connection:
        count: int = connection.execute("SELECT count(*) FROM rows").fetchone()[0]
    return count


def test_a_wal_as_it_was_left_has_lost_nothing(written: Path) -> None:
    assert (lost_frames(written), rows(written)) == (0, ROWS)


@settings(deadline=None)
@given(data=st.data())
def test_a_wal_that_is_cut_or_changed_anywhere_has_lost_what_sqlite_does_not_find(
    written: Path, data: st.DataObject
) -> None:
    body = wal_of(written).read_bytes()
    at = data.draw(st.integers(0, len(body) - 1))
    cut = data.draw(st.booleans())
    damaged = copied(written, written.with_name("damaged"))
    changed = bytes([body[at] ^ data.draw(st.integers(1, 255))])
    wal_of(damaged).write_bytes(body[:at] if cut else body[:at] + changed + body[at + 1 :])
    sound = 0 if at < 32 else (at - 32) // FRAME
    assert lost_frames(damaged) == len(body) // FRAME - sound


def test_what_stands_behind_the_committed_frames_is_of_no_account(written: Path) -> None:
    longer = copied(written, written.with_name("longer"))
    with wal_of(longer).open("ab") as wal:
        wal.write(b"half a frame")
    assert (lost_frames(longer), rows(longer)) == (0, ROWS)


def test_a_wal_that_is_gone_has_lost_all(written: Path) -> None:
    gone = copied(written, written.with_name("gone"))
    wal_of(gone).unlink()
    assert lost_frames(gone) == wal_of(written).stat().st_size // FRAME


def without_index(path: Path) -> None:
    index_of(path).unlink()


def with_two_minds(path: Path) -> None:
    body = bytearray(index_of(path).read_bytes())
    body[16] ^= 1
    index_of(path).write_bytes(body)


def with_a_wrong_sum(path: Path) -> None:
    body = bytearray(index_of(path).read_bytes())
    body[17] ^= 1
    body[48 + 17] ^= 1
    index_of(path).write_bytes(body)


def of_zeros(path: Path) -> None:
    index_of(path).write_bytes(bytes(32_768))


@pytest.mark.parametrize("spoil", [without_index, with_two_minds, with_a_wrong_sum, of_zeros])
def test_an_index_that_says_nothing_certain_accuses_nobody(
    written: Path, spoil: Callable[[Path], None]
) -> None:
    path = copied(written, written.with_name(spoil.__name__))
    spoil(path)
    wal_of(path).write_bytes(wal_of(path).read_bytes()[:PAGE])
    assert lost_frames(path) == 0


def test_a_wal_that_was_copied_into_the_ledger_or_began_anew_has_lost_nothing(
    folder: Path, writing: sqlite3.Connection, written: Path
) -> None:
    path = folder / "written"
    writing.execute("PRAGMA wal_checkpoint")
    assert lost_frames(path) == 0
    writing.execute("INSERT INTO rows VALUES (1, 'more')")
    assert lost_frames(path) == 0
    shutil.copy(index_of(written), index_of(copied(path, folder / "of an older index")))
    assert lost_frames(folder / "of an older index") == 0
