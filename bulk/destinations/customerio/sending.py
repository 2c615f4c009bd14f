"""Items about people, each by all its identifiers, and what became of each person."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import orjson

from bulk.conversation import Lost, Name, Reply, Request, Response, Settled, Split, Status, Verdict
from bulk.destinations.customerio.batches import BATCHING, request_of, verdicts
from bulk.destinations.erasure import normal, partly, together

Named = Mapping[int, Sequence[Name]]
"""People by position in the batch, each with the identifiers by which they are named."""
Told = dict[int, Response | Verdict]
"""What became of people by position: the answer that accepted all, or why that is not so."""


def send(action: str, people: Named) -> Generator[Request, Any, Told]:
    """Do something that cannot be undone to people, by each of their identifiers.

    What is too large, or refused without a word about whose fault it is, is sent again in halves.
    """
    names = together(*people.values())
    request = request_of([_item(action, name) for name in names], irreversible=True)
    if len(people) > 1 and len(request.body or b"") > (BATCHING.max_bytes or 0):
        return (yield from _send_halves(action, people))
    reply: Reply = yield request
    said = verdicts(request, reply, len(names))
    if isinstance(said, Split) and len(people) > 1:
        return (yield from _send_halves(action, people))
    refused = dict(_refusals(names, said))
    return {position: _told(some, refused, reply) for position, some in people.items()}


def _item(action: str, name: Name) -> str:
    item = {"type": "person", "action": action, "identifiers": dict([name])}
    return orjson.dumps(item).decode()


def _send_halves(action: str, people: Named) -> Generator[Request, Any, Told]:
    positions = list(people)
    middle = (len(positions) + 1) // 2
    told: Told = {}
    for some in (positions[:middle], positions[middle:]):
        told |= yield from send(action, {position: people[position] for position in some})
    return told


def _refusals(names: Sequence[Name], said: Sequence[Settled] | Split) -> Iterator[tuple[Name, Verdict]]:
    if isinstance(said, Split):
        yield from ((normal(name), said.refusal) for name in names)
        return
    for settled in said:
        if settled.verdict.status is not Status.SUCCEEDED:
            yield from ((normal(name), settled.verdict) for name in names[settled.start : settled.stop])


def _told(names: Sequence[Name], refused: Mapping[Name, Verdict], reply: Reply) -> Response | Verdict:
    """Return what became of one person."""
    refusals = [refused[normal(name)] for name in names if normal(name) in refused]
    if not refusals and not isinstance(reply, Lost):
        return reply
    done = [f"what the {kind} names" for kind, value in names if normal((kind, value)) not in refused]
    return partly(refusals[0], done)
