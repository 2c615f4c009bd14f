"""Values in paths and queries: percent-encoded in full, because a wrong path is a wrong person."""

from collections.abc import Mapping
from urllib.parse import quote


def encoded(value: str) -> str:
    """Percent-encode a value in full: a slash would end its segment, an unencoded ``+`` arrive as a space."""
    return quote(value, safe="")


def query(parameters: Mapping[str, str]) -> str:
    """Return a query with its question mark; empty if there are no parameters."""
    return "?" * bool(parameters) + "&".join(f"{name}={encoded(value)}" for name, value in parameters.items())
