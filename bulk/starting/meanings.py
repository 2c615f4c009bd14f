"""What a column of an export may mean, and names as they are compared."""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
    """What a column holds."""

    EMAIL = "email"
    OWN_ID = "own_id"
    """The id by which the owner's own product knows the person."""
    RECORD_ID = "record_id"
    """The id that the system which was exported gave the person."""
    PHONE = "phone"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    FULL_NAME = "full_name"
    TAGS = "tags"
    CREATED = "created"
    DETAIL = "detail"
    """Anything else that is understood: it becomes an attribute."""
    OPTED_OUT = "opted_out"
    """Whoever has a value here that is no "no" must not be written to."""
    OPTED_IN = "opted_in"
    """Whoever has no "yes" here must not be written to."""
    GONE = "gone"
    """Rows that have a value here that is no "no" are no contacts any more."""
    EXISTS = "exists"
    """Rows that have a "no" here are no contacts any more."""
    ASIDE = "aside"
    """Understood, and left out until somebody wants it."""


class Form(StrEnum):
    """What the values of a column look like, if its name says so."""

    ANY = "any"
    """Whatever the values show: dates and flags are converted, the rest is text."""
    TEXT = "text"
    DATE = "date"
    FLAG = "flag"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a column.

    Attributes:
        meaning: What it holds.
        name: What it is called as an attribute, in lower case with underscores; empty: as the column is.
        form: What its values look like.
        about: A few words for people, in a comment.
    """

    meaning: Meaning
    name: str = ""
    form: Form = Form.ANY
    about: str = ""


Row = tuple[Known, str]
"""What is known, and the folded names of the columns of which it is, with spaces between."""


def table(*rows: Row) -> dict[str, Known]:
    """Return what is known by folded column name; what stands first counts."""
    known: dict[str, Known] = {}
    for what, names in rows:
        for name in names.split():
            known.setdefault(name, what)
    return known


def folded(name: str) -> str:
    """Return a column's name as names are compared: letters and digits without accents, in lower case."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def words(name: str) -> str:
    """Return a column's name as an attribute's: Latin letters and digits, with underscores between words."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    spaced = "".join(letter if letter.isalnum() else " " for letter in _parted(plain))
    return "_".join(spaced.lower().split())


def _parted(name: str) -> str:
    """Put a space where a capital begins a word: ``CreatedDate``."""
    pieces = [
        f" {letter}" if letter.isupper() and name[at - 1 : at].islower() else letter
        for at, letter in enumerate(name)
    ]
    return "".join(pieces)
