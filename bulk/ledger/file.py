"""The ledger as a file: created private, known by its header, held by at most one run."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
from polars.exceptions import PolarsError

from bulk.errors import HeldError, LedgerError, StoppedError
from bulk.ledger.chain import Chain
from bulk.ledger.schema import APPLICATION_ID, LATER_TABLES, TABLES, VERSION
from bulk.ledger.shape import misbuilt, misvalued
from bulk.ledger.wal import index_of, lost_frames, wal_of

_HEADER = 100
_MAGIC = b"SQLite format 3\x00"


def is_ledger(path: Path) -> bool:
    """Tell whether a file is one of ours, by its header alone.

    Raises:
        LedgerError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except OSError as error:
        raise LedgerError(f"{path}: the ledger cannot be read ({error.strerror})") from None
    return header.startswith(_MAGIC) and int.from_bytes(header[68:72], "big") == APPLICATION_ID


def check_ours(path: Path) -> None:
    """Refuse a file that is not a ledger; it is never touched.

    Raises:
        LedgerError: There is no such file, or it is something else.
    """
    if not path.exists():
        raise LedgerError(f"{path}: there is no such ledger")
    if not path.stat().st_size:
        raise LedgerError(f"{path}: this ledger is empty: its run ended before anything was recorded")
    if not is_ledger(path):
        raise LedgerError(f"{path}: this file is not a ledger of bulk (or is damaged); it is left as it is")


_GARBLED = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, PolarsError)
"""What comes of reading what a ledger never holds."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what comes of reading a ledger into sentences: a full disk stops the run, damage refuses it."""
    try:
        with _of_sqlite(path):
            yield
    except _GARBLED as error:
        raise LedgerError(
            f"{path}: the ledger is damaged ({type(error).__name__}); restore it from a backup"
        ) from error


@contextmanager
def _of_sqlite(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.ProgrammingError:  # a mistake of this program, whatever the ledger holds
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError, orjson.JSONDecodeError) as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith("SQLITE_BUSY"):
            raise StoppedError(
                f"{path}: somebody else is using the ledger; run the command again when they are done"
            ) from None
        if code.startswith(("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")):
            raise StoppedError(
                f"{path}: the ledger cannot be written ({code}); mend the disk, then run the command again"
            ) from None
        raise LedgerError(
            f"{path}: the ledger is damaged ({code or type(error).__name__}); restore it from a backup"
        ) from None


class Writing(sqlite3.Connection):
    """A connection that may write; where erasures are recorded, every commit gets a link of the chain.

    Attributes:
        chain: Links the commits.
        hold: The right to write; None once what was held is put back in another file.
        closed: Whether it was closed.
    """

    chain: Chain | None = None
    hold: "Hold | None" = None
    closed = False

    def close(self) -> None:
        """Close the file."""
        super().close()
        self.closed = True


@contextmanager
def transaction(connection: Writing, path: Path) -> Iterator[None]:
    """Write all or nothing.

    Raises:
        StoppedError: The file cannot be written, or somebody took it away: then a copy is put back.
    """
    _refuse_if_taken_away(connection, path)
    with _of_sqlite(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            if connection.chain is not None:
                connection.chain.link()
            connection.execute("COMMIT")
        except BaseException:
            # On a full disk SQLite has rolled back already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _refuse_if_taken_away(connection: Writing, path: Path) -> None:
    """Write no more to a file that nobody would ever find again."""
    if connection.hold is None:
        raise StoppedError(f"{path}: the ledger was taken away, and nothing more is written to it")
    if not connection.hold.in_place(path):
        connection.hold = None
        kept = _put_back(connection, path)
        raise StoppedError(
            f"{path}: somebody removed, moved or replaced the ledger while it was written; what it held"
            f" stands in {kept} now; see that this is what is called {path}, then run the command again"
        )
    if not wal_of(path).exists():
        raise StoppedError(
            f"{path}: somebody removed {wal_of(path)}, which is a part of the ledger while it is written;"
            " it is written whole again; run the command again to continue"
        )


def _put_back(connection: Writing, path: Path) -> Path:
    """Copy what a ledger that was taken away holds to where it stood, or beside what stands there now."""
    stood = path.resolve()
    kept = stood.with_name(f"{stood.name}.rescued") if stood.exists() else path
    try:
        # An empty file makes SQLite drop the WAL of the former one, if that was left.
        os.close(os.open(kept.resolve(), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(kept)) as copy:
            connection.backup(copy)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", "") or getattr(error, "sqlite_errorname", "")
        raise LedgerError(
            f"{path}: somebody removed, moved or replaced the ledger while it was written, and what it held"
            f" cannot be put back as {kept} ({why}); find it before anything is sent again"
        ) from None
    return kept


def close(connection: Writing, path: Path) -> None:
    """Close a ledger, if it is open, and leave no WAL beside it, unless somebody reads it.

    Raises:
        StoppedError: Somebody took the file away since it was last written; what it held is put back.
    """
    if connection.closed:
        return
    try:
        if connection.hold is not None and not connection.hold.in_place(path):
            _refuse_if_taken_away(connection, path)
    finally:
        with translated(path):
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode=DELETE")
            connection.close()


PATIENCE = 60.0
"""Seconds a run waits for somebody who reads the ledger: only its first moment and its last need it alone."""


class Hold:
    """The right to write a ledger: a kernel lock that ends with the process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open_private(path)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise HeldError(f"{path}: another run holds this ledger; wait for it, or stop it first") from None

    def in_place(self, path: Path) -> bool:
        """Tell whether the file that is held still stands where it was."""
        try:
            return os.path.samestat(path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def release(self) -> None:
        """Give the right up; only after SQLite has closed the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _open_private(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(f"{path}: the ledger cannot be opened for writing ({error.strerror})") from None


def _refuse_damaged_wal(path: Path) -> None:
    """Refuse to go on where SQLite would drop what was recorded without a word."""
    if lost_frames(path):
        raise LedgerError(
            f"{path}: {wal_of(path)} is a part of the ledger and is cut short, damaged or gone: outcomes that"
            " were recorded are missing; put it back as it was, or restore both from a backup."
            f" To go on without them, remove {index_of(path)}: some of what is settled will be sent again"
        )


def connect(path: Path, hold: Hold) -> Writing:
    """Open a ledger that is held for writing; create its tables if it is new."""
    if path.stat().st_size and not is_ledger(path):
        raise LedgerError(f"{path}: this file is not a ledger of bulk (or is damaged); it is left as it is")
    _refuse_damaged_wal(path)
    with suppress(PermissionError):
        path.chmod(0o600)
    connection = Writing(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    try:
        _make_ready(connection, path)
    except BaseException:
        connection.close()
        raise
    connection.hold = hold
    return connection


def _make_ready(connection: sqlite3.Connection, path: Path) -> None:
    with translated(path):
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            _create(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _check_version(connection, path)
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem == "ok":
            _check_built(connection, path)
            connection.executescript(LATER_TABLES)
    if problem != "ok":
        raise LedgerError(f"{path}: the ledger is damaged; restore it from a backup")


def _create(connection: sqlite3.Connection) -> None:
    """Make the tables in one transaction, not in the WAL: the file's header must name us at once."""
    marks = f"PRAGMA application_id={APPLICATION_ID};PRAGMA user_version={VERSION};"
    connection.executescript(f"BEGIN;{marks}{TABLES}{LATER_TABLES}COMMIT;")


def _check_built(connection: sqlite3.Connection, path: Path, *, values: bool = True) -> None:
    problem = misbuilt(connection) or (misvalued(connection) if values else "")
    if problem:
        raise LedgerError(f"{path}: the ledger is damaged ({problem}); restore it from a backup")


def connect_reader(path: Path, *, values: bool = True) -> sqlite3.Connection:
    """Open a ledger for reading only, as it stands now, also while a run writes it.

    Args:
        path: The ledger.
        values: Whether a ledger is refused that holds values which ledgers never hold.

    Raises:
        LedgerError: It is missing, not ours, or damaged.
    """
    check_ours(path)
    _refuse_damaged_wal(path)
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with translated(path):  # read by one thread at a time, not always the one that opened it
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        with translated(path):
            _check_version(connection, path)
            connection.execute("BEGIN")
            _check_built(connection, path, values=values)
    except BaseException:
        connection.close()
        raise
    return connection


def read_fact(path: Path, name: str) -> str | None:
    """Return a fact of a whole ledger.

    Raises:
        LedgerError: The file is missing, not a ledger, or damaged.
    """
    found = _read_value(path, "SELECT value FROM facts WHERE name = ?", name)
    return None if found is None else str(found)


def last_success(path: Path) -> float | None:
    """Return when a run of the whole job last ended with 0, in unix seconds; no test-send, no read-back.

    Raises:
        LedgerError: The file is missing, not a ledger, or damaged.
    """
    whole = "coalesce(json_extract(facts, '$.limit'), json_extract(facts, '$.verify')) IS NULL"
    ended = f"SELECT max(CAST(ended_at AS REAL)) FROM runs WHERE exit_code = ? AND {whole}"  # noqa: S608 - a fixed text
    # asked every few seconds of a run: only what is read is looked at, not millions of entries
    found: float | None = _read_value(path, ended, 0, checked=False)
    return found


def _read_value(path: Path, sql: str, *values: object, checked: bool = True) -> Any:
    """Return the first value of the first row that is found; None if nothing is."""
    connection = connect_reader(path, values=checked)
    try:
        with translated(path):
            found = connection.execute(sql, values).fetchone()
    finally:
        connection.close()
    return None if found is None else found[0]


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise LedgerError(f"{path}: the ledger was written by another version of bulk (format {version})")
