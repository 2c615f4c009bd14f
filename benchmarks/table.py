"""The tables as they are published: results kept in a file, and written into the README between two marks."""

import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Results = dict[str, dict[str, Any]]
"""By comparison: ``rows``, and ``measured``, which says when and where."""
MARKED = re.compile(r"(?<=<!-- results -->\n).*(?=<!-- end of results -->)", re.DOTALL)


def circumstances() -> str:
    """Say when and on what this is measured, and how much else the machine had to do."""
    day, load = datetime.now(UTC).date().isoformat(), os.getloadavg()[0]
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return f"{day}, {machine}, load {load:.1f} before it"


def keep(path: Path, name: str, rows: Sequence[Row], measured: str) -> None:
    """Put the rows of a comparison in place of its earlier ones."""
    results = read(path)
    results[name] = {"measured": measured, "rows": list(rows)}
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """Return what was measured so far."""
    results: Results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return results


def publish(page: Path, results: Results, titles: Mapping[str, str]) -> None:
    """Write the tables into a page, in the order of the titles."""
    parts = [
        f"### {title}\n\nMeasured {results[name]['measured']}.\n\n{table(results[name]['rows'])}"
        for name, title in titles.items()
        if name in results
    ]
    text = page.read_text(encoding="utf-8")
    written = "\n" + "\n".join(parts)
    page.write_text(MARKED.sub(lambda _: written, text), encoding="utf-8")


def table(rows: Sequence[Row]) -> str:
    """Return rows as a table, with the columns that any of them has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return "\n".join(_lines(columns, rows)) + "\n"


def _lines(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(_cell(row.get(name)) for name in columns)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
