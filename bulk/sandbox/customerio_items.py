"""Which items Customer.io's Track API takes, and what it says about the others."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from bulk.sandbox.customerio_people import IDENTIFIERS

LONGEST_IDENTIFIER = 150
LONGEST_NAME = 150
LONGEST_VALUE = 1000
LONGEST_EVENT_NAME = 100
MOST_ATTRIBUTES = 300
MERGEABLE = ("id", "email", "cio_id")
PLATFORMS = ("ios", "android")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
EVENTS = ("event", "page", "screen")
_RELATIONSHIPS = ("add_relationships", "delete_relationships")
_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "person": (
        *("identify", "delete", "suppress", "unsuppress", "add_device", "delete_device", "merge"),
        *(*EVENTS, *_RELATIONSHIPS),
    ),
    "object": ("identify", "identify_anonymous", "delete", *_RELATIONSHIPS),
    "delivery": ("event",),
}


class Problem(NamedTuple):
    """What is wrong with an item: a code, where, and in words; ``v1`` are the words of the older API."""

    reason: str
    field: str
    message: str
    v1: str = ""


Problems = Iterator[Problem]


def problems(item: Any, *, phones: bool = True) -> list[Problem]:
    """Return all that is wrong with one item."""
    if not isinstance(item, dict):
        return [Problem("invalid", "", "must be an object")]
    actions = _ACTIONS.get(item["type"]) if isinstance(item.get("type"), str) else None
    if actions is None:
        return [_wrong("type", item.get("type"), "person, object or delivery")]
    if item.get("action") not in actions:
        return [_wrong("action", item.get("action"), f"one of {', '.join(actions)}")]
    if item["type"] != "person":
        given = isinstance(item.get("identifiers"), dict) and item["identifiers"]
        return [] if given else [_missing("identifiers")]
    checks: tuple[Callable[[dict[str, Any]], Problems], ...] = (_attributes, _event, _device, _relationships)
    if item["action"] == "merge":
        return [*_named(item, "primary", MERGEABLE), *_named(item, "secondary", MERGEABLE)]
    allowed = IDENTIFIERS if phones else tuple(name for name in IDENTIFIERS if name != "phone")
    found = list(_named(item, "identifiers", allowed))
    return found + [problem for check in checks for problem in check(item)]


def _wrong(field: str, value: Any, wanted: str) -> Problem:
    return Problem("invalid", field, f"must be {wanted}") if value else _missing(field)


def _missing(field: str) -> Problem:
    return Problem("required", field, "cannot be blank", f"{field} cannot be blank")


def _named(item: Mapping[str, Any], field: str, allowed: tuple[str, ...]) -> Problems:
    given = item.get(field)
    if not isinstance(given, dict) or not given:
        yield _missing(field)
        return
    if len(given) > 1 or not set(given) <= set(allowed):
        yield Problem("invalid", field, f"must hold exactly one of {', '.join(allowed)}")
        return
    ((kind, value),) = given.items()
    yield from _identifier(f"{field}.{kind}", kind, value)


def _identifier(field: str, kind: str, value: Any) -> Problems:
    if not isinstance(value, str):
        yield Problem("invalid", field, "must be a string", f"{kind} attribute must be a string value")
    elif not value:
        yield Problem("required", field, "cannot be blank", f"{kind} attribute cannot be an empty string")
    elif _bytes(value) > LONGEST_IDENTIFIER:
        yield Problem("invalid", field, f"cannot be longer than {LONGEST_IDENTIFIER} bytes")
    elif kind == "phone" and not _PHONE.fullmatch(value):
        yield Problem("invalid", field, "must be a phone number in E.164 format")


def _attributes(item: Mapping[str, Any]) -> Problems:
    given = item.get("attributes")
    if given is None:
        return
    if not isinstance(given, dict):
        yield Problem("invalid", "attributes", "must be an object", "event data must be a hash")
        return
    if item["action"] != "identify":
        return
    if len(given) > MOST_ATTRIBUTES:
        words = f"cannot identify more than {MOST_ATTRIBUTES} attributes in one request"
        yield Problem("invalid", "attributes", words, words)
    if "id" in given:
        yield from _identifier("attributes.id", "id", given["id"])
    for name, value in given.items():
        yield from _attribute(name, value)


def _attribute(name: str, value: Any) -> Problems:
    if _bytes(name) > LONGEST_NAME:
        words = f"attribute name cannot be longer than {LONGEST_NAME} bytes"
        yield Problem("invalid", f"attributes.{name}", words, words)
    if name == "cio_subscription_preferences":
        return
    if _length(value) > LONGEST_VALUE:
        words = f"cannot be longer than {LONGEST_VALUE} bytes"
        yield Problem(
            "invalid",
            f"attributes.{name}",
            f"property value {words}",
            f"value for attribute '{name}' {words}",
        )


def _length(value: Any) -> int:
    """Return the bytes of an attribute's value: of a text itself, of what has parts as JSON."""
    if isinstance(value, str):
        return _bytes(value)
    return len(orjson.dumps(value)) if isinstance(value, dict | list) else 0


def _event(item: Mapping[str, Any]) -> Problems:
    stamp = item.get("timestamp")
    if stamp is not None and (not isinstance(stamp, int) or isinstance(stamp, bool)):
        yield Problem("invalid", "timestamp", "must be a unix timestamp in seconds")
    if item["action"] not in EVENTS:
        return
    name = item.get("name")
    if not isinstance(name, str) or not name.strip():
        yield _missing("name")
    elif _bytes(name) > LONGEST_EVENT_NAME:
        words = f"cannot be longer than {LONGEST_EVENT_NAME} bytes"
        yield Problem("invalid", "name", words, f"event name {words}")
    if not isinstance(item.get("id", ""), str):
        yield Problem("invalid", "id", "must be a ULID")


def _device(item: Mapping[str, Any]) -> Problems:
    if item["action"] not in {"add_device", "delete_device"}:
        return
    device = item.get("device")
    if not isinstance(device, dict):
        yield _missing("device")
        return
    if not isinstance(device.get("token"), str) or not device["token"]:
        yield _missing("device.token")
    if item["action"] == "add_device" and device.get("platform") not in PLATFORMS:
        yield _wrong("device.platform", device.get("platform"), " or ".join(PLATFORMS))


def _relationships(item: Mapping[str, Any]) -> Problems:
    given = item.get("cio_relationships")
    if item["action"] in _RELATIONSHIPS and not given:
        yield _missing("cio_relationships")
    elif given is not None and not isinstance(given, list):
        yield Problem("invalid", "cio_relationships", "must be an array")


def _bytes(text: str) -> int:
    return len(text.encode())
