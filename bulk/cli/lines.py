"""Lays out how far a run is as lines of a terminal: one for each step, whatever its width."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.text import Text

from bulk.api.progress import BEFORE, OVER, Progress, StepProgress
from bulk.api.waiting import lasting

GAP = "  "
BARS = (30, 20, 10)
"""Cells that a bar may take; the widest one that leaves room for what is beside it is drawn."""
WIDE, ROOM = 120, 38
"""From this width on so many cells are kept for what is noted beside the figures."""
SPELLED = 140
"""From this width on units are spelled out."""
MOST_REASONS = 3
INDENT, NARROWEST = "    ", 20
"""What begins a line that goes on with a step, where a terminal is not narrower than this."""
NAME, BUSY, WAITING, BAD, GOOD, QUIET = "bold", "cyan", "yellow", "red", "green", "dim"
_WHOLE = 99.95
"""From here on no digit stands behind the point."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What is drawn with: terminals without UTF-8 know ASCII alone."""

    done: str
    open: str


SIGNS, ASCII = Signs("━", "─"), Signs("=", "-")


@dataclass(frozen=True, slots=True)
class Units:
    """How rates are told."""

    records: str
    requests: str


LONG, SHORT = Units(" records/s", " requests/s"), Units(" rec/s", " req/s")


@dataclass(frozen=True, slots=True)
class Row:
    """What is told of one step: its name, figures that stand in columns, and notes of whatever length."""

    name: Text
    figures: tuple[Text, ...]
    notes: tuple[Text, ...]
    share: float
    busy: bool


def lines_of(progress: Progress, width: int, height: int, signs: Signs = SIGNS) -> list[Text]:
    """Return what a terminal of so many columns and rows shows: no line is wider, nor are there more.

    Args:
        progress: How far the run is.
        width: At least 1.
        height: At least 1; where it is too little, notes go first, then the steps that are not under way.
        signs: What is drawn with.
    """
    if progress.phase == "reading":
        speed = f"{number(progress.rows_per_second)} rows/s"
        return flowed([Text("reading"), Text(f"{progress.rows_read:,} rows"), Text(speed)], width)[:height]
    rows = [*rows_of(progress, LONG if width >= SPELLED else SHORT)]
    blocks = _in_columns(rows, width, signs) or [_in_turn(row, width) for row in rows]
    if sum(map(len, blocks)) > height:
        blocks = [block[:1] for block in blocks]
    if len(blocks) > height:
        busy_first = sorted(zip(rows, blocks, strict=True), key=lambda one: not one[0].busy)
        more = flowed([Text(f"{len(blocks) - height + 1} more steps")], width)[:1]
        blocks = [*(block for _, block in busy_first[: height - 1]), more]
    return [line for block in blocks for line in block]


def rows_of(progress: Progress, units: Units = LONG) -> Iterator[Row]:
    """Yield what is told of every step."""
    several = len({step.destination for step in progress.steps}) > 1
    before: dict[str, str] = {}
    for step in progress.steps:
        unclear = several and step.destination not in step.name
        name = f"{step.name} at {step.destination}" if unclear else step.name
        yield _row(step, name, before.get(step.destination, ""), units)
        before[step.destination] = step.name


def _row(step: StepProgress, name: str, before: str, units: Units) -> Row:
    total = min(step.sendable, step.settled + step.remaining)
    done = max(0, total - step.remaining)
    busy = step.state not in {BEFORE, OVER}
    notes = [Text(f"after {before}", style=QUIET)] if step.state == BEFORE and before else []
    notes += [Text(one, style=WAITING) for one in step.waiting]
    notes += [Text(one, style=BAD) for one in failures(step.reasons)]
    figures = (
        Text(f"{done:,}/{total:,}"),
        Text(f"{number(step.per_second)}{units.records}" if busy else ""),
        Text(f"{_requests(step)}{units.requests}" if busy else ""),
        _end(step),
    )
    return Row(Text(name, style=NAME), figures, tuple(notes), done / total if total else 1.0, busy)


def _end(step: StepProgress) -> Text:
    """Say when a step ends, or how it did."""
    if step.state == OVER:
        return Text("stopped", style=BAD) if step.remaining else Text("done", style=GOOD)
    return Text("" if step.seconds_left is None else f"{lasting(step.seconds_left)} left", style=BUSY)


def _requests(step: StepProgress) -> str:
    """Say how many requests a second are sent of how many; a limit that nobody declared is marked."""
    sent = number(step.requests_per_second)
    if step.limit is None:
        return sent
    return f"{sent} of {'~' if step.limit_learned else ''}{number(step.limit)}"


def failures(reasons: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Yield how many rows failed, were rejected or are unknown, with the commonest reasons of each."""
    for status, counts in reasons.items():
        common = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        counted = [f"{reason} {rows:,}" for reason, rows in common[:MOST_REASONS] if reason]
        told = counted if len(common) > 1 else [reason for reason, _ in common if reason]
        more = ["..."] if len(common) > MOST_REASONS else []
        why = f" ({', '.join([*told, *more])})" if told else ""
        yield f"{sum(counts.values()):,} {status}{why}"


def number(value: float) -> str:
    """Return a number that is easily read: whole from 100 on, small ones in two figures."""
    if value >= _WHOLE:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 1 else f"{value:.2g}"


def _in_columns(rows: Sequence[Row], width: int, signs: Signs) -> list[list[Text]]:
    """Return the lines of every step, names and figures in columns; none if that is too wide."""
    name = max((row.name.cell_len for row in rows), default=0)
    columns = [
        max(figure.cell_len for figure in column)
        for column in zip(*(row.figures for row in rows), strict=True)
    ]
    needed = name + sum(len(GAP) + column for column in columns if column)
    if needed > width:
        return []
    room = width - ROOM if width >= WIDE else width
    bar = next((size for size in BARS if needed + len(GAP) + size <= room), 0)
    blocks = []
    for row in rows:
        cells = [_padded(row.name, name - row.name.cell_len, after=True)]
        cells += [_bar(row.share, bar, signs)] if bar else []
        cells += [
            _padded(figure, column - figure.cell_len, after=False)
            for figure, column in zip(row.figures, columns, strict=True)
            if column
        ]
        line = Text(GAP).join(cells)
        line.rstrip()
        blocks.append(flowed([line, *row.notes], width))
    return blocks


def _padded(figure: Text, cells: int, *, after: bool) -> Text:
    space = Text(" " * cells)
    return figure + space if after else space + figure


def _in_turn(row: Row, width: int) -> list[Text]:
    """Return the lines of one step, one figure after another."""
    count, speed, requests, end = row.figures
    return flowed([row.name, count, end, speed, requests, *row.notes], width)


def _bar(share: float, width: int, signs: Signs) -> Text:
    full = int(width * share)
    return Text(signs.done * full, style=GOOD) + Text(signs.open * (width - full), style=QUIET)


def flowed(parts: Iterable[Text], width: int) -> list[Text]:
    """Return parts beside each other on as few lines as they take, all but the first indented.

    A part is broken, between words, only if it is wider than a line.
    """
    indent = INDENT if width >= NARROWEST else ""
    lines = [Text()]
    for part in parts:
        for piece in _pieces(part, width - len(indent) if part.cell_len > width else width):
            if lines[-1] and lines[-1].cell_len + len(GAP) + piece.cell_len <= width:
                lines[-1] = Text(GAP).join([lines[-1], piece])
            elif lines[-1]:
                lines += [Text(indent) + line for line in _pieces(piece, width - len(indent))]
            else:
                lines[-1] = piece
    return lines


def _pieces(part: Text, width: int) -> list[Text]:
    """Return a part in pieces that are no wider than a line."""
    if part.cell_len <= width:
        return [part] if part else []
    pieces = [""]
    for word in part.plain.split():
        for bit in chop_cells(word, width):
            if pieces[-1] and cell_len(pieces[-1]) + 1 + cell_len(bit) <= width:
                pieces[-1] += f" {bit}"
            elif pieces[-1]:
                pieces.append(bit)
            else:
                pieces[-1] = bit
    return [Text(piece, style=part.style) for piece in pieces]
