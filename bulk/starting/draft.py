"""A job in the making: what stands in it, what stands beside it as a comment, what is still to be asked."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bulk.mapping.spec import FieldSpec
from bulk.starting.consent import Condition
from bulk.starting.exports import Export
from bulk.starting.placing import Path, Place
from bulk.starting.seen import Seen

Answers = Mapping[str, str]
"""What people answered, by the question's key."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that neither names nor values can tell.

    Attributes:
        key: Names it among the answers.
        text: What people are asked.
        default: What holds without an answer.
        choices: The only answers there are; empty if ``fit`` decides.
        fit: Says what is wrong with an answer that is none of the choices.
    """

    key: str
    text: str
    default: str
    choices: tuple[str, ...] = ()
    fit: Callable[[str], str | None] | None = None

    def fault(self, answer: str) -> str | None:
        """Say what is wrong with an answer, if anything is."""
        if self.choices and answer not in self.choices:
            return f"one of: {', '.join(self.choices)}"
        return None if self.fit is None else self.fit(answer)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a step's fields.

    Attributes:
        path: Where it stands.
        spec: Where its values come from.
        columns: The source's columns it reads.
        about: What people should know of it, in a comment behind it.
        active: Whether it counts; else it stands as a comment, ready to be used.
    """

    path: Path
    spec: FieldSpec
    columns: tuple[str, ...]
    about: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    """A job in the making.

    Attributes:
        seen: What was seen of the source.
        export: Which known export it is, if any.
        place: Where people are sent, and what is done with them.
        removed: Why the source is a list of people who must not be written to; empty if it is none.
        lines: The step's fields.
        opted_out: Of these conditions one is true for everybody who must not be written to.
        held: Of how many of the rows that were seen one is true.
        alive: These conditions hold for rows that are contacts still.
        beside: Columns that no line names, and why.
        notes: What people must know, in sentences.
        zone: The zone that dates without an offset are read in; empty if there are none.
        nobody: Whether nobody may be sent until somebody says who agreed.
        unnamed: How many of the rows that were seen name nobody.
        questions: What is still to be asked.
    """

    seen: Seen
    export: Export | None
    place: Place
    removed: str
    lines: tuple[Line, ...]
    opted_out: tuple[Condition, ...] = ()
    held: int = 0
    alive: tuple[Condition, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    zone: str = ""
    nobody: bool = False
    unnamed: int = 0
    questions: tuple[Question, ...] = ()

    @property
    def mapped(self) -> frozenset[str]:
        """The columns that the job uses."""
        used = [column for line in self.lines if line.active for column in line.columns]
        return frozenset(used) | {one.column for one in (*self.opted_out, *self.alive)}

    def told(self) -> Iterator[str]:
        """Yield what was made of the source, in sentences."""
        known = f"{self.export.name}, known by its columns" if self.export else "no known export, guessed"
        yield f"{self.seen.path}: {known}; {len(self.mapped)} of {len(self.seen.columns)} columns are used"
        if self.removed:
            yield f"people who must not be written to ({self.removed}): the job unsubscribes them"
        elif self.opted_out:
            columns = ", ".join(f'"{one.column}"' for one in self.opted_out)
            yield f"held back: whoever must not be written to, by {columns}"
        yield from self.notes
