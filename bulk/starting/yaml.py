"""Values as they stand in a job file: plain where that is safe, else between quotes."""

import json
import re

from bulk.mapping.spec import Column, Constant, Expression, FieldSpec, Shaping

_PLAIN = re.compile(r"(?:\.{0,2}/)*[^\W\d_](?:[\w /().'+-]*[\w).'])?", re.ASCII)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
_BARE_SQL = re.compile(r"[a-z][^#{}\[\],:\\]*")
"""SQL that YAML takes as it is between braces, also where an editor reads it."""


def scalar(text: str) -> str:
    """Return a text as it stands in a job."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """Return a text between double quotes, in one line whatever it holds."""
    return "".join(
        letter if letter.isprintable() else _escaped(letter)
        for letter in json.dumps(text, ensure_ascii=False)
    )


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - what four digits can say


def field(spec: FieldSpec) -> str:
    """Return where a field's values come from, in one line."""
    if isinstance(spec, Constant):
        return f"{{value: {json.dumps(spec.value)}}}"
    if isinstance(spec, Column):
        options = _options(spec.shaping)
        return f"{{column: {scalar(spec.name)}{options}}}" if options else scalar(spec.name)
    if isinstance(spec, Expression):
        options = _options(spec.shaping)
        bare = not options and spec.sql.isprintable() and _BARE_SQL.fullmatch(spec.sql)
        return f"{{expr: {spec.sql if bare else quoted(spec.sql)}{options}}}"
    raise TypeError(spec)


def _options(shaping: Shaping) -> str:
    given = {
        "as": shaping.convert,
        "split": shaping.split and quoted(shaping.split),
        "timezone": shaping.timezone,
        "format": shaping.format and quoted(shaping.format),
    }
    return "".join(f", {name}: {value}" for name, value in given.items() if value)
