"""How Customerly answers: in one envelope, and refusals that only their message tells apart."""

from typing import Any

import orjson

from bulk.sandbox.exchange import Answer, Asked, json_answer

LARGEST_PAGE = 100
USUAL_PAGE = 50


def error(message: str, status: int) -> Answer:
    """Answer as Customerly refuses: the code is always 0, only the message tells one refusal from another."""
    return json_answer({"error": {"message": message, "code": 0}}, status)


def done() -> Answer:
    """Answer as Customerly does when there is nothing to tell."""
    return json_answer({"data": []})


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The whole request is refused with this answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.answer = error(message, status)


def body_of(asked: Asked) -> dict[str, Any]:
    """Return the body, which is a JSON object."""
    try:
        body = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.")
    return body


def text_of(body: dict[str, Any], name: str) -> str:
    """Return a text that must be in the body."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(f"The parameter {name} is required.")
    return value


def page_of(asked: Asked) -> tuple[int, int]:
    """Return which page is asked for, from 0, and its length."""
    size = min(LARGEST_PAGE, max(1, number_of(asked, "per_page", USUAL_PAGE)))
    return number_of(asked, "page", 0), size


def number_of(asked: Asked, name: str, default: int) -> int:
    """Return a number of the query; the default if it is none."""
    text = asked.query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len("1000000000") else default
