"""A server on this machine that takes what is posted to it, and answers as it was told."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

TAKEN = 204


@dataclass(frozen=True, slots=True)
class Posted:
    """What was posted once; names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    answered: int

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Receiver:
    """Everything that was posted, and the answers that are still to be given before it is taken."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.posted: list[Posted] = []
        self.answers: list[int] = []
        self.always: int | None = None

    @property
    def taken(self) -> list[Any]:
        """What was taken, as JSON values."""
        return [one.json for one in self.posted if one.answered == TAKEN]

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """The outcomes that were taken, in the order in which they came."""
        return [line for one in self.taken if one["event"] == "outcomes" for line in one["outcomes"]]

    def answer(self) -> int:
        return self.always or (self.answers.pop(0) if self.answers else TAKEN)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.receiver.answer()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.receiver.posted.append(Posted(self.path, headers, body, status))
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = Receiver(f"http://127.0.0.1:{self.server_port}")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield a receiver, until the context ends."""
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="receiver")
        thread.start()
        try:
            yield server.receiver
        finally:
            server.shutdown()
            thread.join()
