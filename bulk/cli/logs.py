"""Log lines on stderr: for people, or JSON."""

import io
import os
import sys
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

from bulk.cli.terminal import read_or_not
from bulk.ledger.place import network_warning


class _Stderr(io.TextIOBase):
    """Writes to what standard error is at the moment: what draws on a terminal puts itself in its place."""

    def write(self, text: str) -> int:
        with read_or_not():
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with read_or_not():
            sys.stderr.flush()


def coloured() -> bool:
    """Tell whether standard error shows colours, and its reader wants them."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def logger(*, json: bool, **facts: Any) -> Any:
    """Return a logger that writes to stderr; every line carries ``facts``."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=coloured(), pad_event_to=20, sort_keys=False)
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", _Stderr())),
        processors=[structlog.processors.add_log_level, stamp, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    ).bind(**facts)


def warn_of_network(log: Any, ledger: Path) -> None:
    """Warn of a ledger that is about to be written where SQLite is not safe."""
    warning = network_warning(ledger)
    if warning is not None:
        log.warning("network_file_system", why=warning)
