"""Shipped jobs that are killed at any moment go on as if nothing had been."""

import random
from collections.abc import Iterator

import pytest
from kill_cases import CASES, JOBS, Case
from kill_table import Bench, bench

QUICK = ("everywhere", "erasure", "kustomer-orders")
"""Asynchronous jobs and three systems at once; removals; what is not to be repeated."""


@pytest.fixture(scope="module")
def at() -> Iterator[Bench]:
    with bench() as made:
        yield made


def test_the_table_has_every_shipped_job() -> None:
    assert {case.job for case in CASES} == {path.stem for path in JOBS.glob("*.yaml")}


@pytest.mark.parametrize("case", [case for case in CASES if case.job in QUICK], ids=lambda case: case.job)
def test_a_job_that_is_killed_loses_nothing_and_does_nothing_twice(case: Case, at: Bench) -> None:
    life = at.live(case, random.Random(case.job), most=2)
    assert life.problems == []
