"""The sandbox on the wire: one HTTP server, each system under its own prefix, control beside them."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal

from aiohttp import web

from bulk.sandbox.exchange import Answer, Asked, Route, System, json_answer, ndjson_answer, not_found
from bulk.sandbox.faults import Fault
from bulk.sandbox.traffic import Arrival, Logged, Traffic

CONTROL = "/sandbox"
LimitHeaders = Literal["none", "always", "kustomer"]
LARGEST_BODY = 64_000_000
"""Bytes that are read at all, to be able to refuse a body as a system does."""

_FAULT_ANSWERS = {
    Fault.TOO_MANY: Answer(429, b"Too Many Requests", "text/plain", (("Retry-After", "1"),)),
    Fault.UNAVAILABLE: Answer(503, b"Service Unavailable", "text/plain"),
    Fault.SERVER_ERROR: Answer(500, b'{"error":{"message":"Something went wrong.","code":0}}'),
    Fault.BAD_GATEWAY: Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"),
}


@dataclass(frozen=True, slots=True)
class Served:
    """A system and the traffic that reaches it."""

    system: System
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Manners:
    """How answers are given that no system gives.

    Attributes:
        retry_after: Whether refusals for the rate say when to come back.
        limit_headers: Whether answers say what is left of the limit: never, always, or as Kustomer does,
            which tells when it is renewed only once it is exceeded.
        delay: Seconds that a delayed answer is late.
        wall_clock: Seconds since the epoch.
    """

    retry_after: bool
    limit_headers: LimitHeaders
    delay: float
    wall_clock: Callable[[], float]


class Wire:
    """Receives every request; times are the event loop's."""

    def __init__(self, served: tuple[Served, ...], manners: Manners) -> None:
        self._served = {one.system.name: one for one in served}
        self._manners = manners
        self._clock = asyncio.get_running_loop().time

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; its arrival is noted before anything else is done."""
        now = self._clock()
        path = request.rel_url.raw_path
        for served in self._served.values():
            if path.startswith(f"{served.system.prefix}/"):
                return await self._at_system(served, request, served.traffic.arrive(now))
        inside = path.split("/")[2:] if path.startswith(f"{CONTROL}/") else []
        return _response(self._control(request.method, inside))

    async def _at_system(
        self, served: Served, request: web.BaseRequest, arrival: Arrival
    ) -> web.StreamResponse:
        system = served.system
        body = await request.read()
        path = request.rel_url.raw_path.removeprefix(system.prefix)
        route = system.routes.find(request.method, path)
        _log(served, request, body, (arrival, route))
        if arrival.retry_after:
            return self._answered(served, arrival, self._too_many(arrival))
        if arrival.fault and arrival.fault.before_work:
            return self._broken(served, request, arrival)
        answer = system.too_large() if len(body) > system.max_body else None
        answer = answer or system.answer(self._asked(request, path, body, route), route)
        if arrival.fault:
            return await self._spoilt(served, request, arrival, answer)
        return self._answered(served, arrival, answer)

    def _asked(self, request: web.BaseRequest, path: str, body: bytes, route: Route | None) -> Asked:
        now = self._manners.wall_clock()
        asked = Asked(request.method, path, request.query, request.headers, body, now)
        if route is None:
            return asked
        return replace(asked, parameter=route.parameter, parameters=route.parameters)

    def _too_many(self, arrival: Arrival) -> Answer:
        retry_after = (("Retry-After", str(arrival.retry_after)),) if self._manners.retry_after else ()
        return Answer(429, b'{"error":{"message":"Too Many Requests","code":0}}', headers=retry_after)

    def _answered(self, served: Served, arrival: Arrival, answer: Answer) -> web.Response:
        served.traffic.answered(answer.status)
        return _response(replace(answer, headers=(*self._told(arrival), *answer.headers)))

    def _told(self, arrival: Arrival) -> tuple[tuple[str, str], ...]:
        """Say what is left of the limit, where the manners want it said."""
        left, manner = arrival.left, self._manners.limit_headers
        if left is None or manner == "none":
            return ()
        told = (("x-ratelimit-limit", str(left.limit)), ("x-ratelimit-remaining", str(left.remaining)))
        if manner == "kustomer" and not arrival.retry_after:
            return told
        wait = left.more_in if arrival.retry_after else left.renewed_in
        return (*told, ("x-ratelimit-reset", str(math.ceil(self._manners.wall_clock() + wait))))

    def _broken(self, served: Served, request: web.BaseRequest, arrival: Arrival) -> web.StreamResponse:
        if arrival.fault in _FAULT_ANSWERS:
            return self._answered(served, arrival, _FAULT_ANSWERS[arrival.fault])
        return _hung_up(request)

    async def _spoilt(
        self, served: Served, request: web.BaseRequest, arrival: Arrival, answer: Answer
    ) -> web.StreamResponse:
        if arrival.fault is Fault.TRUNCATED:
            return await _truncated(request, answer)
        if arrival.fault is Fault.DELAYED:
            await asyncio.sleep(self._manners.delay)
            return self._answered(served, arrival, answer)
        return self._broken(served, request, arrival)

    def _control(self, method: str, inside: list[str]) -> Answer:
        match (method, *inside):
            case ("GET", "stats"):
                return json_answer(self.stats())
            case ("GET", "requests"):
                return ndjson_answer(
                    {"system": name, **entry}
                    for name, served in self._served.items()
                    for entry in served.traffic.requests()
                )
            case ("POST", "reset"):
                self._reset()
                return json_answer({})
            case ("GET", name, kind) if name in self._served:
                contents = self._served[name].system.contents(kind)
                return not_found() if contents is None else ndjson_answer(contents)
        return not_found()

    def stats(self) -> Mapping[str, Any]:
        """Return the counters of every system by its name."""
        return {
            name: {**served.traffic.stats(), **served.system.counts()}
            for name, served in self._served.items()
        }

    def _reset(self) -> None:
        for served in self._served.values():
            served.system.reset()
            served.traffic.reset()


def _log(served: Served, request: web.BaseRequest, body: bytes, met: tuple[Arrival, Route | None]) -> None:
    arrival, route = met
    served.traffic.log(
        Logged(
            arrival,
            request.method,
            route.template if route else "(unknown)",
            sha256(request.path_qs.encode()).hexdigest(),
            sha256(body).hexdigest(),
        )
    )


def _response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, body=answer.body, content_type=answer.content_type, headers=dict(answer.headers)
    )


def _hung_up(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return web.Response()


async def _truncated(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status)
    response.content_type = answer.content_type
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport:
        request.transport.close()
    return response


def web_server(wire: Wire) -> web.Server:
    """Return the low-level server of a wire; it writes no access log, because URLs hold addresses."""
    return web.Server(wire.handle, request_factory=_large_request, access_log=None)


def _large_request(*given: Any) -> web.BaseRequest:
    message, payload, protocol, writer, task = given
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY)
