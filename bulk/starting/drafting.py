"""Draft a job: decide for every column what becomes of it."""

from collections.abc import Iterator
from dataclasses import replace

from bulk.destinations.fields import Kind
from bulk.destinations.operation import Effect, Operation
from bulk.destinations.system import System
from bulk.errors import UsageError
from bulk.mapping.spec import Column, Constant, Expression
from bulk.starting import asking
from bulk.starting.consent import alive, by_values, held_back, of_removed, opted_out, settled
from bulk.starting.draft import Answers, Draft, Line, Question
from bulk.starting.identity import identity
from bulk.starting.meanings import Form, Known, Meaning
from bulk.starting.placing import Path, Place, attribute_name
from bulk.starting.reading import Spec, Values, tag_spec
from bulk.starting.recognise import meanings, recognised
from bulk.starting.seen import MOST, Seen, quoted, speakable
from bulk.starting.trying import fits, rejected

_PLAIN = Known(Meaning.DETAIL)
_SILENT = frozenset({Meaning.OPTED_OUT, Meaning.OPTED_IN, Meaning.GONE, Meaning.EXISTS})
"""Columns that say something of the row, and are no field."""
_NAMES = (Meaning.FULL_NAME, Meaning.FIRST_NAME, Meaning.LAST_NAME)
NOT_NEEDED = "not needed for this"
UNKNOWN = "not known; remove the # to carry it over"
GUESSED = "not known, and carried over as it is: nothing else is known"
EMPTY = "empty in every row that was looked at"
NESTED = "holds lists or objects; map their members one by one"
UNFIT = "holds values that are refused there, such as longer texts"
SWAPPED = "day and month could be swapped"


def draft(seen: Seen, system: System, operation: Operation | None, answers: Answers) -> Draft:
    """Draft the job that carries a source over.

    Args:
        seen: The source, as far as it was looked at.
        system: Where its people go.
        operation: What is done with them; None: they are created or updated, or unsubscribed if they left.
        answers: To the questions of earlier drafts.

    Raises:
        UsageError: The source names nobody in a way that the operation takes.
    """
    export = recognised(seen.columns)
    found = meanings(seen.columns, export)
    sure = set() if export is None else {*export.columns}
    judged = {
        column: settled(seen, column, known, sure=asking.is_sure(column, sure, export))
        for column, known in found.items()
    }
    told = {column: judged.get(column) or by_values(seen, column) for column in seen.columns}
    known = {column: one for column, one in told.items() if one is not None}
    conditions = opted_out(seen, known)
    removed = of_removed(seen, export, known)
    place = Place(system, operation or _usual(system, unsubscribe=bool(removed)))
    if removed and not place.unsubscribes and not place.open:
        raise UsageError(
            f"{seen.path} is a list of people who must not be written to ({removed}), and"
            f" {place.operation.name} would import them; leave --operation out to unsubscribe them"
        )
    drafting = _Drafting(seen, place, Values(seen, known, export, answers, place), known)
    if removed or place.unsubscribes:
        drafting.only_people()
    else:
        drafting.everything()
    return drafting.drafted(removed, conditions)


def _usual(system: System, *, unsubscribe: bool) -> Operation:
    """Return the operation that a list usually asks for."""
    every = list(system.operations.values())
    if unsubscribe:
        return next((one for one in every if one.effect is Effect.UNSUBSCRIBES), every[0])
    return next((one for one in every if one.brings), every[0])


class _Drafting:
    """Collects the lines of a job."""

    def __init__(self, seen: Seen, place: Place, values: Values, known: dict[str, Known]) -> None:
        self.seen = seen
        self.place = place
        self.values = values
        self.known = known
        self.named = identity(seen, place, known, values.answers)
        self.lines: list[Line] = list(self.named.lines)
        self.beside: dict[str, str] = {}
        self.questions: list[Question] = list(self.named.questions)

    def only_people(self) -> None:
        """Name people, and leave the rest out."""
        if "tags" in self.place.operation.also_one_of:
            self._add(Line(("tags",), Constant(["unsubscribed"]), ()))
        for column in self.seen.columns:
            if column not in self.used:
                self.beside[column] = NOT_NEEDED

    def everything(self) -> None:
        """Find a place for every column."""
        self._full_name()
        self._phone()
        for column in self.seen.columns:
            known = self.known.get(column)
            if column not in self.used and (known is None or known.meaning not in _SILENT):
                self._place(column, known)

    def drafted(self, removed: str, conditions: tuple[asking.Condition, ...]) -> Draft:
        """Return the draft."""
        export = self.values.export
        questions = [*self.questions, *self.values.questions(self.lines)]
        leaving = bool(removed) or self.place.unsubscribes
        told = leaving or bool(conditions) or bool(export and export.subscribed)
        if not told:
            questions.append(asking.AGREED)
        self._send_something()
        self._refuse_gaps()
        answer = self.values.answers.get(asking.AGREED.key)
        return Draft(
            seen=self.seen,
            export=export,
            place=self.place,
            removed=removed,
            lines=tuple(self.lines),
            opted_out=() if leaving else conditions,
            held=0 if leaving else held_back(self.seen, conditions),
            alive=() if removed else alive(self.seen, self.known),
            beside=self.beside,
            notes=tuple(asking.notes(None if leaving else export, told=told, answer=answer)),
            zone=self.values.zone_used(self.lines),
            nobody=not told and answer == "no",
            unnamed=self.named.nobody,
            questions=tuple(questions),
        )

    @property
    def used(self) -> set[str]:
        """Columns that have a line of their own already."""
        own = [line for line in self.lines if line.active or line not in self.named.lines]
        return {column for line in own for column in line.columns}

    @property
    def taken(self) -> Iterator[Path]:
        """Where something stands."""
        return (line.path for line in self.lines)

    def _add(self, line: Line) -> None:
        self.lines.append(line)

    def _of(self, meaning: Meaning) -> list[str]:
        return [column for column, known in self.known.items() if known.meaning is meaning]

    def _full_name(self) -> None:
        """Put the name together where one field holds all of it."""
        if self.place.open or not self.place.takes("name", Kind.TEXT):
            return
        full, first, last = ((self._of(meaning) or [""])[0] for meaning in _NAMES)
        parts = tuple(filter(None, (first, last)))
        if full or len(parts) == 1:
            self._line(("name",), Column(full or parts[0]), (full or parts[0],))
        elif parts:
            joined = f"concat_ws(' ', {', '.join(map(quoted, parts))})"
            self._line(("name",), Expression(joined), parts)

    def _line(self, path: Path, spec: Spec, columns: tuple[str, ...]) -> None:
        if path not in set(self.taken) and fits(self.seen, self.place.operation, path, spec):
            self._add(Line(path, spec, columns))

    def _phone(self) -> None:
        """Let phone numbers name people where that adds to what names them already."""
        adds = self.place.suffixed or not self.named.lines
        if self.place.open or not adds or not self.place.takes("phone", Kind.PHONE):
            return
        for column in self._of(Meaning.PHONE):
            if not self.seen.filled(column).is_empty():
                self._line(("phone",), Column(column), (column,))

    def _place(self, column: str, known: Known | None) -> None:
        if known is None:
            self._unknown(column)
        elif known.meaning is Meaning.TAGS:
            self._tags(column, known)
        elif known.meaning is Meaning.ASIDE:
            self._attribute(column, _PLAIN, about=known.about)
        elif known.meaning is Meaning.CREATED and self._created(column):
            pass
        elif known.meaning is Meaning.OWN_ID:
            self._attribute(column, _PLAIN, about=UNKNOWN)
        else:
            self._attribute(column, known)

    def _created(self, column: str) -> bool:
        """Use the field that says since when somebody is there."""
        path = ("created_at",)
        dated = self.values.date(column, "unix_seconds")
        if self.place.open or path in set(self.taken) or not self.place.takes(*path, Kind.INTEGER):
            return False
        if (
            dated is None
            or self.values.unclear(column)
            or not fits(self.seen, self.place.operation, path, dated)
        ):
            return False
        self._add(Line(path, dated, (column,)))
        return True

    def _tags(self, column: str, known: Known) -> None:
        spec = tag_spec(self.seen, column)
        own = self.place.takes("tags", Kind.TEXTS) and not self.place.open
        path = ("tags",) if own else self.place.attribute(known.name, "text", self.taken)
        if path is None or (own and path in set(self.taken)) or (self.place.suffixed and not own):
            self._attribute(column, _PLAIN, about=UNKNOWN)
        elif self.seen.sample.height and self.seen.filled(column).is_empty():
            self._add(Line(path, spec, (column,), EMPTY, active=False))
        else:
            sound = fits(self.seen, self.place.operation, path, spec)
            self._add(Line(path, spec, (column,), "" if sound else UNFIT, active=sound))

    def _unknown(self, column: str) -> None:
        """Carry over dates and flags, which show what they are; offer the rest."""
        form = next((form for form, _ in self.values.specs(column, Form.ANY)), "")
        self._attribute(column, _PLAIN, about="" if form in {"date", "flag"} else UNKNOWN)

    def _attribute(self, column: str, known: Known, about: str = "") -> None:
        """Add an attribute; with ``about``, only offer it."""
        if self.seen.schema[column].is_nested():
            self.beside[column] = about or NESTED
            return
        name = known.name if known.name and not self._stands(known.name) else attribute_name(column)
        if self.seen.sample.height and self.seen.filled(column).is_empty():
            about = about or EMPTY
        form = Form.ANY if about == UNKNOWN else known.form
        for kind, spec in self.values.specs(column, form, offered=bool(about)):
            path = self.place.attribute(name, kind, self.taken)
            if path is None:
                break
            bad = rejected(self.seen, self.place.operation, path, spec)
            if bad == 0 or (bad and kind != "text" and bad <= self._few(column)):
                self._offer(Line(path, spec, (column,)), kind, about, bad)
                return
        self._cut(column, name, about)

    def _stands(self, name: str) -> bool:
        """Tell whether an attribute is called so already."""
        return any(line.path[-1] == name for line in self.lines if line.active)

    def _few(self, column: str) -> float:
        """Return how many values of a column may be mistakes."""
        return (1 - MOST) * len(self.seen.filled(column))

    def _offer(self, line: Line, kind: str, about: str, bad: int) -> None:
        """Add a line that counts, unless something speaks against that."""
        unclear = self._unclear(line.columns[0]) if kind == "date" else ""
        crowded = "" if self._has_room(line.path) else "there is no room for more"
        against = about or unclear or crowded
        mistaken = f"rows that are rejected, because their value is no {kind}: {bad:,}" if bad else ""
        self._add(replace(line, about=against or mistaken, active=not against))

    def _unclear(self, column: str) -> str:
        if not self.values.unclear(column):
            return ""
        return (
            f"{SWAPPED}; remove the #, or first say format: {quoted(self.values.other_format(column) or '')}"
        )

    def _cut(self, column: str, name: str, about: str) -> None:
        """Cut texts that are too long as they are; say it if there is no place for them at all."""
        path = self.place.attribute(name, "text", self.taken)
        field = None if path is None else self.place.operation.field(path[0])
        if path is None or field is None or field.max_chars is None or not speakable(column):
            self.beside[column] = about or UNFIT
            return
        cut = Expression(f"left({quoted(column)}, {field.max_chars})")
        if fits(self.seen, self.place.operation, path, cut):
            longer = f"cut at {field.max_chars} characters, the most that are taken"
            self._add(Line(path, cut, (column,), about or longer, active=not about))
        else:
            self.beside[column] = about or UNFIT

    def _has_room(self, path: Path) -> bool:
        field = self.place.operation.field(path[0])
        if field is None or field.max_items is None or len(path) == 1:
            return True
        return sum(line.active and line.path[0] == path[0] for line in self.lines) < field.max_items

    def _send_something(self) -> None:
        """Where no column is known, and none is needed, carry over what would be offered."""
        if self.place.operation.fields or any(line.active for line in self.lines):
            return
        self.lines[:] = [
            replace(line, about=GUESSED, active=True) if line.about == UNKNOWN else line
            for line in self.lines
        ]
        if not any(line.active for line in self.lines):
            raise UsageError(f"{self.seen.path} has no column with values that a request could carry")

    def _refuse_gaps(self) -> None:
        """Refuse an operation that needs what no column gives."""
        operation = self.place.operation
        given = {line.path[0] for line in self.lines if line.active}
        lacking = [field.name for field in operation.fields if field.required and field.name not in given]
        for group in (operation.one_of, operation.also_one_of):
            lacking += [" or ".join(group)] if group and not given.intersection(group) else []
        if lacking:
            columns = ", ".join(f'"{column}"' for column in self.seen.columns[:20])
            raise UsageError(
                f"{operation.name} needs {', and '.join(lacking)}, and no column of {self.seen.path} holds"
                f" that (its columns: {columns}); is it the right file, with a header? Else write the job"
                f" by hand: bulk destinations {self.place.system.name} {operation.name}"
            )
