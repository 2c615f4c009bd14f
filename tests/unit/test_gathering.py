"""Rows that wait to be written together."""

from itertools import chain

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import ROW
from bulk.runner.gathering import Gathering


def rows(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({ROW: pl.Series(numbers, dtype=pl.UInt32)})


def test_rows_are_written_as_soon_as_there_are_enough() -> None:
    written: list[list[int]] = []
    gathering = Gathering(lambda frame: written.append(frame[ROW].to_list()), enough=3)

    for frame in (rows(1), rows(), rows(2, 5), rows(6)):
        gathering.add(frame)

    assert written == [[1, 2, 5]]


def test_rows_that_belong_before_those_that_wait_are_written_apart() -> None:
    written: list[list[int]] = []
    gathering = Gathering(lambda frame: written.append(frame[ROW].to_list()), enough=100)

    for frame in (rows(3, 7), rows(4)):
        gathering.add(frame)
    gathering.flush()
    gathering.flush()

    assert written == [[3, 7], [4]]


@given(st.lists(st.sets(st.integers(1, 50), max_size=5).map(sorted), max_size=20), st.integers(1, 12))
def test_every_row_is_written_once_in_ascending_frames(given: list[list[int]], enough: int) -> None:
    written: list[list[int]] = []
    gathering = Gathering(lambda frame: written.append(frame[ROW].to_list()), enough)

    for numbers in given:
        gathering.add(rows(*numbers))
    gathering.flush()

    assert list(chain.from_iterable(written)) == list(chain.from_iterable(given))
    assert all(frame == sorted(set(frame)) for frame in written)
