"""Carries out ``bulk init``: looks at the source, asks what it cannot know, writes the job."""

import os
import re
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import polars as pl
import typer

from bulk.conversation import ROW
from bulk.destinations import SYSTEMS, System
from bulk.destinations.operation import Operation
from bulk.errors import UsageError, suggestion
from bulk.source import Chunk, Source, SourceOptions, open_source
from bulk.source.compression import SUFFIXES
from bulk.source.sniffing import sniffed
from bulk.starting import Draft, Question, Seen, draft, job_text

MOST_ROWS = 100_000
"""Rows that are looked at; what they show is taken to be true of the others."""
_PERSONAL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|\+?[\d\s().-]{7,}")
"""What stands in a row about somebody, and never in a header."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    source: str
    system: str
    operation: str | None
    output: Path | None


def start(wanted: Wanted) -> int:
    """Write the job; return the exit code.

    Raises:
        BulkError: The source cannot be read or names nobody, or the job is there already.
    """
    system, operation = _target(wanted)
    output = _output(wanted)
    if output is not None and output.exists():
        raise UsageError(f"{output} is there already; move it away, or write elsewhere with -o FILE")
    seen = _look(wanted.source, output)
    made = _asked(seen, system, operation)
    text = job_text(made, "JOB" if output is None else str(output))
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write(output, text)
    _tell(made, output)
    return 0


def _target(wanted: Wanted) -> tuple[System, Operation | None]:
    system = SYSTEMS.get(wanted.system)
    if system is None:
        near = suggestion(wanted.system, SYSTEMS) or f"; there are {', '.join(SYSTEMS)}"
        raise UsageError(f'--to: there is no system "{wanted.system}"{near}')
    if wanted.operation is None:
        return system, None
    if wanted.operation not in system.operations:
        near = suggestion(wanted.operation, system.operations) or f"; see bulk destinations {system.name}"
        raise UsageError(f'--operation: {system.name} has no operation "{wanted.operation}"{near}')
    return system, system.operations[wanted.operation]


def _output(wanted: Wanted) -> Path | None:
    """Return where the job is written; None is stdout."""
    if wanted.source == "-":
        raise UsageError("init looks at a file before it writes a job; save standard input to one first")
    if wanted.output is not None:
        return None if str(wanted.output) == "-" else wanted.output
    remote = "://" in wanted.source or any(mark in wanted.source for mark in "*?[")
    folder = Path() if remote and not Path(wanted.source).exists() else Path(wanted.source).parent
    stem = re.sub(r"[*?\[\]]+", "", _stem(wanted.source)) or "job"
    return folder / f"{stem}.yaml"


def _stem(source: str) -> str:
    """Return the name of a file without its folder and its suffixes."""
    path = PurePosixPath(source.partition("?")[0] if "://" in source else source)
    return PurePosixPath(path.stem).stem if path.suffix.lower() in SUFFIXES else path.stem


def _look(source: str, output: Path | None) -> Seen:
    """Read the first rows."""
    options = sniffed(SourceOptions(paths=(source,)))
    with open_source(options) as opened:
        _refuse_without_header(opened)
        rows, complete = _first_rows(opened)
        return Seen(
            path=_from(source, output),
            stem=_stem(source),
            sample=rows,
            columns=opened.columns,
            complete=complete,
            format=options.format,
            encoding=options.encoding,
            separator=options.separator,
        )


def _first_rows(source: Source) -> tuple[pl.DataFrame, bool]:
    frames: list[pl.DataFrame] = []
    chunks = iter(source.chunks())
    for chunk in chunks:
        frames.append(chunk.frame)
        if sum(frame.height for frame in frames) >= MOST_ROWS:
            break
    more: list[Chunk] = list(islice(chunks, 1))
    none = source.schema.to_frame().insert_column(0, pl.Series(ROW, [], pl.UInt32))
    rows = pl.concat(frames) if frames else none
    return rows.head(MOST_ROWS), not more and rows.height <= MOST_ROWS


def _refuse_without_header(source: Source) -> None:
    for position, column in enumerate(source.columns, 1):
        if _PERSONAL.fullmatch(column.strip()):
            raise UsageError(
                f"{source.description}: field {position} of the first line looks like something about a"
                " person; a file needs a header, a line that names its columns"
            )


def _from(source: str, output: Path | None) -> str:
    """Return the source's path as the job names it: from the job's folder, if it is on this machine."""
    if "://" in source or Path(source).expanduser().is_absolute() or output is None:
        return source
    return os.path.relpath(source, output.parent)


def _asked(seen: Seen, system: System, operation: Operation | None) -> Draft:
    """Draft the job, and on a terminal ask what is still to be asked; answers may raise questions."""
    answers: dict[str, str] = {}
    while True:
        made = draft(seen, system, operation, answers)
        still = [question for question in made.questions if question.key not in answers]
        if not still or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return made
        answers[still[0].key] = _ask(still[0])


def _ask(question: Question) -> str:
    choices = f" ({', '.join(question.choices)})" if question.choices else ""
    while True:
        answer = str(typer.prompt(f"{question.text}{choices}", default=question.default, err=True)).strip()
        fault = question.fault(answer)
        if fault is None:
            return answer
        typer.echo(fault, err=True)


def _write(output: Path, text: str) -> None:
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"-o {output}: cannot be written ({error.strerror})") from None


def _tell(made: Draft, output: Path | None) -> None:
    """Say what was made of the source, and what comes next."""
    name = "JOB" if output is None else str(output)
    for sentence in made.told():
        typer.echo(sentence, err=True)
    if output is not None:
        typer.echo(f"{name} is written; read it, then: bulk check {name} --offline", err=True)
