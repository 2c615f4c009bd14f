"""The hash chain of a ledger that records erasures: every commit seals what it wrote, and those before it.

A commit's link names each row it wrote and a commitment to the row's stored bytes: a hash of them with a
random salt of their own. When content is purged later, its salt goes with it: what was committed to can then
be neither checked nor guessed any more, but the chain still holds. Rows that are written again are committed
to again; what holds is the last commitment.
"""

import hashlib
import sqlite3
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

TABLES = (
    "facts",
    "passes",
    "steps",
    "runs",
    "keys",
    "told",
    "entries",
    "intents",
    "memories",
    "contents",
    "delivered",
    "subjects",
    "requests",
    "found",
    "jobs",
    "purges",
)
"""Every table whose rows are committed to."""
ONLY_ADDED = frozenset({"told", "entries", "intents", "subjects", "requests", "jobs", "keys"})
"""Tables in which a row is written once; only a purge writes or deletes one again."""
GENESIS = bytes(32)
"""What the first link is chained to."""
_SALT = 16
_CHECKED_AT_ONCE = 1000

Entropy = Callable[[int], bytes]
"""Returns so many random bytes."""
Place = tuple[str, str]
"""A row: its table, and its primary key as JSON."""


def head_of(before: bytes, seq: int, items: bytes) -> bytes:
    """Return the hash of a link: of the one before it, its number, and what it commits to."""
    return hashlib.sha256(before + struct.pack(">Q", seq) + items).digest()


def commitment(salt: bytes, row: tuple[Any, ...]) -> str:
    """Return the salted hash of a row's stored values, in hexadecimal."""
    digest = hashlib.sha256(salt)
    for value in row:
        kind, stored = _stored(value)
        digest.update(kind + struct.pack(">Q", len(stored)) + stored)
    return digest.hexdigest()


def _stored(value: Any) -> tuple[bytes, bytes]:
    """Return a value's type and bytes, so that no two different rows read alike."""
    if value is None:
        return b"n", b""
    if isinstance(value, int):
        return b"i", str(value).encode()
    if isinstance(value, float):
        return b"f", struct.pack(">d", value)
    return (b"t", value.encode()) if isinstance(value, str) else (b"b", bytes(value))


class Chain:
    """Adds a link for every commit of a connection; SQLite itself tells which rows were written."""

    def __init__(self, connection: sqlite3.Connection, entropy: Entropy) -> None:
        self._connection = connection
        self._entropy = entropy
        self._selects = {table: _select(connection, table) for table in TABLES}
        _watch(connection)

    def begin(self) -> None:
        """Commit to all that is in the ledger already, if there is no link yet. Inside a transaction."""
        if self._connection.execute("SELECT count(*) FROM chain").fetchone()[0]:
            return
        for table in TABLES:
            key = ", ".join(key_columns(self._connection, table))
            self._connection.execute(
                f"INSERT INTO temp.touched SELECT '{table}', json_array({key}) FROM main.{table}"  # noqa: S608 - fixed names
            )

    def link(self) -> None:
        """Add a link over what was written since the last one. Inside the transaction that wrote it."""
        touched = self._connection.execute("SELECT DISTINCT place, key FROM temp.touched ORDER BY place, key")
        items = [(table, key, self._commit_to(table, key)) for table, key in touched.fetchall()]
        if not items:
            return
        self._connection.execute("DELETE FROM temp.touched")
        seq, before = last_link(self._connection)
        body = orjson.dumps(items)
        values = (seq + 1, body, head_of(before, seq + 1, body))
        self._connection.execute("INSERT INTO chain (seq, items, head) VALUES (?,?,?)", values)

    def _commit_to(self, table: str, key: str) -> str | None:
        """Commit to a row as it is now; None if it was deleted."""
        row = self._connection.execute(self._selects[table], orjson.loads(key)).fetchone()
        self._connection.execute("DELETE FROM salts WHERE place = ? AND key = ?", (table, key))
        if row is None:
            return None
        salt = self._entropy(_SALT)
        self._connection.execute("INSERT INTO salts VALUES (?,?,?)", (table, key, salt))
        return commitment(salt, row)


def last_link(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Return the number and the hash of the last link; 0 and the genesis if there is none."""
    found = connection.execute("SELECT seq, head FROM chain ORDER BY seq DESC LIMIT 1").fetchone()
    return found or (0, GENESIS)


def key_columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns that tell a table's rows apart."""
    columns = connection.execute(f"PRAGMA main.table_info({table})").fetchall()
    named = sorted((column[5], column[1]) for column in columns if column[5])
    return [name for _, name in named] or ["rowid"]


def _select(connection: sqlite3.Connection, table: str) -> str:
    where = " AND ".join(f"{name} = ?" for name in key_columns(connection, table))
    return f"SELECT * FROM main.{table} WHERE {where}"  # noqa: S608 - fixed names


def _watch(connection: sqlite3.Connection) -> None:
    """Have every written row noted: in memory, by triggers of this connection alone."""
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("CREATE TEMP TABLE touched (place TEXT NOT NULL, key TEXT NOT NULL)")
    for table in TABLES:
        for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            key = ", ".join(f"{row}.{name}" for name in key_columns(connection, table))
            connection.execute(
                f"CREATE TEMP TRIGGER note_{table}_{event.lower()} AFTER {event} ON main.{table}"  # noqa: S608 - fixed names
                f" BEGIN INSERT INTO touched VALUES ('{table}', json_array({key})); END"
            )


@dataclass(slots=True)
class Checked:
    """What recomputing a chain has shown.

    Attributes:
        links: How many links there are.
        head: The hash of the last one, in hexadecimal.
        rows: How many rows were compared with what was committed to.
        heads: The hash of each link, by its number from 1.
        since: The first link that wrote a row.
        problems: What was changed, in sentences.
    """

    links: int = 0
    head: str = GENESIS.hex()
    rows: int = 0
    heads: dict[int, str] = field(default_factory=dict)
    since: dict[Place, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def check(connection: sqlite3.Connection) -> Checked:
    """Recompute every link and compare every row with the last commitment to it."""
    checked = Checked()
    last = _walk(connection, checked)
    for table in TABLES:
        _compare(connection, table, last, checked)
    for (table, key), committed in last.items():
        if committed is not None:
            checked.problems.append(f"{table} {key}: the row is gone, but nothing says that it was deleted")
    return checked


def _walk(connection: sqlite3.Connection, checked: Checked) -> dict[Place, str | None]:
    """Recompute the links; return the last commitment to every row."""
    last: dict[Place, str | None] = {}
    before = GENESIS
    for seq, stored, stored_head in connection.execute("SELECT seq, items, head FROM chain ORDER BY seq"):
        items, head = _as_bytes(stored), _as_bytes(stored_head)
        if seq != checked.links + 1:
            checked.problems.append(f"link {checked.links + 1}: it is missing")
        if head_of(before, seq, items) != head:
            checked.problems.append(
                f"link {seq}: its hash is not that of what it holds and of the one before"
            )
        checked.links, before = seq, head
        checked.heads[seq] = head.hex()
        _take(_parsed(items), seq, last, checked)
    checked.head = before.hex()
    return last


def _as_bytes(value: Any) -> bytes:
    """Return a stored value as bytes, also if it was changed into something else."""
    return value if isinstance(value, bytes) else str(value).encode()


def _parsed(items: bytes) -> list[tuple[str, str, str | None]]:
    """Return what a link commits to; nothing if it was changed so that it cannot be read."""
    try:
        return [(str(table), str(key), committed) for table, key, committed in orjson.loads(items)]
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return []


def _take(
    items: list[tuple[str, str, str | None]], seq: int, last: dict[Place, str | None], checked: Checked
) -> None:
    purging = any(table == "purges" for table, _, _ in items)
    dropping = any(table == "passes" and committed is None for table, _, committed in items)
    for table, key, committed in items:
        again = table in ONLY_ADDED and last.get((table, key)) is not None
        if again and not purging and not (dropping and committed is None):
            checked.problems.append(f"link {seq}: {table} {key} was written again, and not by a purge")
        last[table, key] = committed
        checked.since.setdefault((table, key), seq)


def _compare(
    connection: sqlite3.Connection, table: str, last: dict[Place, str | None], checked: Checked
) -> None:
    for key, salt, row in _rows(connection, table):
        committed = last.pop((table, key), None)
        checked.rows += 1
        if committed is None:
            checked.problems.append(f"{table} {key}: the row was added, and no link knows it")
        elif salt is None or commitment(salt, row) != committed:
            checked.problems.append(f"{table} {key}: the row is not the one that was recorded")


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, bytes | None, tuple[Any, ...]]]:
    """Yield the key, the salt and the values of every row of a table."""
    key = ", ".join(f"t.{name}" for name in key_columns(connection, table))
    found = connection.execute(
        f"SELECT json_array({key}), s.salt, t.* FROM main.{table} t"  # noqa: S608 - fixed names
        f" LEFT JOIN salts s ON s.place = '{table}' AND s.key = json_array({key})"
    )
    while rows := found.fetchmany(_CHECKED_AT_ONCE):
        for name, salt, *row in rows:
            yield name, salt, tuple(row)
