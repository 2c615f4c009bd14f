import polars as pl
import pytest

from bulk.conversation import ROW
from bulk.mapping.evaluate import evaluate
from bulk.mapping.expression import check_expression
from bulk.mapping.problem import Problem

SCHEMA = pl.Schema(
    {"a": pl.String, "b": pl.String, "n": pl.Int64, "Email": pl.String, "First name": pl.String}
)

NOT_ROW_WISE = [
    "count(*)",
    "a || cast(count(*) as text)",
    "first(a)",
    "max(a)",
    "a = max(b)",
    "sum(n) over (partition by a)",
    "upper(a) over (partition by b)",
    "rank() over (order by a)",
    "dense_rank() over (order by a) > 1",
    "row_number() over ()",
    "lag(a) over (order by b)",
    "unnest(a)",
    "array_agg(a)",
    "coalesce(a, array_agg(b))",
    "string_agg(a, ',')",
    "(select 1)",
    "exists (select 1)",
    "a = (select 1)",
    "columns('a.*')",
    "date(a)",
    "now()",
    "n > 1 and now() > current_timestamp",
    "current_date",
]

ROW_WISE = [
    "a",
    "lower(trim(a))",
    "concat_ws(' ', a, \"First name\")",
    "case when a = 'x' then 'one' else b end",
    "a in ('x', 'y')",
    "a is null or b like '%count(%'",
    "coalesce(a, b, 'over (everything)')",
    "cast(a as int) + 1",
    "a::int",
    "strptime(a, '%d/%m/%Y')",
    "substr(a, 1, 3)",
    "extract(year from strptime(a, '%Y'))",
    "array_get(string_to_array(a, ','), 1)",
    "cast(n as decimal(10, 2))",
    "1",
    "'text'",
    "a -- count(*)",
]


def messages(sql: str) -> list[str]:
    found = check_expression(sql, SCHEMA, ("where",))
    return [problem.message for problem in found] if isinstance(found, list) else []


@pytest.mark.parametrize("sql", NOT_ROW_WISE)
def test_what_looks_at_other_rows_or_at_the_clock_is_refused(sql: str) -> None:
    assert messages(sql)


@pytest.mark.parametrize("sql", ROW_WISE)
def test_what_looks_at_one_row_is_accepted(sql: str) -> None:
    assert messages(sql) == []


@pytest.mark.parametrize("sql", ROW_WISE)
def test_an_accepted_expression_gives_the_same_whole_and_row_by_row(sql: str) -> None:
    frame = pl.DataFrame(
        {"a": ["1", "22", None], "b": ["x", "y", ""], "n": [1, 2, None], "First name": ["é", "", "z"]}
    )
    frame = frame.with_columns(a=pl.lit("1970")) if "strptime(a, '%Y')" in sql else frame
    frame = frame.with_columns(a=pl.lit("01/02/2026")) if "%d" in sql else frame
    expression = check_expression(sql, SCHEMA)
    assert isinstance(expression, pl.Expr)
    expression = expression.alias("x")

    whole = frame.with_columns(expression)
    pieces = pl.concat(row.with_columns(expression) for row in frame.iter_slices(1))

    assert pieces.equals(whole)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Emial", "Email"), ("email", "Email"), ("first_name", "First name"), ("FirstName", "First name")],
)
def test_an_unknown_column_is_told_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert messages(f'lower("{name}")') == [f'unknown column "{name}"; did you mean "{meant}"?']


def test_every_unknown_column_is_told() -> None:
    assert messages("xxxxxx = yyyyyy") == ['unknown column "xxxxxx"', 'unknown column "yyyyyy"']


def test_text_in_double_quotes_is_told_to_be_a_column() -> None:
    (said,) = messages('a = "xxxxxx"')
    assert said == 'unknown column "xxxxxx"; text stands in single quotes'


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("a || 'x", "line 1, column 6"),
        ("a = 'x' and\nlower(a))", "line 2, column 9"),
        ("a ! b", "line 1, column 3"),
    ],
)
def test_a_syntax_error_is_told_with_its_place(sql: str, place: str) -> None:
    assert place in messages(sql)[0]


def test_an_empty_expression_is_a_problem() -> None:
    assert messages("")


@pytest.mark.parametrize("sql", ["n || lower(n)", "a > 5", "a + 1"])
def test_a_type_error_is_found_without_any_row(sql: str) -> None:
    assert messages(sql)[0].startswith("the expression cannot be computed: ")


@pytest.mark.parametrize("sql", ["cast(a as date)", "upper(b) || try_cast(trim(a) as timestamp)", "a::time"])
def test_a_cast_of_text_to_a_date_is_found_without_any_row(sql: str) -> None:
    assert messages(sql) == ["polars cannot cast text to a date; use strptime(text, format)"]


def test_a_date_that_was_read_from_text_may_be_cast() -> None:
    assert messages("cast(strptime(a, '%d/%m/%Y') as date)") == []


def test_problems_carry_the_path_they_were_asked_about() -> None:
    assert check_expression("nope", SCHEMA, ("where",)) == [Problem(("where",), 'unknown column "nope"')]


def test_only_the_rows_an_expression_raises_for_fail() -> None:
    texts = [str(number) if number % 7 else f"bad {number % 14}" for number in range(100)]
    frame = pl.DataFrame({ROW: range(1, 101), "a": texts})

    evaluated = evaluate(frame, {"x": pl.sql_expr("cast(a as int)"), "y": pl.sql_expr("upper(a)")})

    assert evaluated.values["x"].to_list() == [number if number % 7 else None for number in range(100)]
    assert evaluated.values["y"].to_list() == [text.upper() for text in texts]
    assert evaluated.failed["x"].to_list() == [number % 7 == 0 for number in range(100)]
    assert list(evaluated.failed) == ["x"]


def test_rows_an_expression_raises_for_are_found_among_lists_too() -> None:
    frame = pl.DataFrame({ROW: [1, 2, 3], "a": [["1"], ["x"], ["3"]]})

    evaluated = evaluate(frame, {"x": pl.col("a").list.get(0).cast(pl.Int64)})

    assert evaluated.values["x"].to_list() == [1, None, 3]


def test_null_inputs_do_not_hide_the_rows_that_fail() -> None:
    frame = pl.DataFrame({ROW: [1, 2, 3], "a": [None, "x", "3"], "b": ["k", None, None]})

    evaluated = evaluate(frame, {"x": pl.sql_expr("cast(a as int) + length(b)")})

    assert evaluated.failed["x"].to_list() == [False, True, False]


@pytest.mark.parametrize("name", ["^$", "^.*$", "*"])
def test_a_column_whose_name_is_a_pattern_hinders_no_other(name: str) -> None:
    assert isinstance(check_expression("lower(a)", pl.Schema({name: pl.String(), "a": pl.String()})), pl.Expr)
