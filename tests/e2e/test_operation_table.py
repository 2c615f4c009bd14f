"""Every operation of every system does what it says, and tells what became of each record."""

from collections.abc import Iterator

import pytest
from operation_cases import CASES, Case
from operation_table import Bench, bench, meet, table_row

from bulk.destinations import SYSTEMS

SILENT = {
    *("untag", "delete_tag"),
    *("delete_person", "suppress_person", "unsuppress_person", "track_event", "merge_people"),
    *("add_to_segment", "remove_from_segment", "add_device", "delete_device"),
}
"""Operations whose systems accept what is about nobody, and say nothing of it."""
UNKNOWN = dict.fromkeys(SILENT, "succeeded") | {
    "erase_person": "succeeded not_present",
    "merge_customers": "failed refused: customer not found",
}
ONE_EACH = [pytest.param(case, id=f"{case.system}-{case.operation}") for case in CASES]


@pytest.fixture(scope="module")
def at() -> Iterator[Bench]:
    with bench() as made:
        yield made


def test_the_table_has_every_operation() -> None:
    expected = {(system.name, operation) for system in SYSTEMS.values() for operation in system.operations}
    assert expected == {(case.system, case.operation) for case in CASES}


@pytest.mark.parametrize("case", ONE_EACH)
def test_records_end_as_their_system_has_it(case: Case, at: Bench) -> None:
    told = meet(case, at)
    outcomes = {which: one.outcome for which, one in told.items()}
    assert outcomes["good"].split()[0] == "succeeded", table_row(case, told)
    if case.refused is not None:
        assert outcomes["refused"].split()[0] == "failed", table_row(case, told)
    if case.unknown is not None:
        assert outcomes["unknown"] == UNKNOWN.get(case.operation, "skipped not_found"), table_row(case, told)
    assert told["good"].requests, "nothing was sent"
