"""What a ledger keeps of erased people: hashes for ever, and who was found only until they are gone."""

from pathlib import Path

import polars as pl
import pytest
from erasure_ledgers import (
    EMAILS,
    FACTS,
    GONE,
    KEPT,
    SECRET,
    TAKEN,
    begin_erasures,
    erase_three,
    open_ledger,
    outcome,
    person,
)
from ledgers import begin

from bulk.conversation import Status
from bulk.errors import LedgerError
from bulk.ledger import Ledger
from bulk.ledger.erased import erased, secret_of
from bulk.ledger.keys import secret_id
from bulk.ledger.sealing import Seal
from bulk.ledger.view import View
from bulk.plan.subjects import COMPARABLE, naming

OTHER = b"another secret"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "erasure.ledger"


def test_accepted_rows_are_pending_and_not_sent_again_and_read_back_ones_are_settled(path: Path) -> None:
    ledger = begin_erasures(path)
    ledger.commit([outcome(1, TAKEN, last=2)])
    board = ledger.boards[0]
    assert (board.counts[Status.PENDING], board.unsent, board.awaiting) == (3, 1, 2)
    ledger.commit([outcome(1, GONE), outcome(2, KEPT)])
    ledger.close()

    ledger = open_ledger(path)
    ledger.last_pass()
    board = ledger.boards[0]
    ledger.close()

    assert (board.unsent, board.awaiting) == (1, 0)
    assert (board.counts[Status.SUCCEEDED], board.counts[Status.FAILED]) == (1, 1)


def test_who_was_found_is_kept_until_seen_to_be_gone(path: Path) -> None:
    ledger = begin_erasures(path)
    ledger.commit([], people=[person(1, ("user_id", "u1"), ("email", "old@example.com")), person(3)])
    ledger.commit([], people=[person(1, ("user_id", "u1")), person(2, ("user_id", "u2"))])
    assert ledger.erasures.found(1, 0) == {
        1: (("user_id", "u1"), ("email", "old@example.com")),
        2: (("user_id", "u2"),),
    }
    ledger.commit([outcome(1, GONE), outcome(2, KEPT)])

    assert ledger.erasures.found(1, 0) == {2: (("user_id", "u2"),)}
    ledger.close()


def test_nobody_stands_in_the_file_and_its_hashes_name_everybody_given_or_found(path: Path) -> None:
    ledger = begin_erasures(path)
    erase_three(ledger)
    files = b"".join(file.read_bytes() for file in path.parent.iterdir())
    ledger.close()

    assert not any(name.encode() in files for name in [*EMAILS, "user-2222", "example.com"])
    recipe = naming(SECRET)
    assert len(erased(path, COMPARABLE)) == 5
    _, ids = recipe.digests(pl.Series(["user-1111", "user-2222"]))
    assert set(erased(path, {"id"})) == set(ids)
    assert secret_of(path) == secret_id(SECRET)


def test_a_ledger_finds_its_secret_among_several_and_refuses_without_it(path: Path) -> None:
    begin_erasures(path).close()
    ledger = open_ledger(path, OTHER, SECRET)
    ledger.last_pass()
    assert ledger.erasures.job(1) == FACTS.spec
    ledger.close()

    ledger = Ledger(path)
    with pytest.raises(LedgerError, match="made with another secret"):
        ledger.reopen((OTHER,))
    ledger.close()


def test_a_new_ledger_is_made_with_the_newest_secret(path: Path) -> None:
    open_ledger(path, OTHER, SECRET).close()

    assert secret_of(path) == secret_id(OTHER)


def test_a_ledger_without_erasures_is_no_list_of_erased_people_and_cannot_be_verified(path: Path) -> None:
    begin(path).close()
    with pytest.raises(LedgerError, match="records no erasures"):
        secret_of(path)
    ledger = Ledger(path)
    with pytest.raises(LedgerError, match="records no erasures"):
        ledger.reopen((SECRET,))
    ledger.close()


def test_outcomes_of_earlier_passes_can_be_amended_and_the_newest_holds(path: Path) -> None:
    ledger = begin_erasures(path)
    erase_three(ledger)
    ledger.amend(1, [outcome(3, GONE, 5000.0)])

    held = ledger.erasures.last_outcomes(1, 0, [1, 3])

    assert {row: entry.finished_at for row, entry in held.items()} == {1: 1010.0, 3: 5000.0}
    ledger.close()
    with View(path) as view:
        (frame,) = view.lines()
        assert frame["verification"].to_list() == ["absent"] * 3
        assert frame["verified_at"].to_list()[2] == "1970-01-01T01:23:20.000Z"
        assert (view.awaiting_verification, view.state) == (0, "finished")


def test_a_view_tells_what_awaits_being_read_back(path: Path) -> None:
    ledger = begin_erasures(path)
    ledger.commit([outcome(1, TAKEN, last=3)])
    ledger.close()

    with View(path) as view:
        assert (view.awaiting_verification, view.state, view.balanced) == (3, "verifying", True)


def test_what_is_sealed_opens_with_the_same_secret_only() -> None:
    numbers = iter(range(1, 100))

    def entropy(size: int) -> bytes:
        return next(numbers).to_bytes(size, "big")

    seal = Seal(SECRET, entropy)
    one, two = seal.sealed(b"text"), seal.sealed(b"text")

    assert one != two
    assert b"text" not in one
    assert Seal(SECRET, entropy).opened(one) == b"text"
    for broken, secret in ((one, OTHER), (one[:-1], SECRET), (one[:-1] + b"\x00", SECRET), (b"", SECRET)):
        with pytest.raises(LedgerError):
            Seal(secret, entropy).opened(broken)
