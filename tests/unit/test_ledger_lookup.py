"""Keys are found again by their identities, in the newest pass that holds them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ledgers import FACTS, told_frame

from bulk.conversation import KEY, ROW
from bulk.errors import LedgerError
from bulk.ledger import Ledger, PassFacts
from bulk.ledger.lookup import Hashes, named_in
from bulk.ledger.schema import REMOVED
from bulk.plan.changes import stable_hash

HASHED = stable_hash(None)
REMOVING = PassFacts(
    "sync", "sha256:job", "f1", {}, [*FACTS.steps, (f"users{REMOVED}", "here", "delete_user")]
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "nights.ledger")
    yield made
    made.close()


def night(ledger: Ledger, *keys: str | None, chunk: int = 2) -> None:
    """Begin a pass over these keys."""
    ledger.begin_pass(FACTS, 900.0)
    rows = pl.int_range(1, len(keys) + 1, dtype=pl.UInt32, eager=True).alias(ROW)
    frame = pl.DataFrame([rows, pl.Series(KEY, keys, dtype=pl.String)])
    for start in range(0, len(keys), chunk):
        ledger.write_keys(frame[start : start + chunk])
    ledger.end_reading(len(keys), 950.0)


def identities(keys: Sequence[str]) -> Hashes:
    return np.sort(HASHED(pl.Series(keys, dtype=pl.String)))


def test_the_newest_pass_comes_first_and_there_the_order_of_rows(ledger: Ledger) -> None:
    night(ledger, "e", "a", "d", "old")
    night(ledger, "d", None, "c", "b", "d", "a")
    night(ledger, "never looked at")

    found = ledger.named(identities(["a", "b", "c", "d", "e", "unknown"]), HASHED)
    assert found.to_list() == ["d", "c", "b", "a", "e"]


def test_the_pass_that_is_being_read_is_not_looked_into(ledger: Ledger) -> None:
    night(ledger, "a")
    night(ledger, "b")

    assert ledger.named(identities(["b"]), HASHED).to_list() == []
    assert named_in(ledger.path, identities(["b", "a"]), HASHED).to_list() == ["b", "a"]


def test_nobody_asked_for_is_nobody_found(ledger: Ledger) -> None:
    night(ledger, "a")

    assert named_in(ledger.path, identities([]), HASHED).to_list() == []


@pytest.mark.parametrize("body", ["x''", "x'00'", "x'0000000000'", "zeroblob(length(body))"])
def test_a_damaged_ledger_is_told_by_its_name(ledger: Ledger, body: str) -> None:
    night(ledger, "a")
    ledger._connection.execute(f"UPDATE keys SET body = {body}")

    with pytest.raises(LedgerError, match=r"nights\.ledger: the ledger is damaged"):
        named_in(ledger.path, identities(["a"]), HASHED)


def test_a_step_is_given_the_keys_of_the_rows_that_it_may_send(ledger: Ledger) -> None:
    night(ledger, *(f"p{number}" for number in range(1, 8)))
    ledger.write_told(0, told_frame(dict.fromkeys((1, 2, 3, 5, 6), ("skipped", "filtered", ""))))
    ledger.last_pass()

    assert [frame[ROW].to_list() for frame in ledger.keys_to_send(0)] == [[3, 4], [7]]
    assert [frame[KEY].to_list() for frame in ledger.keys_to_send(0)] == [["p3", "p4"], ["p7"]]


def test_who_left_is_no_record_of_the_list(ledger: Ledger) -> None:
    ledger.begin_pass(REMOVING, 900.0)
    filtered = ("skipped", "filtered", "")
    ledger.write_told(0, told_frame(dict.fromkeys(range(4, 11), filtered)))
    ledger.write_told(1, told_frame(dict.fromkeys(range(1, 4), filtered)))
    ledger.end_reading(10, 950.0)

    assert (ledger.boards[1].sendable, ledger.listed(ledger.number)) == (7, 3)
