"""The helper process of `forked_bulk`: it has imported what the command imports, and forks once per line."""

import json
import os
import signal
import sys

from forked_bulk import ERR, IN, OUT

import bulk.cli.auditing
import bulk.cli.checking
import bulk.cli.exporting
import bulk.cli.purging
import bulk.cli.reporting
import bulk.cli.running
import bulk.cli.telling
import bulk.cli.verifying  # noqa: F401 - imported so that the children need not do it
from bulk.cli import main

LIMIT_SECONDS = 60


def serve() -> None:
    """Run a child for each line of standard input, and answer with its exit code."""
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            become(asked["args"], asked["folder"], asked["environ"])
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def become(args: list[str], folder: str, environ: dict[str, str]) -> None:
    """Be the command; never returns."""
    signal.alarm(LIMIT_SECONDS)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for descriptor, name in enumerate((IN, OUT, ERR)):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), descriptor)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the old one has read ahead
    sys.argv = ["bulk", *args]
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve()
