"""What a destination of any JSON API may say about itself, and how it lets us in."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from bulk.destinations.http.templates import header_problem, path_problem

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer"})
_SECRET = frozenset({"authorization", "proxy-authorization", "cookie"})


def check_names(names: Mapping[str, str]) -> None:
    """Refuse names that are no header names, or not a job's business.

    Raises:
        ValueError: With a sentence for people.
    """
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise ValueError("a header's name holds letters, digits and hyphens")
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is set by the connection itself")
    if len({name.lower() for name in names}) < len(names):
        raise ValueError("a header is given twice, in upper and lower case")


def check_header_names(names: Mapping[str, str]) -> None:
    """Refuse those too that hold secrets, which a destination has under ``auth``.

    Raises:
        ValueError: With a sentence for people.
    """
    check_names(names)
    for name in names:
        if name.lower() in _SECRET:
            raise ValueError(f"the header {name} holds a secret; give it under auth of the destination")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The destination's own keys.

    Attributes:
        headers: Headers sent with every request, as they are.
        check: A path that a GET may read to prove the credentials; without it they are not proved before.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    check: str | None = None

    def __post_init__(self) -> None:
        check_header_names(self.headers)
        if any(header_problem(value) for value in self.headers.values()):
            raise ValueError("a header holds printable ASCII only")
        problem = None if self.check is None else path_problem(self.check.partition("?")[0])
        if problem or "{" in (self.check or ""):
            raise ValueError("check is a path that begins with / and holds no fields")


def headers(auth: Mapping[str, str], settings: HttpSettings) -> dict[str, str]:
    """Return the destination's headers, the credentials among them."""
    found = dict(settings.headers)
    if auth.get("header.name") and auth.get("header.value"):
        found[auth["header.name"]] = auth["header.value"]
    if auth.get("bearer"):
        found["Authorization"] = f"Bearer {auth['bearer']}"
    elif auth.get("basic.user"):
        pair = f"{auth['basic.user']}:{auth.get('basic.password', '')}"
        found["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return found
