"""Pydantic's errors as sentences of ours: where, what was expected and found, and the nearest right name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from bulk.errors import suggestion
from bulk.job import lists, match, model, notify
from bulk.job.document import Document, Path

_KEYS: tuple[tuple[tuple[str | type, ...], type[BaseModel]], ...] = (
    ((), model.JobFile),
    (("source",), model.Source),
    (("source", "database"), model.Database),
    (("destinations", str, "retry"), model.Retry),
    (("steps", int), model.Step),
    (("sync",), model.Sync),
    (("guards",), model.Guards),
    (("ledger",), model.Ledger),
    (("notify",), notify.Notify),
    (("match",), match.Match),
    (("match", "contacts"), match.Contacts),
    (("suppression", int), lists.People),
    (("suppression", int), lists.Erased),
    (("suppression", int, "except"), lists.Excepted),
    (("holds", int), lists.Hold),
    (("holds", int, "except"), lists.Excepted),
)
_EXPECTED = {
    "literal_error": "one of {expected}",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_type": "text",
    "dict_type": "keys with values",
    "list_type": "a list",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "too_short": "at least one",
    "string_too_short": "text that is not empty",
    "union_tag_invalid": "the name of a column, {{column: …}} or {{expr: …}}",
}
_SECRET = frozenset({"destinations", "database", "notify", "secret", "headers", "query", "value"})
"""Keys below which a text may be a secret, if only by mistake: no message shows it."""
_FORMS = ("keys with values", "a list", "a path", "text", "the name of a column")
"""Expectations that tell nothing of what a text may be: any may stand there, if only by mistake."""
_PLAIN = re.compile(r"[\w .,%+/*-]{1,40}")
_NAME_RULE = "expected lower-case letters, digits, dots, dashes and underscores, at most 64"


def sentence(document: Document, error: Mapping[str, Any]) -> str:
    """Say one pydantic error in one line."""
    path, kind = place_of(error["loc"]), error["type"]
    if kind == "extra_forbidden":
        name = str(path[-1])
        keys = _known_keys(path[:-1])
        near = " here" if name in keys else suggestion(name, keys)
        return document.problem(path[:-1], f'unknown key "{name}"{near}', at=path)
    if kind == "missing":
        return document.problem(path[:-1], f'"{path[-1]}" is missing')
    if kind == "string_pattern_mismatch":
        return _unlike(document, path, _NAME_RULE)
    if kind == "value_error":
        return _unlike(document, path, str(error["ctx"]["error"]))
    if kind in _EXPECTED:
        return _unlike(document, path, f"expected {_EXPECTED[kind].format(**error.get('ctx', {}))}")
    message = str(error["msg"]).replace("Input should be", "expected")
    return _unlike(document, path, message[:1].lower() + message[1:])


def _unlike(document: Document, path: Path, message: str) -> str:
    return document.problem(path, message + but_found(document, path, message))


def but_found(document: Document, path: Path, message: str) -> str:
    """Return what stands where a message expects something else, and the nearest of the words it expects."""
    if not message.startswith("expected "):
        return ""
    value: Any = document.value
    for part in path:
        if not (isinstance(value, dict) and part in value) and not _is_index(value, part):
            return ""
        value = value[part]
    near = suggestion(value, re.findall("'([^']+)'", message)) if isinstance(value, str) else ""
    is_form = message.removeprefix("expected ").startswith(_FORMS)
    return f"; found {_shown(value, shows_text=not is_form and not _SECRET & set(path))}{near}"


def _is_index(value: Any, part: str | int) -> bool:
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _shown(value: Any, *, shows_text: bool) -> str:
    """Say what a value is, and show it if that is allowed and it is short."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, dict):
        return "keys with values" if value else "no keys"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"' if shows_text and _PLAIN.fullmatch(value) else "text"
    return str(value) if shows_text else "a number"


def own_mistakes(errors: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Path, str]]:
    """Yield where and what is wrong with keys that a system or an operation has of its own.

    Where a value may be an object or a certain word, pydantic says why it is neither; what is wrong with an
    object is told alone.
    """
    words = {
        error["loc"][:-1]: error["ctx"]["expected"]
        for error in errors
        if error["type"] == "literal_error" and _is_word(error["loc"])
    }
    for error in errors:
        where: Path = error["loc"]
        above = next((above for above in words if where[: len(above)] == above), None)
        if above is None:
            yield where, _own(error)
        elif _is_word(where):
            continue
        elif error["type"] == "dataclass_type":
            yield above, f"expected {words[above]} or keys with values"
        else:
            yield (*above, *where[len(above) + 1 :]), _own(error)


def _is_word(where: Path) -> bool:
    return str(where[-1]).startswith("literal[") if where else False


def _own(error: Mapping[str, Any]) -> str:
    if error["type"] == "unexpected_keyword_argument":
        return "unknown key"
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "expected")


def place_of(loc: tuple[str | int, ...]) -> Path:
    """Return where an error stands in the file: pydantic's path without the names of union members."""
    if loc[:1] == ("suppression",) and loc[2:3] and loc[2] in lists.LIST_TAGS:
        return (*loc[:2], *loc[3:])
    if loc[:2] == ("source", "key"):
        return (*loc[:2], *loc[3:])
    if loc[:1] == ("steps",) and loc[2:3] == ("fields",):
        return (*loc[:3], *_in_field(loc[3:]))
    return loc


def _in_field(loc: Path) -> Path:
    """Behind a field's name stands its form; behind that of an object the name of a member, and so on."""
    name, form, rest = loc[:1], loc[1:2], loc[2:]
    return (*name, *(_in_field(rest) if form == ("nested",) else rest))


def _known_keys(path: Path) -> list[str]:
    """Return the keys that may stand below ``path``."""
    parts = [part for pattern, part in _KEYS if len(pattern) == len(path) and all(map(_fits, path, pattern))]
    known = [item.alias or name for part in parts for name, item in part.model_fields.items()]
    return known or ["column", "expr", "value", "as", "split", "format", "timezone"]


def _fits(here: str | int, want: str | type) -> bool:
    return isinstance(here, want) if isinstance(want, type) else here == want
