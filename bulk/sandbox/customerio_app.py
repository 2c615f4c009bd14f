"""Customer.io's App API: looks people up, a while after they were written."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from bulk.sandbox.customerio_filter import BadFilter, matcher
from bulk.sandbox.customerio_people import IDENTIFIERS, Person
from bulk.sandbox.customerio_shown import identifiers, profile
from bulk.sandbox.customerio_track import UNAUTHORIZED
from bulk.sandbox.customerio_workspace import Workspace
from bulk.sandbox.exchange import Answer, Asked, Handler, Route, Routes, json_answer, not_found

MOST_IDS = 100
LARGEST_PAGE = 1000
USUAL_PAGE = 100


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The request is refused with this status and these words."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


class App:
    """The App API of a workspace."""

    name = "customerio_app"
    prefix = "/customerio-app"
    max_body = 1_000_000

    def __init__(self, workspace: Workspace, token: str) -> None:
        self.workspace = workspace
        self.behaviour = workspace.behaviour
        self.token = token
        self.routes = self._routes()
        self._references = 0

    def reset(self) -> None:
        """Forget everything."""
        self.workspace.reset()

    def answer(self, asked: Asked, route: Route | None) -> Answer:
        """Look at the path, then at the credentials."""
        if route is None:
            return not_found()
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            return Answer(401, UNAUTHORIZED)
        try:
            return route.handler(asked)
        except Refused as refused:
            return self._error(str(refused), refused.status)

    def too_large(self) -> Answer:
        """Refuse a body beyond ``max_body``."""
        return self._error("request body too large", 413)

    def contents(self, kind: str) -> Iterable[Any] | None:  # noqa: ARG002 - the workspace stands at Track
        """Return nothing: it is all to be found at the Track API."""
        return None

    def counts(self) -> Mapping[str, int]:
        """Return what can be counted here."""
        return {}

    def _routes(self) -> Routes:
        person = "/v1/customers/{customer_id}"
        segment = "/v1/segments/{segment_id}"
        return Routes(
            {
                ("GET", "/v1/customers"): self._by_email,
                ("POST", "/v1/customers"): self._filtered,
                ("POST", "/v1/customers/attributes"): self._many,
                ("GET", f"{person}/attributes"): self._of(lambda found, _: {"customer": profile(found)}),
                ("GET", f"{person}/activities"): self._of(self._activities),
                ("GET", f"{person}/messages"): self._of(lambda *_: {"messages": [], "next": ""}),
                ("GET", f"{person}/relationships"): self._of(
                    lambda found, _: {"cio_relationships": found.relationships, "next": ""}
                ),
                ("GET", f"{person}/segments"): self._of(
                    lambda found, _: {"segments": [_segment(number) for number in sorted(found.segments)]}
                ),
                ("GET", "/v1/segments"): self._segments,
                ("GET", f"{segment}/customer_count"): lambda asked: json_answer(
                    {"count": len(self._members(asked))}
                ),
                ("GET", f"{segment}/membership"): self._membership,
            }
        )

    def _error(self, detail: str, status: int) -> Answer:
        told = str(status) if self.behaviour.status_as_text else status
        return json_answer({"errors": [{"detail": detail, "status": told}]}, status)

    def _of(self, tell: Callable[[Person, Asked], dict[str, Any]]) -> Handler:
        """Return a handler about the one person that the path names."""

        def handle(asked: Asked) -> Answer:
            kind = self._id_type(asked)
            found = self.workspace.shown(asked.now).people.find(kind, asked.parameters["customer_id"])
            if found is None:
                self._references += 1
                raise Refused(f"not found (reference {self._references:026d})", 404)
            return json_answer(tell(found, asked))

        return handle

    def _id_type(self, asked: Asked) -> str:
        kind = asked.query.get("id_type", "id")
        if kind not in IDENTIFIERS or (kind == "phone" and not self.behaviour.phone_identifies):
            raise Refused(f"id_type {kind!r} is not enabled in this workspace")
        return kind

    def _by_email(self, asked: Asked) -> Answer:
        email = asked.query.get("email")
        if not email:
            raise Refused("email is required")
        found = self.workspace.shown(asked.now).people.find("email", email)
        return json_answer({"results": [identifiers(found)] if found else []})

    def _many(self, asked: Asked) -> Answer:
        ids = _body(asked).get("ids")
        if not isinstance(ids, list) or not all(isinstance(value, str) for value in ids):
            raise Refused("ids must be an array of strings")
        if not 1 <= len(ids) <= MOST_IDS:
            raise Refused(f"ids must hold 1 to {MOST_IDS} values")
        kind = self._id_type(asked)
        people = self.workspace.shown(asked.now).people
        found = {person.number: person for value in ids if (person := people.find(kind, value))}
        return json_answer({"customers": [profile(person) for person in found.values()]})

    def _filtered(self, asked: Asked) -> Answer:
        try:
            matches = matcher(_body(asked).get("filter"))
        except BadFilter as error:
            raise Refused(str(error)) from error
        people = self.workspace.shown(asked.now).people
        return json_answer(self._page(asked, filter(matches, people.after(_start(asked)))))

    def _page(self, asked: Asked, people: Iterable[Person]) -> dict[str, Any]:
        limit = _limit(asked)
        found: list[Person] = []
        for person in people:
            if len(found) == limit:
                break
            found.append(person)
        else:
            limit = 0
        return {
            "identifiers": [identifiers(person) for person in found],
            "ids": [person.names["id"] for person in found if "id" in person.names],
            "next": f"{found[-1].number:x}" if limit else "",
        }

    def _segments(self, asked: Asked) -> Answer:
        people = self.workspace.shown(asked.now).people
        numbers = {number for person in people for number in person.segments}
        return json_answer({"segments": [_segment(number) for number in sorted(numbers)]})

    def _members(self, asked: Asked) -> list[Person]:
        people = self.workspace.shown(asked.now).people.after(_start(asked))
        return [person for person in people if asked.parameter in map(str, person.segments)]

    def _membership(self, asked: Asked) -> Answer:
        return json_answer(self._page(asked, self._members(asked)))

    def _activities(self, found: Person, asked: Asked) -> dict[str, Any]:
        events = self.workspace.shown(asked.now).events.get(found.number, ())
        told = [
            {
                "customer_id": found.names.get("id", ""),
                "customer_identifiers": identifiers(found),
                "type": event["type"],
                "name": event["name"],
                "timestamp": event["timestamp"],
                "data": event.get("attributes") or {},
            }
            for event in events
        ]
        return {"activities": told, "next": ""}


def _segment(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"Segment {number}", "type": "manual", "state": "finished"}


def _body(asked: Asked) -> dict[str, Any]:
    try:
        body = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object")
    return body


def _start(asked: Asked) -> int:
    """Return the number of the person that a page begins after; what it looks like is nobody's business."""
    try:
        return int(asked.query.get("start") or "0", 16)
    except ValueError:
        raise Refused("start is not what was given as next") from None


def _limit(asked: Asked) -> int:
    text = asked.query.get("limit", str(USUAL_PAGE))
    limit = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= limit <= LARGEST_PAGE:
        raise Refused(f"limit must be 1 to {LARGEST_PAGE}")
    return limit
