"""Pydantic's errors as sentences of ours: where, what was expected, the nearest right name; never a value."""

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
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_type": "text",
    "dict_type": "keys with values",
    "list_type": "a list",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "too_short": "at least one",
}
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
        return document.problem(path, _NAME_RULE)
    if kind == "value_error":
        return document.problem(path, str(error["ctx"]["error"]))
    if kind in _EXPECTED:
        return document.problem(path, f"expected {_EXPECTED[kind].format(**error.get('ctx', {}))}")
    message = str(error["msg"]).replace("Input should be", "expected")
    return document.problem(path, message[:1].lower() + message[1:])


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
    path: Path = ()
    if loc[:1] == ("suppression",) and loc[2:3] and loc[2] in lists.LIST_TAGS:
        loc = (*loc[:2], *loc[3:])
    for part in loc:
        may_be_tag = "fields" in path[:-1] or path == ("source", "key")
        if may_be_tag and part in model.FIELD_TAGS and path[-1] != "fields":
            continue
        path = (*path, part)
    return path


def _known_keys(path: Path) -> list[str]:
    """Return the keys that may stand below ``path``."""
    parts = [part for pattern, part in _KEYS if len(pattern) == len(path) and all(map(_fits, path, pattern))]
    known = [item.alias or name for part in parts for name, item in part.model_fields.items()]
    return known or ["column", "expr", "value", "as", "split", "format", "timezone"]


def _fits(here: str | int, want: str | type) -> bool:
    return isinstance(here, want) if isinstance(want, type) else here == want
