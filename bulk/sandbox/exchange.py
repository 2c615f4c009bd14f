"""What is asked of a system and what it answers, with no I/O in it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import unquote

import orjson

NOT_FOUND_PAGE = b"<!DOCTYPE html><html><head><title>404</title></head><body><h1>Not Found</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as a system sees it; header names are matched without regard to case.

    Attributes:
        query: Decoded parameters; of a repeated one the last. A raw ``+`` has become a space.
        now: Seconds since the epoch.
        parameter: The decoded value of the last parameter in the path.
        parameters: The decoded values of all parameters in the path, by name.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: float
    parameter: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


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
    """A handler and the path template it stands under, with the decoded values of its parameters."""

    template: str
    handler: Handler
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameter(self) -> str:
        """The value of the last parameter; empty if there is none."""
        values = tuple(self.parameters.values())
        return values[-1] if values else ""


class Routes:
    """Finds the handler of a method and a path.

    A segment of a template may be a ``{parameter}`` or end in one (``/customers/email={address}``); a value
    is never empty. Where several templates fit, the one with most literal text is meant.
    """

    def __init__(self, table: Mapping[tuple[str, str], Handler]) -> None:
        self._exact = {key: Route(key[1], handler) for key, handler in table.items() if "{" not in key[1]}
        self._open: dict[tuple[str, int], list[tuple[re.Pattern[str], Route]]] = defaultdict(list)
        ordered = sorted(table.items(), key=lambda entry: -len(_PARAMETER.sub("", entry[0][1])))
        for (method, template), handler in ordered:
            if "{" in template:
                known = self._open[method, template.count("/")]
                known.append((_pattern(template), Route(template, handler)))

    def find(self, method: str, path: str) -> Route | None:
        """Return the route of a percent-encoded path, or None."""
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        for pattern, route in self._open.get((method, path.count("/")), ()):
            found = pattern.fullmatch(path)
            if found:
                values = {name: unquote(value) for name, value in found.groupdict().items()}
                return replace(route, parameters=values)
        return None


_PARAMETER = re.compile(r"\{(\w+)\}")


def _pattern(template: str) -> re.Pattern[str]:
    """Return what a percent-encoded path must match; it is matched before it is decoded."""
    pieces = _PARAMETER.split(template)  # literal text and names of parameters in turn
    return re.compile(
        "".join(
            f"(?P<{piece}>[^/]+)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)
        )
    )


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
