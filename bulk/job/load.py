"""Read a job file: parse, lay settings over it, fill in the environment, check, resolve."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import orjson
from pydantic import ValidationError

from bulk.errors import JobError, suggestion
from bulk.job import model
from bulk.job.document import Document, Path, parse_document
from bulk.job.environment import fill
from bulk.job.mistakes import place_of, sentence
from bulk.job.model import JobFile
from bulk.job.resolve import Resolver
from bulk.job.resolved import Destination, Job
from bulk.job.settings import lay_over


def load_job(path: FilePath, environ: Mapping[str, str], settings: Sequence[str] = ()) -> Job:
    """Read and check a job file.

    Args:
        path: The file.
        environ: Where ``${NAME}`` is looked up.
        settings: ``dotted.path=value`` each, laid over the file.

    Raises:
        JobError: With every mistake that the file alone shows.
        UsageError: A setting leads nowhere.
    """
    document = parse_document(_text(path), path.name)
    document = replace(document, laid=tuple(lay_over(document.value, setting) for setting in settings))
    laid = tuple(setting.partition("=")[0] for setting in settings)
    return replace(_loaded(document, path.parent, environ), settings=laid)


def load_spec(spec: bytes, environ: Mapping[str, str]) -> Job:
    """Return the job of a ledger's pass, as far as people are read back by it (``Job.spec``).

    Raises:
        JobError: It cannot be used any more: a variable is not set, or this version knows it otherwise.
    """
    given = orjson.loads(spec)
    document = parse_document(orjson.dumps(given["job"]).decode(), "the ledger's job")
    return _loaded(document, FilePath(given["folder"]), environ)


def is_matched(spec: bytes) -> bool:
    """Tell whether the people of a ledger's pass were found among contacts, and its source names nobody."""
    return bool(orjson.loads(spec).get("matched"))


def _loaded(document: Document, folder: FilePath, environ: Mapping[str, str]) -> Job:
    value, missing = fill(document.value, environ)
    problems = [document.problem(place, message) for place, message in missing]
    try:
        file: JobFile | None = JobFile.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        unset = {place for place, _ in missing}
        problems += [sentence(document, item) for item in found if place_of(item["loc"]) not in unset]
        file = _without(value, [place_of(item["loc"]) for item in found])
    resolver = Resolver(document)
    job = resolver.job(file, folder) if file else None
    problems += resolver.problems
    if job is None or problems:
        raise _mistakes(problems)
    return job


def lone_destination(name: str, environ: Mapping[str, str], settings: Sequence[str] = ()) -> Destination:
    """Return a destination that no job describes, named like its system.

    Raises:
        JobError: There is no such system, or the settings have mistakes.
        UsageError: A setting leads nowhere.
    """
    document = parse_document(f"destinations: {{{name}: {{}}}}", "--set")
    document = replace(document, laid=tuple(lay_over(document.value, setting) for setting in settings))
    value, missing = fill(document.value["destinations"].get(name), environ)
    problems = [document.problem(("destinations", name, *place), message) for place, message in missing]
    resolver = Resolver(document)
    try:
        found = resolver.destination(name, model.Destination.model_validate(value))
    except ValidationError as error:
        items = error.errors(include_url=False, include_input=False)
        placed = ({**item, "loc": ("destinations", name, *item["loc"])} for item in items)
        raise _mistakes([*problems, *(sentence(document, item) for item in placed)]) from None
    if found is None or problems or resolver.problems:
        raise _mistakes([*problems, *resolver.problems])
    return found


def _without(value: Any, places: Sequence[Path]) -> JobFile | None:
    """Return what can be read of a job without its mistakes, so that the others are told as well."""
    rest = copy.deepcopy(value)
    for place in places:
        _take_out(rest, place)
    try:
        return JobFile.model_validate(rest)
    except ValidationError:
        return None


def _take_out(value: Any, place: Path) -> None:
    """Remove a value; of a step's field, whose name may be right, only what it holds."""
    if place[:1] == ("steps",) and place[2:3] == ("fields",) and len(place) > 3:  # noqa: PLR2004 - steps, 0, fields, name
        value["steps"][place[1]]["fields"][place[3]] = {"value": None}
        return
    above: Any = None
    at: str | int = ""
    for part in place:
        if not _holds(value, part):
            break  # from here on it is about what the value might have been
        above, at, value = value, part, value[part]
    if isinstance(above, dict):
        del above[at]


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _mistakes(problems: Sequence[str]) -> JobError:
    return JobError(sorted(dict.fromkeys(problems), key=_line_of))


def _line_of(problem: str) -> int:
    match = re.match(r"[^:]*:(\d+):", problem)
    return int(match[1]) if match else 0


def _text(path: FilePath) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = [item.name for item in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise JobError([f"{path}: there is no such job file{suggestion(path.name, beside)}"]) from None
    except IsADirectoryError:
        raise JobError([f"{path}: this is a folder; name a job file in it"]) from None
    except UnicodeDecodeError:
        raise JobError([f"{path}: a job file is text in UTF-8; this is not"]) from None
    except OSError as error:
        raise JobError([f"{path}: cannot be read ({error.strerror})"]) from None
