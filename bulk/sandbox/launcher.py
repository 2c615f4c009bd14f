"""Runs the sandbox as a process of its own for as long as somebody needs it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from bulk.errors import BulkError
from bulk.sandbox.options import DEMONSTRATION, SandboxOptions, Urls, arguments

START_SECONDS = 20.0
STOP_SECONDS = 5.0


@contextmanager
def running_sandbox(
    options: SandboxOptions = DEMONSTRATION, start_seconds: float = START_SECONDS
) -> Iterator[Urls]:
    """Start the sandbox, yield its base URLs, and end it; it also ends if this process is killed.

    Raises:
        BulkError: It did not start.
    """
    process = _start(options)
    try:
        yield _announced(process, start_seconds)
    finally:
        _end(process)


def _start(options: SandboxOptions) -> "subprocess.Popen[bytes]":
    package = Path(__file__).resolve().parents[2]
    paths = [str(package), os.environ.get("PYTHONPATH", "")]
    # A session of its own, so that Ctrl-C in a terminal does not end it while requests are in flight.
    # -P: a folder named like one of our modules in the working directory must not be imported.
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
        [sys.executable, "-P", "-m", "bulk.sandbox", "--with-parent", *arguments(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        start_new_session=True,
    )


def _announced(process: "subprocess.Popen[bytes]", seconds: float) -> Urls:
    alarm = threading.Timer(seconds, process.kill)
    alarm.start()
    try:
        line = process.stdout.readline() if process.stdout else b""
    finally:
        alarm.cancel()
    try:
        urls: Urls = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BulkError(
            f"The sandbox did not start within {seconds:g} s (exit code {process.wait()}); "
            "what it said, if anything, stands above."
        ) from error
    return urls


def _end(process: "subprocess.Popen[bytes]") -> None:
    with process:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
