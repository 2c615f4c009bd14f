"""Which people a filter of Customer.io's App API finds."""

from collections.abc import Callable
from typing import Any

from bulk.sandbox.customerio_people import Person
from bulk.sandbox.customerio_shown import text

Matcher = Callable[[Person], bool]
DEEPEST = 20
"""Levels of a filter that are followed."""


class BadFilter(Exception):  # noqa: N818 - it is told to whoever asked
    """A filter that cannot be read."""


def matcher(given: Any, levels: int = DEEPEST) -> Matcher:
    """Return what tells whether a person is found."""
    if not isinstance(given, dict) or len(given) != 1 or levels == 0:
        raise BadFilter("a filter is an object with one of and, or, not, segment, attribute")
    ((name, inner),) = given.items()
    match name:
        case "and" | "or":
            return _joined(name, inner, levels)
        case "not":
            excluded = matcher(inner, levels - 1)
            return lambda person: not excluded(person)
        case "segment":
            return _in_segment(inner)
        case "attribute":
            return _with_attribute(inner)
    raise BadFilter(f"a filter knows no {name!r}")


def _joined(name: str, given: Any, levels: int) -> Matcher:
    if not isinstance(given, list) or not given:
        raise BadFilter(f"{name} holds at least one filter")
    parts = [matcher(one, levels - 1) for one in given]
    decide = all if name == "and" else any
    return lambda person: decide(part(person) for part in parts)


def _in_segment(given: Any) -> Matcher:
    number = given.get("id") if isinstance(given, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise BadFilter("a segment has a number as its id")
    return lambda person: number in person.segments


def _with_attribute(given: Any) -> Matcher:
    field = given.get("field") if isinstance(given, dict) else None
    if not isinstance(field, str) or not field:
        raise BadFilter("an attribute has a field")
    if given.get("operator") == "exists":
        return lambda person: _value(person, field) is not None
    if given.get("operator") != "eq" or "value" not in given:
        raise BadFilter("the operator of an attribute is exists, or eq with a value")
    wanted = text(given["value"])
    return lambda person: (value := _value(person, field)) is not None and text(value) == wanted


def _value(person: Person, field: str) -> Any:
    if field == "cio_id":
        return person.cio_id
    return person.names.get(field, person.attributes.get(field))
