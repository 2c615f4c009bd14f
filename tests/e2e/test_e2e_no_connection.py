"""Destinations to which there is no connection: each says why, nothing is sent, and it goes on later."""

import asyncio
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from certificates import ELSEWHERE, Signed, authority, signed_by
from fault_server import FaultServer, faulty
from forked_bulk import Ended
from tunnel import tunnel
from workshop import Workshop

TOKEN = "made-up-token"
ROWS = 60
CONCURRENCY = 8
WHY = {
    "self_signed": "certificate is not trusted: self-signed certificate",
    "unknown_authority": "certificate is not trusted: unable to get local issuer certificate",
    "other_name": "certificate is not trusted: IP address mismatch",
    "ended": "certificate is not trusted: certificate has expired",
    "no_tls": "no secure connection: the TLS handshake failed",
    "hangs_up": "the connection was closed at once, before anything was sent",
    "silent": "connecting took too long",
    "nobody": "the connection was refused: nothing listens there",
    "no_such_host": "the host name cannot be resolved",
}
"""What is said of each destination."""


async def speaks_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    return False


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
    return False


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
    while await reader.read(65_536):
        pass
    return False


@dataclass
class Outage:
    """A run to many destinations at once, of which one can be reached."""

    shop: Workshop
    servers: dict[str, FaultServer]
    ended: Ended
    status: dict[str, Any]

    def counts(self, name: str) -> dict[str, int]:
        return {status: count for status, count in self.status["steps"][name].items() if count}


def servers(stack: ExitStack, folder: Path, root: Signed) -> dict[str, FaultServer]:
    shown = {
        "trusted": signed_by(root),
        "self_signed": signed_by(None),
        "unknown_authority": signed_by(authority("an authority nobody knows")),
        "other_name": signed_by(root, ELSEWHERE),
        "ended": signed_by(root, ended=True),
    }
    greetings = {"no_tls": speaks_plainly, "hangs_up": hangs_up, "silent": says_nothing}
    found = {
        name: stack.enter_context(faulty(tls=certificate.serving(folder)))
        for name, certificate in shown.items()
    }
    return found | {name: stack.enter_context(faulty(greet=greet)) for name, greet in greetings.items()}


def write_job(shop: Workshop, urls: dict[str, str]) -> None:
    shop.source(f"person{n}@example.com,x" for n in range(ROWS))
    usual = {
        "system": "http",
        "auth": {"bearer": TOKEN},
        "timeout": "5s",
        "concurrency": CONCURRENCY,
        "retry": {"max_elapsed": "2s"},
    }
    impatient = {"silent": {"timeout": "0.2s"}}
    steps = [
        {
            "name": name,
            "destination": name,
            "operation": "request",
            "method": "POST",
            "path": "/people",
            "body": "json",
            "fields": {"email": "email"},
        }
        for name in urls
    ]
    shop.urls["http"] = ""
    places = {name: {**usual, "base_url": url, **impatient.get(name, {})} for name, url in urls.items()}
    shop.job(*steps, to=places)


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    folder = tmp_path_factory.mktemp("outage")
    root = authority()
    shop = Workshop(folder, {})
    shop.environ["SSL_CERT_FILE"] = str(folder / "root.pem")
    (folder / "root.pem").write_bytes(root.pem())
    with ExitStack() as stack, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = servers(stack, folder, root)
        urls = {name: f"https://127.0.0.1:{server.port}" for name, server in found.items()}
        urls["nobody"] = f"https://127.0.0.1:{unused.getsockname()[1]}"
        urls["no_such_host"] = "https://api.invalid"
        write_job(shop, urls)
        ended = shop.ask("run", "contacts.yaml", "--log-format", "json")
        yield Outage(shop, found, ended, shop.status())


@pytest.mark.parametrize("name", WHY)
def test_who_watches_is_told_why_there_is_no_connection(outage: Outage, name: str) -> None:
    told = [orjson.loads(line) for line in outage.ended.stderr.splitlines()]
    stopped = [line["why"] for line in told if line["event"] == "stopped"]
    (why,) = [why for why in stopped if why.startswith(f"{name}:")]
    assert WHY[name] in why
    assert "run the same command again to continue" in why


@pytest.mark.parametrize("name", WHY)
def test_without_a_connection_nothing_is_sent_and_the_run_ends_early(outage: Outage, name: str) -> None:
    counts = outage.counts(name)
    assert counts["pending"] > 0, "only what was on the way may use up its time"
    assert counts.keys() <= {"pending", "failed"}
    assert name not in outage.servers or outage.servers[name].requests == 0


def test_the_one_that_can_be_reached_is_not_held_up(outage: Outage) -> None:
    assert outage.counts("trusted") == {"succeeded": ROWS}
    assert outage.servers["trusted"].taken == {f"person{n}@example.com": 1 for n in range(ROWS)}


def test_the_run_can_be_continued_and_says_no_secret(outage: Outage) -> None:
    assert (outage.ended.code, outage.status["balanced"]) == (4, True)
    assert TOKEN not in outage.ended.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_of_two_addresses_of_a_host_the_one_that_answers_is_used(
    afresh: Workshop, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    hosts = afresh.write("hosts", "::1 both.example.com\n127.0.0.1 both.example.com\n")
    alone = ["unshare", "--mount", "bash", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "-"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may give a process addresses of its own")
    command = afresh._command
    monkeypatch.setattr(afresh, "_command", lambda arguments: [*alone, *command(arguments)])
    with faulty(host=host) as server:
        write_job(afresh, {"both": f"http://both.example.com:{server.port}"})
        assert afresh.run().returncode == 0
    assert server.taken == {f"person{n}@example.com": 1 for n in range(ROWS)}


def test_through_a_proxy_the_server_itself_is_spoken_to_in_secret(afresh: Workshop, tmp_path: Path) -> None:
    root = authority()
    (tmp_path / "root.pem").write_bytes(root.pem())
    with tunnel() as proxy, faulty(tls=signed_by(root).serving(tmp_path)) as server:
        write_job(afresh, {"far": f"https://127.0.0.1:{server.port}"})
        afresh.environ["SSL_CERT_FILE"] = str(tmp_path / "root.pem")
        afresh.environ["https_proxy"] = f"http://who:knows@127.0.0.1:{proxy.port}"
        assert afresh.run().returncode == 0
    assert server.taken == {f"person{n}@example.com": 1 for n in range(ROWS)}
    assert 0 < len(proxy.asked) <= CONCURRENCY
    for head in proxy.asked:
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
        assert f"Proxy-Authorization: Basic {b64encode(b'who:knows').decode()}\r\n" in head
        assert TOKEN not in head
