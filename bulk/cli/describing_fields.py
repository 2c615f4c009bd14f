"""Fields and options of a step or a destination in words."""

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Operation

_WIDTH = 100
_TYPES: dict[Any, str] = {
    bool: "true or false",
    str: "text",
    int: "whole number",
    float: "number",
    type(None): "nothing",
}
_LISTED = frozenset({Kind.TEXTS, Kind.LIST})


def wrapped(head: str, text: str, indent: int | None = None) -> Iterator[str]:
    """Yield text after a head, continued where it begins, or at an indent."""
    further = " " * (len(head) if indent is None else indent)
    yield from textwrap.wrap(
        text or " ",
        _WIDTH,
        initial_indent=head,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def described_fields(operation: Operation) -> Iterator[str]:
    """Yield an operation's fields, those it needs first, each with its members and where it is known from."""
    if not operation.fields:
        yield "  fields: any, named as the API names them"
        return
    groups = [group for group in (operation.one_of, operation.also_one_of) if group]
    chosen = {name for group in groups for name in group}
    width = max(len(field.name) for field in operation.fields)
    required = [field for field in operation.fields if field.required]
    rest = [field for field in operation.fields if not field.required and field.name not in chosen]
    yield from _titled("  fields that every record needs", required, width)
    for group in groups:
        named = [field for field in operation.fields if field.name in group]
        yield from _titled("  fields of which every record needs one", named, width)
    yield from _titled("  fields that may be left out", rest, width)


def _titled(title: str, fields: Iterable[Field], width: int) -> Iterator[str]:
    for number, field in enumerate(fields):
        yield from () if number else (title,)
        yield from _field(field, f"    {field.name:<{width}}  ")


def _field(field: Field, head: str) -> Iterator[str]:
    indent = " " * len(head)
    yield from wrapped(head, f"{_shape(field)}. {field.about}")
    for member in field.members:
        need = ", required" if member.required else ""
        yield from _member(f"{field.name}.{member.name}", member, need, indent)
    for member in field.special:
        yield from _member(f"{field.name}.{member.name}", member, "", indent)
    for suffix, member in field.suffixes.items():
        yield from _member(f"{field.name}.…{suffix}", member, "", indent)
    yield from wrapped(f"{indent}known from: ", field.fact)


def _member(name: str, member: Field, need: str, indent: str) -> Iterator[str]:
    told = f"{_shape(member)}{need}. {member.about}"
    yield from wrapped(f"{indent}{name}  ", told, len(indent) + 4)
    for inner in (*member.members, *member.special):
        need = ", required" if inner.required else ""
        yield from _member(f"{name}.{inner.name}", inner, need, indent)


def _shape(field: Field) -> str:
    """Say what a value looks like, and its limits."""
    return ", ".join([field.kind.value, *_limits(field)])


def _limits(field: Field) -> Iterator[str]:
    each = " in each text" if field.kind in {Kind.OBJECT, *_LISTED} else ""
    counted = "items" if field.kind in _LISTED else "members"
    said = (
        (", ".join(field.choices), "one of {}"),
        (field.pattern, "of the form {}"),
        (field.max_chars, f"at most {{:,}} characters{each}"),
        (field.max_bytes, f"at most {{:,}} bytes{each}"),
        (field.max_items, f"at most {{:,}} {counted}"),
        (field.member_pattern, "member names of the form {}"),
        (field.member_max_bytes, "member names of at most {:,} bytes"),
        (", ".join(field.suffixes), "member names that end in {}"),
    )
    yield from (form.format(limit) for limit, form in said if limit)
    if field.consent is not None:
        yield f"{_value(field.consent)} is left out unless the step says resubscribe: true"


def described_options(options: type[Any]) -> Iterator[str]:
    """Yield the options a dataclass holds, with their defaults and, from its docstring, what they mean."""
    about = options_about(options)
    hints = get_type_hints(options)
    for option in dataclasses.fields(options):
        default = option.default
        if option.default_factory is not dataclasses.MISSING:
            default = option.default_factory()
        shown = f"{_type(hints[option.name])}, default {_value(default)}"
        yield from wrapped(f"    {option.name}  ", f"{shown}. {about.get(option.name, '')}".rstrip(), 8)


def options_about(options: type[Any]) -> dict[str, str]:
    """Return what the options of a dataclass mean, as its fields or its docstring say."""
    own = {option.name: option.metadata.get("about") for option in dataclasses.fields(options)}
    told = {name: about for name, about in attributes_of(options).items() if name in own}
    return told | {name: about for name, about in own.items() if about}


def attributes_of(documented: type[Any]) -> dict[str, str]:
    """Read what a class's docstring, and those of the classes it is made from, say of each attribute."""
    meanings: dict[str, str] = {}
    for kind in reversed(documented.__mro__):
        meanings |= _attributes(inspect.cleandoc(kind.__doc__ or ""))
    return meanings


def _attributes(docstring: str) -> dict[str, str]:
    _, found, section = docstring.partition("Attributes:\n")
    if not found:
        return {}
    meanings: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        begun = re.match(r" {4}(\w+): (.*)", line)
        if begun is not None:
            name = begun.group(1)
            meanings[name] = begun.group(2)
        elif name and line.startswith(" " * 8):
            meanings[name] += f" {line.strip()}"
        elif line.strip():
            break
    return {name: meaning.replace("``", "") for name, meaning in meanings.items()}


def _type(hint: Any) -> str:
    """Say what a value may be: the choices of a literal, else the names of its types."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(_value, inner))
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(map(_type, inner)))
    if origin in {tuple, list, frozenset}:
        return f"list of {_type(inner[0])}"
    if dataclasses.is_dataclass(hint):
        return f"object of {', '.join(each.name for each in dataclasses.fields(hint))}"
    return _TYPES.get(hint, "object")


def _value(value: Any) -> str:
    if dataclasses.is_dataclass(value):
        members = (f"{each.name}: {_value(getattr(value, each.name))}" for each in dataclasses.fields(value))
        return f"{{{', '.join(members)}}}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(map(_value, value)) or "none"
    return "none" if value in (None, "", {}) else str(value)
