"""What is asked of a system and what it answers, with no I/O in it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

import orjson

NOT_FOUND_PAGE = b"<!DOCTYPE html><html><head><title>404</title></head><body><h1>Not Found</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as a system sees it; header names are matched without regard to case.

    Attributes:
        query: Decoded parameters; of a repeated one the last. A raw ``+`` has become a space.
        parameter: The decoded last segment of a path that ends in one.
        now: Seconds since the epoch.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: float
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(data: Any, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(status, orjson.dumps(data))


def not_found() -> Answer:
    """Answer as web servers do for a path that nobody serves."""
    return Answer(404, NOT_FOUND_PAGE, "text/html")


def ndjson_answer(items: Iterable[Any]) -> Answer:
    """Answer with one JSON value per line."""
    body = b"".join(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE) for item in items)
    return Answer(200, body, "application/x-ndjson")


Handler = Callable[[Asked], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and the path template it stands under, with the decoded value of the template's parameter."""

    template: str
    handler: Handler
    parameter: str = ""


class Routes:
    """Finds the handler of a method and a path; a template may end in one ``{parameter}``."""

    def __init__(self, table: Mapping[tuple[str, str], Handler]) -> None:
        self._exact = {key: Route(key[1], handler) for key, handler in table.items() if "{" not in key[1]}
        self._open = {
            (method, template.rpartition("/")[0]): Route(template, handler)
            for (method, template), handler in table.items()
            if "{" in template
        }

    def find(self, method: str, path: str) -> Route | None:
        """Return the route of a percent-encoded path, or None."""
        found = self._exact.get((method, path))
        if found is not None:
            return found
        stem, _, last = path.rpartition("/")
        found = self._open.get((method, stem)) if last else None
        return Route(found.template, found.handler, unquote(last)) if found else None


class System(Protocol):
    """One vendor's system: answers requests and can be looked into."""

    name: str
    prefix: str
    max_body: int
    routes: Routes

    def answer(self, asked: Asked, route: Route | None) -> Answer:
        """Do what is asked and answer."""

    def too_large(self) -> Answer:
        """Answer a body beyond ``max_body``."""

    def contents(self, kind: str) -> Iterable[Any] | None:
        """Return everything of one kind, exactly as it was received, or None if there is no such kind."""

    def counts(self) -> Mapping[str, int]:
        """Return what was done so far, in numbers."""

    def reset(self) -> None:
        """Forget everything."""
