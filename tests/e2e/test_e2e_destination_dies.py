"""A destination that dies, at once or little by little: it is left alone, and the run goes on later."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from fault_cases import then_resets, with_status
from fault_server import Answer, Exchange, FaultServer, faulty
from forked_bulk import Ended
from workshop import Workshop

AT_MOST = 200
"""Requests that a destination costs after its last usable answer."""
ROWS = 600
GOOD = 100
"""Requests that go well at first."""


def write_job(shop: Workshop, server: FaultServer, *, harmless: bool) -> None:
    shop.people(ROWS)
    shop.urls["http"] = server.url
    step = {
        "name": "people",
        "operation": "request",
        "method": "POST",
        "path": "/people",
        "body": "json",
        "idempotent": harmless,
    }
    place = {"auth": {"bearer": "${MADE_UP_TOKEN}"}, "rate": "2000/s", "retry": {"max_elapsed": "1s"}}
    shop.environ["MADE_UP_TOKEN"] = "the-first-token"
    shop.job(step, to="http", place=place)


def go(shop: Workshop, *arguments: str) -> Ended:
    return shop.ask("run", "contacts.yaml", *arguments)


class Failing:
    """Answers well, or with a fault as a share of requests that depends on their number."""

    def __init__(self, fault: Answer, share: Callable[[int], float]) -> None:
        self.fault = fault
        self.share = share
        self.draw = random.Random(7).random
        self.last_well = 0

    async def __call__(self, exchange: Exchange) -> None:
        if self.draw() < self.share(exchange.number):
            await self.fault(exchange)
            return
        self.last_well = exchange.number
        exchange.take()
        await exchange.reply()


def at_once(number: int) -> float:
    return float(number > GOOD)


def creeping(number: int) -> float:
    """Nothing fails at first, everything in the end."""
    return (number - GOOD) / 250


async def nothing(exchange: Exchange) -> None:
    exchange.reset()


ENDS = {"503": with_status("503 Ill"), "a reset": then_resets(nothing)}


@pytest.mark.parametrize(
    ("share", "fault", "harmless"),
    [
        (at_once, "503", True),
        (at_once, "a reset", False),
        (creeping, "a reset", True),
        (creeping, "503", False),
    ],
)
def test_a_destination_that_dies_is_left_alone_and_the_run_goes_on_later(
    shop: Workshop, share: Callable[[int], float], fault: str, *, harmless: bool
) -> None:
    failing = Failing(ENDS[fault], share)
    with faulty(failing) as server:
        write_job(shop, server, harmless=harmless)
        ended = go(shop)
        wasted = server.requests - failing.last_well
        counts = shop.counts("people")
        assert (ended.code, "run the same command again" in ended.stderr) == (4, True), ended.stderr
        assert "no usable answer for too long" in ended.stderr
        assert wasted <= AT_MOST
        assert counts["succeeded"] == len(server.taken)
        assert counts["pending"] > ROWS / 4
        failing.share = lambda _number: 0.0
        again = go(shop, "--retry", "failed")
        assert again.code == (0 if harmless else 3), again.stderr
        left = shop.counts("people")
        assert shop.status()["balanced"]
    assert left.keys() == ({"succeeded"} if harmless else {"succeeded", "unknown"})
    assert max(server.taken.values()) == 1
    assert left["succeeded"] == len(server.taken)
    assert harmless or max(server.asked.values()) == 1


@pytest.mark.parametrize(("status", "harmless"), [(401, False), (403, True)])
def test_a_token_that_expires_on_the_way_stops_at_once_and_another_goes_on(
    shop: Workshop, status: int, *, harmless: bool
) -> None:
    failing = Failing(with_status(f"{status} Expired"), at_once)
    with faulty(failing) as server:
        write_job(shop, server, harmless=harmless)
        ended = go(shop)
        refused = server.requests - GOOD
        counts = Counter(shop.counts("people"))
        assert (ended.code, f"refused the credentials ({status})" in ended.stderr) == (4, True), ended.stderr
        assert 1 <= refused <= 16, "only what was on the way already"
        assert counts == {"succeeded": GOOD, "pending": ROWS - GOOD}
        assert "the-first-token" not in ended.stderr
        failing.share = lambda _number: 0.0
        shop.environ["MADE_UP_TOKEN"] = "the-second-token"
        assert go(shop).code == 0
    assert shop.counts("people") == {"succeeded": ROWS}
    assert (len(server.taken), max(server.taken.values())) == (ROWS, 1)
    assert [exchange.headers["authorization"] for exchange in (server.seen[0], server.seen[-1])] == [
        "Bearer the-first-token",
        "Bearer the-second-token",
    ]
