"""Prints what `bulk init` makes of exports: `PYTHONPATH=. python tests/e2e/init_table.py`."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from forked_bulk import ForkedBulk, forked_bulk
from init_exports import CASES, Case

from bulk.job import load_job
from bulk.mapping import column_names
from bulk.mapping.spec import Column, Expression, FieldSpec, Shaping, leaves

BESIDE = "-"


def written(case: Case, folder: Path, bulk: ForkedBulk, *arguments: str) -> Path:
    """Write an export and the job for it; return the job's path."""
    source = folder / case.file
    source.write_bytes(case.content)
    environ = {"PATH": "", "HOME": str(folder)}
    done = bulk.run(("init", case.file, "--to", "customerly", *arguments), folder, environ)
    if done.code:
        raise AssertionError(done.stderr)
    return source.with_suffix(".yaml")


def places(job: Path, columns: list[str]) -> dict[str, str]:
    """Return where each column goes, and how it is converted."""
    loaded = load_job(job, {})
    found = dict(_fields(loaded.steps[0].fields))
    for name, sql in (("where", loaded.source.where), ("opted_out", loaded.source.opted_out)):
        found |= dict.fromkeys(column_names(sql or "'nothing'"), name)
    return {column: found.get(column, BESIDE) for column in columns}


def _fields(fields: Mapping[str, FieldSpec]) -> Iterator[tuple[str, str]]:
    for field, spec in fields.items():
        for path, leaf in leaves(spec, (field,)):
            if isinstance(leaf, Column):
                yield leaf.name, _told(".".join(path), leaf.shaping)
            elif isinstance(leaf, Expression):
                shown = "" if field in {"name", "email", "tags"} else "expr"
                told = _told(".".join(path), leaf.shaping)
                yield from ((column, f"{told} {shown}".strip()) for column in column_names(leaf.sql))


def _told(path: str, shaping: Shaping) -> str:
    parts: list[Any] = [path, shaping.convert, shaping.split, shaping.format, shaping.timezone]
    return " ".join(filter(None, parts))


def right(case: Case, found: Mapping[str, str]) -> int:
    """Return how many columns went where they should."""
    return sum(found[column] == expected for column, expected in case.expected.items())


def main() -> None:
    """Print the table, and every column that went elsewhere."""
    wrong: list[str] = []
    good = total = 0
    sys.stdout.write("| export | columns | carried over | conditions | comments | right |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    with forked_bulk() as bulk:
        for case in CASES:
            with tempfile.TemporaryDirectory() as name:
                found = places(written(case, Path(name), bulk), list(case.columns))
            conditions = sum(where in {"where", "opted_out"} for where in found.values())
            beside = sum(where == BESIDE for where in found.values())
            count, fit = len(found), right(case, found)
            good, total = good + fit, total + count
            numbers = (count, count - conditions - beside, conditions, beside, fit)
            sys.stdout.write(f"| {case.file} | {' | '.join(map(str, numbers))} |\n")
            wrong += [
                f"{case.file}: {column}: {found[column]}, not {expected}"
                for column, expected in case.expected.items()
                if found[column] != expected
            ]
    sys.stdout.write(f"\n{good} of {total} columns are right\n")
    sys.stdout.write("".join(f"{line}\n" for line in wrong))


if __name__ == "__main__":
    main()
