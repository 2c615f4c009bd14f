"""Log lines on stderr: for people, or JSON."""

import sys
from pathlib import Path
from typing import Any

import structlog

from bulk.ledger.place import network_warning


def logger(*, json: bool, **facts: Any) -> Any:
    """Return a logger that writes to stderr; every line carries ``facts``."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=20, sort_keys=False)
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[structlog.processors.add_log_level, stamp, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    ).bind(**facts)


def warn_of_network(log: Any, ledger: Path) -> None:
    """Warn of a ledger that is about to be written where SQLite is not safe."""
    warning = network_warning(ledger)
    if warning is not None:
        log.warning("network_file_system", why=warning)
