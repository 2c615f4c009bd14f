"""The result of a database query, spooled as frames."""

import importlib
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from types import NoneType
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import orjson
import polars as pl

from bulk.errors import SourceError

_INT64: Final = 1 << 63
_PLAIN: Final[dict[frozenset[type], pl.DataType]] = {
    frozenset(): pl.Null(),
    frozenset({bool}): pl.Boolean(),
    frozenset({float}): pl.Float64(),
    frozenset({int, float}): pl.Float64(),
    frozenset({str}): pl.String(),
    frozenset({date}): pl.Date(),
}
Batch = tuple[list[str], list[Sequence[Any]]]
Batches = Generator[Batch, None, None]


def query_frames(uri: str, query: str | None, base: Path, rows: int) -> Generator[pl.DataFrame, None, None]:
    """Yield the rows of a query; the first frame comes even if there are none, for its columns."""
    if not query or not query.strip():
        raise SourceError("the database source has no query; give it a SELECT")
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if scheme == "sqlite":
        found = _sqlite(uri, query, base, rows)
    elif scheme in ("postgresql", "postgres"):
        found = _postgres(f"postgresql:{uri.partition(':')[2]}", query, rows)
    else:
        raise SourceError("the database address must begin with sqlite:/// or postgresql://")
    with closing(found):  # by this thread: a connection of SQLite can be closed by no other
        for names, batch in found:
            columns = zip(*batch, strict=True) if batch else ([] for _ in names)
            yield pl.DataFrame(
                [_column(name, list(values)) for name, values in zip(names, columns, strict=True)]
            )


def common_schema(schemas: Sequence[pl.Schema]) -> pl.Schema:
    """Return the types that hold what all batches hold: text where their types differ."""
    types: dict[str, pl.DataType] = {}
    for name in schemas[0].names():
        found = {schema[name] for schema in schemas} - {pl.Null()}
        if len(found) > 1:
            found = {pl.Float64()} if found == {pl.Int64(), pl.Float64()} else {pl.String()}
        types[name] = next(iter(found), pl.String())
    return pl.Schema(types)


def _sqlite(uri: str, query: str, base: Path, rows: int) -> Batches:
    path = base / unquote(urlsplit(uri).path.removeprefix("/"))
    if not path.is_file():
        raise SourceError(
            "there is no such SQLite file; check source.database.uri (sqlite:////… is absolute)"
        )
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            yield from _fetch(connection.execute(query), rows)
    except sqlite3.Error as error:
        raise SourceError(f"the database refused the query: {error}") from error


def _postgres(uri: str, query: str, rows: int) -> Batches:
    try:
        psycopg = importlib.import_module("psycopg")
    except ImportError as error:
        raise SourceError("reading PostgreSQL needs psycopg; pip install 'psycopg[binary]>=3.2'") from error
    try:
        with psycopg.connect(uri) as connection:
            connection.read_only = True
            with connection.cursor(name="bulk") as cursor:
                cursor.execute(query)
                yield from _fetch(cursor, rows)
    except psycopg.ProgrammingError as error:  # about the query alone, so it shows no value
        raise SourceError(
            f"the database refused the query: {error.diag.message_primary or 'it is invalid'}"
        ) from error
    except psycopg.Error as error:
        raise SourceError(
            f"the database cannot be read ({type(error).__name__}); check its address and the query"
        ) from error


def _fetch(cursor: Any, rows: int) -> Iterator[Batch]:
    if cursor.description is None:
        raise SourceError("the database query gives no rows; it must be a SELECT")
    names = [column[0] for column in cursor.description]
    batch = cursor.fetchmany(rows)
    yield _distinct(names), batch
    while batch := cursor.fetchmany(rows):
        yield names, batch


def _distinct(names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise SourceError(f'the query gives column "{name}" more than once; rename one with "as"')
    return names


def _column(name: str, values: list[Any]) -> pl.Series:
    """Build a column from what the driver gave; what has no type of its own here becomes text."""
    types = set(map(type, values)) - {NoneType}
    if types & {bytes, memoryview, bytearray}:
        raise SourceError(f'column "{name}" of the query is binary; leave it out or encode it as text')
    dtype = _PLAIN.get(frozenset(types))
    if types == {int} and all(-_INT64 <= value < _INT64 for value in values if value is not None):
        dtype = pl.Int64()
    if types == {datetime}:
        aware = {value.tzinfo is not None for value in values if value is not None}
        dtype = pl.Datetime("us", "UTC" if aware == {True} else None) if len(aware) == 1 else None
    if dtype is None:
        return pl.Series(name, list(map(_text, values)), dtype=pl.String)
    return pl.Series(name, values, dtype=dtype, strict=False)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=str).decode()
    return value.isoformat() if isinstance(value, date) else str(value)
