from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import BAD, GOOD, begin

from bulk.conversation import Status
from bulk.ledger import Entry
from bulk.ledger.view import View
from bulk.report.chart import ceiling, drawn, duration
from bulk.report.timeline import (
    ASKED,
    MOST_BUCKETS,
    MOST_GAPS,
    NO_RUN,
    QUIET,
    Timeline,
    attempts,
    timeline,
)

Settled = tuple[float, float | None, int, bool]
"""When a group of rows settled, after how many seconds, how many there are, whether they succeeded."""
GROUPS = st.lists(
    st.tuples(
        st.floats(0, 1e9).map(lambda at: round(at, 3)),
        st.none() | st.floats(0, 1e6),
        st.integers(1, 10_000),
        st.booleans(),
    ),
    max_size=200,
)


def held(groups: Sequence[Settled], tries: int = 1) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "status": [Status.SUCCEEDED.value if good else Status.FAILED.value for *_, good in groups],
            "rows": pl.Series([rows for _, _, rows, _ in groups], dtype=pl.UInt32),
            "finished_at": pl.Series([at for at, *_ in groups], dtype=pl.Float64),
            "first_sent_at": pl.Series(
                [None if took is None else at - took for at, took, *_ in groups], dtype=pl.Float64
            ),
            "attempts": pl.Series([tries] * len(groups), dtype=pl.Int64),
        }
    )


def at_times(*times: float) -> pl.DataFrame:
    return held([(at, 1.0, 1, True) for at in times])


def run(began: float, ended: float | None) -> dict[str, float | None]:
    return {"started_at": began, "ended_at": ended}


@given(GROUPS)
def test_buckets_add_up_to_all_rows_and_are_few(groups: list[Settled]) -> None:
    line = timeline(held(groups), [], [])

    assert line.buckets["well"].sum() == sum(rows for *_, rows, good in groups if good)
    assert line.buckets["other"].sum() == sum(rows for *_, rows, good in groups if not good)
    assert line.buckets.height <= MOST_BUCKETS
    assert len(line.gaps) <= MOST_GAPS
    assert line.buckets["start"].is_sorted()
    assert not (line.buckets["start"] % line.width != 0).any()


@given(GROUPS)
def test_buckets_and_gaps_cover_the_time_without_overlap(groups: list[Settled]) -> None:
    line = timeline(held(groups), [], [])
    spans = [(start, start + line.width) for start in line.buckets["start"]]
    spans = sorted([*spans, *((gap.start, gap.end) for gap in line.gaps)])

    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]


@given(st.lists(st.tuples(st.integers(0, 50).map(float), st.integers(1, 40)), min_size=1, max_size=30))
def test_latencies_are_those_of_the_rows_one_by_one(groups: list[tuple[float, int]]) -> None:
    line = timeline(held([(1000.0, took, rows, True) for took, rows in groups]), [], [])
    each = pl.Series(sorted(took for took, rows in groups for _ in range(rows)))

    _, _, _, median, p95 = line.buckets.row(0)

    assert (median, p95) == (each[-(-each.len() // 2) - 1], each[-(-each.len() * 95 // 100) - 1])


def test_rows_settled_without_a_request_took_no_time() -> None:
    line = timeline(held([(10.0, None, 3, False)]), [], [])

    assert line.buckets.row(0) == (10.0, 0, 3, None, None)


@pytest.mark.parametrize(
    ("runs", "pauses", "why"),
    [
        ([run(1, 12), run(98, 120)], [], NO_RUN),
        ([run(1, None), run(98, 120)], [], NO_RUN),
        ([run(1, 120)], [(10.0, 95.0)], ASKED),
        ([run(1, 120)], [(10.0, 20.0)], QUIET),
    ],
)
def test_a_gap_says_what_the_ledger_knows_of_it(
    runs: list[dict[str, float | None]], pauses: list[tuple[float, float]], why: str
) -> None:
    line = timeline(at_times(9.5, 10.5, 100.5), runs, pauses)

    assert [(gap.start, gap.end, gap.why) for gap in line.gaps] == [(11.0, 100.0, why)]


def test_many_tries_are_counted_together() -> None:
    frames = [held([(1.0, 1.0, rows, True)], tries) for tries, rows in ((0, 2), (1, 5), (10, 1), (37, 1))]

    assert attempts(pl.concat(frames)) == [(0, 2), (1, 5), (10, 2)]


@given(st.floats(1e-3, 1e12))
def test_a_scale_ends_at_or_just_above_its_highest_value(value: float) -> None:
    assert value * (1 - 1e-9) <= ceiling(value) <= value * 2.5 * (1 + 1e-9)


@given(GROUPS.filter(bool))
def test_everything_drawn_stands_within_the_chart(groups: list[Settled]) -> None:
    line = timeline(held(groups), [], [(groups[0][0] - 5.0, groups[0][0] + 5.0)])

    chart = drawn(line)

    assert chart is not None
    bars = chart["rows"]["bars"]
    assert all(0 <= bar["x"] < chart["columns"] and bar["well"] + bar["other"] <= 100.01 for bar in bars)
    assert len({bar["x"] for bar in bars} | {gap["x"] for gap in chart["gaps"]}) == len(bars) + len(line.gaps)
    assert all(0 <= one["x"] < one["x"] + one["width"] <= chart["columns"] for one in chart["pauses"])
    assert all(0 <= tick["left"] <= 100 for tick in chart["ticks"])
    assert sum(one["well"] + one["other"] for one in chart["figures"] if not one["why"]) == sum(
        rows for *_, rows, _ in groups
    )


def test_without_any_outcome_nothing_is_drawn() -> None:
    assert drawn(timeline(held([]), [], [])) is None


def test_lines_break_where_nothing_settled_and_lone_points_can_be_seen() -> None:
    line: Timeline = timeline(at_times(1.5, 2.5, 3.5, 50.5), [], [])

    chart = drawn(line)

    assert chart is not None
    assert chart["seconds"]["median"] == "M0.5 0L1.5 0L2.5 0M4.2 0h.6"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.02, "20 ms"), (1.5, "1.5 s"), (90, "90 s"), (600, "10 min"), (36_000, "10 h"), (864_000, "10 days")],
)
def test_durations_are_told_in_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_row_counts_where_it_settled_last(tmp_path: Path) -> None:
    ledger = begin(tmp_path / "sync.ledger", 10, {10: ("rejected", "bad_value", "no")})
    ledger.commit([Entry(0, 1, 10, BAD, 1, 1000.0, 1000.5)])
    ledger.commit([Entry(0, 1, 3, GOOD, 2, 1060.0, 1060.5)])
    ledger.close()

    with View(tmp_path / "sync.ledger") as view:
        (step,) = view.steps
        line = timeline(step.held, view.runs, view.pauses("here"))
        counted = attempts(step.held)

    assert line.buckets.select("start", "well", "other").rows() == [(1000.0, 0, 6), (1060.0, 3, 0)]
    assert counted == [(1, 6), (2, 3)]
