"""What a shell offers when somebody presses Tab: files by suffix, and names from the systems."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

_MOST_FILES = 1000
"""In one folder; beyond that the shell's own completion is as good."""
STATUSES = ("succeeded", "failed", "rejected", "skipped", "unknown", "pending")
Offers = list[str]
Described = list[tuple[str, str]]


def job_files(incomplete: str) -> Offers:
    """Offer job files, also those of a folder whose name is begun."""
    return list(_files(incomplete, (".yaml", ".yml")))


def ledger_files(incomplete: str) -> Offers:
    """Offer ledgers, also those of a folder whose name is begun."""
    return list(_files(incomplete, (".ledger",)))


def _files(incomplete: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield files below what was typed; if there are none, the shell's own completion takes over."""
    folder, slash, begun = incomplete.rpartition("/")
    above = f"{folder}{slash}"
    for name, path in _listed(Path(above or ".").expanduser()):
        if not name.startswith(begun):
            continue
        if path.is_dir():
            inner = _listed(path)
            yield from (f"{above}{name}/{file}" for file, _ in inner if file.endswith(suffixes))
        elif name.endswith(suffixes):
            yield f"{above}{name}"


def _listed(folder: Path) -> list[tuple[str, Path]]:
    try:
        found = [(path.name, path) for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    return sorted(found)[:_MOST_FILES]


def statuses(incomplete: str) -> Offers:
    """Offer statuses, and behind a comma those that were not named yet."""
    named, comma, begun = incomplete.rpartition(",")
    given = named.split(",")
    return [
        f"{named}{comma}{status}" for status in STATUSES if status.startswith(begun) and status not in given
    ]


def systems(incomplete: str) -> Offers:
    """Offer the systems there are."""
    from bulk.destinations import SYSTEMS

    return _begun(SYSTEMS, incomplete)


def served_systems(incomplete: str) -> Offers:
    """Offer the systems that the sandbox serves."""
    from bulk.sandbox.options import SYSTEMS

    return _begun(SYSTEMS, incomplete)


def operations(ctx: typer.Context, incomplete: str) -> Described:
    """Offer the operations of the system that was named before, with what each does."""
    from bulk.destinations import SYSTEMS

    system = SYSTEMS.get(str(ctx.params.get("to") or ctx.params.get("system")))
    known = {} if system is None else system.operations
    return [(name, known[name].about) for name in _begun(known, incomplete)]


def guards(incomplete: str) -> Offers:
    """Offer the guards there are."""
    from bulk.job.model import Guards

    return _begun(Guards.model_fields, incomplete)


def destinations(ctx: typer.Context, incomplete: str) -> Offers:
    """Offer the destinations of the job that was named before, else the systems."""
    return _begun(_places(ctx), incomplete)


def listings(ctx: typer.Context, incomplete: str) -> Described:
    """Offer what the destination that was named before can list."""
    system = _places(ctx).get(str(ctx.params.get("destination")))
    known = {} if system is None else system.listings
    return [(name, known[name].about) for name in _begun(known, incomplete)]


def _places(ctx: typer.Context) -> dict[str, Any]:
    """Return systems by the names under which they can be asked."""
    from bulk.destinations import SYSTEMS
    from bulk.errors import BulkError
    from bulk.job import load_job

    job = ctx.params.get("job")
    if job is None:
        return dict(SYSTEMS)
    try:
        return {name: place.system for name, place in load_job(Path(job), {}).destinations.items()}
    except BulkError:
        return {}


def _begun(names: Iterable[str], incomplete: str) -> Offers:
    return [name for name in names if name.startswith(incomplete)]
