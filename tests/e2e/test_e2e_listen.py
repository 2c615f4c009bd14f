"""Webhooks in: whoever unsubscribed is in the file once, whatever happens, and the nightly job reads it."""

import random
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from certificates import signed_by
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from webhooks import KEY, SECRET, customerio_event, customerly_event, delivery, emails
from workshop import Workshop, until

BOTH = ("--customerly", "--customerio")
SECRETS = {"CUSTOMERLY_WEBHOOK_SECRET": SECRET, "CUSTOMERIO_WEBHOOK_SIGNING_KEY": KEY}
PATIENCE = 30.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def told(connection: HTTPConnection, event: Any) -> int:
    """Send an event once; return the status."""
    path, body, headers = delivery(event, time.time())
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def told_at(port: int, event: Any) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        return told(connection, event)
    finally:
        connection.close()


def insist(port: int, event: Any) -> None:
    """Send an event again and again until it is answered with 200, as vendors do."""

    def taken() -> bool:
        try:
            return told_at(port, event) == 200
        except (OSError, HTTPException):
            return False

    until(taken, "an answer of 200")


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def recorded(path: Path) -> list[str]:
    return emails(path.read_text().splitlines())


@contextmanager
def listening(
    shop: Workshop, *arguments: str, port: int = 0, secrets: Mapping[str, str] = SECRETS
) -> Iterator[int]:
    """Run the command beside the test; yield its port."""
    port = port or free_port()
    command = ("listen", "un.csv", *BOTH, "--port", str(port), *arguments)
    with shop.running_command(*command, **secrets):
        until(lambda: listens(port), "the listener listens")
        yield port


@contextmanager
def heard(
    shop: Workshop, *arguments: str, command: str = "exec {}"
) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Run the command as a user does; yield it and its port. What it says is in the file ``said``."""
    words = " ".join(shop._command(("listen", "un.csv", *BOTH, "--port", "0", *arguments)))
    with (
        (shop.folder / "said").open("w") as said,
        subprocess.Popen(
            ["bash", "-c", command.format(words)],
            cwd=shop.folder,
            env=shop.environ | SECRETS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            urls = orjson.loads(process.stdout.readline())
            yield process, urlsplit(urls["customerly"]).port or 0
        finally:
            process.kill()


def test_kills_at_any_moment_lose_nobody_and_double_nobody(shop: Workshop) -> None:
    port, chance = free_port(), random.Random(7)
    people = [f"person{number}@example.com" for number in range(80)]
    events = [customerly_event(email) for email in people] + [customerio_event(email) for email in people]
    chance.shuffle(events)
    sent, pause = threading.Event(), threading.Event()

    def killed_again_and_again() -> None:
        for _ in range(4):
            with listening(shop, port=port):
                pause.wait(chance.uniform(0.0, 0.03))
        with listening(shop, port=port):
            sent.wait(PATIENCE)

    with ThreadPoolExecutor(5) as pool:
        killing = pool.submit(killed_again_and_again)
        for answer in [pool.submit(insist, port, event) for event in events]:
            answer.result()
        sent.set()
        killing.result()
    assert sorted(recorded(shop.folder / "un.csv")) == sorted(people)


def test_a_stop_ends_well_and_says_what_came_as_numbers(shop: Workshop) -> None:
    with heard(shop, "--log-format", "json") as (process, port):
        assert told_at(port, customerly_event("ada@example.com", "id-of-ada")) == 200
        assert told_at(port, customerio_event("ada@example.com")) == 200
        assert told_at(port, customerio_event("bob@example.com", metric="subscribed")) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    said = (shop.folder / "said").read_text()
    lines = {line["event"]: line for line in map(orjson.loads, said.splitlines())}
    received = {name: lines["received"].get(name) for name in ("recorded", "known", "subscribed", "people")}
    assert received == {"recorded": 1, "known": 1, "subscribed": 1, "people": 1}
    assert lines["stopped"]["people"] == 1
    assert not [secret for secret in ("ada", "bob", "example.com", SECRET, KEY) if secret in said]


def test_a_second_listener_is_refused_and_a_missing_secret_too(shop: Workshop) -> None:
    command = ("listen", "un.csv", *BOTH, "--port", "0")
    with listening(shop):
        second = shop.bulk(*command, **SECRETS)
    assert (second.returncode, "another bulk listen appends to this file" in second.stderr) == (4, True)
    bare = shop.bulk(*command)
    assert (bare.returncode, "CUSTOMERLY_WEBHOOK_SECRET is not set" in bare.stderr) == (2, True)


def test_secrets_come_from_files_too(shop: Workshop) -> None:
    files = {
        f"{name}_FILE": str(shop.write(name, f"{value}\nan-older-one-of-before\n"))
        for name, value in SECRETS.items()
    }
    with listening(shop, secrets=files) as port:
        statuses = [told_at(port, event("ada@example.com")) for event in (customerly_event, customerio_event)]
    assert statuses == [200, 200]


def test_without_a_secret_anybody_is_let_in_where_that_is_wanted(shop: Workshop) -> None:
    with listening(shop, "--unsigned", secrets={}) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("POST", "/customerly", orjson.dumps(customerly_event("ada@example.com")))
        assert connection.getresponse().status == 200
        connection.close()


def test_a_full_disk_is_no_answer_of_200_and_the_file_stays_whole(shop: Workshop) -> None:
    people = [f"person{number}@example.com" for number in range(20)]
    with heard(shop, command="ulimit -f 1; exec {}") as (process, port):
        statuses = [told_at(port, customerly_event(email)) for email in people]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    taken = [email for email, status in zip(people, statuses, strict=True) if status == 200]
    assert set(statuses) == {200, 503}
    assert recorded(shop.folder / "un.csv") == taken
    assert "not_written" in (shop.folder / "said").read_text()
    with listening(shop) as port:
        assert {told_at(port, customerly_event(email)) for email in people} == {200}
    assert recorded(shop.folder / "un.csv") == people


@pytest.mark.parametrize(
    "parser", ["AIOHTTP_NO_EXTENSIONS=1", "AIOHTTP_NO_EXTENSIONS="], ids=["slow", "fast"]
)
def test_a_strangers_broken_bodies_are_told_as_numbers(shop: Workshop, parser: str) -> None:
    with heard(shop, "--log-format", "json", command=f"{parser} exec {{}}") as (process, port):
        for framing, body in (("Content-Length: 9", b"{"), ("Transfer-Encoding: chunked", b"zz\r\n")) * 2:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as stranger:
                stranger.sendall(f"POST /customerly HTTP/1.1\r\nHost: here\r\n{framing}\r\n\r\n".encode())
                assert health(port) == 200  # the stranger's request has been taken up by now
                stranger.sendall(body)
        assert health(port) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    lines = [orjson.loads(line) for line in (shop.folder / "said").read_text().splitlines()]
    assert {line["level"] for line in lines} == {"info"}
    assert sum(line.get("broken_off", 0) + line.get("malformed", 0) for line in lines) == 4


def health(port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()


def test_once_a_full_disk_has_room_again_its_health_says_so_though_nobody_sends(shop: Workshop) -> None:
    with heard(shop) as (process, port):
        assert (told_at(port, customerly_event("ada@example.com")), health(port)) == (200, 200)
        old = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        full = (shop.folder / "un.csv").stat().st_size
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (full, old[1]))
        assert told_at(port, customerly_event("bob@example.com")) == 503
        assert told_at(port, customerly_event("ada@example.com")) == 200
        assert (health(port), health(port)) == (503, 503)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, old)
        assert health(port) == 200
    assert recorded(shop.folder / "un.csv") == ["ada@example.com"]


def test_it_shows_a_certificate_of_its_own(shop: Workshop) -> None:
    shown = signed_by(None)
    private = shown.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    cert, key = shop.write("cert.pem", shown.pem().decode()), shop.write("key.pem", private.decode())
    with listening(shop, "--tls-cert", str(cert), "--tls-key", str(key)) as port:
        assert all(listens(port) for _ in range(200))  # and nobody agrees upon TLS
        context = ssl.create_default_context(cafile=str(cert))
        connection = HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
        assert told(connection, customerio_event("ada@example.com")) == 200
        connection.close()


NIGHTLY = {"operation": "unsubscribe_user", "fields": {"email": "email"}}


def test_the_nightly_job_reads_the_file_while_it_is_written(shop: Workshop, sandbox: Any) -> None:
    people = [f"person{number}@example.com" for number in range(4)]
    sandbox.put("users", [{"email": email, "user_id": email[:7]} for email in people])
    shop.job(
        NIGHTLY,
        source={"path": "un.csv", "key": "email", "where": "email is not null"},
        sync={"mode": "changes"},
    )

    def night() -> dict[str, int]:
        assert shop.run().returncode == 0
        return shop.counts("unsubscribe_user")

    with listening(shop) as port:
        told_at(port, customerly_event(people[0]))
        told_at(port, customerio_event(None, data={"customer_id": "42"}))
        assert night() == {"succeeded": 1, "skipped": 1}
        told_at(port, customerio_event(people[1].upper()))
        told_at(port, customerio_event(people[0]))
        assert night() == {"succeeded": 1, "skipped": 2}
    contacts = sandbox.contacts()
    assert [email for email in people if contacts[email].get("unsubscribe")] == people[:2]


def test_an_import_heeds_the_file_as_a_suppression_list(shop: Workshop, sandbox: Any) -> None:
    with listening(shop) as port:
        told_at(port, customerio_event("Person2@example.com"))
        told_at(port, customerly_event(None, "u9"))
        shop.people(3)
        shop.job(suppression=[{"path": "un.csv", "column": "email"}])
        assert shop.run().returncode == 0
    assert set(sandbox.contacts()) == {"person1@example.com", "person3@example.com"}
