"""``--set dotted.path=value``: values laid over a job file."""

import re
from typing import Any

from bulk.errors import UsageError
from bulk.job.document import Path, parse_value


def lay_over(job: dict[str, Any], setting: str) -> Path:
    """Change ``job`` in place as one ``dotted.path=value`` says; return the path.

    Raises:
        UsageError: The path leads nowhere.
    """
    where, equals, text = setting.partition("=")
    parts: list[str] = re.findall(r"[^.\[\]]+", where)
    if not equals or not parts:
        raise UsageError("--set wants dotted.path=value, such as destinations.customerly.rate=50/s")
    target: Any = job
    path: Path = ()
    for part in parts:
        at = _index(target, part, where) if isinstance(target, list) else part
        path = (*path, at)
        if len(path) == len(parts):
            target[at] = parse_value(text)
        else:
            target = _enter(target, at, where)
    return path


def _enter(target: Any, part: str | int, where: str) -> dict[str, Any] | list[Any]:
    inner = target.get(part) if isinstance(target, dict) else target[part]
    if inner is None and isinstance(target, dict):
        inner = target[part] = {}
    if not isinstance(inner, dict | list):
        raise UsageError(f'--set {where}: "{part}" holds a single value, there is nothing below it')
    return inner


def _index(target: list[Any], part: str, where: str) -> int:
    if not part.isdecimal() or int(part) >= len(target):
        raise UsageError(f'--set {where}: expected a number from 0 to {len(target) - 1}, not "{part}"')
    return int(part)
