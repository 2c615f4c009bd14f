"""How Kustomer answers: envelopes, pages, and refusals in the two forms its errors have."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlencode

import orjson

from bulk.sandbox.exchange import Answer, Asked, json_answer

LARGEST_PAGE = 100
USUAL_PAGE = 25
DUPLICATE = "duplicate detected"
NO_CONTENT = Answer(204, b"")
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    413: "request_entity_too_large",
}
_LONGEST_NUMBER = 9


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The request is refused with a status and a message; ``pointer`` names the place in the body."""

    def __init__(self, status: int, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.pointer = pointer

    def answer(self, form: Literal["code", "jsonapi"]) -> Answer:
        """Return the refusal in one of the two forms."""
        code = _CODES.get(self.status, "error")
        error: dict[str, Any] = {"code": code, "message": self.message, "meta": {}}
        if form == "jsonapi":
            title = HTTPStatus(self.status).phrase
            error = {"status": str(self.status), "code": code, "title": title, "detail": self.message}
        if self.pointer:
            error["source"] = {"pointer": self.pointer}
        return json_answer({"errors": [error]}, self.status)


def missing(what: str) -> Refused:
    """Refuse because something is not there, or cannot be seen."""
    return Refused(404, f"{what} not found")


def duplicate(status: int) -> Refused:
    """Refuse because another record has the same address already."""
    return Refused(status, DUPLICATE)


def document(asked: Asked) -> Any:
    """Return the body as JSON."""
    try:
        return orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        raise Refused(400, "invalid JSON") from None


def moment(now: float) -> str:
    """Write a time as Kustomer does."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def object_id(kind: int, number: int) -> str:
    """Return the 24 hexadecimal digits that name an object; the kind keeps those of one sort apart."""
    return f"{0x65000000 + kind:08x}{number:016x}"


def resource(kind: str, identifier: str, attributes: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return an object as it stands under ``data``."""
    return {"type": kind, "id": identifier, "attributes": attributes, "links": {"self": f"/v1{path}"}}


def page(asked: Asked, items: Sequence[Any], largest: int = LARGEST_PAGE) -> tuple[Sequence[Any], Any, Any]:
    """Return the items of the page that is asked for, what is said of it, and its links."""
    number, size = _number(asked, "page", 1), _number(asked, "pageSize", USUAL_PAGE)
    if size > largest:
        raise Refused(400, f"pageSize must be at most {largest}")
    start = (number - 1) * size
    following = _link(asked, number + 1) if start + size < len(items) else None
    previous = _link(asked, number - 1) if number > 1 else None
    links = {"self": _link(asked, number), "first": _link(asked, 1), "prev": previous, "next": following}
    return items[start : start + size], {"page": number, "pageSize": size}, links


def _link(asked: Asked, number: int) -> str:
    return f"/v1{asked.path}?{urlencode({**asked.query, 'page': str(number)})}"


def _number(asked: Asked, name: str, default: int) -> int:
    text = asked.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= _LONGEST_NUMBER and int(text)):
        raise Refused(400, f"{name} must be a positive number")
    return int(text)
