"""Log lines on stderr: for people, or JSON."""

import sys
from typing import Any

import structlog


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
