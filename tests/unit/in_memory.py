"""Sends requests to a system of the sandbox in memory, at a time of the test's choosing."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from bulk.conversation import Request, Response
from bulk.sandbox.exchange import Asked, System


def send(system: System, request: Request, headers: Mapping[str, str], now: float) -> Response:
    url = urlsplit(request.path)
    route = system.routes.find(request.method, url.path)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    told = (route.parameter, route.parameters) if route else ("", {})
    asked = Asked(request.method, url.path, query, headers, request.body or b"", now, *told)
    answer = system.answer(asked, route)
    return Response(answer.status, {}, answer.body)
