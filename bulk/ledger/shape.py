"""Whether what calls itself a ledger is built like one: tables, columns, kinds and ranges of values."""

import sqlite3
from functools import cache
from typing import Final

from bulk.ledger.schema import LATER_TABLES, TABLES

LAST_ROW: Final = 4_294_967_294
_ROWS_A_BYTE: Final = 1024
"""No ledger is so small: memory is taken by the rows that it says it has."""
_KINDS: Final = {"INTEGER": ("integer",), "REAL": ("real", "integer"), "TEXT": ("text",), "BLOB": ("blob",)}
_JSON: Final = {
    ("passes", "source"),
    ("runs", "facts"),
    ("memories", "data"),
    ("jobs", "facts"),
    ("purges", "facts"),
}
Columns = tuple[tuple[str, str, int, int], ...]


def misbuilt(connection: sqlite3.Connection) -> str:
    """Say what is not built as in a ledger, by its name; empty if all is.

    A view in the place of a table may never end, and a trigger do anything.
    """
    known = _tables()
    for kind, name in connection.execute("SELECT type, name FROM sqlite_schema"):
        if kind in {"view", "trigger"} or (name in known and _columns(connection, name) != known[name]):
            return f"{kind} {name}"
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return next((f"table {name}" for name in _first() if name not in found), "")


def misvalued(connection: sqlite3.Connection) -> str:
    """Say which table holds a value that none of its columns may hold; empty if none does."""
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    if connection.execute(f"SELECT max(rows) > ({size}) * {_ROWS_A_BYTE} FROM passes").fetchone()[0]:  # noqa: S608 - fixed names
        return "table passes"
    for table, columns in _tables().items():
        if table in found:
            faults = " OR ".join(_fault(table, name, kind, needed) for name, kind, needed, _ in columns)
            if connection.execute(f"SELECT 1 FROM main.{table} WHERE {faults} LIMIT 1").fetchone():  # noqa: S608 - fixed names
                return f"table {table}"
    return ""


def _fault(table: str, column: str, kind: str, needed: int) -> str:
    """Return the condition that a value is not one of its column."""
    kinds = ", ".join(f"'{one}'" for one in (*_KINDS[kind], *(() if needed else ("null",))))
    fault = f"typeof({column}) NOT IN ({kinds})"
    if column in {"first_row", "row"}:
        fault += f" OR {column} < 1"
    if column in {"last_row", "rows", "row"}:
        fault += f" OR {column} NOT BETWEEN 0 AND {LAST_ROW}"
    if kind == "REAL":
        fault += f" OR {column} NOT BETWEEN 0 AND 1e11"
    if column == "last_row":
        fault += " OR last_row < first_row"
    if (table, column) in _JSON:
        fault += f" OR NOT json_valid({column}) OR json_type({column}) <> 'object'"
    return fault


@cache
def _tables() -> dict[str, Columns]:
    """Return the columns of every table: name, type, whether it must be there, place in the primary key."""
    with sqlite3.connect(":memory:") as made:
        made.executescript(TABLES + LATER_TABLES)
        names = made.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        found = {name: _columns(made, name) for (name,) in names}
    made.close()
    return found


@cache
def _first() -> tuple[str, ...]:
    """Return the names of the tables that every ledger has."""
    return tuple(name for name in _tables() if f"CREATE TABLE {name} " in TABLES)


def _columns(connection: sqlite3.Connection, table: str) -> Columns:
    told = connection.execute(f"PRAGMA main.table_xinfo({table})").fetchall()
    return tuple((name, kind, needed, key) for _, name, kind, needed, _, key, hidden in told if not hidden)
