import numpy as np
import pytest
from conversing import LOST, answer, batch_of, drive
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import (
    Batch,
    Lost,
    Request,
    Response,
    Settle,
    Settled,
    Split,
    Status,
    Verdict,
    halves,
    lost_verdict,
    one_request,
)

GOOD = Verdict(Status.SUCCEEDED)
BAD = Verdict(Status.FAILED, "refused")


def people(count: int) -> Batch:
    return batch_of(*({"email": f"p{number}@example.com"} for number in range(count)))


def test_a_part_shows_its_own_rows_and_values() -> None:
    part = people(5).part(1, 4).part(1, 3)

    assert part.rows.tolist() == [3, 4]
    assert part.column("email") == ["p2@example.com", "p3@example.com"]
    assert part.value("email", 1) == "p3@example.com"
    assert part.joined() == b'{"email":"p2@example.com"},{"email":"p3@example.com"}'


def test_a_field_that_no_step_maps_is_none_for_every_record() -> None:
    assert people(3).part(1, 3).column("phone") == [None, None]


@given(st.integers(2, 200))
def test_halves_hold_every_record_once_and_the_first_is_never_the_smaller(count: int) -> None:
    first, second = halves(people(count))

    assert np.concatenate([first.rows, second.rows]).tolist() == list(range(1, count + 1))
    assert 0 <= len(first) - len(second) <= 1


@pytest.mark.parametrize(
    ("processed", "repeatable", "status"),
    [
        (True, True, Status.FAILED),
        (True, False, Status.UNKNOWN),
        (False, False, Status.FAILED),
        (False, True, Status.FAILED),
    ],
)
def test_only_a_doubtful_request_that_cannot_be_repeated_is_unknown(
    processed: bool,  # noqa: FBT001 - a parameter of a table
    repeatable: bool,  # noqa: FBT001 - as above
    status: Status,
) -> None:
    lost = Lost("timeout", "no answer in time", 504, processed=processed)

    verdict = lost_verdict(Request("POST", "/x", repeatable=repeatable), lost)

    assert verdict == Verdict(status, "timeout", 504, error_message="no answer in time", ours=True)


def test_a_body_that_is_not_json_reads_as_none() -> None:
    assert Response(200, {}, b"<html>").json is None
    assert Response(200, {}, b"").json is None
    assert Response(200, {}, b"[" * 2000 + b"]" * 2000).json is None


def test_a_request_id_is_cut_to_a_sane_length() -> None:
    assert Response(200, {"x-request-id": "x" * 500}).request_id == "x" * 200
    assert Response(200).request_id == ""


def test_a_body_does_not_stand_in_the_representation_of_a_response() -> None:
    assert "example.com" not in repr(Response(200, {}, b"jo@example.com"))


def ask(_batch: Batch) -> Request:
    return Request("POST", "/people", repeatable=False)


def test_a_plain_operation_settles_what_its_function_says() -> None:
    converse = one_request(ask, lambda _batch, _response: [Settled(0, 1, GOOD), Settled(1, 3, BAD)])

    talk = drive(converse(people(3)), [answer({})])

    assert talk.verdicts == {0: GOOD, 1: BAD, 2: BAD}
    assert talk.requests == [Request("POST", "/people", repeatable=False)]


def test_a_plain_operation_without_an_answer_settles_every_record_by_it() -> None:
    converse = one_request(ask, lambda _batch, _response: pytest.fail("there is nothing to read"))

    talk = drive(converse(people(3)), [LOST])

    assert talk.settled == [("unknown", "timeout")] * 3


def test_a_plain_operation_may_split_its_batch() -> None:
    converse = one_request(ask, lambda _batch, _response: Split(BAD))

    talk = drive(converse(people(3)), [answer({})])

    assert talk.split == Split(BAD)
    assert talk.verdicts == {}


def test_settling_a_batch_alike_speaks_of_every_record() -> None:
    assert people(4).settle(GOOD) == Settle((Settled(0, 4, GOOD),))
