"""How many rows a run is asked to settle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import Status
from bulk.ledger import Board
from bulk.ledger.board import CODE
from bulk.runner.asking import asked_of
from bulk.runner.setup import Options


@given(
    rows=st.lists(
        st.tuples(st.sampled_from([Status.PENDING, Status.SUCCEEDED, Status.FAILED]), st.booleans())
    ),
    limit=st.none() | st.integers(0, 12),
    again=st.booleans(),
)
def test_it_is_the_rows_that_are_pending_or_sent_again_among_the_first_so_many(
    rows: list[tuple[Status, bool]], limit: int | None, *, again: bool
) -> None:
    board = Board(len(rows))
    board.codes[:] = [CODE[status] for status, _ in rows]
    board.told[:] = [told for _, told in rows]
    wanted = {Status.PENDING, Status.FAILED} if again else {Status.PENDING}
    sendable = [status for status, told in rows if not told]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bulk.runner.asking._ROWS_AT_ONCE", 4)
        asked = asked_of(board, Options(limit=limit, again=frozenset(wanted - {Status.PENDING})))

    assert asked == sum(status in wanted for status in sendable[:limit])


def test_of_no_rows_none_is_asked() -> None:
    assert asked_of(Board(0), Options()) == 0
