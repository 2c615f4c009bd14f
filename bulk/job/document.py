"""YAML 1.2 text as plain values that remember their lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.tokens import DirectiveToken, TagToken

from bulk.errors import JobError

MOST_NODES = 100_000
"""Nodes after aliases are expanded: far beyond any honest job, far below what hurts."""
LARGEST_TEXT = 4_000_000
NO_TEXT = "holds a NUL, or half of a character"
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_INT64 = 1 << 63

_BARE_EXPRESSION = re.compile(
    r"(?P<before>\{\s*expr:[ \t]+)(?P<expression>[^'\"\s|>].*?)"
    r"(?P<after>(?:,\s*(?:as|split|format|timezone):[^,{}]*)*\s*\}[ \t]*(?:#.*)?)$",
    re.MULTILINE,
)

_LIKELY = (
    ("'\\t'", "; lines are indented with spaces, never with tabs"),
    ("mapping values are not allowed", "; is a line indented too far, or a text with a colon not quoted?"),
    ("could not find expected ':'", "; a key ends with a colon and a space"),
    ("quoted scalar", "; a quote is not closed"),
    ("flow mapping", "; is a brace, a comma or a quote missing before?"),
    ("flow sequence", "; is a bracket, a comma or a quote missing before?"),
    ("block mapping", "; keys that belong together are indented alike"),
    ("block collection", "; items that belong together are indented alike"),
    ("another document", "; a job file is one document, without ---"),
)
"""What a parser says, and what people most likely did."""
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its value, the line of each value by path, and the paths that settings laid over it."""

    name: str
    value: Any = field(repr=False)
    lines: Mapping[Path, int] = field(repr=False)
    laid: tuple[Path, ...] = ()

    def line(self, path: Path) -> int:
        """Return the line of the nearest enclosing value that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def place(self, path: Path) -> str:
        """Return file, line and path of a value, or of where it would stand."""
        stands = "--set" if self._is_laid(path) else f"{self.name}:{self.line(path)}:"
        return f"{stands} {dotted(path)}"

    def _is_laid(self, path: Path) -> bool:
        return any(path[: len(laid)] == laid for laid in self.laid)

    def problem(self, path: Path, message: str, at: Path | None = None) -> str:
        """Say in one line what is wrong at ``path``; ``at`` names the line if it is another's."""
        where, stands = dotted(path), path if at is None else at
        if self._is_laid(stands):
            return f"{self.place(stands)}: {message}"
        return f"{self.name}:{self.line(stands)}: {where}{': ' if where else ''}{message}"


def dotted(path: Path) -> str:
    """Write a path as people do: ``steps[0].fields``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


class _Builder:
    """Turns nodes into values; aliases may repeat a node, so nodes are counted as they are expanded."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self.problems: list[str] = []
        self.nodes = 0

    def build(self, node: Node, path: Path) -> Any:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise JobError([f"{self.name}: too many values (aliases repeat them?)"])
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _scalar(self, node: Node, path: Path) -> Any:
        text = str(node.value)
        value = _scalar(str(node.tag), text)
        if _NO_TEXT.search(text):
            self._complain(node.start_mark.line + 1, path, NO_TEXT)
        elif isinstance(value, int) and not -_INT64 <= value < _INT64:
            self._complain(node.start_mark.line + 1, path, "a number of more than 64 bits; put it in quotes")
        return value

    def _complain(self, line: int, path: Path, message: str) -> None:
        where = f"{dotted(path)}: " if path else ""
        self.problems.append(f"{self.name}:{line}: {where}{message}")

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._complain(line, path, "a key must be plain text")
                continue
            key = str(key_node.value)
            if _NO_TEXT.search(key):
                self._complain(line, path, f"a key {NO_TEXT}")
                continue
            if key in values:
                self._complain(line, path, f'the key "{key}" stands here twice')
            self.lines[(*path, key)] = line
            values[key] = self.build(value_node, (*path, key))
        return values


def _scalar(tag: str, text: str) -> Any:
    kind = tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return _whole(text)
    if kind == "float":
        return float(re.sub(r"\.(?=inf|nan)", "", text.replace("_", "").lower()))
    return text


def _whole(text: str) -> int | str:
    """Return a whole number; digits behind a zero stay text, as postal codes are."""
    digits = text.lstrip("+-")
    if digits.isdecimal() and digits.startswith("0") and len(digits) > 1:
        return text
    return int(text.replace("_", ""), 0)


def _compose(text: str, name: str) -> Node | None:
    """Parse into nodes; an expression in braces may lack the quotes that YAML wants for its commas."""
    text = _BARE_EXPRESSION.sub(_quote, text)
    for token in YAML(typ="safe", pure=True).scan(text):
        if isinstance(token, TagToken):
            raise JobError([f"{name}:{token.start_mark.line + 1}: YAML tags (!…) are not allowed"])
        if isinstance(token, DirectiveToken):
            raise JobError([f"{name}:{token.start_mark.line + 1}: directives (%…) are not allowed"])
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


def _quote(match: re.Match[str]) -> str:
    """Quote an expression that YAML would cut at a comma between parentheses."""
    first = match["expression"].partition(",")[0]
    if first.count("(") <= first.count(")"):
        return match[0]
    expression = match["expression"].replace("'", "''")
    return f"{match['before']}'{expression}'{match['after']}"


def parse_value(text: str) -> Any:
    """Read one value as it is read in a job file; what is not YAML is text.

    Raises:
        JobError: It holds tags, too many values, or what is no text.
    """
    builder = _Builder("--set")
    try:
        node = _compose(text, builder.name)
        value = None if node is None else builder.build(node, ())
    except (YAMLError, ValueError, RecursionError):
        return text
    if builder.problems:
        raise JobError(builder.problems)
    return value


def _why(error: MarkedYAMLError, line: int) -> str:
    """Say what the parser met, what it was doing then, and what is most likely meant."""
    met, doing = error.problem or "", error.context or ""
    begun = error.context_mark.line + 1 if doing and error.context_mark else line
    since = f" that begins in line {begun}" if begun != line else ""
    hint = next((hint for said, hint in _LIKELY if said in f"{doing} {met}"), "")
    return ", ".join(filter(None, (doing and f"{doing}{since}", met))) + hint


def parse_document(text: str, name: str) -> Document:
    """Parse one YAML document.

    Raises:
        JobError: It is not YAML, holds tags, or repeats keys.
    """
    if len(text) > LARGEST_TEXT:
        raise JobError([f"{name}: this is no job file: it is larger than {LARGEST_TEXT:,} characters"])
    builder = _Builder(name)
    try:
        node = _compose(text, name)
        value = builder.build(node, ()) if node is not None else None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise JobError([f"{name}:{line}: not valid YAML: {_why(error, line)}"]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise JobError([f"{name}: not valid YAML ({type(error).__name__})"]) from None
    if builder.problems:
        raise JobError(builder.problems)
    if not isinstance(value, dict):
        raise JobError([f"{name}: a job file holds keys such as name, source, destinations and steps"])
    return Document(name, value, builder.lines)
