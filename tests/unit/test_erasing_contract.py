"""What every operation that erases people must do, beside what every operation must."""

from collections.abc import Iterator
from urllib.parse import unquote

import orjson
import polars as pl
import pytest
from conversing import LOST, answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import sample_of

from bulk.conversation import ROW, Found, Reply, Request, Settle, Status
from bulk.destinations import SYSTEMS
from bulk.destinations.erasure import REQUEST_NAMES, ErasureOptions
from bulk.destinations.operation import Operation
from bulk.destinations.system import System
from bulk.plan.packing import Packer

ERASING = [
    pytest.param(system, operation, id=system.name)
    for system in SYSTEMS.values()
    for operation in system.operations.values()
    if operation.erasing
]
MOST_ACTS = 3_000


@pytest.mark.parametrize(("system", "operation"), ERASING)
def test_an_erasure_is_asked_as_all_erasures_are(system: System, operation: Operation) -> None:
    assert operation.erasing
    assert operation.options
    kinds = operation.erasing.kinds

    assert system.operations["erase_person"] is operation
    assert set(operation.one_of) == set(kinds)
    assert {*kinds, *REQUEST_NAMES} <= set(operation.keep)
    assert issubclass(operation.options, ErasureOptions)


@pytest.mark.parametrize(("system", "operation"), ERASING)
def test_a_step_that_verifies_nothing_reads_nobody_back(system: System, operation: Operation) -> None:
    assert operation.options
    assert operation.tailor
    tailored = operation.tailor(operation, operation.options(verify="none"))

    assert tailored.erasing
    assert (tailored.erasing.verify, tailored.surfaces) == (None, ())
    assert operation.instead or not system.surfaces


BODIES: tuple[dict[str, list[str]], ...] = ({}, {"data": []}, {"customers": []})
ANSWERS = st.sampled_from([answer(body, status) for body in BODIES for status in (200, 404)] + [LOST])


@pytest.mark.parametrize(("system", "operation"), ERASING)
@given(script=st.lists(ANSWERS, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_nobody_is_removed_before_it_is_kept_who_was_found_and_nothing_noted_of_a_request_is_sent(
    system: System, operation: Operation, script: list[Reply]
) -> None:
    sample = sample_of(system, operation)
    conversation = sample.operation.converse(sample.batch, sample.terms)

    def replies() -> Iterator[Reply]:
        yield from script
        while True:
            yield script[-1]

    noted = [str(value) for name in REQUEST_NAMES for value in sample.batch.column(name)]
    said, told = replies(), False
    reply: Reply | frozenset[int] | None = None
    for _ in range(MOST_ACTS):
        try:
            act = conversation.send(reply)
        except StopIteration:
            return
        told = told or isinstance(act, Found)
        reply = next(said) if isinstance(act, Request) else frozenset() if isinstance(act, Found) else None
        assert told or not isinstance(act, Request) or not act.irreversible
        if isinstance(act, Request):
            sent = unquote(act.path) + (act.body or b"").decode()
            assert not any(value in sent or orjson.dumps(value).decode() in sent for value in noted)
        if isinstance(act, Settle):
            removed = {run.verdict for run in act.verdicts if run.verdict.status is Status.PENDING}
            assert all(verdict.verification == "pending" for verdict in removed)
    raise AssertionError("the erasure does not end")


@pytest.mark.parametrize(("system", "operation"), ERASING)
def test_somebody_who_is_read_back_by_nothing_is_not_absent(system: System, operation: Operation) -> None:
    assert operation.erasing
    assert operation.erasing.verify
    sample = sample_of(system, operation)
    frame = pl.DataFrame({ROW: pl.Series([1], dtype=pl.UInt32)})
    packer = Packer(10, keys_repeat=False)
    (batch,) = [*packer.add(frame), *packer.end()]
    conversation = operation.erasing.verify(batch, sample.terms)

    act = conversation.send(None)
    assert isinstance(act, Settle)
    assert [run.verdict.verification for run in act.verdicts] == ["pending"]
