"""An erasure that is stopped anywhere and taken up again ends as one that was not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from kustomer_talk import batch_of
from kustomer_world import ERASE, World, erasing, terms

from bulk.conversation import Conversation, Found, Name, Request, Settle, Verdict, Verification, Wait
from bulk.destinations.operation import Terms

ANN = {"email": "ann@example.com", "externalId": "a-1"}
BEFORE, INTENDED, AFTER = "before", "intended", "after"
"""A run may be killed before an act, with its intent on disk and nothing done, or when all is done."""


@dataclass
class Ledger:
    """What is on disk of one row, as the runner keeps it.

    Attributes:
        found: Who was found of it.
        attempted: Whether the intent to send something that can never be undone was declared.
        verdict: How it was settled.
        acts: How many acts there were.
    """

    found: dict[int, tuple[Name, ...]] = field(default_factory=dict)
    attempted: bool = False
    verdict: Verdict | None = None
    acts: int = 0


def people(**behaviour: Any) -> World:
    """Ann, who is to go, and Bob, who has as much."""
    world = World(**behaviour)
    for name, own in (("ann", "a-1"), ("bob", "b-1")):
        emails = [{"email": f"{name}@example.com"}, {"email": f"{name}.work@example.com"}]
        world.customer(name, 2, externalId=own, emails=emails)
    return world


def start(ledger: Ledger, record: dict[str, Any], told: Terms) -> Conversation:
    batch = batch_of(record, attempted=ledger.attempted, found=ledger.found)
    return ERASE.converse(batch, told)


def run(world: World, ledger: Ledger, told: Terms, stop: tuple[int, str] | None = None) -> None:
    """Carry a row's conversation out, and be killed at an act."""
    conversation = start(ledger, ANN, told)
    reply: Any = None
    for number in range(1_000):
        try:
            act = conversation.send(reply)
        except StopIteration:
            return
        ledger.acts = number + 1
        phase = stop[1] if stop and stop[0] == number else None
        if phase == BEFORE:
            return
        reply = do(world, ledger, act, only_intend=phase == INTENDED)
        if phase:
            return
    raise AssertionError("it does not end")


def do(world: World, ledger: Ledger, act: Any, *, only_intend: bool) -> Any:
    if isinstance(act, Request):
        ledger.attempted = ledger.attempted or act.irreversible
        return None if only_intend else world(act)
    if isinstance(act, Found):
        ledger.found = {position + 1: tuple(names) for position, names in act.names.items()}
        return frozenset()
    if isinstance(act, Settle):
        assert ledger.verdict is None
        ledger.verdict = act.verdicts[0].verdict
    elif isinstance(act, Wait):
        world.wait(act.seconds)
    return None


def read_back(world: World, ledger: Ledger) -> str:
    """Read back until nobody is shown, as long as the patience lasts."""
    assert erasing().verify is not None
    for _ in range(20):
        (verdict,) = world.read_back(ANN, found=ledger.found)
        if verdict.verification == Verification.ABSENT:
            break
        world.wait(1)
    return str(verdict.verification)


def left(world: World) -> dict[str, Any]:
    """Everything that is there, messages by what they say."""
    kinds = ("conversations", "notes", "drafts")
    rest = {kind: [(one.get("name"), one.get("body")) for one in world.contents(kind)] for kind in kinds}
    return {"customers": world.names, "said": world.said, **rest}


def stops(acts: int) -> Iterator[tuple[int, str]]:
    return ((number, phase) for number in range(acts) for phase in (BEFORE, INTENDED, AFTER))


@pytest.mark.parametrize(
    ("behaviour", "options"),
    [
        ({}, {}),
        ({}, {"children": "keep"}),
        ({"delete_seconds": 3.0}, {}),
        ({"child_seconds": 2.0}, {}),
        ({"delete_takes_children": True}, {}),
        ({}, {"matches": "all"}),
    ],
)
def test_wherever_it_is_stopped_it_ends_as_if_it_had_not_been(
    behaviour: dict[str, Any], options: dict[str, Any]
) -> None:
    told, whole, ledger = terms(**options), people(**behaviour), Ledger()
    run(whole, ledger, told)
    assert read_back(whole, ledger) == "absent"
    assert whole.names == ["bob"]

    for stop in stops(ledger.acts):
        world, again = people(**behaviour), Ledger()
        run(world, again, told, stop)
        if again.verdict is None:
            run(world, again, told)

        assert again.verdict is not None, stop
        assert (again.verdict.status, again.verdict.verification) == ("pending", "pending"), stop
        assert (read_back(world, again), left(world)) == ("absent", left(whole)), stop


def test_what_was_redacted_before_it_was_stopped_is_not_redacted_again() -> None:
    whole, ledger = people(), Ledger()
    run(whole, ledger, terms())

    for stop in stops(ledger.acts):
        world, again = people(), Ledger()
        run(world, again, terms(), stop)
        if again.verdict is None:
            run(world, again, terms())
        assert world.system.counts()["messages_redacted"] == 2, stop


def test_somebody_created_anew_while_it_was_stopped_is_not_taken_for_the_one_who_was_found() -> None:
    world, ledger = people(), Ledger()
    run(world, ledger, terms())
    ledger.verdict = None
    world.customer("anew", emails=[{"email": "ann.work@example.com"}])

    run(world, ledger, terms())

    assert ledger.verdict is not None
    assert (ledger.verdict.reason, world.names) == ("identity_conflict", ["bob", "anew"])
