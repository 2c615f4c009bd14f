"""Asks a system of the sandbox without a network, at a time of the test's choosing."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from bulk.sandbox.exchange import Answer, Asked, System

BEARER = {"Authorization": "Bearer sandbox-token"}
START = 1_700_000_000.0


class Asker:
    """One client of one system; ``now`` is what its clock shows."""

    def __init__(self, system: System, headers: Mapping[str, str] = BEARER) -> None:
        self.system = system
        self.headers = headers
        self.now = START
        self.answer = Answer(0, b"")

    def ask(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        """Return status and body; ``answer`` is then the whole of it."""
        parts = urlsplit(target)
        route = self.system.routes.find(method, parts.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        sent = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        parameter, parameters = (route.parameter, route.parameters) if route else ("", {})
        asked = Asked(method, parts.path, query, self.headers, sent, self.now, parameter, parameters)
        self.answer = self.system.answer(asked, route)
        is_json = self.answer.content_type == "application/json" and self.answer.body
        return self.answer.status, orjson.loads(self.answer.body) if is_json else self.answer.body

    def contents(self, kind: str) -> list[Any]:
        """Return what the system holds of a kind."""
        found = self.system.contents(kind)
        assert found is not None
        return list(found)
