"""Work on a file that may end its process, done in a process of its own with bounded memory and time.

Readers of binary formats believe what a file says of itself: a few bytes may ask for more memory than there
is, and then the process is ended by its libraries, without a word.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import IO, Any, Final

from bulk.errors import SourceError

MEMORY: Final = 4 << 30
_SECONDS: Final = 3600
Work = Callable[..., None]


def confined(work: Work, *arguments: str, stdin: IO[bytes] | bytes, memory: int = MEMORY) -> bytes | None:
    """Call a function of a module of ours in a process of its own.

    Args:
        work: What reads standard input and writes standard output.
        arguments: What it is called with.
        stdin: A file, or what standard input holds.
        memory: Bytes of address space it may use.

    Returns:
        What it wrote; None if the process did not live to its end.

    Raises:
        SourceError: The work raised it.
    """
    source = f"from {__name__} import serve; from {work.__module__} import {work.__name__}"
    given: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done: subprocess.CompletedProcess[bytes] = subprocess.run(  # noqa: S603 - our own interpreter, our own module
        # -P: a folder named like one of our modules in the working directory must not be imported.
        [sys.executable, "-P", "-c", f"{source}; serve({work.__name__})", str(memory), *arguments],
        capture_output=True,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # and no secrets
        check=False,
        **given,
    )
    if done.returncode == SourceError.exit_code:
        raise SourceError(done.stderr.decode())
    return None if done.returncode else done.stdout


def serve(work: Work) -> None:
    """Be the process: set the limits, and do the work."""
    _limit(resource.RLIMIT_AS, int(sys.argv[1]))
    _limit(resource.RLIMIT_CPU, _SECONDS)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        work(*sys.argv[2:])
    except SourceError as error:
        sys.stderr.write(str(error))
        sys.exit(error.exit_code)


def _limit(what: int, most: int) -> None:
    """Set a limit, unless there is a lower one."""
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))
