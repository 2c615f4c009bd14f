"""A request step through the real transport to a real server: what arrives is what was meant."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from mapped_records import batches_of

from bulk.conversation import Request, Response
from bulk.destinations.http import HTTP
from bulk.destinations.http.options import HttpOptions
from bulk.destinations.http.settings import HttpSettings
from bulk.destinations.operation import Terms
from bulk.transport import Endpoint, Transport

REQUEST = HTTP.operations["request"]
NASTY = "a/b?c#d +%é/../.."


class Server:
    """Notes every request that arrives."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.seen.append(
            {
                "raw": request.raw_path,
                "query": dict(request.query),
                "headers": dict(request.headers),
                "form": dict(await request.post()),
                "body": await request.read(),
            }
        )
        return web.Response(status=204)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server, app = Server(), web.Application()
    app.router.add_route("*", "/{anything:.*}", server.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/api"
    yield server
    await runner.cleanup()


async def send(server: Server, record: dict[str, Any], **given: Any) -> dict[str, Any]:
    terms = Terms(HttpSettings(headers={"X-Own": "1"}), HttpOptions(**given), "seed")
    (batch,) = batches_of(REQUEST, terms, record)
    request = next(REQUEST.converse(batch, terms))
    assert isinstance(request, Request)
    headers = HTTP.headers({"bearer": "t"}, terms.settings)
    async with Transport(Endpoint(server.url, headers, 5.0, 2)) as transport:
        reply = await transport.send(request)
    assert isinstance(reply, Response)
    assert reply.status == 204
    return server.seen[-1]


async def test_a_nasty_value_arrives_as_one_segment_and_one_parameter(server: Server) -> None:
    seen = await send(server, {"id": NASTY}, path="/x/{id}/y", query={"q": "{id}"})

    assert seen["raw"].partition("?")[0] == "/api/x/a%2Fb%3Fc%23d%20%2B%25%C3%A9%2F..%2F../y"
    assert seen["query"] == {"q": NASTY}


async def test_a_form_arrives_with_its_type_and_its_values(server: Server) -> None:
    seen = await send(server, {"name": NASTY, "n": 5}, path="/x", body="form")

    assert seen["form"] == {"name": NASTY, "n": "5"}
    assert seen["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


async def test_json_arrives_with_the_destinations_headers_and_the_steps(server: Server) -> None:
    seen = await send(server, {"why": "moved"}, path="/x", headers={"X-Reason": "{why}"}, envelope="rows")

    assert seen["body"] == b'{"rows":[{"why":"moved"}]}'
    told = {name: seen["headers"][name] for name in ("Content-Type", "Authorization", "X-Own", "X-Reason")}
    assert told == {
        "Content-Type": "application/json",
        "Authorization": "Bearer t",
        "X-Own": "1",
        "X-Reason": "moved",
    }


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
async def test_a_request_without_a_body_has_none(server: Server, method: str) -> None:
    seen = await send(server, {"id": "1"}, path="/x/{id}", method=method, body="none")

    assert (seen["raw"], seen["body"]) == ("/api/x/1", b"")
