"""A server between the command and a sandbox: it passes everything on and keeps what was asked."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_OF_THE_CONNECTION = frozenset(("connection", "transfer-encoding", "content-length", "date", "server"))


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it was sent, and the status of its answer."""

    method: str
    target: str
    body: bytes
    status: int


class Recorder:
    """Everything that was asked, in the order of the answers."""

    def __init__(self, port: int, behind: str) -> None:
        self.asked: list[Asked] = []
        self._here, self._behind = f"127.0.0.1:{port}", behind

    def through(self, url: str) -> str:
        """Return an address of the sandbox as one that leads through here."""
        return url.replace(self._behind, self._here)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        behind = HTTPConnection(self.server.behind)
        behind.request(self.command, self.path, body, dict(self.headers.items()))
        answer = behind.getresponse()
        said = answer.read()
        behind.close()
        self.server.recorder.asked.append(Asked(self.command, self.path, body, answer.status))
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - the server looks for these

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the name it has above
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind
        self.recorder = Recorder(self.server_port, behind)

    def handle_error(self, *given: Any) -> None:
        """Say nothing of somebody who was killed and does not wait for the answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*given)


@contextmanager
def recording(url: str) -> Iterator[Recorder]:
    """Run a server that passes everything on to the host of ``url``."""
    with _Server(urlsplit(url).netloc) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.recorder
        finally:
            server.shutdown()
            thread.join()
