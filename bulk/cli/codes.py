"""Exit codes of what ends a command."""

import typer

from bulk.errors import INTERRUPTED, UNEXPECTED, BulkError


def code_of(error: BaseException) -> int:
    """Return the exit code that an error ends the command with."""
    if isinstance(error, BulkError | typer.Exit):
        return error.exit_code
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else UNEXPECTED
