"""The text of a job file: what counts, and as comments what people have to know or may want."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from bulk.starting import yaml
from bulk.starting.consent import Condition
from bulk.starting.draft import Draft, Line

WIDTH = 110
_COMMENT = 40
"""The column from which comments stand behind short lines."""
_LONGEST_NAME = 64
_CALLED = {"customerio": "Customer.io", "http": "your API"}
_NEXT = (
    ("bulk check {} --offline", "what it would do with every row; sends nothing"),
    ("bulk preview {} -n 2", "the exact requests of the first rows; sends nothing"),
    ("bulk run {} --sandbox", "into a local stand-in; no account, no token needed"),
    ("bulk run {} --limit 1", "one person for real: look at it there, then leave --limit out"),
)
_EDITOR = (
    "An editor completes this file once `bulk schema > job.schema.json` has written the schema beside it and"
    " its first line is `# yaml-language-server: $schema=job.schema.json`."
)


def job_text(made: Draft, called: str = "JOB") -> str:
    """Return the job file, which commands name as it is ``called``."""
    blocks = (_head(made, called), _source(made), _destination(made), _step(made), _guards(made))
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def job_name(stem: str) -> str:
    """Return a name for the job; a file that is called like somebody's address does not give it."""
    name = "" if "@" in stem else re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")
    return name[:_LONGEST_NAME].rstrip("-._") or "contacts"


def _head(made: Draft, called: str) -> Iterator[str]:
    name = job_name(made.seen.stem)
    job = called if called.isprintable() else "JOB"
    yield from _prose(_what(made))
    yield "#"
    for command, about in _NEXT:
        yield _behind(f"#   {command.format(job)}", about, 52)
    yield from ("#", *_prose(_EDITOR))
    for note in _notes(made):
        yield "#"
        yield from _prose(note)
    yield f"name: {yaml.scalar(name)}"


def _what(made: Draft) -> str:
    looked = made.seen.sample.height
    rows = f"all {looked:,} rows" if made.seen.complete else f"the first {looked:,} rows"
    export = (
        f"{made.export.name}, known by its columns"
        if made.export
        else "no known export: guessed by names and values"
    )
    return (
        f"{yaml.quoted(made.seen.path)} into {called_system(made)}: {made.place.operation.name}. Written by"
        f" bulk init, which looked at {rows} ({export}). Read it before you run it."
    )


def called_system(made: Draft) -> str:
    """Return what people call the system."""
    name = made.place.system.name
    return _CALLED.get(name, name.capitalize())


def _notes(made: Draft) -> Iterator[str]:
    system = called_system(made)
    if made.removed:
        yield (
            f"These people must not be written to ({made.removed}). They are never imported; whoever of them"
            f" is known in {system} is unsubscribed there."
        )
    if not made.place.unsubscribes and not made.removed:
        yield (
            f"Before the run: pause the welcome messages, onboarding series and other automations in {system}"
            " that begin when somebody is created, tagged or changed. Else everybody in this file gets them."
        )
    yield from made.notes
    if made.place.operation.warning:
        yield f"Beware: {made.place.operation.warning}"
    if made.unnamed:
        yield (
            f"{made.unnamed:,} of the rows that were looked at have no e-mail address, or one that is none:"
            " they end as rejected, and the run with exit code 3. Mend them, or leave them out with `where`."
        )


def _source(made: Draft) -> Iterator[str]:
    seen = made.seen
    yield "source:"
    yield f"  path: {yaml.scalar(seen.path)}"
    if seen.format:
        yield f"  format: {seen.format}"
    if seen.encoding:
        doubtful = {"cp1252": "not UTF-8; if accents look wrong in a preview, try another, such as cp1250"}
        yield _behind(f"  encoding: {seen.encoding}", doubtful.get(seen.encoding, ""))
    if seen.separator:
        yield f"  separator: {yaml.quoted(seen.separator)}"
    if made.alive:
        yield "  # Rows that are no contacts any more are left out:"
        yield from _abouts(made.alive)
        yield from _condition("where", [one.sql for one in made.alive], "and")
    yield from _opted_out(made)
    if not made.removed and not made.place.unsubscribes:
        yield _behind("  duplicates: keep_last", "of several rows with one address the last is sent")


def _opted_out(made: Draft) -> Iterator[str]:
    if made.nobody:
        yield "  # Nobody is sent until this says who did not agree, such as: lower(\"Agreed\") <> 'yes'"
        yield "  opted_out: 1 = 1"
    elif made.opted_out:
        rows = f"{made.held:,} of the rows that were looked at"
        yield f"  # Never written to: {rows}, and all others of their addresses."
        yield from _abouts(made.opted_out)
        yield from _condition("opted_out", [one.sql for one in made.opted_out], "or")


def _abouts(conditions: Iterable[Condition]) -> Iterator[str]:
    for one in conditions:
        if one.about:
            yield f"  #   {yaml.quoted(one.column)}: {one.about}"


def _condition(key: str, parts: Sequence[str], joined: str) -> Iterator[str]:
    """Yield a condition, a part a line where lines can hold them."""
    if all(part.isprintable() and part == part.strip() for part in parts):
        yield f"  {key}: >-"
        for number, part in enumerate(parts):
            yield f"    {f'{joined} ' if number else ''}{part}"
    else:
        yield f"  {key}: {yaml.quoted(f' {joined} '.join(parts))}"


def _destination(made: Draft) -> Iterator[str]:
    system = made.place.system
    yield "destinations:"
    yield f"  {system.name}:"
    if not system.base_url:
        yield _behind("    base_url: https://api.example.com", "where the API is")
        yield _behind(
            '    # auth: {bearer: "${API_TOKEN}"}', "or basic: {user, password}, or header: {name, value}"
        )
    needed = [one.variable for one in system.credentials if one.variable and one.required and not one.surface]
    if needed:
        yield f"    # credentials: {', '.join(needed)}; each also as NAME_FILE"
    surfaces = [one.variable for one in system.credentials if one.variable and one.surface]
    if surfaces:
        yield f"    # to read back what was written: {', '.join(surfaces)}"
    if system.budget_period is None:
        yield _behind(f"    rate: {system.rate or '10/s'}", "what your account allows")
    else:
        yield _behind("    reserve: 30%", "of the organisation's requests, left to others")


def _step(made: Draft) -> Iterator[str]:
    yield "steps:"
    yield f"  - destination: {made.place.system.name}"
    yield f"    operation: {made.place.operation.name}"
    if made.place.open:
        yield "    method: POST"
        path = "unsubscribes" if made.removed else "contacts"
        yield _behind(f"    path: /{path}", f"below the base_url: where your API takes {path}")
        yield _behind("    idempotent: false", "true, if sending somebody twice is harmless")
        yield _behind("    duplicates: keep_last", "of several rows with one address the last is sent")
    if made.zone:
        yield f"    # Dates without an offset are read in the zone {made.zone}: is it the one of the export?"
    if made.place.suffixed and any(len(line.path) > 1 for line in made.lines):
        yield f"    # Attributes are set up in {called_system(made)} first; the end of a name says its type."
    yield "    fields:"
    yield from _fields(made)
    for column, why in made.beside.items():
        yield f"      # {yaml.quoted(column)}: {why}"


def _fields(made: Draft) -> Iterator[str]:
    """Yield the lines of the fields, those that stand below another together."""
    for name in dict.fromkeys(line.path[0] for line in made.lines):
        group = [line for line in made.lines if line.path[0] == name]
        below = [line for line in group if len(line.path) > 1]
        for line in group:
            if len(line.path) == 1:
                yield _line(line, 6)
        if below:
            counts = any(line.active for line in below)
            yield f"      {name}:" if counts else f"      # {name}:"
            for line in below:
                yield _line(line, 8)


def _line(line: Line, indent: int) -> str:
    text = f"{yaml.scalar(line.path[-1])}: {yaml.field(line.spec)}"
    return _behind(f"{' ' * indent}{text if line.active else f'# {text}'}", line.about)


def _guards(made: Draft) -> Iterator[str]:
    if (
        made.place.unsubscribes
    ):  # whom nobody can unsubscribe by a request fails, and all others must not wait
        yield _behind("# guards: {min_records: 100}", "refuse a list that was cut short")
        return
    yield "guards:"
    if made.place.operation.confirm is not None:
        yield _behind("  canary: 10", "the first 10 go alone and are read back before the rest is sent")
    yield _behind("  max_failure_rate: 5%", "stop when more than this is refused; run again to continue")


def _behind(text: str, comment: str, at: int = _COMMENT) -> str:
    """Return a line with a comment behind it."""
    return (
        f"{text:<{at}} # {comment}"
        if comment and len(text) < at
        else f"{text}   # {comment}"
        if comment
        else text
    )


def _prose(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, WIDTH - 2, break_long_words=False, break_on_hyphens=False):
        yield f"# {line}"
