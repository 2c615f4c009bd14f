"""Who is read back when, and what becomes of them."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest
import virtual_time
from conversing import batch_of

from bulk.conversation import (
    Batch,
    Conversation,
    Request,
    Response,
    Settle,
    Settled,
    Status,
    Verdict,
    Verification,
)
from bulk.destinations.erasure import ABSENT, STILL_PRESENT, UNREAD
from bulk.ledger import Entry
from bulk.runner.stop import StoppingError
from bulk.runner.talk import Caution, Tries
from bulk.runner.verifying import Verifying, reads, verified

ACCEPTED = Verdict(Status.PENDING, "", 200, request_id="r1", verification=Verification.PENDING)
NEVER_THERE = Verdict(Status.SUCCEEDED, "not_present", verification=Verification.ABSENT)
BY_HAND = "delete the contact in its screens, too"
PATIENCE = 60.0


class Account:
    """A destination in virtual time, at which people vanish when they do; a line to it."""

    def __init__(self, vanish: Mapping[int, float], *, lost: Collection[int] = ()) -> None:
        self.vanish = vanish
        self.lost = lost
        self.reads: list[tuple[float, tuple[int, ...]]] = []
        self.stops_at = float("inf")

    async def exchange(self, request: Request, tries: Tries, caution: Caution | None) -> Response:
        del tries, caution
        if asyncio.get_running_loop().time() >= self.stops_at:
            raise StoppingError
        rows = tuple(map(int, request.path.split(",")))
        self.reads.append((round(asyncio.get_running_loop().time(), 3), rows))
        return Response(200)

    async def wait(self, seconds: float) -> None:
        if asyncio.get_running_loop().time() + seconds > self.stops_at:
            raise StoppingError
        await asyncio.sleep(seconds)

    def verify(self, batch: Batch) -> Conversation:
        rows = batch.rows.tolist()
        yield Request("GET", ",".join(map(str, rows)))
        now = asyncio.get_running_loop().time()
        yield Settle(tuple(Settled(place, place + 1, self._said(row, now)) for place, row in enumerate(rows)))

    def _said(self, row: int, now: float) -> Verdict:
        if row in self.lost:
            return UNREAD
        return ABSENT if now >= self.vanish.get(row, 0.0) else STILL_PRESENT


def accepted(row: int, at: float = 0.0, verdict: Verdict = ACCEPTED) -> Entry:
    return Entry(0, row, row, verdict, 1, at - 1, at)


def read_back(
    account: Account,
    *groups: Collection[int],
    patience: float = PATIENCE,
    outcomes: Mapping[int, Entry] | None = None,
    **more: Any,
) -> dict[int, Entry]:
    """Read people back, each group in a batch of its own; return the outcomes."""
    rows = [row for group in groups for row in group]
    settled: dict[int, Entry] = {}

    async def go() -> None:
        now: Callable[[], float] = asyncio.get_running_loop().time
        verifying = Verifying(
            account.verify,
            line=account,
            settle=lambda entry: settled.__setitem__(entry.first_row, entry),
            unix=now,
            patience=patience,
            **{"workers": 4, **more},
        )
        batches = [
            batch_of(*({"email": f"p{row}@example.com"} for row in group), first_row=min(group))
            for group in groups
        ]
        await verifying.run(batches, outcomes or {row: accepted(row) for row in rows})

    virtual_time.run(go())
    return settled


def seen(entries: Mapping[int, Entry]) -> dict[int, tuple[str, str]]:
    return {row: (entry.verdict.status.value, entry.verdict.verification) for row, entry in entries.items()}


def test_reads_grow_apart_and_the_last_one_is_when_the_patience_ends() -> None:
    assert list(reads(60)) == [2, 6, 18, 54, 60]
    assert list(reads(2)) == [2]
    assert list(reads(0.5)) == [0.5]


def test_somebody_who_vanishes_late_is_read_until_then_and_no_longer() -> None:
    account = Account({1: 20.0})

    assert seen(read_back(account, [1])) == {1: ("succeeded", "absent")}
    assert [at for at, _ in account.reads] == [2, 6, 18, 54]


def test_somebody_who_stays_is_still_present_when_the_patience_ends_and_not_before() -> None:
    account = Account({1: 1e9})

    settled = read_back(account, [1])

    assert seen(settled) == {1: ("failed", "still_present")}
    assert settled[1].finished_at == pytest.approx(PATIENCE, abs=0.01)
    assert settled[1].verdict.reason == "still_present"
    assert (settled[1].verdict.request_id, settled[1].first_sent_at) == ("r1", -1.0)


def test_of_a_batch_those_who_are_gone_are_settled_and_only_the_others_read_again() -> None:
    account = Account({2: 5.0, 4: 10.0})

    assert set(seen(read_back(account, [1, 2, 3, 4])).values()) == {("succeeded", "absent")}
    assert [rows for _, rows in account.reads] == [(1, 2, 3, 4), (2, 4), (4,)]


def test_who_cannot_be_read_stays_as_he_is() -> None:
    account = Account({}, lost={2})

    assert seen(read_back(account, [1, 2])) == {1: ("succeeded", "absent")}
    assert len(account.reads) == 5


def test_waits_overlap_beyond_the_number_of_workers() -> None:
    account = Account(dict.fromkeys(range(1, 101), 30.0))

    settled = read_back(account, *([row] for row in range(1, 101)), workers=2)

    assert len(settled) == 100
    assert max(at for at, _ in account.reads) == pytest.approx(54, abs=0.01)


def test_somebody_accepted_long_ago_is_read_once_and_judged() -> None:
    account = Account({1: 1e9})
    outcomes = {1: accepted(1, -1000.0), 2: accepted(2, -1000.0)}

    assert seen(read_back(account, [1], [2], outcomes=outcomes)) == {
        1: ("failed", "still_present"),
        2: ("succeeded", "absent"),
    }
    assert [at for at, _ in account.reads] == [0, 0]


def test_only_who_was_just_accepted_is_waited_for() -> None:
    account = Account({1: 1e9})
    outcomes = {1: accepted(1, 0.0, NEVER_THERE)}

    assert seen(read_back(account, [1], outcomes=outcomes)) == {1: ("failed", "still_present")}
    assert [at for at, _ in account.reads] == [0]


def test_a_stop_leaves_the_others_pending() -> None:
    account = Account({1: 1.0, 2: 1e9})
    account.stops_at = 10.0

    assert seen(read_back(account, [1], [2])) == {1: ("succeeded", "absent")}


@pytest.mark.parametrize(
    ("before", "said", "reason", "message"),
    [
        (ACCEPTED, ABSENT, "by_hand", BY_HAND),
        (NEVER_THERE, ABSENT, "not_present", ""),
        (
            NEVER_THERE,
            STILL_PRESENT,
            "returned",
            "the person was gone, and the destination shows the person again",
        ),
        (ACCEPTED, STILL_PRESENT, "still_present", STILL_PRESENT.error_message),
    ],
)
def test_the_reason_tells_what_is_left_to_do(
    before: Verdict, said: Verdict, reason: str, message: str
) -> None:
    entry = verified(accepted(1, verdict=before), 1, said, 9.0, BY_HAND)

    assert (entry.verdict.reason, entry.verdict.error_message, entry.finished_at) == (reason, message, 9.0)
    assert entry.verdict.verification == said.verification


def test_somebody_who_returned_and_is_gone_again_is_as_if_just_removed() -> None:
    returned = verified(accepted(1, verdict=NEVER_THERE), 1, STILL_PRESENT, 9.0)
    still = verified(returned, 1, STILL_PRESENT, 10.0)
    gone = verified(still, 1, ABSENT, 11.0)

    assert (still.verdict.reason, gone.verdict.reason, gone.verdict.status) == (
        "returned",
        "",
        Status.SUCCEEDED,
    )
