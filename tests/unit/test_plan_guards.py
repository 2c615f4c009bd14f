from typing import Any

import pytest

from bulk.plan.guards import Limits, plan_digest, refusals


@pytest.mark.parametrize(
    ("limits", "records", "expected"),
    [
        (Limits(), [10], []),
        (Limits(max_records=10), [10], []),
        (Limits(max_records=9), [10], ["max_records"]),
        (Limits(min_records=10), [10], []),
        (Limits(min_records=11), [10], ["min_records"]),
        (Limits(max_records=5, min_records=3), [4, 6], ["max_records"]),
        (Limits(max_records=5, min_records=3), [2, 3], []),
        (Limits(min_records=1), [], ["min_records"]),
        (Limits(max_records=0), [0], []),
        (Limits(max_records=0), [1], ["max_records"]),
        (Limits(max_records=1, min_records=3), [2], ["max_records", "min_records"]),
    ],
)
def test_the_largest_step_decides_which_guards_refuse(
    limits: Limits, records: list[int], expected: list[str]
) -> None:
    assert [name for name, _ in refusals(limits, records)] == expected


def test_a_refusal_tells_both_figures() -> None:
    assert refusals(Limits(max_records=1000), [1_234_567]) == [
        ("max_records", "1,234,567 records would be sent, at most 1,000 are allowed")
    ]
    assert refusals(Limits(min_records=1000), [7]) == [
        ("min_records", "only 7 records would be sent, at least 1,000 are expected")
    ]
    shrunk = "7,000 records are 30.0% fewer than the 10,000 of the last pass, at most 20.0% are allowed"
    assert refusals(Limits(max_shrink=0.2), [7000], None, 10_000) == [("max_shrink", shrunk)]


@pytest.mark.parametrize(
    ("share", "listed", "before", "refused"),
    [
        (0.2, 80, 100, False),
        (0.2, 79, 100, True),
        (0.29, 71, 100, False),  # 0.29 * 100 is a little less than 29
        (0.07, 93, 100, False),  # 0.07 * 100 is a little more than 7
        (0.05, 28, 30, True),
        (0.05, 29, 30, False),
        (0.2, 500, 100, False),
        (0.0, 99, 100, True),
        (1.0, 0, 100, False),
        (0.2, 0, 0, False),
        (0.2, 0, None, False),
    ],
)
def test_a_list_may_shrink_by_a_share_of_the_last_one(
    share: float, listed: int, before: int | None, *, refused: bool
) -> None:
    found = refusals(Limits(max_shrink=share), [3], listed, before)
    assert [name for name, _ in found] == ["max_shrink"] * refused


@pytest.mark.parametrize(
    ("share", "removals", "refused"),
    [
        (0.2, [], False),
        (0.2, [(20, 100)], False),
        (0.2, [(21, 100)], True),
        (0.05, [(2, 30)], True),
        (0.29, [(29, 100)], False),  # 0.29 * 100 is a little less than 29
        (0.2, [(0, 0)], False),
        (0.2, [(1, 100), (3, 10)], True),
    ],
)
def test_a_list_that_names_others_may_lose_the_same_share(
    share: float, removals: list[tuple[int, int]], *, refused: bool
) -> None:
    found = refusals(Limits(max_shrink=share), [100], 100, 100, removals)
    assert [name for name, _ in found] == ["max_shrink"] * refused
    assert refusals(Limits(min_records=1), [100], 100, 100, removals) == []


def test_the_refusal_of_a_removal_tells_its_figures() -> None:
    assert refusals(Limits(max_shrink=0.2), [1], 1, None, [(3_000, 10_000)]) == [
        (
            "max_shrink",
            (
                "3,000 of the 10,000 people who were delivered would be removed: 30.0%,"
                " at most 20.0% are allowed"
            ),
        )
    ]


def test_what_is_unchanged_counts_for_the_least_and_not_for_the_most() -> None:
    assert refusals(Limits(min_records=100, max_records=5), [5, 3], 100) == []
    assert refusals(Limits(min_records=100), [5], 99) == [
        ("min_records", "there are only 99 records, at least 100 are expected")
    ]


FACTS: dict[str, Any] = {"job": "sha256:a", "fingerprint": "f", "rows": 10, "sendable": [8, 7]}


@pytest.mark.parametrize(
    "change",
    [{"job": "sha256:b"}, {"fingerprint": "g"}, {"rows": 11}, {"sendable": [8, 6]}, {"sendable": [8]}],
)
def test_the_digest_of_a_plan_changes_with_everything_that_was_approved(change: dict[str, Any]) -> None:
    assert plan_digest(**{**FACTS, **change}) != plan_digest(**FACTS)


def test_the_digest_of_the_same_plan_is_the_same() -> None:
    assert plan_digest(**FACTS) == plan_digest(**{**FACTS, "sendable": (8, 7)})
    assert len(plan_digest(**FACTS)) == 16
