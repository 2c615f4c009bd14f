"""``${NAME}`` in a job: values from the environment, or from the file that ``NAME_FILE`` names."""

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from bulk.errors import JobError
from bulk.job.document import Path

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def variable(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the value of ``NAME``, else the stripped content of the file ``NAME_FILE`` names, else None.

    Raises:
        JobError: ``NAME_FILE`` names a file that cannot be read.
    """
    if environ.get(name):
        return environ[name]
    file = environ.get(f"{name}_FILE")
    if not file:
        return None
    try:
        return FilePath(file).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        raise JobError([f"the file that {name}_FILE names cannot be read"]) from None


def fill_text(text: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Replace every ``${NAME}``; return the text and the names that are not set."""
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        found = variable(match[1], environ)
        if found is None:
            missing.append(match[1])
        return found or ""

    return _REFERENCE.sub(value, text), missing


def fill(value: Any, environ: Mapping[str, str], path: Path = ()) -> tuple[Any, list[tuple[Path, str]]]:
    """Replace ``${NAME}`` everywhere but under ``auth``, which is filled in when it is used.

    Returns:
        The value, and a problem for every variable that is not set.
    """
    if path and (path[-1] == "auth" or path[0] == "steps"):
        return value, []
    if isinstance(value, str):
        text, missing = fill_text(value, environ)
        return text, [(path, f"the environment variable {name} is not set") for name in missing]
    if isinstance(value, dict):
        filled = {key: fill(item, environ, (*path, key)) for key, item in value.items()}
        return {key: item for key, (item, _) in filled.items()}, [
            p for _, found in filled.values() for p in found
        ]
    if isinstance(value, list):
        items = [fill(item, environ, (*path, index)) for index, item in enumerate(value)]
        return [item for item, _ in items], [problem for _, found in items for problem in found]
    return value, []
