"""As much of JSON Schema as the job file's schema uses, so that an editor's verdict can be asked for."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}
TELLING = frozenset(
    [
        "$schema",
        "$defs",
        "title",
        "description",
        "examples",
        "default",
        "enumDescriptions",
        "if",
        "then",
        "properties",
    ]
)
"""What says nothing about a value by itself."""


def faults(value: Any, schema: Schema, root: Schema, at: str = "job") -> Iterator[str]:
    """Yield what is wrong with a value.

    Raises:
        KeyError: The schema uses a keyword that is not known here.
    """
    for keyword, wanted in schema.items():
        if keyword not in TELLING:
            yield from KEYWORDS[keyword](value, wanted, schema, root, at)
    if isinstance(value, dict):
        for name in value.keys() & schema.get("properties", {}).keys():
            yield from faults(value[name], schema["properties"][name], root, f"{at}.{name}")
    if "if" in schema and not list(faults(value, schema["if"], root)):
        yield from faults(value, schema["then"], root, at)


def _type(value: Any, wanted: Any, _schema: Schema, _root: Schema, at: str) -> Iterator[str]:
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if not any(TYPES[kind](value) for kind in kinds):
        yield f"{at}: no {' or '.join(kinds)}"


def _matching(value: Any, wanted: Any, root: Schema) -> int:
    return sum(not list(faults(value, one, root)) for one in wanted)


def _any_of(value: Any, wanted: Any, _schema: Schema, root: Schema, at: str) -> Iterator[str]:
    if not _matching(value, wanted, root):
        yield f"{at}: none of the forms"


def _one_of(value: Any, wanted: Any, _schema: Schema, root: Schema, at: str) -> Iterator[str]:
    if _matching(value, wanted, root) != 1:
        yield f"{at}: not one of the forms"


def _all_of(value: Any, wanted: Any, _schema: Schema, root: Schema, at: str) -> Iterator[str]:
    for one in wanted:
        yield from faults(value, one, root, at)


def _ref(value: Any, wanted: Any, _schema: Schema, root: Schema, at: str) -> Iterator[str]:
    yield from faults(value, root["$defs"][wanted.rpartition("/")[2]], root, at)


def _required(value: Any, wanted: Any, _schema: Schema, _root: Schema, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{at}: {name} is missing" for name in wanted if name not in value)


def _additional(value: Any, wanted: Any, schema: Schema, root: Schema, at: str) -> Iterator[str]:
    rest = value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else ()
    for name in rest:
        if wanted is False:
            yield f"{at}: {name} is not known"
        elif wanted is not True:
            yield from faults(value[name], wanted, root, f"{at}.{name}")


def _items(value: Any, wanted: Any, _schema: Schema, root: Schema, at: str) -> Iterator[str]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        yield from faults(item, wanted, root, f"{at}[{number}]")


def _bound(fits: Callable[[Any, Any], bool]) -> Callable[..., Iterator[str]]:
    def check(value: Any, wanted: Any, _schema: Schema, _root: Schema, at: str) -> Iterator[str]:
        if not fits(value, wanted):
            yield f"{at}: not within {wanted}"

    return check


def _is_number(value: Any) -> bool:
    return TYPES["number"](value)


KEYWORDS: Mapping[str, Callable[..., Iterator[str]]] = {
    "type": _type,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
    "$ref": _ref,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    "enum": _bound(lambda value, wanted: value in wanted),
    "const": _bound(lambda value, wanted: value == wanted),
    "pattern": _bound(lambda value, wanted: not isinstance(value, str) or bool(re.search(wanted, value))),
    "minimum": _bound(lambda value, wanted: not _is_number(value) or value >= wanted),
    "maximum": _bound(lambda value, wanted: not _is_number(value) or value <= wanted),
    "minLength": _bound(lambda value, wanted: not isinstance(value, str) or len(value) >= wanted),
    "minItems": _bound(lambda value, wanted: not isinstance(value, list) or len(value) >= wanted),
    "minProperties": _bound(lambda value, wanted: not isinstance(value, dict) or len(value) >= wanted),
}
