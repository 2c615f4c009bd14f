"""Customer.io's Track API, both versions: whatever is well-formed is accepted, whatever comes of it."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from bulk.sandbox.customerio_items import EVENTS, MERGEABLE, Problem, problems
from bulk.sandbox.customerio_workspace import Workspace
from bulk.sandbox.exchange import Answer, Asked, Handler, Route, Routes, json_answer, not_found

UNAUTHORIZED = orjson.dumps({"meta": {"error": "Unauthorized request"}})
REALM = ("WWW-Authenticate", 'Basic realm="Customer.io edge event collection"')
MOST_SEGMENT_IDS = 1000
HOSTS = {"us": "track.customer.io", "eu": "track-eu.customer.io"}
ELSEWHERE = {"us": HOSTS["eu"], "eu": HOSTS["us"]}
_CIO = "cio_"


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The whole request is refused with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Track:
    """The Track API of a workspace."""

    name = "customerio"
    prefix = "/customerio"

    def __init__(self, workspace: Workspace, token: str) -> None:
        self.workspace = workspace
        self.behaviour = workspace.behaviour
        self.token = token
        self.max_body = self.behaviour.max_body
        self.routes = self._routes()

    def reset(self) -> None:
        """Forget everything."""
        self.workspace.reset()

    def answer(self, asked: Asked, route: Route | None) -> Answer:
        """Look at the path, then at the credentials, then at the body."""
        if self.behaviour.moved:
            return Answer(
                301, b"", headers=(("Location", f"https://{ELSEWHERE[self.behaviour.region]}{asked.path}"),)
            )
        if route is None:
            return not_found()
        if _password(asked.headers) != self.token:
            return Answer(401, UNAUTHORIZED, headers=(REALM,))
        try:
            return route.handler(asked)
        except Refused as refused:
            return refused.answer

    def too_large(self) -> Answer:
        """Refuse a body beyond ``max_body``."""
        return self._refused([Problem("invalid", "", f"cannot be larger than {self.max_body} bytes")])

    def contents(self, kind: str) -> Iterable[Any] | None:
        """Return ``people``, ``events``, ``segments`` or ``suppressed``."""
        return self.workspace.contents(kind)

    def counts(self) -> Mapping[str, int]:
        """Return what was done so far, in numbers."""
        return self.workspace.counts()

    def _routes(self) -> Routes:
        person = "/api/v1/customers/{identifier}"
        return Routes(
            {
                ("GET", "/api/v1/accounts/region"): self._region,
                ("POST", "/api/v2/entity"): self._entity,
                ("POST", "/api/v2/batch"): self._batch,
                ("PUT", person): self._v1_identify,
                ("DELETE", person): self._v1("delete"),
                ("POST", f"{person}/suppress"): self._v1("suppress"),
                ("POST", f"{person}/unsuppress"): self._v1("unsuppress"),
                ("POST", f"{person}/events"): self._v1_event,
                ("POST", "/api/v1/events"): self._v1_anonymous_event,
                ("PUT", f"{person}/devices"): self._v1_device,
                ("DELETE", f"{person}/devices/{{device_id}}"): self._v1_delete_device,
                ("POST", "/api/v1/merge_customers"): self._v1_merge,
                ("POST", "/api/v1/segments/{segment_id}/add_customers"): self._v1_segment("add_to_segment"),
                ("POST", "/api/v1/segments/{segment_id}/remove_customers"): self._v1_segment(
                    "remove_from_segment"
                ),
            }
        )

    def _region(self, _: Asked) -> Answer:
        region = self.behaviour.region
        environment = self.behaviour.environment_id
        return json_answer({"url": HOSTS[region], "region": region, "environment_id": environment})

    def _entity(self, asked: Asked) -> Answer:
        item = _parsed(asked)
        if len(asked.body) > self.behaviour.max_item:
            return self._item_too_large("")
        found = self._problems(item)
        if found:
            self.workspace.refuse(1)
            return json_answer({"errors": [_told(problem) for problem in found]}, 400)
        self.workspace.accept(item, asked.now)
        return accepted()

    def _batch(self, asked: Asked) -> Answer:
        body = _parsed(asked)
        items = body.get("batch") if isinstance(body, dict) else None
        if not isinstance(items, list) or not items:
            return self._refused([Problem("required", "batch", "must be an array of operations")], 400)
        if len(asked.body) > self.behaviour.max_item:
            for index, item in enumerate(items):
                if len(orjson.dumps(item)) > self.behaviour.max_item:
                    return self._item_too_large(f"batch[{index}]")
        found = {index: wrong for index, item in enumerate(items) if (wrong := self._problems(item))}
        for index, item in enumerate(items):
            if index not in found:
                self.workspace.accept(item, asked.now)
        self.workspace.refuse(len(found))
        return self._mixed(found, len(items)) if found else accepted()

    def _mixed(self, found: Mapping[int, list[Problem]], items: int) -> Answer:
        bare = self.behaviour.bare_errors
        errors = [
            {"batch_index": index, **({} if bare else _told(problem))}
            for index, wrong in found.items()
            for problem in wrong
        ]
        return json_answer({"errors": errors}, self.behaviour.all_bad if len(found) == items else 207)

    def _problems(self, item: Any) -> list[Problem]:
        return problems(item, phones=self.behaviour.phone_identifies)

    def _item_too_large(self, field: str) -> Answer:
        return self._refused(
            [Problem("invalid", field, f"cannot be larger than {self.behaviour.max_item} bytes")]
        )

    def _refused(self, found: list[Problem], status: int | None = None) -> Answer:
        errors = [_told(problem) for problem in found]
        return json_answer({"errors": errors}, status or self.behaviour.too_large)

    def _v1_take(self, asked: Asked, item: dict[str, Any]) -> Answer:
        """Take what the older API was asked as an item of the newer."""
        found = problems(item)
        if found:
            self.workspace.refuse(1)
            raise self._v1_refused(*(problem.v1 or f"{problem.field} {problem.message}" for problem in found))
        self.workspace.accept(item, asked.now)
        return accepted()

    def _v1_refused(self, *messages: str) -> Refused:
        one = self.behaviour.v1_error == "error"
        told = {"error": messages[0]} if one else {"errors": list(messages)}
        return Refused(json_answer({"meta": told}, 400))

    def _v1_body(self, asked: Asked) -> dict[str, Any]:
        body = _parsed(asked)
        if not isinstance(body, dict):
            raise self._v1_refused("request body must be a JSON object")
        return body

    def _v1(self, action: str) -> Handler:
        return lambda asked: self._v1_take(asked, _person(action, asked))

    def _v1_identify(self, asked: Asked) -> Answer:
        body = self._v1_body(asked)
        related = body.pop("cio_relationships", None)
        item = {
            **_person("identify", asked),
            "attributes": body,
            "timestamp": body.pop("_timestamp", None),
            "cio_relationships": related.get("relationships") if isinstance(related, dict) else None,
        }
        return self._v1_take(asked, {name: value for name, value in item.items() if value is not None})

    def _v1_event(self, asked: Asked) -> Answer:
        body = self._v1_body(asked)
        action = body.get("type") or "event"
        if action not in EVENTS:
            raise self._v1_refused(f"type must be one of {', '.join(EVENTS)}")
        item = _of_event(body) | {"action": action, "identifiers": _identifiers(asked)}
        return self._v1_take(asked, item)

    def _v1_anonymous_event(self, asked: Asked) -> Answer:
        body = self._v1_body(asked)
        if not isinstance(body.get("name"), str) or not body["name"].strip():
            raise self._v1_refused("name cannot be blank")
        self.workspace.accept(_of_event(body) | {"action": "event"}, asked.now)
        return accepted()

    def _v1_device(self, asked: Asked) -> Answer:
        device = self._v1_body(asked).get("device")
        if isinstance(device, dict):
            device = {"token": device.get("id"), **{name: device[name] for name in device if name != "id"}}
        return self._v1_take(asked, _person("add_device", asked) | {"device": device})

    def _v1_delete_device(self, asked: Asked) -> Answer:
        device = {"token": asked.parameters["device_id"]}
        return self._v1_take(asked, _person("delete_device", asked) | {"device": device})

    def _v1_merge(self, asked: Asked) -> Answer:
        body = self._v1_body(asked)
        named = {name: body.get(name) for name in ("primary", "secondary")}
        return self._v1_take(asked, {"type": "person", "action": "merge", **named})

    def _v1_segment(self, action: str) -> Handler:
        def handle(asked: Asked) -> Answer:
            segment, id_type = asked.parameter, asked.query.get("id_type", "id")
            ids = self._v1_body(asked).get("ids")
            if not segment.isascii() or not segment.isdigit() or not int(segment):
                raise self._v1_refused("segment_id must be a positive number")
            if id_type not in MERGEABLE:
                raise self._v1_refused(f"id_type must be one of {', '.join(MERGEABLE)}")
            if not _is_id_list(ids):
                raise self._v1_refused(f"ids must be an array of 1 to {MOST_SEGMENT_IDS} strings")
            item = {"type": "person", "action": action, "id_type": id_type, "ids": ids}
            self.workspace.accept(item | {"segment_id": int(segment)}, asked.now)
            return accepted()

        return handle


def accepted() -> Answer:
    """Answer as Track does to everything it accepts: there is nothing to tell."""
    return Answer(200, b"{}\n", headers=(("Cache-Control", "no-store"),))


def _parsed(asked: Asked) -> Any:
    try:
        value = orjson.loads(asked.body)
        orjson.dumps(value)  # what is nested too deep to be written again is not taken
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        told = {"errors": [_told(Problem("invalid", "", "the body is not JSON"))]}
        raise Refused(json_answer(told, 400)) from None
    return value


def _told(problem: Problem) -> dict[str, str]:
    return {"reason": problem.reason, "field": problem.field, "message": problem.message}


def _password(headers: Mapping[str, str]) -> str | None:
    """Return the password of HTTP Basic; any site id will do, an empty one will not."""
    scheme, _, secret = headers.get("Authorization", "").partition(" ")
    try:
        site, _, password = b64decode(secret, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError):
        return None
    return password if scheme.lower() == "basic" and site else None


def _identifiers(asked: Asked) -> dict[str, str]:
    """Tell from its shape what a path names somebody by; a phone number is taken for an id."""
    value = asked.parameters["identifier"]
    if value.startswith(_CIO):
        return {"cio_id": value.removeprefix(_CIO)}
    return {"email" if "@" in value else "id": value}


def _person(action: str, asked: Asked) -> dict[str, Any]:
    return {"type": "person", "action": action, "identifiers": _identifiers(asked)}


def _of_event(body: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "id", "timestamp", "anonymous_id")
    given = {name: body[name] for name in names if name in body}
    return {"type": "person", "attributes": body.get("data") or {}, **given}


def _is_id_list(ids: Any) -> bool:
    return (
        isinstance(ids, list)
        and 1 <= len(ids) <= MOST_SEGMENT_IDS
        and all(isinstance(value, str) for value in ids)
    )
