"""Which records Customerly accepts, and what it says of the others."""

import re
from collections.abc import Callable
from typing import Any

LONGEST_TEXT = 128
LONGEST_ADDRESS = 254
_ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s.,;<>\"]+(?:\.[^@\s.,;<>\"]+)+")
_ATTRIBUTE = re.compile(r"[A-Za-z0-9_]+")


def refusal(record: Any, *, truncate: bool) -> str:
    """Return why a record is refused, or an empty string; too long texts are cut in place if ``truncate``."""
    if not isinstance(record, dict):
        return "The record must be an object."
    for member, problem in _MEMBERS:
        message = problem(record.get(member))
        if message:
            return message
    attributes = record.get("attributes")
    return attributes_refusal({} if attributes is None else attributes, truncate=truncate)


def attributes_refusal(attributes: Any, *, truncate: bool) -> str:
    """Return why attributes are refused, or an empty string."""
    if not isinstance(attributes, dict):
        return "The attributes must be an object."
    for name, value in attributes.items():
        if not _ATTRIBUTE.fullmatch(name):
            return "An attribute name must not contain spaces or special characters."
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            if not truncate:
                return f"The attribute {name} is longer than {LONGEST_TEXT} characters."
            attributes[name] = value[:LONGEST_TEXT]
        elif isinstance(value, dict | list):
            return f"The attribute {name} must be a text, a number, a boolean or a date."
    return ""


def _address_problem(address: Any) -> str:
    if address is None or address == "":
        return "The email is required."
    valid = isinstance(address, str) and len(address) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(address)
    return "" if valid else "The email is not valid."


def _user_id_problem(user_id: Any) -> str:
    valid = user_id is None or (isinstance(user_id, str | int) and not isinstance(user_id, bool))
    return "" if valid else "The user_id must be a string."


def _name_problem(name: Any) -> str:
    return "" if name is None or isinstance(name, str) else "The name must be a string."


def _tags_problem(tags: Any) -> str:
    valid = tags is None or (isinstance(tags, list) and all(isinstance(tag, str) and tag for tag in tags))
    return "" if valid else "The tags must be an array of strings."


_MEMBERS: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("email", _address_problem),
    ("user_id", _user_id_problem),
    ("name", _name_problem),
    ("tags", _tags_problem),
)
