"""One request goes out at most once, as it is, and whatever comes back is told as a value."""

import asyncio
import gc
import gzip
import socket
import ssl
import struct
import tracemalloc
from base64 import b64encode
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from certificates import authority, signed_by
from wire_server import Exchange, Server, say_ok, serving
from yarl import URL

from bulk import __version__
from bulk.conversation import Lost, Reply, Request, Response
from bulk.transport import LARGEST_ANSWER, Endpoint, Transport
from bulk.transport.answer import Answer
from bulk.transport.connections import Connections
from bulk.transport.outbox import Outbox
from bulk.transport.wire import LateError, Question, StaleError

MARKER = "marker%40example.com"
GET = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"
PATH = f"/users?email={MARKER}"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def sent_to(
    server: Server, request: Request | None = None, seconds: float = 5.0, times: int = 1
) -> Reply:
    async with Transport(Endpoint(server.url, {"Authorization": "made-up"}, seconds)) as transport:
        for _ in range(times):
            reply = await transport.send(request or Request("POST", PATH, b"{}"))
        return reply


def lost(reply: Reply) -> Lost:
    assert isinstance(reply, Lost)
    assert "marker" not in repr(reply)
    return reply


@pytest.mark.parametrize(
    "path",
    [
        "/a%2Fb%2Bc%40d%2E%2e?q=%26%3D%2B+~",
        "/a/../b/./c//d",
        "/%61%7e%C3%A9?x=%zz&;,:@!$'()*",
        "/x?a=1?b=2&a=",
    ],
)
async def test_a_path_arrives_byte_for_byte(path: str) -> None:
    async with serving() as server:
        await sent_to(server, Request("DELETE", path))
    assert [exchange.target for exchange in server.seen] == [f"/v1{path}"]


async def test_body_and_headers_arrive() -> None:
    async with serving() as server:
        await sent_to(server, Request("POST", PATH, b'{"a":1}', headers=(("Idempotency-Key", "k"),)))
    (exchange,) = server.seen
    assert exchange.body == b'{"a":1}'
    assert exchange.headers["content-type"] == "application/json"
    assert exchange.headers["authorization"] == "made-up"
    assert exchange.headers["idempotency-key"] == "k"
    assert exchange.headers["user-agent"] == f"bulk/{__version__}"


async def test_a_request_may_name_its_own_content_type() -> None:
    async with serving() as server:
        await sent_to(server, Request("POST", PATH, b"a,b", headers=(("content-type", "text/csv"),)))
    assert server.seen[0].headers["content-type"] == "text/csv"


async def test_a_request_without_body_names_no_content_type() -> None:
    async with serving() as server:
        await sent_to(server, Request("GET", PATH))
    assert "content-type" not in server.seen[0].headers


async def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000
    async with serving() as server:
        await sent_to(server, Request("POST", PATH, body))
    assert server.seen[0].body == body


async def test_an_answer_comes_back_with_its_headers_in_lower_case() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply("207 Multi-Status", b'{"x":1}', "X-Request-ID: r1\r\nVia: a\r\nvia: b\r\n")

    async with serving(answer) as server:
        reply = await sent_to(server)
    assert isinstance(reply, Response)
    assert (reply.status, reply.json, reply.request_id) == (207, {"x": 1}, "r1")
    assert reply.headers["via"] == "a, b"


async def test_a_compressed_answer_is_decoded() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply(body=gzip.compress(b'{"x":1}'), headers="Content-Encoding: gzip\r\n")

    async with serving(answer) as server:
        reply = await sent_to(server)
    assert isinstance(reply, Response)
    assert reply.json == {"x": 1}


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply("308 Permanent Redirect", headers="Location: /v1/elsewhere\r\n")

    async with serving(answer) as server:
        reply = await sent_to(server)
    assert isinstance(reply, Response)
    assert (reply.status, len(server.seen)) == (308, 1)


async def test_cookies_are_not_kept() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply(headers="Set-Cookie: a=b\r\n")

    async with serving(answer) as server:
        server.url = server.url.replace("127.0.0.1", "localhost")  # no cookies belong to a number
        await sent_to(server, times=2)
    assert "cookie" not in server.seen[1].headers


async def test_connections_are_used_again() -> None:
    async with serving() as server:
        await sent_to(server, times=5)
    assert server.connections == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_request_on_a_kept_connection_that_is_reset_goes_out_once(method: str) -> None:
    async def answer(exchange: Exchange) -> None:
        if len(server.seen) == 1:
            await exchange.reply()
        else:
            exchange.writer.transport.abort()

    async with serving(answer) as server:
        reply = await sent_to(server, Request(method, PATH), times=2)
    assert lost(reply).processed
    assert lost(reply).reason == "connection"
    assert len(server.seen) == 2


async def speak(exchange: Exchange) -> None:
    await exchange.reply(body=b'{"to":"nobody"}')


async def close(exchange: Exchange) -> None:
    exchange.writer.close()
    await exchange.writer.wait_closed()


@pytest.mark.parametrize("looks", [0, 20], ids=["not seen yet", "seen by the loop"])
@pytest.mark.parametrize("do", [speak, close])
async def test_a_kept_connection_on_which_the_server_did_anything_is_not_used_again(
    do: Callable[[Exchange], Awaitable[None]], looks: int
) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply(body=exchange.body)

    sent: list[int] = []
    async with serving(answer) as server, Transport(Endpoint(server.url)) as transport:
        for number in range(3):
            reply = await transport.send(Request("POST", PATH, b"%d" % number), partial(sent.append, number))
            assert isinstance(reply, Response)
            assert reply.json == number
            await do(server.seen[-1])
            for _ in range(looks):
                await asyncio.sleep(0)
    assert (sent, len(server.seen), server.connections) == ([0, 1, 2], 3, 3)


async def test_a_refused_connection_means_that_nothing_was_processed() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        calls: list[None] = []
        async with Transport(Endpoint(f"http://127.0.0.1:{unused.getsockname()[1]}")) as transport:
            reply = lost(await transport.send(Request("GET", PATH), lambda: calls.append(None)))
    assert (reply.reason, reply.processed, calls) == ("connection", False, [])
    assert "refused" in reply.message


async def test_an_unknown_host_means_that_nothing_was_processed() -> None:
    async with Transport(Endpoint("http://nowhere.invalid")) as transport:
        reply = lost(await transport.send(Request("GET", PATH)))
    assert (reply.reason, reply.processed) == ("connection", False)
    assert reply.message == "the host name cannot be resolved"


async def test_a_failed_handshake_means_that_nothing_was_processed() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is no handshake\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listener:
        url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with Transport(Endpoint(url)) as transport:
            reply = lost(await transport.send(Request("GET", PATH)))
    assert (reply.reason, reply.processed) == ("connection", False)
    assert "TLS" in reply.message


async def test_silence_is_a_timeout_that_may_have_been_processed() -> None:
    async def answer(_exchange: Exchange) -> None:
        await asyncio.Event().wait()

    async with serving(answer) as server:
        reply = lost(await sent_to(server, seconds=0.2))
    assert (reply.reason, reply.processed) == ("timeout", True)


async def test_an_answer_that_trickles_times_out_as_a_whole() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await asyncio.Event().wait()

    async with serving(answer) as server:
        reply = lost(await sent_to(server, seconds=0.2))
    assert (reply.reason, reply.http_status) == ("timeout", 200)


BROKEN = {
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "cut short in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "not gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nABCD",
    "unknown coding": b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nABCD",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "no HTTP": b"220 mail.example.com ESMTP\r\n\r\n",
    "endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
async def test_an_answer_that_cannot_be_read_is_broken(data: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.write(data)
        exchange.writer.close()

    async with serving(answer) as server:
        reply = lost(await sent_to(server))
    assert (reply.reason, reply.processed) == ("broken_answer", True)


async def test_an_answer_that_unfolds_into_too_much_is_broken_before_it_fills_the_memory() -> None:
    bomb = gzip.compress(bytes(20 * LARGEST_ANSWER), 9)

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(body=bomb, headers="Content-Encoding: gzip\r\n")

    async with serving(answer) as server:
        tracemalloc.start()
        try:
            reply = lost(await sent_to(server))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (reply.reason, reply.http_status) == ("broken_answer", 200)
    assert most < 4 * LARGEST_ANSWER


async def test_the_connection_of_a_broken_answer_is_not_used_again() -> None:
    async def answer(exchange: Exchange) -> None:
        if len(server.seen) > 1:
            await exchange.reply()
            return
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n")
        while not exchange.writer.is_closing():
            await exchange.write(bytes(100_000))

    async with serving(answer) as server:
        reply = await sent_to(server, times=2)
    assert isinstance(reply, Response)
    assert server.connections == 2


@pytest.mark.parametrize("headers", ["", "Upgrade: x\r\n", "Upgrade: x\r\nConnection: Upgrade\r\n"])
async def test_a_connection_that_the_server_switched_over_is_not_used_again(headers: str) -> None:
    async def answer(exchange: Exchange) -> None:
        if len(server.seen) > 1:
            await exchange.reply()
            return
        await exchange.write(f"HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n".encode())
        await asyncio.Event().wait()

    async with serving(answer) as server, Transport(Endpoint(server.url, timeout=5.0)) as transport:
        replies = [await transport.send(Request("POST", PATH, b"{}")) for _ in range(2)]
    assert [reply.status for reply in replies if isinstance(reply, Response)] == [101, 200]


async def test_the_largest_answer_is_still_an_answer() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply(body=bytes(LARGEST_ANSWER))

    async with serving(answer) as server:
        reply = await sent_to(server)
    assert isinstance(reply, Response)
    assert len(reply.body) == LARGEST_ANSWER


@pytest.mark.parametrize("body", [None, b"{}", bytes(3_000_000)])
async def test_the_sending_is_told_once_before_the_server_has_the_request(body: bytes | None) -> None:
    calls: list[int] = []
    async with serving() as server, Transport(Endpoint(server.url)) as transport:
        await transport.send(Request("PUT", PATH, body), lambda: calls.append(len(server.seen)))
    assert calls == [0]


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", PATH, headers=(("X", "a\r\nY: b"),)),
        Request("GET", PATH, headers=(("X\nY", "b"),)),
        Request("GET", "/a HTTP/1.1\r\nX: y\r\n\r\n"),
        Request("GET", "/a b"),
        Request("GET", "/a#b"),
        Request("GET", "/ä"),
        Request("GET", "a"),
        Request("GET", ".example.com/"),
        Request("GET /\r\nX: y", "/a"),
    ],
)
async def test_a_request_cannot_break_out_of_its_line(request_: Request) -> None:
    async with serving() as server:
        with pytest.raises(ValueError, match=r"^(a path|a header|a method)"):
            await sent_to(server, request_)
    assert server.seen == []


async def test_a_proxy_of_the_environment_is_used_unless_it_is_excluded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as proxy, serving() as server:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        await sent_to(server)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        await sent_to(server)
    assert [exchange.target for exchange in proxy.seen] == [server.url + PATH]
    assert [exchange.target for exchange in server.seen] == ["/v1" + PATH]


async def test_a_proxy_is_shown_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//us%40r:p%3Aw@").removesuffix("/v1"))
        async with Transport(Endpoint("http://api.example.com:81/v2")) as transport:
            await transport.send(Request("PUT", "/a", b"{}"))
    (exchange,) = proxy.seen
    assert exchange.target == "http://api.example.com:81/v2/a"
    assert exchange.headers["host"] == "api.example.com:81"
    assert exchange.headers["proxy-authorization"] == f"Basic {b64encode(b'us@r:p:w').decode()}"


async def test_a_proxy_may_be_shown_a_word_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//:tok@").removesuffix("/v1"))
        async with Transport(Endpoint("http://api.example.com")) as transport:
            await transport.send(Request("DELETE", "/a"))
    (exchange,) = proxy.seen
    assert exchange.headers["proxy-authorization"] == f"Basic {b64encode(b':tok').decode()}"
    assert exchange.headers["content-length"] == "0"


async def test_a_proxy_that_is_no_url_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:abc")
    async with Transport(Endpoint("http://api.example.com")) as transport:
        reply = lost(await transport.send(Request("GET", PATH)))
    assert (reply.processed, reply.message) == (False, "the proxy that the environment names is no URL")


async def test_a_host_with_its_usual_port_may_be_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid")
    monkeypatch.setenv("no_proxy", "api.invalid:80")
    async with Transport(Endpoint("http://api.invalid")) as transport:
        reply = lost(await transport.send(Request("GET", PATH)))
    assert reply.message == "the host name cannot be resolved"


async def test_an_answer_may_end_with_its_connection() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.write(b'HTTP/1.1 200 OK\r\n\r\n{"x":')
        await exchange.write(b"1}")
        exchange.writer.close()

    async with serving(answer) as server:
        reply = await sent_to(server, times=2)
    assert isinstance(reply, Response)
    assert (reply.json, server.connections) == ({"x": 1}, 2)


@pytest.mark.parametrize("body", [b'{"x":1', b""])
async def test_an_answer_whose_connection_is_reset_is_cut_short(body: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        sock = exchange.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        exchange.writer.transport.abort()

    async with serving(answer) as server:
        reply = lost(await sent_to(server))
    assert (reply.reason, reply.processed) in {("broken_answer", True), ("connection", True)}


@pytest.mark.parametrize("head", [b"Content-Length: 17\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_an_answer_to_head_has_no_body(head: bytes) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")

    async with serving(answer) as server:
        reply = await sent_to(server, Request("HEAD", PATH), times=2)
    assert isinstance(reply, Response)
    assert (reply.status, reply.body, len(server.seen)) == (200, b"", 2)


async def test_what_there_was_no_time_to_send_was_certainly_not_processed() -> None:
    calls: list[None] = []
    async with serving() as server:
        connections = Connections(URL(server.url), 1)
        wire = await connections.opened(1e9)
        with pytest.raises(LateError):
            await wire.ask(Question(GET, 0.0, lambda: calls.append(None)), Answer())
        await connections.close()
        reply = lost(await sent_to(server, seconds=0.0))
    assert (reply.reason, reply.processed, calls, server.seen) == ("connection", False, [], [])


async def test_closing_ends_what_is_under_way() -> None:
    asked = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\n\r\n{")
        asked.set()
        await asyncio.Event().wait()

    async with serving(answer) as server:
        transport = Transport(Endpoint(server.url))
        task = asyncio.create_task(transport.send(Request("POST", PATH, b"1")))
        await asked.wait()
        await transport.close()
        assert lost(await task).processed


async def test_nothing_is_kept_of_answers_that_never_came() -> None:
    async def answer(exchange: Exchange) -> None:
        exchange.writer.transport.abort()

    gc.collect()
    gc.disable()
    try:
        async with serving(answer) as server:
            await sent_to(server, times=20)
        left = sum(isinstance(one, Answer) for one in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 1


async def test_what_goes_wrong_with_one_request_of_a_turn_is_not_the_others_fault() -> None:
    loop = asyncio.get_running_loop()
    told: list[str] = []
    loop.set_exception_handler(lambda _loop, context: told.append(type(context["exception"]).__name__))
    written: list[int] = []

    def write(number: int) -> None:
        if number == 1:
            raise KeyError
        written.append(number)
        if number == 3:
            done.set()

    done, outbox = asyncio.Event(), Outbox[int](loop)
    for number in range(4):
        outbox.add(write, number)
    await done.wait()
    assert (written, told) == ([0, 2, 3], ["KeyError"])


@pytest.mark.parametrize("tls", [False, True])
async def test_after_an_answer_to_half_a_request_the_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, tls: bool
) -> None:
    held = asyncio.Event()
    root = authority()
    shown = signed_by(root).serving(tmp_path) if tls else None
    (tmp_path / "root.pem").write_bytes(root.pem())
    trusting = ssl.create_default_context(cafile=tmp_path / "root.pem")
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await held.wait()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=shown) as listener:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with Transport(Endpoint(url, timeout=5.0)) as transport:
            replies = [await transport.send(Request("POST", PATH, bytes(5_000_000))) for _ in range(2)]
        held.set()
    assert [reply.status for reply in replies if isinstance(reply, Response)] == [413, 413]


async def test_a_server_that_speaks_before_it_is_asked_is_asked_nothing() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listener:
        url = URL(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        connections = Connections(url, 1)
        wire, calls = await connections.opened(1e9), list[None]()
        await wire.closed
        with pytest.raises(StaleError):
            await wire.ask(Question(GET, 1e9, lambda: calls.append(None)), Answer())
        await connections.close()
    assert calls == []


async def test_what_is_cancelled_before_its_turn_ends_is_not_sent() -> None:
    calls: list[None] = []
    async with serving() as server, Transport(Endpoint(server.url)) as transport:
        await transport.send(Request("POST", PATH, b"1"))
        task = asyncio.create_task(transport.send(Request("POST", PATH, b"2"), lambda: calls.append(None)))
        asyncio.get_running_loop().call_soon(task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        await transport.send(Request("POST", PATH, b"3"))
    assert (calls, [exchange.body for exchange in server.seen]) == ([], [b"1", b"3"])


async def test_the_connection_of_a_cancelled_exchange_is_not_used_again() -> None:
    asked = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        if len(server.seen) == 1:
            asked.set()
            await asyncio.Event().wait()
        await exchange.reply(body=exchange.body)

    async with serving(answer) as server, Transport(Endpoint(server.url)) as transport:
        task = asyncio.create_task(transport.send(Request("POST", PATH, b"1")))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        reply = await transport.send(Request("POST", PATH, b"2"))
    assert isinstance(reply, Response)
    assert (reply.body, server.connections) == (b"2", 2)


async def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulk.transport.connections.KEEP_ALIVE", -1.0)
    async with serving() as server:
        await sent_to(server, times=3)
    assert server.connections == 3


async def test_there_are_no_more_connections_than_are_allowed() -> None:
    async with (
        serving() as server,
        Transport(Endpoint(server.url, concurrency=3)) as transport,
        asyncio.TaskGroup() as group,
    ):
        for number in range(30):
            group.create_task(transport.send(Request("POST", PATH, b"%d" % number)))
    assert (server.connections, len(server.seen)) == (3, 30)


def test_credentials_are_not_shown() -> None:
    assert "made-up" not in repr(Endpoint("https://api.example.com", {"Authorization": "made-up"}))


async def test_many_requests_at_once_each_get_their_own_answer() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.reply(body=exchange.body)

    async with (
        serving(answer) as server,
        Transport(Endpoint(server.url)) as transport,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(transport.send(Request("POST", PATH, b"%d" % n))) for n in range(100)]
    replies = [task.result() for task in tasks]
    assert [reply.json for reply in replies if isinstance(reply, Response)] == list(range(100))
    assert server.answer is not say_ok
