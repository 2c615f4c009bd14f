"""A server that takes any request, and keeps them all."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from bulk.sandbox.exchange import Answer, Asked, Route, Routes, json_answer
from bulk.sandbox.http_behaviour import HttpBehaviour

POISONED = "The request holds what cannot be processed."
NOT_ALLOWED = "Who is asking?"
REFUSED = "This record is refused."
COUNTED = ("requests_taken", "requests_repeated", "requests_poisoned", "records_taken", "records_refused")
USUAL_HEADERS = frozenset(
    ("accept", "accept-encoding", "authorization", "connection", "content-length", "host", "user-agent")
)
FORM = "application/x-www-form-urlencoded"
LONGEST_LEVELS = 100
"""Levels of a body that are searched for poison."""


class AnyRoute(Routes):
    """Whatever is asked, there is one handler; paths may name somebody and are not told apart."""

    def __init__(self) -> None:
        super().__init__({})
        self._route = Route("(any)", lambda _: json_answer({}))

    def find(self, method: str, path: str) -> Route | None:  # noqa: ARG002 - both may be anything
        """Return the one route."""
        return self._route


class Http:
    """An API that nobody has described, kept in memory."""

    name = "http"
    prefix = "/http"

    def __init__(self, behaviour: HttpBehaviour, token: str) -> None:
        self.behaviour = behaviour
        self.token = token
        self.max_body = behaviour.max_body
        self.routes: Routes = AnyRoute()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._requests: deque[dict[str, Any]] = deque(maxlen=self.behaviour.kept)
        self._marks: set[int] = set()
        self._counts = dict.fromkeys(COUNTED, 0)

    def answer(self, asked: Asked, route: Route | None) -> Answer:  # noqa: ARG002 - there is only one
        """Take a request, unless it is poisoned."""
        if self.behaviour.secret and not _carries(asked.headers, self.token):
            return json_answer({"error": NOT_ALLOWED}, 401)
        body = _parsed(asked)
        if self.behaviour.poison and _poisoned(body, LONGEST_LEVELS):
            self._counts["requests_poisoned"] += 1
            return json_answer({"error": POISONED}, 422)
        refused = self._refused(body)
        self._keep(asked, body)
        self._counts["records_taken"] += len(_records(body)) - len(refused)
        self._counts["records_refused"] += len(refused)
        return json_answer({"errors": refused} if refused else {})

    def _refused(self, body: Any) -> list[dict[str, Any]]:
        records = _list(body) if self.behaviour.refuse else None
        return [
            {"index": index, "message": REFUSED}
            for index, record in enumerate(records or ())
            if isinstance(record, dict) and record.get("refuse") is True
        ]

    def _keep(self, asked: Asked, body: Any) -> None:
        mark = hash((asked.method, asked.path, tuple(asked.query.items()), asked.body))
        self._counts["requests_repeated"] += mark in self._marks
        self._marks.add(mark)
        self._counts["requests_taken"] += 1
        request = {"method": asked.method, "path": asked.path, "query": dict(asked.query)}
        self._requests.append({**request, "headers": self._own_headers(asked), "body": body})

    def _own_headers(self, asked: Asked) -> dict[str, str]:
        """Return the headers that say something, without those of any request and without secrets."""
        return {
            name.lower(): value
            for name, value in asked.headers.items()
            if name.lower() not in USUAL_HEADERS and self.token not in _credentials(value)
        }

    def too_large(self) -> Answer:
        """Refuse a body beyond ``max_body``."""
        return json_answer({"error": "Payload Too Large"}, 413)

    def contents(self, kind: str) -> Iterable[Any] | None:
        """Return all ``requests`` that were taken, or the ``records`` in them."""
        if kind == "requests":
            return list(self._requests)
        if kind == "records":
            return [record for request in self._requests for record in _records(request["body"])]
        return None

    def counts(self) -> Mapping[str, int]:
        """Return what was done so far, in numbers."""
        return self._counts


def _parsed(asked: Asked) -> Any:
    """Return the body as a value: JSON, the pairs of a form, or else its text."""
    if not asked.body:
        return None
    text = asked.body.decode(errors="replace")
    if asked.headers.get("Content-Type", "").startswith(FORM):
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        return text


def _list(body: Any) -> list[Any] | None:
    """Return the list that a body is, or holds as the only value of an object."""
    if isinstance(body, dict) and len(body) == 1:
        (body,) = body.values()
    return body if isinstance(body, list) else None


def _records(body: Any) -> list[Any]:
    """Return the records of a body: those of its list, or else the body itself."""
    found = _list(body)
    if found is None:
        found = [] if body is None else [body]
    return found


def _poisoned(value: Any, levels: int) -> bool:
    if levels == 0:
        return False
    if isinstance(value, dict):
        return value.get("poison") is True or any(_poisoned(inner, levels - 1) for inner in value.values())
    return isinstance(value, list) and any(_poisoned(inner, levels - 1) for inner in value)


def _carries(headers: Mapping[str, str], token: str) -> bool:
    return any(token in _credentials(value) for value in headers.values())


def _credentials(value: str) -> set[str]:
    """Return what a header's value may hold as a secret: itself, what follows its scheme, a password."""
    scheme, _, secret = value.partition(" ")
    if scheme.lower() != "basic":
        return {value, secret}
    try:
        return {b64decode(secret).decode().partition(":")[2]}
    except (NotBase64, UnicodeDecodeError):
        return set()
