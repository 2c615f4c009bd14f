"""Texts with fields in braces, filled so that a value never becomes more than a value."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from bulk.destinations.address import encoded

_FIELD = re.compile(r"\{([^{}]+)\}")
_PATH = re.compile(r"/[!-~]*")
_UNSAFE_PATH = re.compile(r"[?#\\]|%(?![0-9A-Fa-f]{2})")
_PRINTABLE = re.compile(r"[ -~]*")
_STEPS = frozenset({".", ".."})


class BadValueError(Exception):
    """A value cannot stand where a template puts it; the message names its field and never the value."""

    def __init__(self, message: str, reason: str = "bad_value") -> None:
        super().__init__(message)
        self.reason = reason


def names(template: str) -> tuple[str, ...]:
    """Return the fields a template holds, each once."""
    return tuple(dict.fromkeys(_FIELD.findall(template)))


def unbalanced(template: str) -> bool:
    """Tell whether there is a brace that belongs to no field."""
    return bool(re.search(r"[{}]", _FIELD.sub("", template)))


def path_problem(path: str) -> str | None:
    """Say what is wrong with the fixed parts of a path, or None."""
    fixed = _FIELD.sub("x", path)
    if unbalanced(path):
        return "path holds a brace that belongs to no field"
    if not path.startswith("/"):
        return "path begins with /"
    if not _PATH.fullmatch(fixed) or _UNSAFE_PATH.search(fixed):
        return "path holds fields and percent-encoded text only; parameters belong under query"
    if any(unquote(segment) in _STEPS for segment in fixed.split("/")):
        return 'path holds a segment "." or ".."'
    return None


def header_problem(value: str) -> str | None:
    """Say what is wrong with the text of a header, or None."""
    return None if _PRINTABLE.fullmatch(value) else "a header holds printable ASCII only"


def text_of(value: Any) -> str | None:
    """Return a value as text: text as it is, anything else as JSON writes it; None if there is none."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills templates from the fields of one record."""

    value: Callable[[str], Any]

    def path(self, template: str) -> str:
        """Return a path: every value percent-encoded in full, none of them empty or a step elsewhere.

        Raises:
            BadValueError: A value cannot stand there.
        """
        return _FIELD.sub(lambda found: self._segment(found[1]), template)

    def _segment(self, name: str) -> str:
        text = text_of(self.value(name))
        if text is None:
            raise BadValueError(f'"{name}" is missing, and the path needs it', "missing_field")
        if not text.strip() or text in _STEPS:
            raise BadValueError(f'"{name}" cannot stand in a path')
        return encoded(text)

    def query(self, templates: Mapping[str, str]) -> str:
        """Return a query with its question mark; parameters that lack a value are left out."""
        filled = ((name, self._text(template)) for name, template in templates.items())
        pairs = [f"{encoded(name)}={encoded(text)}" for name, text in filled if text is not None]
        return "?" * bool(pairs) + "&".join(pairs)

    def headers(self, templates: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Return headers; those that lack a value are left out.

        Raises:
            BadValueError: A value holds what would end the header, or what headers cannot carry.
        """
        filled = ((name, self._text(template)) for name, template in templates.items())
        found = tuple((name, text) for name, text in filled if text is not None)
        for name, text in found:
            if header_problem(text):
                raise BadValueError(f'a value of the header "{name}" holds more than printable ASCII')
        return found

    def _text(self, template: str) -> str | None:
        values = {name: text_of(self.value(name)) for name in names(template)}
        if None in values.values():
            return None
        return _FIELD.sub(lambda found: values[found[1]] or "", template)
