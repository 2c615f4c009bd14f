"""Whatever goes wrong on the wire: every row has one outcome, and what the ledger says of it is true."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fault_cases import FAULTS, Fault, Then
from fault_server import Exchange, FaultServer, accept, faulty
from forked_bulk import Ended, ForkedBulk
from workshop import Row, Workshop

TOKEN = "made-up-token"
STEP = {
    "name": "people",
    "operation": "request",
    "method": "POST",
    "path": "/people",
    "body": "json",
    "envelope": "people",
    "fields": {"email": "email", "name": "name"},
}
SIZE = 3
"""Records of a request."""
ONE_EACH = [pytest.param(number, id=fault.name) for number, fault in enumerate(FAULTS)]


def job(shop: Workshop, server: FaultServer, *, harmless: bool, place: dict[str, Any], **step: Any) -> None:
    """Write a job for the server, of requests that are harmless to send twice, or are not."""
    shop.urls["http"] = server.url
    usual = {"auth": {"bearer": TOKEN}, "timeout": "3s"}
    shop.job({**STEP, "idempotent": harmless, **step}, to="http", place={**usual, **place})


@dataclass
class Gauntlet:
    """A run in which every other request met a fault, one after the other; each of them once."""

    harmless: bool
    server: FaultServer
    elsewhere: FaultServer
    ended: Ended
    balanced: bool
    lines: dict[str, Row]

    def rows(self, number: int) -> list[str]:
        return [f"f{number}-{n}@example.com" for n in range(SIZE)]

    def expected(self, fault: Fault) -> tuple[str, tuple[str, ...], int]:
        """Status, possible reasons, and how often a row that meets this fault is asked for."""
        if fault.then is Then.REFUSED:
            return "failed", fault.reasons, 1
        if fault.then is Then.DOUBTFUL and not self.harmless:
            return "unknown", fault.reasons, 1
        return "succeeded", ("",), 1 if fault.then is Then.WELL else 2


async def strike(exchange: Exchange) -> None:
    """Meet each request that names a fault with that fault, the first time."""
    first = exchange.names[0]
    fault = first[0] == "f" and exchange.server.asked[first] == 1
    await (FAULTS[int(first[1 : first.index("-")])].answer if fault else accept)(exchange)


@pytest.fixture(scope="module", params=[True, False], ids=["harmless to repeat", "not to be repeated"])
def gauntlet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, forker: ForkedBulk
) -> Iterator[Gauntlet]:
    shop = Workshop(tmp_path_factory.mktemp("gauntlet"), {}, forker)
    shop.source(
        f"{letter}{number}-{n}@example.com,x"
        for number in range(len(FAULTS))
        for letter in "fg"
        for n in range(SIZE)
    )
    with faulty(strike) as server, faulty() as elsewhere:
        server.elsewhere = elsewhere.url
        job(shop, server, harmless=request.param, place={"concurrency": 24}, batch_size=SIZE)
        ended = shop.ask("run", "contacts.yaml")
        lines = {line["key"]: line for line in shop.export()}
        yield Gauntlet(request.param, server, elsewhere, ended, shop.status()["balanced"], lines)


@pytest.mark.parametrize("number", ONE_EACH)
def test_rows_that_meet_a_fault_end_as_it_has_it(gauntlet: Gauntlet, number: int) -> None:
    rows, fault = gauntlet.rows(number), FAULTS[number]
    status, reasons, times = gauntlet.expected(fault)
    assert [gauntlet.lines[row]["status"] for row in rows] == [status] * SIZE
    assert {gauntlet.lines[row]["reason"] for row in rows} <= set(reasons)
    assert [gauntlet.server.asked[row] for row in rows] == [times] * SIZE


def test_rows_beside_a_fault_are_not_touched_by_it(gauntlet: Gauntlet) -> None:
    beside = {row: line for row, line in gauntlet.lines.items() if row[0] == "g"}
    told = {row: (line["status"], gauntlet.server.asked[row]) for row, line in beside.items()}
    assert {row: beside[row] for row in told if told[row] != ("succeeded", 1)} == {}


def test_what_has_succeeded_was_done(gauntlet: Gauntlet) -> None:
    succeeded = {row for row, line in gauntlet.lines.items() if line["status"] == "succeeded"}
    assert succeeded <= set(gauntlet.server.taken)
    assert (gauntlet.balanced, len(gauntlet.lines)) == (True, 2 * SIZE * len(FAULTS))


def test_what_was_done_has_succeeded_or_is_unknown(gauntlet: Gauntlet) -> None:
    done = {gauntlet.lines[row]["status"] for row in gauntlet.server.taken}
    assert done == ({"succeeded"} if gauntlet.harmless else {"succeeded", "unknown"})


def test_a_redirect_sends_nothing_to_the_other_host(gauntlet: Gauntlet) -> None:
    assert (gauntlet.elsewhere.connections, TOKEN in gauntlet.ended.stderr) == (0, False)


def test_the_end_says_what_there_is_to_do(gauntlet: Gauntlet) -> None:
    assert gauntlet.ended.code == 3
    assert ("--retry unknown" in gauntlet.ended.stderr) is not gauntlet.harmless
