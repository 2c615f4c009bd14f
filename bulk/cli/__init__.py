"""The commands: parse, call, print, exit code."""

from bulk.cli.main import main

__all__ = ["main"]
