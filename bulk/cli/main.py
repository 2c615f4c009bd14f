"""The ``bulk`` command: its subcommands, and errors turned into sentences and exit codes."""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from bulk import __version__
from bulk.cli.audit import audit
from bulk.cli.check import check
from bulk.cli.destinations import destinations
from bulk.cli.export import export
from bulk.cli.init import init
from bulk.cli.listen import listen
from bulk.cli.preview import preview
from bulk.cli.pull import pull
from bulk.cli.purge import purge
from bulk.cli.report import report
from bulk.cli.run import run
from bulk.cli.sandbox import sandbox
from bulk.cli.schema import schema
from bulk.cli.status import status
from bulk.cli.verify import verify
from bulk.errors import UNEXPECTED, BulkError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
_COMMANDS = (
    run,
    preview,
    check,
    init,
    pull,
    status,
    export,
    verify,
    report,
    audit,
    purge,
    listen,
    sandbox,
    destinations,
    schema,
)
_MEMORY = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:3000,muzzy_decay_ms:0")
"""When polars gives memory back, unless somebody says otherwise; read when polars is loaded. The next chunk
needs as much again, so not after half a second, but three; then wholly, or it would count as resident."""
for _command in _COMMANDS:
    app.command()(_command)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer's callback
    if asked:
        typer.echo(f"bulk {__version__}")
        raise typer.Exit


@app.callback()
def _bulk(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Carry large contact files into customer-messaging systems, with one recorded outcome for every row."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the documented code."""
    # The first process of a container is not ended by a signal that it has no handler for.
    signal.signal(signal.SIGTERM, _end)
    os.environ.setdefault(*_MEMORY)
    try:
        app(args=args)
    except BulkError as error:
        typer.echo(f"bulk: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - the last resort; panics of libraries are no Exception, messages may hold personal data
        typer.echo(f"bulk: unexpected error: {_place(error)}; please report this line", err=True)
        sys.exit(UNEXPECTED)


def _end(number: int, _frame: FrameType | None) -> None:
    """End at once: nothing is under way that would have to finish."""
    sys.exit(128 + number)


def _place(error: BaseException) -> str:
    """Say what kind of error was raised where, without its message."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, BulkError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)[:-6:-1]
    calls = (f"{frame.name} ({Path(frame.filename).name}:{frame.lineno})" for frame in frames)
    return f"{type(error).__name__} in {' < '.join(calls)}"
