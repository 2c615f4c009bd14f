"""The helper process of `forked_bulk`: it has imported what the command imports, and forks when asked to."""

import gc
import json
import os
import pkgutil
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module

from forked_bulk import LIMIT_SECONDS

from bulk import cli

COMMANDS = [f"{cli.__name__}.{module.name}" for module in pkgutil.iter_modules(cli.__path__)]
LATER = ("encodings.idna", "encodings.utf_8_sig", "numpy.ma", "uvloop")
"""What others import only once the command is at work."""


def serve() -> None:
    """Do what each line of standard input asks for, and answer with a number."""
    for name in (*COMMANDS, *LATER):
        import_module(name)
    gc.freeze()  # so that no child looks through all of it again
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(f"{reap(asked) if isinstance(asked, int) else start(**asked)}\n")
        sys.stdout.flush()


def reap(child: int) -> int:
    """Wait for a command, and return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def start(args: Sequence[str], folder: str, environ: Mapping[str, str], streams: Sequence[str]) -> int:
    """Start a command, and return the process that is it."""
    child = os.fork()
    if not child:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        become(args, streams)
    return child


def become(args: Sequence[str], streams: Sequence[str]) -> None:
    """Be the command; never returns."""
    signal.alarm(LIMIT_SECONDS)
    for descriptor, name in enumerate(streams):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the old one has read ahead
    sys.argv = ["bulk", *args]
    warnings.simplefilter("error")  # the helper was told to ignore those of its imports
    code: object = 1
    try:
        cli.main()
        code = 0
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve()
