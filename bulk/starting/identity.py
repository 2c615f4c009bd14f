"""Which columns name people: by e-mail address, by id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from bulk.conversation import ROW
from bulk.mapping.spec import Column, Expression
from bulk.starting.draft import Answers, Line, Question
from bulk.starting.meanings import Known, Meaning, folded
from bulk.starting.placing import Place
from bulk.starting.seen import Seen, quoted, speakable
from bulk.starting.trying import rejected

NONE = "none"
_ADDRESS = r"^[^\s@]+@[^\s@]+\.[^\s@]+$"
_MOST = 0.8
"""The share of values that must look like addresses, where the name of a column does not say so."""
_RANK = ("userid", "externalid", "externaluserid", "customerid", "clientid", "memberid", "uuid", "uid", "id")
PRODUCT = "only if your own product knows people by this id"


@dataclass(frozen=True, slots=True)
class Identity:
    """What names people.

    Attributes:
        lines: The lines that do.
        questions: What only people know of it.
        nobody: How many of the rows that were seen name nobody.
    """

    lines: tuple[Line, ...]
    questions: tuple[Question, ...]
    nobody: int


def identity(seen: Seen, place: Place, known: Mapping[str, Known], answers: Answers) -> Identity:
    """Find what names people."""
    emails, ask_email = _emails(seen, known, answers)
    takes_email = place.takes("email")
    lines, nobody = [], 0
    if emails and takes_email:
        used = _needed(seen, emails)
        spec = Column(used[0]) if len(used) == 1 else Expression(f"coalesce({', '.join(map(quoted, used))})")
        lines.append(Line(("email",), spec, used))
        nobody = 0 if place.open else _nobody(seen, place, used, spec)
    ids, ask_id = _ids(seen, place, known, answers, alone=not lines)
    asked = (*((ask_email,) if ask_email and takes_email else ()), *((ask_id,) if ask_id else ()))
    return Identity((*lines, *ids), asked, nobody)


def _emails(
    seen: Seen, known: Mapping[str, Known], answers: Answers
) -> tuple[tuple[str, ...], Question | None]:
    """Return the columns of addresses, the likeliest first, and what to ask if only values show them."""
    named = [column for column, one in known.items() if one.meaning is Meaning.EMAIL]
    if named:
        return tuple(named), None
    shown = sorted(_like_addresses(seen, known), key=lambda column: -len(seen.filled(column)))
    chosen = answers.get("email", shown[0] if shown else "")
    if len(shown) < 2:  # noqa: PLR2004 - nothing to choose from
        return tuple(shown), None
    question = Question("email", "Which column holds the e-mail address?", shown[0], tuple(shown))
    return (chosen,), question


def _like_addresses(seen: Seen, known: Mapping[str, Known]) -> Iterator[str]:
    for column in seen.columns:
        one = known.get(column)
        if one is not None and one.meaning is Meaning.ASIDE:
            continue
        values = seen.filled(column)
        if isinstance(values.dtype, pl.String) and len(values):
            like = values.str.contains(_ADDRESS).mean()
            if isinstance(like, float) and like >= _MOST:
                yield column


def _needed(seen: Seen, emails: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first column, and those others that have an address where all before have none."""
    used, missing = [emails[0]], seen.raw(emails[0]).is_null()
    for column in emails[1:]:
        given = seen.raw(column).is_not_null()
        if (missing & given).any() and all(map(speakable, (*used, column))):
            used.append(column)
            missing = missing & ~given
    return tuple(used)


def _nobody(seen: Seen, place: Place, used: tuple[str, ...], spec: Column | Expression) -> int:
    """Return how many rows have no address, or one that is none."""
    missing = seen.raw(used[0]).is_null()
    for column in used[1:]:
        missing = missing & seen.raw(column).is_null()
    return int(missing.sum()) + (rejected(seen, place.operation, ("email",), spec) or 0)


def _ids(
    seen: Seen, place: Place, known: Mapping[str, Known], answers: Answers, *, alone: bool
) -> tuple[list[Line], Question | None]:
    """Return the line of the owner's own id.

    The id that the exported system gave is not taken for it: whoever is known by another id in the owner's
    product would become somebody else. ``alone`` says that nothing else names people.
    """
    if place.id_field is None:
        return [], None
    own = sorted(_unique(seen, known, Meaning.OWN_ID), key=_rank)
    others = list(_unique(seen, known, Meaning.RECORD_ID))
    usual = (own or (others if alone else []) or [NONE])[0]
    chosen = answers.get("id", usual)
    question = None
    if len(own) > 1 or (not own and others):
        text = "Which column is the id by which your own product knows people?"
        question = Question("id", text, usual, (*own, *others, NONE))
    lines = [] if chosen == NONE else [Line((place.id_field,), Column(chosen), (chosen,))]
    lines += [
        Line((place.id_field,), Column(column), (column,), PRODUCT, active=False)
        for column in others[:1]
        if chosen == NONE and not place.unsubscribes
    ]
    return lines, question


def _rank(column: str) -> int:
    name = folded(column)
    return next((rank for rank, one in enumerate(_RANK) if name == one), len(_RANK))


def _unique(seen: Seen, known: Mapping[str, Known], meaning: Meaning) -> Iterator[str]:
    """Yield the columns of that meaning that never name two people by one value."""
    emails = [column for column, one in known.items() if one.meaning is Meaning.EMAIL]
    for column, one in known.items():
        if one.meaning is not meaning or seen.schema[column].is_nested():
            continue
        ids = seen.raw(column).alias("id")
        people = seen.raw(emails[0] if emails else ROW).alias("person")
        pairs = pl.DataFrame([ids, people]).drop_nulls("id").unique()
        if pairs.height == pairs["id"].n_unique() and (pairs.height or not seen.sample.height):
            yield column
