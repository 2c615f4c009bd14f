"""Where tables and sentences are printed."""

from typing import TextIO

from rich.console import Console

WIDTH = 120
"""Columns where the output is no terminal and has no width of its own."""


def console(file: TextIO) -> Console:
    """Return a console on a stream; tables are not squeezed where there is no terminal."""
    return Console(file=file, width=None if file.isatty() else WIDTH, highlight=False, soft_wrap=True)
