"""Where tables and sentences are printed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console

WIDTH = 120
"""Columns where the output is no terminal and has no width of its own."""


def console(file: TextIO) -> Console:
    """Return a console on a stream; tables are not squeezed where there is no terminal."""
    return Console(file=file, width=None if file.isatty() else WIDTH, highlight=False, soft_wrap=True)


@contextmanager
def read_or_not() -> Iterator[None]:
    """Write to stderr; if nobody reads it any more, that ends nothing, and the rest goes nowhere."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
