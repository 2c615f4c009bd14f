"""Made-up contacts, the same for the same seed, and the records they become."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

SEED = 20_251_121
CHUNK = 1_000_000
"""Rows that are made at once."""
COLUMNS = ("id", "email", "name", "plan", "country", "signed_up", "company", "score")
ATTRIBUTES = COLUMNS[3:]
RECORD = pl.struct(
    pl.col("id").alias("user_id"), "email", "name", attributes=pl.struct(*ATTRIBUTES)
).struct.json_encode()
"""What the jobs make of a row, as JSON."""
EMPTY = 0.05
QUOTED = 0.01
MALFORMED = 0.001
REPEATED = 0.01
NO_ADDRESS = 0.001
Lines = Callable[[pl.DataFrame, np.random.Generator], pl.Series]


def write_plain(path: Path, rows: int, *, changed: float = 0.0) -> None:
    """Write a CSV file of ``rows`` contacts without a blemish; a share of them changed if that is asked."""
    _write(path, rows, lambda frame, chance: _lines(_change(frame, changed, chance)))


def write_rough(path: Path, rows: int) -> None:
    """Write contacts as they are found: values missing, quoted or malformed, people twice, bad addresses."""
    _write(path, rows, lambda frame, chance: _malform(_lines(_roughen(frame, chance)), chance))


def _write(path: Path, rows: int, lines: Lines) -> None:
    with path.open("wb") as file:
        file.write(",".join(COLUMNS).encode() + b"\n")
        for start in range(0, rows, CHUNK):
            chance = np.random.default_rng((SEED, start))
            frame = _contacts(start, min(CHUNK, rows - start), chance)
            frame.select(lines(frame, chance)).write_csv(file, include_header=False, quote_style="never")


def _contacts(start: int, rows: int, chance: np.random.Generator) -> pl.DataFrame:
    number = pl.int_range(start + 1, start + rows + 1)
    drawn = pl.DataFrame(
        {
            "code": chance.integers(10_000_000, 99_999_999, rows),
            "plan": chance.choice(["free", "starter", "pro", "enterprise"], rows),
            "country": chance.choice(["IT", "DE", "FR", "US", "GB", "ES"], rows),
            "signed_up": chance.integers(1_400_000_000, 1_750_000_000, rows).astype(str),
            "company": chance.integers(1, 50_000, rows),
            "score": chance.integers(0, 1_000, rows).astype(str),
        }
    )
    return drawn.select(
        pl.format("{}-{}", number, "code").alias("id"),
        pl.format("contact{}@example.com", number).alias("email"),
        pl.format("Contact Number {}", number).alias("name"),
        "plan",
        "country",
        "signed_up",
        pl.format("Company {}", "company").alias("company"),
        "score",
    )


def _change(frame: pl.DataFrame, share: float, chance: np.random.Generator) -> pl.DataFrame:
    drawn = pl.lit(pl.Series(chance.random(frame.height) < share))
    return frame.with_columns(score=pl.when(drawn).then(pl.lit("1000")).otherwise("score"))


def _roughen(frame: pl.DataFrame, chance: np.random.Generator) -> pl.DataFrame:
    def drawn(share: float) -> pl.Expr:
        return pl.lit(pl.Series(chance.random(frame.height) < share))

    quoted = pl.format('"{}, called ""Number"""', "name")
    earlier = pl.col("email").shift(1).fill_null(pl.col("email"))
    return frame.with_columns(
        pl.when(drawn(NO_ADDRESS)).then(pl.lit("nobody at example")).when(drawn(REPEATED)).then(earlier)
        .otherwise("email").alias("email"),
        pl.when(drawn(QUOTED)).then(quoted).when(drawn(EMPTY)).then(pl.lit("")).otherwise("name").alias("name"),
        *(pl.when(drawn(EMPTY)).then(pl.lit("")).otherwise(name).alias(name) for name in ATTRIBUTES),
    )  # fmt: skip


def _lines(frame: pl.DataFrame) -> pl.Series:
    return frame.select(pl.concat_str(COLUMNS, separator=",")).to_series()


def _malform(lines: pl.Series, chance: np.random.Generator) -> pl.Series:
    drawn = pl.Series(chance.random(len(lines)) < MALFORMED)
    return pl.select(pl.when(drawn).then(lines + ",one too many").otherwise(lines)).to_series()
