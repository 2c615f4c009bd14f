"""Values that a job may write in more than one form."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema


def _paths(given: Any) -> Any:
    if isinstance(given, str) or (isinstance(given, list) and _is_text(given)):
        return given
    raise ValueError("expected a path, or a list of paths")


def _credential(given: Any) -> Any:
    if isinstance(given, str) or (isinstance(given, dict) and _is_text(list(given.values()))):
        return given
    raise ValueError("expected text, or keys with text")


def _is_text(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, str) for value in values)


_TEXT = {"type": "string"}
Paths = Annotated[
    str | list[str],
    BeforeValidator(_paths),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}),
]
"""A path, or several."""
CredentialText = Annotated[
    str | dict[str, str],
    BeforeValidator(_credential),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "object", "additionalProperties": _TEXT}]}),
]
"""A credential, or the parts of one by name."""
