"""A server that costs next to nothing: every request to /N/… is told that N records were inserted.

``/seen`` tells how many requests there were, and ``/people`` holds a file per person, which can be read and
deleted: with nginx only.
"""

import asyncio
import multiprocessing
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import cast

import uvloop

ECHO = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
"""Answers late; Debian's package is libnginx-mod-http-echo."""
COUNTED = re.compile(rb"^ \d+ \d+ (\d+)", re.MULTILINE)
SEEN = b"Active connections: 1 \nserver accepts handled requests\n 1 1 %d \n"
"""What nginx says of itself."""
NGINX = """
{modules}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 0;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    default_type application/json;
    root {folder};
    location = /seen {{ stub_status; }}
    location ~ ^/(?<size>[0-9]+)/ {{ {answer} }}
    location @answer {{ {at_once} }}
    location = /erasing/v1/users {{
      if ($request_method = DELETE) {{ rewrite ^ /deleting/$arg_email last; }}
      rewrite ^ /people/$arg_email last;
    }}
    location /people/ {{ internal; error_page 404 = @absent; }}
    location /deleting/ {{
      internal;
      alias {folder}/people/;
      dav_methods DELETE;
    }}
    location / {{ error_page 404 = @absent; return 404; }}
    location @absent {{ return 404 '{{"error":{{"message":"User doesn\\'t exist","code":0}}}}'; }}
  }}
}}
"""
AT_ONCE = """return 200 '{"data":{"inserted":$size,"errors":[]}}';"""
LATE = "echo_sleep {seconds}; echo_exec @answer;"


@dataclass
class Server:
    """A server that is running.

    Attributes:
        port: Where, on 127.0.0.1.
        people: Folder with a file per person; None where the server is not nginx.
        name: What it is.
    """

    port: int
    people: Path | None
    name: str
    asked: int = 0
    connection: HTTPConnection | None = None

    def url(self, path: str) -> str:
        """Return where something is."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def seen(self) -> int:
        """Return how many requests there were, without those that asked this."""
        if self.connection is None:
            self.connection = HTTPConnection("127.0.0.1", self.port)
        self.connection.request("GET", "/seen")
        self.asked += 1
        found = COUNTED.search(self.connection.getresponse().read())
        if not found:
            raise SystemExit("the server does not say how many requests it has seen")
        return int(found[1]) - self.asked


@contextmanager
def fixed_server(delay: float = 0.0) -> Iterator[Server]:
    """Serve on 127.0.0.1, ``delay`` seconds late: by nginx, or without it by a uvloop protocol."""
    port = _free_port()
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found and (not delay or ECHO.exists()):
        with _nginx(found, port, delay) as people:
            _wait_for(port)
            yield Server(port, people, "nginx")
    else:
        with _bare(port, delay):
            _wait_for(port)
            yield Server(port, None, "a bare uvloop protocol")


@contextmanager
def _nginx(program: str, port: int, delay: float) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "people").mkdir(mode=0o777)
        (folder / "people").chmod(0o777)
        modules = f"load_module {ECHO};" if ECHO.exists() else ""
        answer = LATE.format(seconds=delay) if delay else AT_ONCE
        config = folder / "nginx.conf"
        filled = {"modules": modules, "answer": answer, "at_once": AT_ONCE}
        config.write_text(NGINX.format(folder=folder, port=port, **filled))
        server = subprocess.Popen([program, "-p", str(folder), "-c", str(config)])
        try:
            yield folder / "people"
        finally:
            server.terminate()
            server.wait()


@contextmanager
def _bare(port: int, delay: float) -> Iterator[None]:
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port, delay), daemon=True)
    server.start()
    try:
        yield
    finally:
        server.terminate()
        server.join()


def _serve(port: int, delay: float) -> None:
    async def forever() -> None:
        _Answering.delay = delay
        server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(forever())


class _Answering(asyncio.Protocol):
    """Reads no more of a request than its path and length."""

    delay = 0.0
    seen = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head = self.waiting[:end].lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            whole = end + 4 + int(length or 0)
            if len(self.waiting) < whole:
                return
            self.waiting = self.waiting[whole:]
            self.answer(head.split(b"/")[1])

    def answer(self, what: bytes) -> None:
        _Answering.seen += 1
        if what.startswith(b"seen"):
            self.write(SEEN % _Answering.seen)
        elif self.delay:
            body = b'{"data":{"inserted":%b,"errors":[]}}' % what
            asyncio.get_running_loop().call_later(self.delay, self.write, body)
        else:
            self.write(b'{"data":{"inserted":%b,"errors":[]}}' % what)

    def write(self, body: bytes) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        self.transport.write(answer % (len(body), body))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit("the server did not start")
