"""Whatever a server answers and whatever a row holds, every request goes where its operation may go.

Conversations are held with the local systems, which answer as the vendors do, so that they go on as far as
they can; then answers are bent. An address must be one that the system serves, and nothing in it may be empty
or lead elsewhere: `DELETE /customers/` would mean all of them.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from effort import effort
from hostile import ESCAPES, LINES, TEXTS, bent
from hypothesis import given
from hypothesis import strategies as st
from in_memory import send
from kustomer_world import World as Organisation
from samples import Sample, sample_of, text_of
from test_customerio_erase_with_sandbox import World as Workspace
from test_customerly_erase_with_sandbox import Account
from test_destination_contract import ANSWERS, MOST_ACTS

from bulk.conversation import (
    Batch,
    Conversation,
    Found,
    Records,
    Reply,
    Request,
    Response,
    Settle,
    Split,
)
from bulk.destinations import SYSTEMS
from bulk.destinations.fields import Field, Kind
from bulk.sandbox.exchange import Routes

CONTACTS = ("ann@example.com", "bob@example.com")
"""Two who are known to each system."""
OPERATIONS = [
    pytest.param(system, operation, id=f"{system}-{operation}")
    for system in ("customerly", "customerio", "kustomer")
    for operation in SYSTEMS[system].operations
]
HOSTILE = st.sampled_from(["", " ", *ESCAPES, *LINES, "a?b", "a#b", "a&b=c", "a;b", "+", "é", *TEXTS])


class Place:
    """A system in memory: where its addresses are, and what it answers."""

    def __init__(self, routes: Callable[[Request], Routes], answer: Callable[[Request], Reply]) -> None:
        self.routes = routes
        self.answer = answer


def customerly() -> Place:
    account = Account()
    return Place(lambda _request: account.system.routes, account.send)


def customerio() -> Place:
    workspace = Workspace()
    return Place(lambda request: workspace.apis[request.surface].routes, workspace.send)


def kustomer() -> Place:
    organisation = Organisation()
    organisation.customer("ann", 2, externalId="a-1", phones=[{"phone": "+39061"}])
    organisation.customer("bob", 1)
    headers = {"Authorization": "Bearer token"}
    return Place(
        lambda _request: organisation.system.routes,
        lambda request: send(organisation.system, request, headers, organisation.now),
    )


PLACES: Mapping[str, Callable[[], Place]] = {
    "customerly": customerly,
    "customerio": customerio,
    "kustomer": kustomer,
}


def known_text(field: Field, number: int) -> str:
    """Return what names somebody who is there, where it can."""
    return CONTACTS[number % 2] if field.kind is Kind.EMAIL else text_of(field, number)


@cache
def known(system: str, operation: str) -> Sample:
    found = SYSTEMS[system]
    return Sample(found, found.operations[operation], text=known_text)


def check_request(request: Request, place: Place) -> None:
    assert re.fullmatch(r"/[!-\"$-~]*", request.path), request.path
    path, _, query = request.path.partition("?")
    assert place.routes(request).find(request.method, path), f"nobody serves {request.method} {path}"
    for segment in path.split("/")[1:]:
        assert unquote(segment).strip() not in {"", ".", ".."}, request.path
    for name, value in parse_qsl(query, keep_blank_values=True):
        assert value.strip(), f"{name} is empty in {request.path}"
    for name, value in request.headers:
        assert f"{name}{value}".isascii(), (name, value)
        assert f"{name}{value}".isprintable(), (name, value)


def hold(conversation: Conversation, batch: Batch, place: Place, answer: Callable[[Request], Reply]) -> None:
    """Hold a conversation to its end; every record is settled once, and every request is checked."""
    settled: list[int] = []
    reply: Reply | frozenset[int] | None = None
    requests = 0
    for _ in range(MOST_ACTS):
        try:
            act = conversation.send(reply)
        except StopIteration:
            assert sorted(settled) == list(range(len(batch)))
            return
        reply = None
        if isinstance(act, Request):
            requests += 1
            check_request(act, place)
            reply = answer(act)
        elif isinstance(act, Settle):
            settled += [position for run in act.verdicts for position in range(run.start, run.stop)]
        elif isinstance(act, Found):
            reply = frozenset()
        elif isinstance(act, Split):
            assert not settled
            return
    raise AssertionError(f"the conversation does not end; it sent {requests} requests")


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
@given(data=st.data())
@effort(8)
def test_answers_that_are_bent_lead_nowhere_else(system: str, operation: str, data: st.DataObject) -> None:
    plain = sample_of(SYSTEMS[system], SYSTEMS[system].operations[operation])
    sample = data.draw(st.sampled_from([plain, known(system, operation)]))
    place = PLACES[system]()

    def answer(request: Request) -> Reply:
        told = place.answer(request)
        how = data.draw(st.integers(0, 5))
        if how == 0:
            return data.draw(ANSWERS)
        if how > 2 or not isinstance(told, Response) or not isinstance(told.json, dict | list):
            return told
        body: Any = data.draw(bent(told.json, names=(*TEXTS, "id", "email", "data", "meta", "links", "next")))
        return Response(told.status, told.headers, json.dumps(body).encode())

    hold(sample.operation.converse(sample.batch, sample.terms), sample.batch, place, answer)


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
@given(values=st.lists(HOSTILE, min_size=1, max_size=4))
@effort(12)
def test_rows_that_are_hostile_are_rejected_or_name_one_place(
    system: str, operation: str, values: list[str]
) -> None:
    def text(field: Field, number: int) -> str:
        return text_of(field, number) if field.choices else values[number % len(values)]

    found = SYSTEMS[system]
    sample = Sample(found, found.operations[operation], text=text)
    if not sample.frame.height:
        return
    place = PLACES[system]()
    first = Batch(Records(sample.frame[:1]), 0, 1)

    hold(sample.operation.converse(first, sample.terms), first, place, place.answer)
