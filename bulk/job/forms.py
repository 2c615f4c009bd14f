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


def http_url(given: str, secrets: str = "auth") -> str:
    """Return the address of a server, if it is one that may be named in a job.

    Args:
        given: The address.
        secrets: The key under which credentials belong.

    Raises:
        ValueError: It is not, with a sentence for people.
    """
    if not given.startswith(("http://", "https://")):
        raise ValueError("expected a URL that begins with https://")
    if "@" in given:
        raise ValueError(f"expected a URL without a name or password; those belong under {secrets}")
    return given


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
