"""What stands before the body of a request."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from yarl import URL

from bulk import __version__
from bulk.conversation import Request

_PATH = re.compile(r"/[!-\"$-~]*")
_METHOD = re.compile(r"[A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_JSON = ("Content-Type", "application/json")
_USUAL = (
    ("User-Agent", f"bulk/{__version__}"),
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
)
_OURS = frozenset({"content-length", "transfer-encoding"})
"""What the body itself says."""
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods of which it is not said that their body is empty."""

Headers = Iterable[tuple[str, str]]


class Heads:
    """Writes the heads of requests to one base URL.

    Args:
        base: Scheme, host and first part of the path.
        headers: Sent with every request.
        whole: Whether the request line holds the whole URL, as a proxy wants it.

    Raises:
        ValueError: A header would end its line and begin another.
    """

    def __init__(self, base: URL, headers: Mapping[str, str], *, whole: bool) -> None:
        host = base.host_port_subcomponent or ""
        origin = f"{base.scheme}://{host}" if whole else ""
        self._prefix = f"{origin}{base.raw_path.rstrip('/')}"
        self._headers = _merged((("Host", host), *_USUAL), headers.items())
        self._lines = lru_cache(maxsize=64)(self._written)

    def of(self, request: Request) -> bytes:
        """Return the head of a request, with the empty line after it.

        Raises:
            ValueError: The request would break out of its line of HTTP.
        """
        if not _METHOD.fullmatch(request.method):
            raise ValueError("a method is a word")
        if not _PATH.fullmatch(request.path):
            raise ValueError("a path begins with / and holds printable ASCII other than spaces and #")
        lines = self._lines(request.headers, request.body is not None)
        line = f"{request.method} {self._prefix}{request.path} HTTP/1.1\r\n{lines}"
        if request.body is None and request.method.upper() in _WITHOUT_BODY:
            return f"{line}\r\n".encode()
        return f"{line}Content-Length: {len(request.body or b'')}\r\n\r\n".encode()

    def _written(self, headers: tuple[tuple[str, str], ...], has_body: bool) -> str:  # noqa: FBT001 - cached by position
        """Return the lines of all headers but the length; a body is JSON if nothing says otherwise."""
        merged = _merged(self._headers.values(), headers)
        if has_body:
            merged.setdefault("content-type", _JSON)
        return "".join(f"{name}: {value}\r\n" for name, value in merged.values())


def _merged(first: Headers, then: Headers) -> dict[str, tuple[str, str]]:
    """Return headers by lower-case name, where later ones win; errors do not repeat what they hold."""
    merged: dict[str, tuple[str, str]] = {}
    for name, value in (*first, *then):
        if _CONTROL.search(name) or _CONTROL.search(value):
            raise ValueError("a header holds a control character")
        if name.lower() not in _OURS:
            merged[name.lower()] = (name, value)
    return merged
