"""Starts the systems and keeps them running until told to stop."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from bulk.errors import UsageError
from bulk.sandbox.customerio_app import App
from bulk.sandbox.customerio_track import Track
from bulk.sandbox.customerio_workspace import Workspace
from bulk.sandbox.customerly import Customerly
from bulk.sandbox.exchange import System
from bulk.sandbox.http import Http
from bulk.sandbox.kustomer import Kustomer
from bulk.sandbox.options import SandboxOptions, Urls
from bulk.sandbox.server import CONTROL, Manners, Served, Wire, web_server
from bulk.sandbox.traffic import Traffic

SHUTDOWN_SECONDS = 1.0
BACKLOG = 1024


@asynccontextmanager
async def serving(options: SandboxOptions) -> AsyncIterator[Urls]:
    """Run the systems in this event loop."""
    systems = _systems(options)
    served = tuple(
        Served(system, Traffic(options.limit_of(system.name), options.faults_of(system.name)))
        for system in systems
    )
    manners = Manners(options.retry_after, options.limit_headers, options.fault_delay, time.time)
    wire = Wire(served, manners)
    runner = web.ServerRunner(web_server(wire), shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        root = await _listen(runner, options)
        yield {"control": root + CONTROL} | {system.name: root + system.prefix for system in systems}
    finally:
        await runner.cleanup()


def _systems(options: SandboxOptions) -> tuple[System, ...]:
    workspace = Workspace(options.customerio)
    return (
        Customerly(options.customerly, options.token),
        Track(workspace, options.token),
        App(workspace, options.token),
        Kustomer(options.kustomer, options.token),
        Http(options.http, options.token),
    )


async def _listen(runner: web.ServerRunner, options: SandboxOptions) -> str:
    site = web.TCPSite(runner, options.host, options.port, backlog=BACKLOG)
    try:
        await site.start()
    except OSError as error:
        raise UsageError(
            f"The sandbox cannot listen on {options.host}:{options.port}: {error.strerror}."
        ) from error
    host, port = runner.addresses[0][:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - only compared with
    return f"http://{shown}:{port}"


async def serve(
    options: SandboxOptions, announce: Callable[[Urls], None], *, with_parent: bool = False
) -> None:
    """Run the systems until SIGINT or SIGTERM, or, with a parent, until standard input ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: KeyboardInterrupt does it
            loop.add_signal_handler(number, stop.set)
    if with_parent:
        _watch_parent(loop, stop)
    async with serving(options) as urls:
        announce(urls)
        await stop.wait()


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def watch() -> None:
        # Unbuffered: a lock on sys.stdin held by a daemon thread would abort the interpreter's exit.
        descriptor = sys.stdin.fileno()
        while os.read(descriptor, 4096):
            pass
        with suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="parent", daemon=True).start()
