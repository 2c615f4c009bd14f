"""A server that costs next to nothing: every request to /N/v1/… is told that N records were inserted."""

import asyncio
import multiprocessing
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import uvloop

NGINX = """
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
    location ~ ^/(?<size>[0-9]+)/v1/ {{ return 200 '{{"data":{{"inserted":$size,"errors":[]}}}}'; }}
  }}
}}
"""


@contextmanager
def fixed_server() -> Iterator[int]:
    """Serve on a port of 127.0.0.1 and yield it: nginx if there is one, else a bare uvloop protocol."""
    port = _free_port()
    with _nginx(port) if shutil.which("nginx") else _bare(port):
        _wait_for(port)
        yield port


@contextmanager
def _nginx(port: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        config.write_text(NGINX.format(folder=folder, port=port))
        server = subprocess.Popen(["nginx", "-p", folder, "-c", str(config)])  # found on the PATH on purpose
        try:
            yield
        finally:
            server.terminate()
            server.wait()


@contextmanager
def _bare(port: int) -> Iterator[None]:
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port,), daemon=True)
    server.start()
    try:
        yield
    finally:
        server.terminate()
        server.join()


def _serve(port: int) -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(forever())


class _Answering(asyncio.Protocol):
    """Reads no more of a request than its path and length."""

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
            body = b'{"data":{"inserted":%b,"errors":[]}}' % head.split(b"/")[1]
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
