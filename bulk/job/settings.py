"""``--set dotted.path=value``: values laid over a job file."""

import re
from typing import Any

from bulk.errors import UsageError
from bulk.job.document import parse_value


def lay_over(job: dict[str, Any], setting: str) -> None:
    """Change ``job`` in place as one ``dotted.path=value`` says.

    Raises:
        UsageError: The path leads nowhere.
    """
    where, equals, text = setting.partition("=")
    parts: list[str] = re.findall(r"[^.\[\]]+", where)
    if not equals or not parts:
        raise UsageError("--set wants dotted.path=value, such as destinations.customerly.rate=50/s")
    target: Any = job
    for part in parts[:-1]:
        target = _enter(target, part, where)
    if isinstance(target, list):
        target[_index(target, parts[-1], where)] = parse_value(text)
    else:
        target[parts[-1]] = parse_value(text)


def _enter(target: dict[str, Any] | list[Any], part: str, where: str) -> dict[str, Any] | list[Any]:
    inner = target[_index(target, part, where)] if isinstance(target, list) else target.get(part)
    if inner is None and isinstance(target, dict):
        inner = target[part] = {}
    if not isinstance(inner, dict | list):
        raise UsageError(f'--set {where}: "{part}" holds a single value, there is nothing below it')
    return inner


def _index(target: list[Any], part: str, where: str) -> int:
    if not part.isdecimal() or int(part) >= len(target):
        raise UsageError(f'--set {where}: expected a number from 0 to {len(target) - 1}, not "{part}"')
    return int(part)
