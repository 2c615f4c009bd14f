"""What every destination must do, whatever its system: add a system to ``SYSTEMS`` and it is held to this."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import Sample, sample_of

from bulk.conversation import (
    Act,
    Batch,
    Conversation,
    Found,
    Lost,
    Records,
    Remember,
    Reply,
    Request,
    Response,
    Settle,
    Split,
    Status,
    Verdict,
    Verification,
    Wait,
)
from bulk.destinations import SYSTEMS
from bulk.destinations.fields import Field, Kind
from bulk.destinations.listing import Listing, ListingError, Page, Query
from bulk.destinations.operation import Erasing, Operation, Sighting
from bulk.destinations.system import Place, System

OPERATIONS = [
    pytest.param(system, operation, id=f"{system.name}-{operation.name}")
    for system in SYSTEMS.values()
    for operation in system.operations.values()
]
SYSTEM = [pytest.param(system, id=system.name) for system in SYSTEMS.values()]
LISTINGS = [
    pytest.param(system, listing, id=f"{system.name}-{listing.name}")
    for system in SYSTEMS.values()
    for listing in system.listings.values()
]
ERASING = [
    pytest.param(system, operation, id=f"{system.name}-{operation.name}")
    for system in SYSTEMS.values()
    for operation in system.operations.values()
    if operation.erasing
]
MOST_ACTS = 3_000
"""A conversation that wants more than this is going round in circles."""

LOST = Lost("timeout", "no answer in time", processed=True)
UNSENT = Lost("connection", "no connection", processed=False)


def said(status: int, body: object, content: str = "application/json") -> Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(status, {"content-type": content}, raw)


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "error", "complete", "x@example.com"])
)
_ANSWERED = """
data errors error message code id ids status results attributes batch_index index _clientRef objectId inserted
not_added customers identifiers meta next reason field type emails user_id
"""
_NAMES = st.sampled_from(_ANSWERED.split())
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)
ANSWERS = st.one_of(
    st.builds(said, st.sampled_from([200, 201, 204, 207, 301, 400, 404, 409, 410, 413, 418, 422]), _JSON),
    st.builds(
        said, st.sampled_from([200, 400, 404]), st.sampled_from([b"", b"<html>", b"\xff", b"[", b"{}"])
    ),
    st.just(LOST),
    st.just(UNSENT),
)


class Talk:
    """A conversation driven to its end: what it asked for, and what became of every record."""

    def __init__(self, conversation: Conversation, batch: Batch, replies: Iterator[Reply]) -> None:
        self.requests: list[Request] = []
        self.verdicts: dict[int, Verdict] = {}
        self.split = False
        reply: Reply | frozenset[int] | None = None
        for _ in range(MOST_ACTS):
            try:
                act: Act = conversation.send(reply)
            except StopIteration:
                assert self.split or sorted(self.verdicts) == list(range(len(batch)))
                return
            reply = self._take(act, replies)
            if self.split:
                assert len(batch) > 1 or not self.verdicts
                return
        raise AssertionError("the conversation does not end")

    def _take(self, act: Act, replies: Iterator[Reply]) -> Reply | frozenset[int] | None:
        if isinstance(act, Request):
            self.requests.append(act)
            return next(replies)
        if isinstance(act, Settle):
            for run in act.verdicts:
                for position in range(run.start, run.stop):
                    assert position not in self.verdicts, "a record was settled twice"
                    self.verdicts[position] = run.verdict
        elif isinstance(act, Split):
            assert not self.verdicts, "a batch was split after some of it was settled"
            self.split = True
        elif isinstance(act, Remember):
            orjson.dumps(act.data)
        elif isinstance(act, Found):
            assert all(kind and value for names in act.names.values() for kind, value in names)
            return frozenset()
        else:
            assert isinstance(act, Wait)
            assert 0 <= act.seconds <= 3600
        return None


def always(reply: Reply) -> Iterator[Reply]:
    while True:
        yield reply


def spoken(script: list[Reply]) -> Iterator[Reply]:
    """Yield a script, and its last line for ever."""
    yield from script
    yield from always(script[-1])


def talk(sample: Sample, replies: Iterator[Reply]) -> Talk:
    return Talk(sample.operation.converse(sample.batch, sample.terms), sample.batch, replies)


def every_field(fields: tuple[Field, ...]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from every_field((*field.members, *field.special, *field.suffixes.values()))


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
def test_an_operation_explains_itself(system: System, operation: Operation) -> None:
    names = {field.name for field in operation.fields}

    assert system.operations[operation.name] is operation
    assert re.fullmatch(r"[a-z][a-z_]*", operation.name)
    assert operation.about.endswith(".")
    assert operation.fact
    assert set(operation.one_of) | set(operation.also_one_of) <= names
    assert set(operation.keep) <= names or not names
    assert all(field.about and field.fact for field in every_field(operation.fields))
    assert not operation.irreversible or operation.effect != "writes" or operation.adds
    assert set(operation.surfaces) <= set(system.surfaces)
    assert not operation.whom or operation.name.split("_")[1] == operation.whom
    assert not operation.whom or {"email", "id", "user_id"} & names


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
def test_a_limit_belongs_to_a_kind_that_has_it(system: System, operation: Operation) -> None:  # noqa: ARG001 - named for the id
    for field in every_field(operation.fields):
        assert not field.members or field.kind is Kind.OBJECT
        assert not field.choices or field.kind in {Kind.TEXT, Kind.IDENTIFIER}
        assert field.consent is None or field.kind in {Kind.BOOLEAN, Kind.OBJECT}


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
def test_the_first_request_keeps_to_its_line(system: System, operation: Operation) -> None:
    sample = sample_of(system, operation)
    request = next(sample.operation.converse(sample.batch, sample.terms))

    assert isinstance(request, Request)
    assert re.fullmatch(r"/[!-\"$-~]*", request.path)
    assert request.surface == "" or request.surface in system.surfaces
    path = request.path.partition("?")[0]
    assert all(segment not in {"", ".", ".."} for segment in path.split("/")[1:-1])
    assert "/.." not in path
    assert unquote(path).count("\r") == 0


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
@pytest.mark.parametrize("lost", [LOST, UNSENT])
def test_a_lost_answer_settles_every_record_and_doubt_is_told(
    system: System, operation: Operation, lost: Lost
) -> None:
    sample = sample_of(system, operation)
    outcome = talk(sample, always(lost))
    statuses = {verdict.status for verdict in outcome.verdicts.values()}
    doubtful = lost.processed and not all(request.repeatable for request in outcome.requests)

    assert statuses == {Status.UNKNOWN if doubtful else Status.FAILED}
    assert {verdict.reason for verdict in outcome.verdicts.values()} == {lost.reason}


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_answered_every_record_is_settled_once(
    system: System, operation: Operation, data: st.DataObject
) -> None:
    sample = sample_of(system, operation)
    script = data.draw(st.lists(ANSWERS, min_size=1, max_size=6))

    talk(sample, spoken(script))


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
def test_only_what_can_never_be_undone_sends_requests_of_that_kind(
    system: System, operation: Operation
) -> None:
    sample = sample_of(system, operation)
    request = next(sample.operation.converse(sample.batch, sample.terms))

    assert isinstance(request, Request)
    if sample.operation.erasing or not sample.operation.irreversible:
        assert not request.irreversible  # who is meant is looked up first
    elif request.method != "GET":
        assert request.irreversible
    if sample.operation.repeatable:
        assert request.repeatable or request.method == "POST"


def erasing(sample: Sample) -> Erasing:
    assert sample.operation.erasing is not None
    return sample.operation.erasing


def whole(sample: Sample) -> Batch:
    return Batch(Records(sample.frame), 0, sample.frame.height)


@pytest.mark.parametrize(("system", "operation"), ERASING)
def test_an_operation_that_erases_names_people_by_what_it_is_given(
    system: System, operation: Operation
) -> None:
    sample = sample_of(system, operation)

    assert set(erasing(sample).kinds) <= set(operation.keep)
    own = set(erasing(sample).kinds.values()) - {"email", "phone", "id"}
    assert len(own) <= 1, "a system has one kind of identifier that means nothing elsewhere"
    assert (operation.irreversible, operation.repeatable, operation.effect) == (True, True, "removes")
    assert erasing(sample).patience(sample.terms.options) > 0


@pytest.mark.parametrize(("system", "operation"), ERASING)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_answered_reading_back_settles_every_record_once_and_changes_nothing(
    system: System, operation: Operation, data: st.DataObject
) -> None:
    sample = sample_of(system, operation)
    script = data.draw(st.lists(ANSWERS, min_size=1, max_size=6))
    verify = erasing(sample).verify
    assert verify is not None

    outcome = Talk(verify(whole(sample), sample.terms), whole(sample), spoken(script))

    assert not any(request.irreversible or not request.repeatable for request in outcome.requests)
    assert {verdict.verification for verdict in outcome.verdicts.values()} <= {
        Verification.ABSENT,
        Verification.STILL_PRESENT,
        Verification.PENDING,
    }


@pytest.mark.parametrize(("system", "operation"), ERASING)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_answered_looking_sees_every_record_once_and_changes_nothing(
    system: System, operation: Operation, data: st.DataObject
) -> None:
    sample = sample_of(system, operation)
    replies = spoken(data.draw(st.lists(ANSWERS, min_size=1, max_size=6)))
    looking = erasing(sample).look(whole(sample), sample.terms)
    seen: list[int] = []
    reply: Reply | None = None
    for _ in range(MOST_ACTS):
        try:
            act = looking.send(reply)
        except StopIteration:
            assert sorted(seen) == list(range(len(whole(sample))))
            return
        reply = next(replies) if isinstance(act, Request) else None
        if isinstance(act, Request):
            assert act.repeatable
            assert not act.irreversible
        elif isinstance(act, Sighting):
            seen.append(act.position)
    raise AssertionError("the look does not end")


@pytest.mark.parametrize("system", SYSTEM)
@given(answer=ANSWERS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_answer_can_be_read(system: System, answer: Reply) -> None:
    place = Place(
        system.base_url, system.settings(), frozenset(system.operations), frozenset(system.surfaces)
    )
    if isinstance(answer, Response):
        reading = system.read(answer)
        assert reading is None or reading.meaning
        for probe in (*system.probes(place), *((system.preflight(place),) if system.preflight else ())):
            assert probe.request.method == "GET"
            assert probe.problem(answer) is None or probe.problem(answer)


@pytest.mark.parametrize("system", SYSTEM)
def test_secrets_go_into_headers_and_nowhere_else(system: System) -> None:
    auth = {one.option: f"secret-{number}" for number, one in enumerate(system.credentials)}
    headers = dict(system.headers(auth, system.settings()))
    for surface in system.surfaces.values():
        headers |= surface.headers(auth, system.settings())
        assert "secret" not in surface.base_url(system.settings(), system.base_url)

    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert not system.credentials or headers


@pytest.mark.parametrize(("system", "listing"), LISTINGS)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_listing_ends_whatever_is_answered(system: System, listing: Listing, data: st.DataObject) -> None:
    by = data.draw(st.sampled_from(["", *listing.by]))
    script = data.draw(
        st.lists(ANSWERS.filter(lambda one: isinstance(one, Response)), min_size=1, max_size=4)
    )
    pages = listing.pages(Query(by, ["a+b@example.com", "2"] if by else ()), system.settings())
    replies = iter([*script, *[said(200, {})] * MOST_ACTS])
    reply: Reply | None = None
    for _ in range(MOST_ACTS):
        try:
            act = pages.send(reply)
        except (StopIteration, ListingError):
            return
        reply = next(replies) if isinstance(act, Request) else None
        if isinstance(act, Request):
            assert re.fullmatch(r"/[!-\"$-~]*", act.path)
        elif isinstance(act, Page):
            assert all(isinstance(listing.identity(record), str) for record in act.records)
    raise AssertionError("the listing does not end")
