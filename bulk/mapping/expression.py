"""SQL expressions of a job: compiled, and refused unless each row's result depends on that row alone."""

import io
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import orjson
import polars as pl

from bulk.mapping.names import is_pattern, unknown
from bulk.mapping.problem import Problem

POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises for an expression it cannot build or compute; a panic is not an Exception."""

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | --[^\n]* | /\*.*?\*/ | (?P<word>[^\W\d]\w*) | \S""",
    re.VERBOSE | re.DOTALL,
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# An allow-list, because polars believes of some windows and of count(*) that they are row-separable.
_ROW_WISE = _set(
    """
    abs acos acosd asin asind atan atan2 atan2d atand
    cbrt ceil ceiling cos cosd cot cotd degrees div exp floor ln
    log log10 log1p log2 mod pi pow power radians round sign sin sind sqrt tan tand
    bit_and bit_count bit_length bit_not bit_or bit_xor
    char_length character_length concat concat_ws ends_with initcap left length lower lpad ltrim normalize
    octet_length position regexp_like repeat replace reverse right rpad rtrim split_part starts_with
    string_to_array strpos substr substring trim upper
    array_contains array_get array_length array_lower array_reverse array_sum array_to_string array_unique
    array_upper date_part extract strftime strptime
    coalesce greatest if ifnull least nullif cast try_cast
    """
)
_SYNTAX = _set(
    """
    and array as between both by case char character dec decimal else for from ilike in interval leading like
    not numeric on or regexp rlike similar then to trailing varchar when xor
    """
)
_CLOCK = _set("current_date current_time current_timestamp localtime localtimestamp now today")
_GUESSING = _set("date datetime time timestamp")
_WINDOW = "over"
_SUBQUERY = _set("select exists")
_WHOLE = "it looks at more than one row, and the result would depend on how the source is read"


def check_expression(
    sql: str, schema: pl.Schema, path: tuple[str | int, ...] = ()
) -> pl.Expr | list[Problem]:
    """Compile one expression, or say everything that is wrong with it."""
    expression = check_form(sql, path)
    if isinstance(expression, list):
        return expression
    faults = list(_unknown_columns(expression, schema, sql)) or list(_misbuilt(expression))
    if not faults:
        faults = list(_uncomputable(expression, schema))
    return [Problem(path, fault) for fault in faults] or expression


def check_form(sql: str, path: tuple[str | int, ...] = ()) -> pl.Expr | list[Problem]:
    """Compile an expression over columns that are not known yet, or say what is wrong whatever they hold."""
    if any(word in _SUBQUERY for word, _ in _words(sql)):
        return [Problem(path, "subqueries are not row-wise: an expression sees one row of the source")]
    try:
        expression = pl.sql_expr(sql)
    except POLARS_ERRORS as error:
        return [Problem(path, _unreadable(sql, error))]
    return [Problem(path, fault) for fault in _forbidden(sql)] or expression


def column_names(sql: str) -> frozenset[str]:
    """Return the names of the columns that an expression reads; none if it cannot be read itself."""
    expression = check_form(sql)
    return frozenset() if isinstance(expression, list) else frozenset(expression.meta.root_names())


def _words(sql: str) -> Iterator[tuple[str, bool]]:
    """Yield each unquoted word in lower case, and whether it is called like a function."""
    tokens = [match for match in _TOKEN.finditer(sql) if not match.group().startswith(("--", "/*"))]
    texts = [*(match.group() for match in tokens), ""]
    for match, (_, following) in zip(tokens, pairwise(texts), strict=True):
        if match.group("word"):
            yield match.group().lower(), following == "("


def _forbidden(sql: str) -> Iterator[str]:
    for word, called in dict.fromkeys(_words(sql)):
        if word in _CLOCK and (called or word not in {"now", "today"}):
            yield f"{word} is not repeatable: the same row would become another record tomorrow"
        elif word == _WINDOW:
            yield f"window functions are not row-wise: {_WHOLE}"
        elif called and word in _GUESSING:
            yield f"{word}() guesses the format from other rows; use strptime(text, format) or cast"
        elif called and word not in _ROW_WISE and word not in _SYNTAX:
            yield f"{word}() is not row-wise: {_WHOLE}"


def _unknown_columns(expression: pl.Expr, schema: pl.Schema, sql: str) -> Iterator[str]:
    for name in dict.fromkeys(expression.meta.root_names()):
        if name not in schema:
            told = unknown("column", name, schema.names())
            is_text = f'"{name}"' in sql and "did you mean" not in told
            yield f"{told}; text stands in single quotes" if is_text else told
        elif is_pattern(name):
            yield f'column "{name}" cannot be used in an expression: its name is a pattern; rename it'


def _misbuilt(expression: pl.Expr) -> Iterator[str]:
    """Refuse what the words did not give away, as far as polars can tell without a schema."""
    try:
        whole = not expression.meta.is_row_separable()
        reshaped = bool(expression.meta.root_names()) and not expression.meta.is_length_preserving()
    except POLARS_ERRORS:
        return
    if whole or reshaped:
        yield f"the expression is not row-wise: {_WHOLE}"


def _uncomputable(expression: pl.Expr, schema: pl.Schema) -> Iterator[str]:
    empty = _nulls(schema, 0)
    try:
        for height in (0, 2):
            result = _nulls(schema, height).select(expression.alias("result"))
            if expression.meta.root_names() and result.height != height:
                yield f"the expression is not row-wise: {_WHOLE}"
        if any(_casts_text_to_date(node, empty) for node in _nodes(expression)):
            yield "polars cannot cast text to a date; use strptime(text, format)"
    except POLARS_ERRORS as error:
        yield f"the expression cannot be computed: {first_line(error)}"


def _nulls(schema: pl.Schema, height: int) -> pl.DataFrame:
    """Return rows without a value; ``clear`` takes some names of columns for patterns."""
    return pl.DataFrame([pl.Series(name, [None] * height, dtype) for name, dtype in schema.items()])


def _nodes(expression: pl.Expr) -> Iterator[dict[str, Any]]:
    """Yield the expression's parts as polars serialises them."""
    parts = [orjson.loads(expression.meta.serialize(format="json"))]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield part
        parts.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())


def _casts_text_to_date(node: dict[str, Any], empty: pl.DataFrame) -> bool:
    """Recognise a cast that raises for every text, but not where there is no text to try it on."""
    cast = node.get("Cast")
    if not isinstance(cast, dict) or not any(name in str(cast["dtype"]) for name in ("Date", "Time")):
        return False
    inner = pl.Expr.deserialize(io.BytesIO(orjson.dumps(cast["expr"])), format="json")
    return empty.select(inner.alias("inner")).dtypes[0] == pl.String


def first_line(error: BaseException) -> str:
    """Return what polars says in one line."""
    line = str(error).strip().partition("\n")[0]
    return line.removeprefix("sql parser error: ").rstrip(".")


def _unreadable(sql: str, error: BaseException) -> str:
    """Say why the SQL cannot be parsed, with the place if the statement parser knows it."""
    said = first_line(error)
    where = re.search(r" at Line: (\d+), Column: (\d+)", str(error))
    shift = 0
    if where is None:
        try:
            pl.SQLContext().execute(f"select\n{sql}")
        except POLARS_ERRORS as placed:
            where = re.search(r" at Line: (\d+), Column: (\d+)", str(placed))
            said = first_line(placed) if where else said
            shift = 1
    function = re.match(r"unsupported function '(\w+)'", said)
    if function is not None:
        return unknown("function", function[1], sorted(_ROW_WISE))
    if where is None and said.endswith(" as Expr"):
        said = "something is missing or too much, such as a parenthesis, a quote or a comma"
    if where is None:
        return f"cannot read the SQL expression: {said}"
    line, column = max(int(where.group(1)) - shift, 1), int(where.group(2))
    return f"cannot read the SQL expression at line {line}, column {column}: {said[: said.find(' at Line:')]}"
